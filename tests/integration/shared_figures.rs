//! The figures that all replicas share, read from the real engine and the outbox by one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::engine_proxy::EngineProxy;
use crate::support::mailbox;
use crate::support::proxy::{Network, Proxy};
use crate::support::tree::{Tree, TreeBuilder, on_a_system};
use crate::support::trial::Trial;
use crate::support::wallets::Applicant;
use crate::support::world::address_of;
use crate::support::{World, until};

/// The interval of the stories' trees.
const INTERVAL: Duration = Duration::from_secs(1);

impl Tree {
    /// How many tasks of the trial the engine has in this state, as this replica shows it.
    fn tasks(&self, state: &str) -> f64 {
        self.series(&format!(
            "phantom_worker_engine_tasks{{state=\"{state}\",topic=\"trial\"}}"
        ))
    }

    fn oldest(&self) -> f64 {
        self.series(
            "phantom_worker_engine_oldest_available_task_timestamp_seconds{topic=\"trial\"}",
        )
    }

    async fn shows(&self, state: &str, tasks: f64) {
        until(&format!("{tasks} tasks are {state}"), async || {
            (self.tasks(state) == tasks).then_some(())
        })
        .await;
    }
}

fn unix_time() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs_f64()
}

#[test]
fn a_backlog_shows_with_its_oldest_task_and_falls_back_to_zero() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        for _ in 0..4 {
            world.try_out("wait").await;
        }
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| topic.slots = 1)
            .start();

        tree.shows("available", 3.0).await;
        tree.shows("locked", 1.0).await;
        let age = unix_time() - tree.oldest();
        let waiting = world
            .engine
            .get(&format!(
                "external-task?notLocked=true&tenantIdIn={}",
                world.engine.tenant
            ))
            .await;
        let instance = waiting[0]["processInstanceId"].as_str().unwrap();
        world.engine.suspend(instance, true).await;
        tree.shows("suspended", 1.0).await;
        tree.shows("available", 2.0).await;
        world.engine.suspend(instance, false).await;
        trial.gate.add_permits(4);

        assert!((0.0..120.0).contains(&age), "{age} s old");
        for state in ["available", "locked", "suspended"] {
            tree.shows(state, 0.0).await;
        }
        assert!(tree.oldest() == 0.0, "{}", tree.oldest());
        tree.drain().await;
    });
}

#[test]
fn an_incident_shows_as_exhausted_until_somebody_mends_it() {
    on_a_system(async {
        let world = World::with_trial().await;
        let tree = TreeBuilder::new(&world, Trial::new().registry()).start();
        let instance = world.try_out("give_up").await;

        world.engine.incident(&instance).await;
        tree.shows("exhausted", 1.0).await;
        // States are counted one after another, so one reading may have met it in two.
        tree.shows("available", 0.0).await;
        let behaviour = format!("process-instance/{instance}/variables/behaviour");
        let mended = json!({ "value": "complete", "type": "String" });
        world.engine.put(&behaviour, mended).await;
        let tasks = world
            .engine
            .get(&format!("external-task?processInstanceId={instance}"))
            .await;
        let retries = format!("external-task/{}/retries", tasks[0]["id"].as_str().unwrap());
        world.engine.put(&retries, json!({ "retries": 1 })).await;

        assert_eq!(world.engine.ended(&instance).await.at, "done");
        tree.shows("exhausted", 0.0).await;
        tree.drain().await;
    });
}

#[test]
fn one_replica_reads_for_all_and_all_show_the_same() {
    on_a_system(async {
        let world = World::with_trial().await;
        let proxy = EngineProxy::refusing(&world.engine.url, |_| None);
        let trial = Trial::new();
        for _ in 0..5 {
            world.try_out("wait").await;
        }
        let tree = || {
            TreeBuilder::new(&world, trial.registry())
                .topic(|topic| topic.slots = 1)
                .engine_at(proxy.url())
                .start()
        };

        let replicas = [tree(), tree(), tree()];
        for replica in &replicas {
            replica.shows("available", 2.0).await;
            replica.shows("locked", 3.0).await;
        }
        // Each reading asks for the version once, at its end.
        let readings = || proxy.calls("/version");
        let before = readings().len();
        until("it was read some times more", async || {
            (readings().len() >= before + 3).then_some(())
        })
        .await;
        trial.gate.add_permits(5);

        for pair in readings().windows(2) {
            let between = pair[1].at - pair[0].at;
            assert!(between >= INTERVAL, "read again after {between:?}");
        }
        for replica in replicas {
            replica.shows("locked", 0.0).await;
            replica.drain().await;
        }
    });
}

