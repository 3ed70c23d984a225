//! Ours: the worker as it is shipped, and its tree around a handler that does nothing of its own.
//!
//! The second one is what can be compared with clients that only complete: the same polls, leases,
//! actors, transaction, completion row, audit row and report as the worker's, but no variables and
//! a pause of a chosen length. No setting of the product could make such a handler.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use anyhow::Context;
use phantom_worker::actors::{
    Ingredients, Parts, Supervisor, TEMPLATES, Topic, TopicSettings, TreeSettings,
};
use phantom_worker::app;
use phantom_worker::camunda::Client;
use phantom_worker::camunda::cockpit::Cockpit;
use phantom_worker::camunda::model::Sorting;
use phantom_worker::housekeeping::{Ages, Schedule};
use phantom_worker::links::{KEY_BYTES, LinkSettings, Links};
use phantom_worker::mail::{MailSettings, Mailer, Sender, SmtpUrl};
use phantom_worker::metrics::{Build, Metrics, TopicLabels};
use phantom_worker::readiness::{Phase, Readiness};
use phantom_worker::store::{Pool, StoreSettings};
use phantom_worker::tasks::{Event, Outcome, Registry, RetryPolicy, TaskError, TaskHandler, Tx};
use phantom_worker::telemetry::{self, LogFormat, TelemetrySettings};
use secrecy::SecretBox;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use uuid::Uuid;

use super::load::engine_settings;
use super::rival::Place;
use super::stand::Stand;

/// The topic of the handler that only pauses.
pub(crate) const TOPIC: &str = PausingHandler::TOPIC;

/// Makes batches of about half as many: a fetch waits until that many are free.
const SLOTS: usize = 64;
/// The product's defaults.
const MAX_REPORTS: usize = 16;
const POOL_SIZE: usize = 10;
const LOCK: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_secs(5);

/// What the image sets: one heap for all threads.
const ONE_HEAP: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// The worker as it is shipped, with more slots than its default.
pub(crate) fn worker_command(stand: &Stand, place: &Place) -> Command {
    let mut command = Command::new(&stand.worker);
    command
        .arg("run")
        .env("CAMUNDA_REST_URL", &place.engine)
        .env("DATABASE_URL", &place.database)
        .env("CAMUNDA_TENANT_IDS", &place.tenant)
        .env("CAMUNDA_CLIENT_SLOTS", SLOTS.to_string())
        .env("HTTP_BIND", "127.0.0.1:0")
        .env("PUBLIC_HTTP_BIND", "127.0.0.1:0")
        .env("LOG_FORMAT", "json")
        .env(ONE_HEAP.0, ONE_HEAP.1)
        .envs(stand.settings.iter().cloned());
    command
}

/// Where the tree works.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    engine: String,
    #[arg(long)]
    database: String,
    #[arg(long)]
    tenant: String,
    #[arg(long)]
    pause_ms: u64,
    #[arg(long, env = "CAMUNDA_CLIENT_SLOTS", default_value_t = SLOTS)]
    slots: usize,
    #[arg(long, env = "CAMUNDA_CLIENT_MAX_REPORTS", default_value_t = MAX_REPORTS)]
    max_reports: usize,
    #[arg(long, env = "CAMUNDA_CLIENT_MAX_TASKS")]
    max_tasks: Option<usize>,
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = POOL_SIZE)]
    pool_size: usize,
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
}

/// The tree as a process of its own.
pub(crate) fn tree_command(
    stand: &Stand,
    place: &Place,
    pause: Duration,
) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("ours")
        .args(["--engine", &place.engine])
        .args(["--database", &place.database])
        .args(["--tenant", &place.tenant])
        .args(["--pause-ms", &pause.as_millis().to_string()])
        .env(ONE_HEAP.0, ONE_HEAP.1)
        .envs(stand.settings.iter().cloned());
    Ok(command)
}

/// Works until it is killed.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    telemetry::init(&TelemetrySettings {
        format: LogFormat::Json,
        level: arguments.log_level.clone(),
    })?;
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(app::THREADS)
            .enable_all()
            .build()
            .expect("the operating system gives threads to a process that has just begun")
    });
    system.block_on(work(arguments))
}

