//! Holds models against handlers, both ways.

use std::collections::{BTreeMap, BTreeSet};

use super::{ExternalTask, Mismatch, Place, ProcessModel};

/// What a handler promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicContract<'a> {
    /// The topic it serves.
    pub topic: &'a str,
    /// The error codes it may throw.
    pub errors: &'a [&'a str],
}

/// Everything in which models and handlers differ; empty when they fit.
#[must_use]
pub fn compare(processes: &[ProcessModel], contracts: &[TopicContract<'_>]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut handlers = BTreeMap::new();
    for contract in contracts {
        if handlers.insert(contract.topic, contract).is_some() {
            found.push(Mismatch::DuplicateHandler {
                topic: contract.topic.to_owned(),
            });
        }
    }
    found.extend(processes_alone(processes));
    for process in processes {
        for task in &process.tasks {
            match handlers.get(task.topic.as_str()) {
                Some(contract) => found.extend(errors(process, task, contract)),
                None => found.push(Mismatch::NoHandler {
                    place: Place::of(process, task),
                    served: handlers.keys().map(|topic| (*topic).to_owned()).collect(),
                }),
            }
        }
    }
    let modelled: BTreeSet<&str> = processes
        .iter()
        .flat_map(|process| &process.tasks)
        .map(|task| task.topic.as_str())
        .collect();
    let idle = handlers
        .into_keys()
        .filter(|topic| !modelled.contains(topic));
    found.extend(idle.map(|topic| Mismatch::NoModel {
        topic: topic.to_owned(),
    }));
    found
}

/// What is wrong with the models whatever the handlers are.
fn processes_alone(processes: &[ProcessModel]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for ProcessModel {
        file,
        id,
        executable,
        dangling,
        ..
    } in processes
    {
        if !executable {
            found.push(Mismatch::NotExecutable {
                file: file.clone(),
                process: id.clone(),
            });
        }
        if let Some(other) = seen.insert(id, file) {
            let files = [other.to_owned(), file.clone()];
            found.push(Mismatch::DuplicateProcess {
                process: id.clone(),
                files,
            });
        }
        found.extend(
            dangling
                .iter()
                .map(|(event, error_ref)| Mismatch::UndeclaredError {
                    file: file.clone(),
                    process: id.clone(),
                    event: event.clone(),
                    error_ref: error_ref.clone(),
                }),
        );
    }
    found
}

/// Codes thrown and not caught, and codes caught on the task itself and never thrown.
fn errors(
    process: &ProcessModel,
    task: &ExternalTask,
    contract: &TopicContract<'_>,
) -> Vec<Mismatch> {
    let uncaught = contract
        .errors
        .iter()
        .filter(|code| !task.catches(code))
        .map(|code| Mismatch::Uncaught {
            place: Place::of(process, task),
            code: (*code).to_owned(),
        });
    let never = task
        .boundary
        .codes
        .iter()
        .filter(|code| !contract.errors.contains(&code.as_str()));
    let never = never.map(|code| Mismatch::NeverThrown {
        place: Place::of(process, task),
        code: code.clone(),
        thrown: contract
            .errors
            .iter()
            .map(|code| (*code).to_owned())
            .collect(),
    });
    uncaught.chain(never).collect()
}

impl Place {
    fn of(process: &ProcessModel, task: &ExternalTask) -> Self {
        Self {
            file: process.file.clone(),
            process: process.id.clone(),
            activity: task.activity_id.clone(),
            topic: task.topic.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camunda::bpmn::Catches;

    fn task(topic: &str, caught: &[&str]) -> ExternalTask {
        ExternalTask {
            activity_id: topic.replace('-', "_"),
            topic: topic.to_owned(),
            properties: BTreeMap::new(),
            boundary: Catches {
                all: false,
                codes: caught.iter().map(|c| (*c).into()).collect(),
            },
            outer: Catches::default(),
        }
    }

    fn process(tasks: Vec<ExternalTask>) -> ProcessModel {
        ProcessModel {
            file: "p.bpmn".into(),
            id: "p".into(),
            executable: true,
            tasks,
            dangling: vec![],
        }
    }

    const CONTRACTS: [TopicContract<'_>; 2] = [
        TopicContract {
            topic: "create-wallet",
            errors: &["TAKEN", "BLOCKED"],
        },
        TopicContract {
            topic: "notify",
            errors: &[],
        },
    ];

    fn messages(processes: &[ProcessModel]) -> Vec<String> {
        compare(processes, &CONTRACTS)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_fits_has_no_mismatch() {
        let tasks = vec![
            task("create-wallet", &["TAKEN", "BLOCKED"]),
            task("notify", &[]),
        ];

        assert_eq!(compare(&[process(tasks)], &CONTRACTS), []);
    }

    #[test]
    fn topics_are_compared_both_ways() {
        let tasks = vec![
            task("create-wallet", &["TAKEN", "BLOCKED"]),
            task("notfy", &[]),
        ];

        assert_eq!(
            messages(&[process(tasks)]),
            [
                "p.bpmn: p: notfy (topic notfy): no handler serves this topic; \
                 served are create-wallet, notify",
                "no model has a task with the topic notify; add one or remove the handler",
            ]
        );
    }

    #[test]
    fn codes_are_compared_both_ways() {
        let tasks = vec![
            task("create-wallet", &["TAKEN", "GONE"]),
            task("notify", &[]),
        ];

        assert_eq!(
            messages(&[process(tasks)]),
            [
                "p.bpmn: p: create_wallet (topic create-wallet): the handler may throw BLOCKED and \
                 nothing catches it; add an error boundary event with errorCode=\"BLOCKED\"",
                "p.bpmn: p: create_wallet (topic create-wallet): the handler never throws GONE; \
                 it may throw TAKEN, BLOCKED",
            ]
        );
    }

    #[test]
    fn an_event_that_catches_all_or_further_out_is_enough() {
        let mut all = task("create-wallet", &[]);
        all.boundary.all = true;
        let mut outer = task("create-wallet", &["TAKEN"]);
        outer.outer.codes.insert("BLOCKED".into());

        assert_eq!(
            messages(&[process(vec![all, outer, task("notify", &[])])]),
            [""; 0]
        );
    }

    #[test]
    fn a_process_that_would_not_be_deployed_as_meant_is_named() {
        let tasks = vec![
            task("create-wallet", &["TAKEN", "BLOCKED"]),
            task("notify", &[]),
        ];
        let mut draft = process(tasks.clone());
        draft.executable = false;
        draft.dangling.push(("event".into(), "E9".into()));
        let copy = ProcessModel {
            file: "copy.bpmn".into(),
            ..process(tasks)
        };

        assert_eq!(
            messages(&[draft, copy]),
            [
                "p.bpmn: p: the engine deploys only what is executable; set isExecutable=\"true\"",
                "p.bpmn: p: event: there is no bpmn:error with the id E9; \
                 declare it with an errorCode",
                "copy.bpmn: p: p.bpmn holds a process of the same id; give one of them another",
            ]
        );
    }

    #[test]
    fn a_topic_has_one_handler() {
        let twice = [CONTRACTS[1], CONTRACTS[1]];

        let found = compare(&[process(vec![task("notify", &[])])], &twice);

        assert_eq!(
            found,
            [Mismatch::DuplicateHandler {
                topic: "notify".into()
            }]
        );
    }
}
