//! Reads models from XML.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, TextPos};

use super::{Catches, ExternalTask, ProcessModel};

const BPMN: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
const EXTENSIONS: [&str; 2] = [
    "http://camunda.org/schema/1.0/bpmn",
    "http://operaton.org/schema/1.0/bpmn",
];

/// Why a model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not XML.
    #[error("{file}:{place}: not well-formed")]
    Xml {
        /// The file.
        file: String,
        /// Line and column, from 1.
        place: TextPos,
        /// Why.
        source: roxmltree::Error,
    },
    /// It is XML of another kind.
    #[error(
        "{file}:{place}: no BPMN model: its root must be `definitions` in the namespace {BPMN}"
    )]
    NotBpmn {
        /// The file.
        file: String,
        /// Line and column of the root, from 1.
        place: TextPos,
    },
}

/// Reads every process of a model; `file` is its name in what is said about it.
///
/// # Errors
/// When the text is not a BPMN model.
pub fn parse(file: &str, xml: &str) -> Result<Vec<ProcessModel>, ModelError> {
    let document = Document::parse(xml).map_err(|source| ModelError::Xml {
        file: file.to_owned(),
        place: place(&source, xml),
        source,
    })?;
    let root = document.root_element();
    if !is(root, "definitions") {
        return Err(ModelError::NotBpmn {
            file: file.to_owned(),
            place: document.text_pos_at(root.range().start),
        });
    }
    let errors = Errors::of(root);
    Ok(children(root, "process")
        .map(|process| errors.process(file, process))
        .collect())
}

/// Where a text stops being XML. The parser gives no place to what is missing at the end.
fn place(fault: &roxmltree::Error, xml: &str) -> TextPos {
    match fault {
        roxmltree::Error::NoRootNode
        | roxmltree::Error::UnclosedRootNode
        | roxmltree::Error::UnexpectedEndOfStream => {
            let last = xml.lines().last().unwrap_or_default();
            let (row, column) = (xml.lines().count().max(1), last.chars().count() + 1);
            TextPos::new(row as u32, column as u32)
        }
        fault => fault.pos(),
    }
}

/// The model's `bpmn:error` elements: id → code. A code may be missing: then it stands for all.
struct Errors<'a>(BTreeMap<&'a str, Option<&'a str>>);

impl<'a> Errors<'a> {
    fn of(root: Node<'a, '_>) -> Self {
        let declared = children(root, "error");
        Self(
            declared
                .map(|error| (id(error), error.attribute("errorCode")))
                .collect(),
        )
    }

    fn process(&self, file: &str, process: Node<'a, '_>) -> ProcessModel {
        let dangling = process
            .descendants()
            .filter(|node| is(*node, "errorEventDefinition"))
            .filter_map(|definition| {
                let error = definition.attribute("errorRef")?;
                let event = definition.parent_element()?;
                (!self.0.contains_key(error)).then(|| (id(event).to_owned(), error.to_owned()))
            });
        ProcessModel {
            file: file.to_owned(),
            id: id(process).to_owned(),
            executable: process.attribute("isExecutable") == Some("true"),
            tasks: process
                .descendants()
                .filter_map(|node| self.external_task(node))
                .collect(),
            dangling: dangling.collect(),
        }
    }

    fn external_task(&self, node: Node<'a, '_>) -> Option<ExternalTask> {
        if extension(node, "type") != Some("external") {
            return None;
        }
        // A message event is done by a worker too; there the attributes are on its definition.
        let is_definition = is(node, "messageEventDefinition");
        let activity = if is_definition {
            node.parent_element()?
        } else {
            node
        };
        Some(ExternalTask {
            activity_id: id(activity).to_owned(),
            topic: extension(node, "topic").unwrap_or_default().to_owned(),
            properties: properties(activity),
            boundary: self.boundary(activity),
            outer: self.outer(activity),
        })
    }

    /// What the boundary events attached to an activity catch.
    fn boundary(&self, activity: Node<'a, '_>) -> Catches {
        let siblings = activity
            .parent_element()
            .into_iter()
            .flat_map(|scope| scope.children());
        let attached = siblings.filter(|node| {
            is(*node, "boundaryEvent") && node.attribute("attachedToRef") == Some(id(activity))
        });
        self.caught_by(attached)
    }

