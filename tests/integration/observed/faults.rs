//! Alerts that stay silent while all is well, and fire when the fault is really made. Their rules are
//! ours, with seconds for minutes; how long each waits is held by `tests/observe/alerts`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use uuid::Uuid;

use super::*;
use crate::support::engine_proxy::EngineProxy;
use crate::support::smtp::SmtpServer;

/// Tasks that fail: more than the twenty of which a share is taken.
const INCIDENTS: usize = 25;
/// For the slots of two replicas, each held until its lock in the database is given up.
const CUSTOMERS: usize = 60;

/// A file that goes with the story.
struct Rules(PathBuf);

impl Rules {
    /// Our rules, in a hurry: what waits for minutes waits for seconds, and what looks for long looks
    /// for longer than a scrape and a long poll.
    fn in_a_hurry() -> Self {
        let lines = include_str!("../../../deploy/alerts/rules.yaml").lines();
        let hurried = lines.map(|line| {
            if line.trim_start().starts_with("for:") {
                return line.replace(line.trim_start(), "for: 0s");
            }
            ["> 120", "> 180", "> 300", "> 900"]
                .iter()
                .fold(line.to_owned(), |line, limit| line.replace(limit, "> 25"))
        });
        let text: Vec<_> = hurried.collect();
        let file = std::env::temp_dir().join(format!("rules-{}.yaml", Uuid::new_v4()));
        fs::write(&file, text.join("\n")).unwrap();
        Self(file)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Two replicas with one slot a topic, and everything that can be taken from them.
struct Stage {
    world: World,
    /// With which status the engine answers, 0 for its own.
    engine_refuses: Arc<AtomicU16>,
    mail: Proxy,
    workers: [Worker; 2],
    prometheus: Prometheus,
    _rules: Rules,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let engine_refuses = Arc::new(AtomicU16::new(0));
        let status = Arc::clone(&engine_refuses);
        let engine = EngineProxy::refusing(&world.engine.url, move |_| {
            Some(status.load(Ordering::SeqCst)).filter(|status| *status > 0)
        });
        let refusing = SmtpServer::refusing_recipients("550 5.1.1 nobody here");
        let mail = Proxy::to(refusing.address());
        mail.set(Network::Refusing);
        let replica = world
            .worker()
            .set("CAMUNDA_REST_URL", engine.url())
            .set("CAMUNDA_CLIENT_SLOTS", "1")
            .set("SMTP_URL", format!("smtp://{}", mail.address()));
        let workers = [replica.start().await, replica.start().await];
        let rules = Rules::in_a_hurry();
        let prometheus = Prometheus::with_rules(&workers, rules.0.to_str().unwrap()).await;
        Self {
            world,
            engine_refuses,
            mail,
            workers,
            prometheus,
            _rules: rules,
        }
    }

    async fn fires(&self, alert: &str) {
        self.firing(&format!("{alert} fires"), |firing| firing.contains(alert))
            .await;
    }

    async fn is_silent(&self, alert: &str) {
        self.firing(&format!("{alert} is silent"), |firing| {
            !firing.contains(alert)
        })
        .await;
    }

    async fn firing(&self, what: &str, come: impl Fn(&BTreeSet<String>) -> bool) {
        within(PATIENCE, what, async || {
            come(&self.prometheus.firing().await).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_fire_when_the_fault_is_really_made() {
    let mut stage = Stage::new().await;
    scraped_again(&stage.prometheus).await;
    stage.firing("all is well", BTreeSet::is_empty).await;

    the_engine_fails(&stage).await;
    tasks_become_incidents(&stage).await;
    nobody_takes_mails_and_the_database_stands_still(&stage).await;

    for worker in &mut stage.workers {
        worker.kill();
    }
    stage.fires("PhantomWorkerAbsent").await;
}

async fn the_engine_fails(stage: &Stage) {
    stage.engine_refuses.store(503, Ordering::SeqCst);
    stage.fires("PhantomWorkerEngineErrors").await;
    stage.fires("PhantomWorkerFetchStalled").await;
    stage.fires("PhantomWorkerPodFetchStalled").await;
    stage.engine_refuses.store(401, Ordering::SeqCst);
    stage.fires("PhantomWorkerEngineUnauthorized").await;
    stage.engine_refuses.store(0, Ordering::SeqCst);
    stage.is_silent("PhantomWorkerFetchStalled").await;
    stage.is_silent("PhantomWorkerPodFetchStalled").await;
}

async fn tasks_become_incidents(stage: &Stage) {
    for _ in 0..INCIDENTS {
        let without_variables = json!({ "variables": {} }).to_string();
        let engine = &stage.world.engine;
        let started = engine.start_as_written(KYC, without_variables).await;
        started.unwrap();
    }
    stage.fires("PhantomWorkerIncidentsOpen").await;
    stage.fires("PhantomWorkerFailureRatioHigh").await;
}

async fn nobody_takes_mails_and_the_database_stands_still(stage: &Stage) {
    let first = Crowd::start(&stage.world, 10).await;
    granted(&stage.world, &first).await;
    stage.fires("PhantomWorkerOutboxStuck").await;
    stage.mail.set(Network::Up);
    let held = stage
        .world
        .hold("LOCK TABLE wallet_creation_requests")
        .await;
    let _second = Crowd::start(&stage.world, CUSTOMERS).await;
    stage.fires("PhantomWorkerSaturated").await;
    stage.fires("PhantomWorkerBacklogOld").await;
    held.release().await;
    stage.fires("PhantomWorkerMailFailing").await;
    stage.fires("PhantomWorkerOutboxDead").await;
}
