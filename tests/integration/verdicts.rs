//! What each verdict of a handler becomes on the engine.

use std::time::Duration;

use crate::support::World;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::trial::Trial;
use crate::support::until;

const FINISHED: &str = "phantom_worker_tasks_finished_total";

#[test]
fn a_panic_in_a_handler_costs_a_retry_and_leaves_no_effect_behind() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        let instance = world.try_out("panic_once").await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        assert_eq!(world.effects().await, 1);
        let failures = world.engine.failures().await;
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0]["errorMessage"], "the handler panicked");
        let successes =
            format!("history/external-task-log?successLog=true&processInstanceId={instance}");
        assert_eq!(world.engine.get(&successes).await[0]["retries"], 3);
        assert_eq!(
            tree.series("phantom_worker_task_panics_total{topic=\"trial\"}"),
            1.0
        );
        let handlers = r#"phantom_worker_actor_restarts_total{actor="handler",reason="panicked"}"#;
        assert_eq!(tree.series(handlers), 0.0);
        tree.drain().await;
    });
}

#[test]
fn a_fault_that_stays_becomes_an_incident_after_its_retries() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| topic.retries = "R2/PT1S".parse().unwrap())
            .start();

        let instance = world.try_out("fail").await;
        let message = world.engine.incident(&instance).await;

        assert_eq!(
            message,
            "not this time; mend the cause, then set the retries in Cockpit"
        );
        assert_eq!(trial.times_entered(), 3);
        assert_eq!(world.effects().await, 0);
        assert_eq!(
            tree.series(&format!(
                "{FINISHED}{{outcome=\"failed_retry\",topic=\"trial\"}}"
            )),
            2.0
        );
        tree.drain().await;
    });
}

#[test]
fn a_fatal_fault_is_an_incident_at_once_and_can_be_tried_again_by_an_operator() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        let instance = world.try_out("give_up").await;
        let message = world.engine.incident(&instance).await;
        assert_eq!(
            message,
            "never; mend the cause, then set the retries in Cockpit"
        );
        assert_eq!(trial.times_entered(), 1);

        // The operator repairs the variable and sets a retry.
        let variable = serde_json::json!({ "type": "String", "value": "complete" });
        world
            .engine
            .put(
                &format!("process-instance/{instance}/variables/behaviour"),
                variable,
            )
            .await;
        let tasks = world
            .engine
            .get(&format!("external-task?processInstanceId={instance}"))
            .await;
        let task = tasks[0]["id"].as_str().unwrap();
        let one = serde_json::json!({ "retries": 1 });
        world
            .engine
            .put(&format!("external-task/{task}/retries"), one)
            .await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        assert_eq!(world.effects().await, 1);
        tree.drain().await;
    });
}

#[test]
fn a_bpmn_error_commits_its_effect_and_takes_the_models_path() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        let instance = world.try_out("caught").await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "caught");
        assert_eq!(ended.variables["error_code"], "CAUGHT");
        assert_eq!(world.effects().await, 1);
        tree.drain().await;
    });
}

#[test]
fn a_bpmn_error_that_nothing_catches_is_an_incident_and_never_a_silent_end() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        let instance = world.try_out("uncaught").await;
        let message = world.engine.incident(&instance).await;

        assert!(
            message.contains("UNCAUGHT") && message.contains("trial-process"),
            "{message}"
        );
        assert!(world.engine.find_end(&instance).await.is_none());
        tree.drain().await;
    });
}

#[test]
fn a_next_step_that_cannot_run_becomes_an_incident_with_the_engines_words() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .refusal_span(Duration::from_secs(5))
            .start();

        let instance = world.try_out("stuck").await;
        let message = world.engine.incident(&instance).await;

        assert!(
            message.starts_with("the engine cannot take the next step: "),
            "{message}"
        );
        assert!(message.contains("missing"), "{message}");
        assert_eq!(trial.times_entered(), 1);
        assert_eq!(world.effects().await, 1);
        tree.drain().await;
    });
}

#[test]
fn a_lock_is_kept_alive_while_a_handler_takes_longer_than_it() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| topic.lock_duration = Duration::from_secs(4))
            .start();
        let started = std::time::Instant::now();

        let instance = world.try_out("wait").await;
        until("three lock durations have passed", async || {
            (started.elapsed() > Duration::from_secs(12)).then_some(())
        })
        .await;
        trial.gate.add_permits(1);
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        assert_eq!(trial.times_entered(), 1);
        assert_eq!(world.effects().await, 1);
        tree.drain().await;
    });
}

#[test]
fn a_task_that_is_cancelled_meanwhile_leaves_no_effect() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| topic.lock_duration = Duration::from_secs(4))
            .start();

        let instance = world.try_out("wait").await;
        trial.until_at_work().await;
        world
            .engine
            .delete(&format!("process-instance/{instance}"))
            .await;
        let lost = format!("{FINISHED}{{outcome=\"lock_lost\",topic=\"trial\"}}");
        until("the heartbeat notices", async || {
            (tree.series(&lost) == 1.0).then_some(())
        })
        .await;

        assert_eq!(world.effects().await, 0);
        tree.drain().await;
    });
}

#[test]
fn a_handler_that_never_ends_is_given_up_at_its_limit() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| {
                topic.handler_limit = Duration::from_secs(2);
                topic.retries = "R0/PT1S".parse().unwrap();
            })
            .start();

        let instance = world.try_out("wait").await;
        let message = world.engine.incident(&instance).await;

        assert!(
            message.starts_with("the handler took longer than 2 s; "),
            "{message}"
        );
        assert_eq!(world.effects().await, 0);
        tree.drain().await;
    });
}