    /// What the scopes around an activity catch: their event subprocesses, then the boundary
    /// events on them. An event subprocess does not catch what is thrown inside itself.
    fn outer(&self, activity: Node<'a, '_>) -> Catches {
        let mut caught = Catches::default();
        let mut inner = activity;
        while let Some(scope) = inner.parent_element() {
            let starts = children(scope, "subProcess")
                .filter(|part| *part != inner && is_event_subprocess(*part))
                .flat_map(|part| children(part, "startEvent"));
            caught.add(self.caught_by(starts));
            if is(scope, "process") {
                break;
            }
            caught.add(self.boundary(scope));
            inner = scope;
        }
        caught
    }

    fn caught_by(&self, events: impl Iterator<Item = Node<'a, 'a>>) -> Catches {
        let mut caught = Catches::default();
        for definition in events.flat_map(|event| children(event, "errorEventDefinition")) {
            match definition
                .attribute("errorRef")
                .map(|error| self.0.get(error))
            {
                None | Some(Some(None)) => caught.all = true,
                Some(Some(Some(code))) => {
                    caught.codes.insert((*code).to_owned());
                }
                // The engine takes a reference to nothing for a code. That is a slip, told as
                // dangling, and not a catch to rely on.
                Some(None) => {}
            }
        }
        caught
    }
}

impl Catches {
    fn add(&mut self, more: Self) {
        self.all |= more.all;
        self.codes.extend(more.codes);
    }
}

fn is_event_subprocess(node: Node<'_, '_>) -> bool {
    node.attribute("triggeredByEvent") == Some("true")
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((BPMN, name))
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| is(*child, name))
}

fn id<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("id").unwrap_or_default()
}

/// An attribute in either engine's namespace.
fn extension<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    EXTENSIONS
        .iter()
        .find_map(|namespace| node.attribute((*namespace, name)))
}