#[test]
fn an_engine_without_tasks_is_asked_for_one_count_a_reading() {
    on_a_system(async {
        let world = World::with_trial().await;
        let proxy = EngineProxy::refusing(&world.engine.url, |_| None);
        let tree = TreeBuilder::new(&world, Trial::new().registry())
            .engine_at(proxy.url())
            .start();

        until("it was read some times", async || {
            (proxy.calls("/version").len() >= 4).then_some(())
        })
        .await;
        tree.drain().await;

        // The last reading may have been cut short by the drain.
        let (counts, readings) = (proxy.calls("/count").len(), proxy.calls("/version").len());
        assert!(
            (readings..=readings + 1).contains(&counts),
            "{counts} counts in {readings} readings"
        );
    });
}

#[test]
fn an_engine_that_does_not_tell_leaves_the_figures_of_before_and_is_counted() {
    on_a_system(async {
        let world = World::with_trial().await;
        let silent = Arc::new(AtomicBool::new(false));
        let refuses = Arc::clone(&silent);
        let proxy = EngineProxy::refusing(&world.engine.url, move |path| {
            let refused = refuses.load(Ordering::Relaxed) && path.contains("/external-task/count");
            refused.then_some(503)
        });
        let instance = world.try_out("give_up").await;
        let tree = TreeBuilder::new(&world, Trial::new().registry())
            .engine_at(proxy.url())
            .start();
        world.engine.incident(&instance).await;
        tree.shows("exhausted", 1.0).await;
        let errors = r#"phantom_worker_collector_errors_total{collector="engine"}"#;
        assert_eq!(tree.series(errors) as i64, 0);

        silent.store(true, Ordering::Relaxed);
        until("a reading fails", async || {
            (tree.series(errors) > 0.0).then_some(())
        })
        .await;

        assert_eq!(tree.tasks("exhausted") as i64, 1);
        let read = r#"phantom_worker_collector_last_success_timestamp_seconds{collector="engine"}"#;
        assert!(tree.series(read) < unix_time());
        tree.drain().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_shows_with_its_age_and_falls_back_to_zero() {
    let world = World::new().await;
    let proxy = Proxy::to(address_of(&mailbox::smtp_url()));
    proxy.set(Network::Refusing);
    let worker = world
        .worker()
        .set("SMTP_URL", format!("smtp://{}", proxy.address()))
        .start()
        .await;
    let retrying = r#"phantom_worker_outbox_messages{channel="mail",state="retrying"}"#;
    let oldest = r#"phantom_worker_outbox_oldest_pending_timestamp_seconds{channel="mail"}"#;
    let merchant = world.merchant().await;
    world.request_wallet(merchant, &Applicant::new()).await;

    until("the mail waits for another try", async || {
        (worker.series(retrying).await == 1.0).then_some(())
    })
    .await;
    let age = unix_time() - worker.series(oldest).await;
    proxy.set(Network::Up);
    until("the outbox has drained", async || {
        (worker.series(retrying).await == 0.0).then_some(())
    })
    .await;

    assert!((-1.0..120.0).contains(&age), "{age} s old");
    assert!(worker.series(oldest).await == 0.0);
    let delivered = r#"phantom_worker_outbox_deliveries_total{channel="mail",outcome="delivered"}"#;
    assert_eq!(worker.series(delivered).await as i64, 1);
}

#[test]
fn a_task_is_told_from_every_side() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let proxy = EngineProxy::refusing(&world.engine.url, |_| None);
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| topic.lock_duration = Duration::from_secs(4))
            .engine_at(proxy.url())
            .start();

        let twice = world.try_out("panic_once").await;
        assert_eq!(world.engine.ended(&twice).await.at, "done");
        let caught = world.try_out("caught").await;
        assert_eq!(world.engine.ended(&caught).await.at, "caught");
        let waits = world.try_out("wait").await;
        until("its lock was kept alive", async || {
            (!proxy.calls("/extendLock").is_empty()).then_some(())
        })
        .await;
        trial.gate.add_permits(1);
        assert_eq!(world.engine.ended(&waits).await.at, "done");

        for (series, least) in [
            (r#"bpmn_errors_total{code="CAUGHT",topic="trial"}"#, 1.0),
            (r#"bpmn_errors_total{code="UNCAUGHT",topic="trial"}"#, 0.0),
            (r#"task_attempts_total{attempt="retry",topic="trial"}"#, 1.0),
            (r#"task_panics_total{topic="trial"}"#, 1.0),
            (r#"lock_extensions_total{outcome="ok",topic="trial"}"#, 1.0),
            (
                r#"task_schedule_to_start_seconds_count{topic="trial"}"#,
                3.0,
            ),
            (r#"actor_up{actor="handler"}"#, 1.0),
        ] {
            let series = format!("phantom_worker_{series}");
            until(&series, async || {
                (tree.series(&series) >= least).then_some(())
            })
            .await;
        }
        tree.drain().await;
    });
}
