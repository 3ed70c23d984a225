//! A task that takes its worker down each time is not run for ever.

use phantom_worker::store::task_deliveries;
use serde_json::json;

use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::trial::Trial;
use crate::support::{World, until};

impl World {
    async fn task_of(&self, instance: &str) -> String {
        let tasks = self
            .engine
            .get(&format!("external-task?processInstanceId={instance}"))
            .await;
        tasks[0]["id"].as_str().unwrap().to_owned()
    }

    /// What workers that died with this task in hand have left behind.
    async fn deliver_in_silence(&self, task: &str, times: usize) {
        let mut conn = self.database.pool.get().await.unwrap();
        for _ in 0..times {
            task_deliveries::count(&mut conn, "default", "trial", &[task])
                .await
                .unwrap();
        }
    }

    /// What workers that died while this task ran alone have left behind.
    async fn run_alone_in_silence(&self, task: &str, times: usize) {
        let mut conn = self.database.pool.get().await.unwrap();
        for _ in 0..times {
            task_deliveries::count_alone(&mut conn, "default", task)
                .await
                .unwrap();
        }
    }
}

#[test]
fn at_its_fifth_silent_delivery_a_task_is_not_run_and_an_operator_can_have_it_run_again() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let instance = world.try_out("complete").await;
        let task = world.task_of(&instance).await;
        world.deliver_in_silence(&task, 4).await;
        world.run_alone_in_silence(&task, 2).await;

        let tree = TreeBuilder::new(&world, trial.registry()).start();
        let message = world.engine.incident(&instance).await;
        assert!(message.starts_with("not run: "), "{message}");
        assert_eq!(trial.times_entered(), 0);
        let quarantined =
            r#"phantom_worker_tasks_finished_total{outcome="quarantined",topic="trial"}"#;
        until("it is counted", async || {
            (tree.series(quarantined) == 1.0).then_some(())
        })
        .await;

        until("the count is forgotten", async || {
            (world
                .database
                .count("SELECT count(*) FROM task_deliveries")
                .await
                == 0)
                .then_some(())
        })
        .await;
        let one = json!({ "retries": 1 });
        world
            .engine
            .put(&format!("external-task/{task}/retries"), one)
            .await;
        assert_eq!(world.engine.ended(&instance).await.at, "done");
        assert_eq!(trial.times_entered(), 1);
        tree.drain().await;
    });
}

#[test]
fn the_neighbours_of_a_killer_are_never_condemned_with_it() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let killer = world.try_out("complete").await;
        let innocent = world.try_out("complete").await;
        let (killer_task, innocent_task) =
            (world.task_of(&killer).await, world.task_of(&innocent).await);
        // They were in one batch whenever the killer took its worker down.
        world.deliver_in_silence(&killer_task, 6).await;
        world.deliver_in_silence(&innocent_task, 6).await;
        world.run_alone_in_silence(&killer_task, 2).await;

        let tree = TreeBuilder::new(&world, trial.registry()).start();
        let ended = world.engine.ended(&innocent).await;

        assert_eq!(ended.at, "done");
        assert!(
            world
                .engine
                .incident(&killer)
                .await
                .starts_with("not run: ")
        );
        assert_eq!(trial.times_entered(), 1);
        tree.drain().await;
    });
}

#[test]
fn a_suspect_runs_alone() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let suspect = world.try_out("wait").await;
        world
            .deliver_in_silence(&world.task_of(&suspect).await, 2)
            .await;

        let tree = TreeBuilder::new(&world, trial.registry()).start();
        trial.until_at_work().await;
        let other = world.try_out("complete").await;
        until("the other task is fetched", async || {
            (world.engine.locked_tasks().await.len() == 2).then_some(())
        })
        .await;
        assert_eq!(trial.times_entered(), 1);
        trial.gate.add_permits(1);

        assert_eq!(world.engine.ended(&suspect).await.at, "done");
        assert_eq!(world.engine.ended(&other).await.at, "done");
        tree.drain().await;
    });
}

#[test]
fn a_task_that_is_heard_of_leaves_no_count() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        let instance = world.try_out("complete").await;
        world.engine.ended(&instance).await;
        tree.drain().await;

        assert_eq!(
            world
                .database
                .count("SELECT count(*) FROM task_deliveries")
                .await,
            0
        );
        let reported = "SELECT count(*) FROM task_completions WHERE reported_at IS NOT NULL";
        assert_eq!(world.database.count(reported).await, 1);
    });
}