/// The extension properties of an activity: `properties/property` in either engine's namespace.
fn properties(activity: Node<'_, '_>) -> BTreeMap<String, String> {
    let is_extension = |node: &Node<'_, '_>, name: &str| {
        EXTENSIONS
            .iter()
            .any(|namespace| node.has_tag_name((*namespace, name)))
    };
    children(activity, "extensionElements")
        .flat_map(|elements| elements.children())
        .filter(|node| is_extension(node, "properties"))
        .flat_map(|properties| properties.children())
        .filter(|node| is_extension(node, "property"))
        .filter_map(|property| {
            let (name, value) = (property.attribute("name")?, property.attribute("value")?);
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model around the given elements of one process.
    fn model(elements: &str) -> ProcessModel {
        let xml = format!(
            r#"<bpmn:definitions xmlns:bpmn="{BPMN}" xmlns:camunda="{}" xmlns:operaton="{}">
              <bpmn:error id="E1" name="another name" errorCode="TAKEN"/>
              <bpmn:error id="E2" errorCode="BLOCKED"/>
              <bpmn:process id="p" isExecutable="true">{elements}</bpmn:process>
            </bpmn:definitions>"#,
            EXTENSIONS[0], EXTENSIONS[1],
        );
        parse("p.bpmn", &xml).unwrap().remove(0)
    }

    fn task(id: &str) -> String {
        format!(r#"<bpmn:serviceTask id="{id}" camunda:type="external" camunda:topic="t"/>"#)
    }

    fn boundary(on: &str, error_ref: &str) -> String {
        format!(
            r#"<bpmn:boundaryEvent id="b" attachedToRef="{on}">
                 <bpmn:errorEventDefinition {error_ref}/></bpmn:boundaryEvent>"#
        )
    }

    fn event_subprocess(id: &str, error_ref: &str, content: &str) -> String {
        format!(
            r#"<bpmn:subProcess id="{id}" triggeredByEvent="true"><bpmn:startEvent id="s">
                 <bpmn:errorEventDefinition {error_ref}/></bpmn:startEvent>{content}</bpmn:subProcess>"#
        )
    }

    #[test]
    fn external_tasks_are_found_with_topic_and_properties() {
        let process = model(
            r#"<bpmn:serviceTask id="a" camunda:type="external" camunda:topic="create-wallet">
                 <bpmn:extensionElements><camunda:properties>
                   <camunda:property name="retries" value="R3/PT10S"/>
                 </camunda:properties></bpmn:extensionElements></bpmn:serviceTask>
               <bpmn:sendTask id="b" operaton:type="external" operaton:topic="notify"/>
               <bpmn:endEvent id="c"><bpmn:messageEventDefinition camunda:type="external"
                 camunda:topic="told"/></bpmn:endEvent>
               <bpmn:serviceTask id="d" camunda:expression="${x}"/><bpmn:userTask id="e"/>"#,
        );

        let found: Vec<_> = process
            .tasks
            .iter()
            .map(|task| (task.activity_id.as_str(), task.topic.as_str()))
            .collect();
        assert_eq!(
            found,
            [("a", "create-wallet"), ("b", "notify"), ("c", "told")]
        );
        assert_eq!(process.task("a").unwrap().properties["retries"], "R3/PT10S");
        assert!(process.executable);
    }

    #[test]
    fn a_boundary_event_catches_by_the_errors_code() {
        let process = model(&(task("a") + &task("other") + &boundary("a", r#"errorRef="E1""#)));

        assert!(process.catches("a", "TAKEN"));
        for (activity, code) in [
            ("a", "another name"),
            ("a", "E1"),
            ("a", "taken"),
            ("other", "TAKEN"),
            ("no", "TAKEN"),
        ] {
            assert!(!process.catches(activity, code), "{activity} {code}");
        }
    }

    #[test]
    fn without_an_error_every_code_is_caught() {
        let process = model(&(task("a") + &boundary("a", "")));

        assert!(process.catches("a", "ANYTHING"));
    }

    #[test]
    fn an_undeclared_error_is_told_and_catches_nothing() {
        let process = model(&(task("a") + &boundary("a", r#"errorRef="Nowhere""#)));

        assert_eq!(process.dangling, [("b".to_owned(), "Nowhere".to_owned())]);
        assert!(!process.catches("a", "Nowhere"));
    }

    #[test]
    fn scopes_around_a_task_catch_too() {
        let inner = format!(
            r#"<bpmn:subProcess id="sub">{}</bpmn:subProcess>"#,
            task("a")
        );
        let process = model(
            &(inner
                + &boundary("sub", r#"errorRef="E1""#)
                + &event_subprocess("handler", r#"errorRef="E2""#, &task("cleanup"))),
        );

        assert!(process.catches("a", "TAKEN") && process.catches("a", "BLOCKED"));
        assert!(process.task("a").unwrap().boundary == Catches::default());
        assert!(
            !process.catches("cleanup", "BLOCKED"),
            "a handler does not catch its own errors"
        );
        assert!(!process.catches("cleanup", "TAKEN"));
    }

    #[test]
    fn a_message_boundary_event_catches_no_error() {
        let process = model(
            &(task("a")
                + r#"<bpmn:boundaryEvent id="b" attachedToRef="a"><bpmn:timerEventDefinition/>
                     </bpmn:boundaryEvent>"#),
        );

        assert!(!process.catches("a", "TAKEN"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let place = |xml: &str| {
            let told = parse("a.bpmn", xml).unwrap_err().to_string();
            told.split(": ").next().unwrap().to_owned()
        };

        assert_eq!(place("<broken"), "a.bpmn:1:8");
        assert_eq!(place("<a>\n  <b></a>\n</a>\n"), "a.bpmn:2:6");
        assert_eq!(place("<a>\n  <b/>\n"), "a.bpmn:2:7");
        assert_eq!(place(""), "a.bpmn:1:1");
        assert_eq!(place("<?xml version='1.0'?>\n<definitions/>"), "a.bpmn:2:1");
    }

    #[test]
    fn what_is_no_model_is_refused() {
        assert!(matches!(parse("a", "<x"), Err(ModelError::Xml { .. })));
        let entities = r#"<!DOCTYPE x [<!ENTITY a "b">]><x/>"#;
        assert!(matches!(parse("a", entities), Err(ModelError::Xml { .. })));
        assert!(matches!(
            parse("a", "<definitions/>"),
            Err(ModelError::NotBpmn { .. })
        ));
    }
}