async fn work(arguments: Arguments) -> anyhow::Result<()> {
    let parts = build(&arguments)?;
    parts.readiness.set_phase(Phase::Running, Instant::now());
    let (exit, mut exits) = unbounded_channel();
    let _supervisor = Supervisor::new(parts, exit).start();
    let exit = exits.recv().await.context("the supervisor has gone")?;
    anyhow::bail!("the tree gave up: {exit:?}")
}

fn build(arguments: &Arguments) -> anyhow::Result<Arc<Parts>> {
    let mut registry = Registry::default();
    registry.register(PausingHandler {
        pause: Duration::from_millis(arguments.pause_ms),
    });
    let mut store = StoreSettings::parse(arguments.database.clone().into())?;
    let mut for_chores = store.clone();
    for_chores.pool_size = 2;
    store.pool_size = arguments.pool_size - 2;
    let build = Build {
        version: "bench",
        revision: "bench",
    };
    let labels = TopicLabels {
        name: TOPIC,
        errors: &[],
    };
    let metrics = Arc::new(Metrics::new(&[labels], TEMPLATES, build));
    Ok(Parts::new(Ingredients {
        cockpit: Cockpit::default(),
        engine: Client::new(engine_settings(&arguments.engine, &arguments.tenant)?)?,
        engine_id: "default".into(),
        instance: "bench".into(),
        pool: Pool::new(&store, Handle::current())?,
        chore_pool: Pool::new(&for_chores, Handle::current())?,
        mailer: idle_mailer()?,
        links: Arc::new(unused_links()?),
        metrics,
        readiness: Arc::new(Readiness::new(&[TOPIC], Instant::now())),
        topics: registry
            .iter()
            .map(|registration| {
                let worker_id = format!("bench-ours:{}", Uuid::new_v4());
                let settings = topic_settings(arguments.slots);
                Arc::new(Topic::new(Arc::clone(registration), settings, worker_id))
            })
            .collect(),
        settings: TreeSettings {
            max_tasks: arguments.max_tasks,
            sorting: Sorting::None,
            refusal_span: Duration::from_secs(60),
            figures_interval: Duration::from_secs(15),
            checkpoint_file: None,
            housekeeping: Schedule::hourly(Ages::default()),
            on_start: None,
        },
        max_reports: arguments.max_reports,
        runtime: Handle::current(),
    }))
}

/// The bench's handler mails nobody.
fn unused_links() -> anyhow::Result<Links> {
    Ok(Links::new(LinkSettings {
        base_url: "http://127.0.0.1".parse()?,
        key: SecretBox::new(Box::new([0; KEY_BYTES])),
        previous_key: None,
    }))
}

fn topic_settings(slots: usize) -> TopicSettings {
    TopicSettings {
        slots,
        lock_duration: LOCK,
        poll: POLL,
        handler_limit: LOCK * 5,
        retries: RetryPolicy::default(),
    }
}

/// The tree wants a mail server; no task of the bench sends a mail.
fn idle_mailer() -> anyhow::Result<Mailer> {
    let smtp = SmtpUrl::parse(&"smtp://127.0.0.1:9".to_owned().into(), false)
        .map_err(anyhow::Error::msg)?;
    let sender = Sender::parse("Bench <no-reply@wallet.example>").map_err(anyhow::Error::msg)?;
    Ok(Mailer::new(MailSettings::new(smtp, sender))?)
}

/// Pauses, and leaves a line in the audit log.
struct PausingHandler {
    pause: Duration,
}

/// It reads no variables.
#[derive(Deserialize)]
struct NoInput {}

/// It writes no variables.
#[derive(Serialize)]
struct NoOutput {}

impl TaskHandler for PausingHandler {
    const TOPIC: &'static str = "bench";
    type Input = NoInput;
    type Output = NoOutput;

    async fn handle(&self, tx: &mut Tx<'_>, _: NoInput) -> Result<Outcome<NoOutput>, TaskError> {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        tx.audit(Event {
            action: "bench_task_done",
            subject_kind: "bench",
            subject_id: "bench".into(),
            outcome: "done".into(),
            detail: Json::Null,
        });
        Ok(Outcome::Complete(NoOutput {}))
    }
}
