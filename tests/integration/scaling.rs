//! What an autoscaler sees of the engine: the tasks for which replicas are of use, and no others.

use std::collections::BTreeSet;

use phantom_worker::topics;
use serde_json::json;

use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::trial::Trial;
use crate::support::{World, until};

const TRIGGERS: &str = include_str!("../../deploy/components/keda/scaled-object.yaml");

/// What every trigger has for a key, with its topic taken out. They must agree, or which of them
/// would the story be about?
fn of_every_trigger(key: &str) -> String {
    let triggers: Vec<_> = TRIGGERS.split("- type: metrics-api\n").skip(1).collect();
    assert_eq!(triggers.len(), topics::names().len(), "one for each topic");
    let values: BTreeSet<_> = triggers
        .iter()
        .map(|trigger| {
            let value = |key: &str| {
                let mut lines = trigger.lines().map(str::trim);
                let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
                found.unwrap_or_else(|| panic!("this trigger has no {key}:\n{trigger}"))
            };
            let named = format!("topicName={}&", value("name"));
            value(key).replace(&named, "topicName=TOPIC&")
        })
        .collect();
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value,
        several => panic!("the triggers have no {key} in common: {several:?}"),
    }
}

/// What the triggers ask the engine about a topic.
fn query(topic: &str) -> String {
    let url = of_every_trigger("url");
    let (_, query) = url.split_once("//engine/").unwrap();
    assert!(query.contains("topicName=TOPIC&"), "no topic in {query}");
    query.replace("TOPIC", topic)
}

impl World {
    /// What the trigger reads; stories share an engine, so each looks at its tenant alone.
    async fn trigger(&self) -> u64 {
        let path = format!("{}&tenantIdIn={}", query("trial"), self.engine.tenant);
        let answer = self.engine.get(&path).await;
        answer[of_every_trigger("valueLocation")].as_u64().unwrap()
    }

    async fn trigger_reads(&self, tasks: u64) {
        until(&format!("the trigger reads {tasks}"), async || {
            (self.trigger().await == tasks).then_some(())
        })
        .await;
    }

    async fn suspend(&self, instance: &str, suspended: bool) {
        let path = format!("process-instance/{instance}/suspended");
        self.engine
            .put(&path, json!({ "suspended": suspended }))
            .await;
    }
}

#[test]
fn the_trigger_counts_what_is_waited_for_and_worked_on_and_nothing_else() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| {
                topic.slots = 1;
                topic.retries = "R3/PT1H".parse().unwrap();
            })
            .start();
        assert_eq!(world.trigger().await, 0, "nothing is there");

        // Locked, with one slot, so that the next ones wait.
        world.try_out("wait").await;
        trial.until_at_work().await;
        assert_eq!(world.trigger().await, 1, "one is locked");
        for _ in 0..2 {
            world.try_out("wait").await;
        }
        let suspended = world.try_out("wait").await;
        assert_eq!(world.trigger().await, 4, "one is locked, three wait");

        // Suspended tasks cannot be fetched.
        world.suspend(&suspended, true).await;
        assert_eq!(world.trigger().await, 3, "one is suspended");
        trial.gate.add_permits(3);
        world.trigger_reads(0).await;
        world.suspend(&suspended, false).await;
        assert_eq!(world.trigger().await, 1, "it is active again");
        trial.gate.add_permits(1);
        world.trigger_reads(0).await;

        // What is tried again later still needs a replica; what is exhausted needs people.
        world.try_out("fail").await;
        let exhausted = world.try_out("give_up").await;
        world.engine.incident(&exhausted).await;
        until("the other has failed", async || {
            (world.engine.failures().await.len() == 2).then_some(())
        })
        .await;
        assert_eq!(
            world.trigger().await,
            1,
            "one waits for its next try, one is exhausted"
        );
        tree.drain().await;
    });
}
