//! The composition root: builds the parts, starts the tree and the HTTP servers, waits for a
//! signal, drains, and says with which code the process leaves.

mod database;
mod front;
mod shares;
mod watches;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use anyhow::Context;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::actors::audit::Happened;
use crate::actors::{
    Ingredients, Parts, Supervisor, TEMPLATES, Topic, TopicSettings, TreeExit, TreeSettings, drain,
};
use crate::camunda::Client;
use crate::config::{RunSettings, WorkSettings, unnamed_proxy};
use crate::housekeeping::Schedule;
use crate::links::Links;
use crate::mail::Mailer;
use crate::metrics::{Arbiter, Build, Metrics, PoolName, TopicLabels};
use crate::readiness::{Phase, Readiness};
use crate::tasks::fields::PhoneNumber;
use crate::telemetry::LogLevel;
use crate::{http, processes, topics};
use front::Front;
use shares::Shares;
use watches::EngineCalls;

/// Drained.
const OK: u8 = 0;
/// Drained, but tasks were left behind, or a second signal cut it short.
const ORPHANS: u8 = 1;
/// The tree gave up: the orchestrator starts a new process.
const TREE_GONE: u8 = 70;
/// The settings, the database or the models do not allow a start.
const REFUSED: u8 = 78;

/// What takes time shares these threads. A handler that blocks takes one away, hence more than two on
/// a small machine; the engine is the limit long before four are busy, hence no more on a large one.
pub const THREADS: usize = 4;

/// How often the main arbiter shows that it is alive.
const BEAT: Duration = Duration::from_secs(1);
/// Over how long the engine must refuse a `complete` before that counts as its answer.
const REFUSAL_SPAN: Duration = Duration::from_secs(60);

/// Runs the worker until a signal ends it.
pub fn run(settings: RunSettings, log_level: LogLevel) -> ExitCode {
    // The actors live on this thread and never work; everything that takes time is on the others.
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("worker")
            .enable_all()
            .build()
            .expect("the operating system gives threads to a process that has just begun")
    });
    let code = system.block_on(async move {
        match start(settings, log_level).await {
            Ok(code) => code,
            Err(error) => {
                tracing::error!("cannot start: {error:#}");
                REFUSED
            }
        }
    });
    ExitCode::from(code)
}

async fn start(settings: RunSettings, log_level: LogLevel) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    let (http_settings, deadline) = (settings.http.clone(), settings.work.drain_deadline);
    let allow_unsafe = settings.store.allow_unsafe;
    let metrics = Arc::new(metrics());
    if let Some(word) = unnamed_proxy(&settings.links, &settings.http) {
        tracing::warn!("{word}");
    }
    let front = Front::new(&settings, log_level, &metrics)?;
    let parts = build(settings, metrics)?;
    watches::look_when_scraped(&parts, &front.pool);
    let servers = http::bind(http_settings, front.beside(&parts))?;
    let (ops, public) = (servers.ops_address(), servers.public_address());
    tracing::info!(
        http.ops = format!("http://{ops}"),
        http.public = format!("http://{public}"),
        "probes and metrics on http://{ops}, the public on http://{public}"
    );
    let http = servers.handle();
    // Off the critical path: the first fetch takes as long.
    let warming = tokio::task::spawn_blocking(PhoneNumber::warm_up);
    let mut serving = actix_rt::spawn(servers.serve());
    actix_rt::spawn(beat(Arc::clone(&parts)));
    let code = tokio::select! {
        prepared = database::prepare(&parts, allow_unsafe) => match prepared? {
            true => work(&parts, &mut signals, deadline).await,
            false => TREE_GONE,
        },
        // Nothing was begun, so there is nothing to drain.
        () = signals.next() => OK,
        served = &mut serving => anyhow::bail!("the HTTP servers ended: {served:?}"),
    };
    drop(warming.await);
    http.stop(true).await;
    parts.pool.close();
    parts.chore_pool.close();
    front.pool.close();
    // Both servers have stopped; only an answer that was cut off could be an error here.
    drop(serving.await);
    Ok(code)
}

/// The series of this build: of every topic that is in it.
fn metrics() -> Metrics {
    let topics: Vec<_> = topics::catalogue()
        .iter()
        .map(|registration| TopicLabels {
            name: registration.topic,
            errors: registration.errors,
        })
        .collect();
    Metrics::new(&topics, TEMPLATES, BUILD)
}

fn build(settings: RunSettings, metrics: Arc<Metrics>) -> anyhow::Result<Arc<Parts>> {
    let shares = Shares::of(&settings);
    let links = Arc::new(Links::new(settings.links));
    let registry = topics::registry(links.signing_key());
    processes::check_built_in(&registry)?;
    let names: Vec<_> = registry
        .iter()
        .map(|registration| registration.topic)
        .collect();
    let runtime = Handle::current();
    let instance = Instance::new(&settings.work.client_id);
    let topics = registry
        .iter()
        .map(|registration| {
            let topic = topic_settings(&settings.work, registration.topic);
            metrics.set_topic(registration.topic, topic.slots, topic.lock_duration);
            let worker_id = instance.worker_id(registration.topic);
            Arc::new(Topic::new(Arc::clone(registration), topic, worker_id))
        })
        .collect();
    let pool = |share, name| watches::pool(share, name, &metrics);
    Ok(Parts::new(Ingredients {
        engine: Client::watched(settings.engine, Arc::new(EngineCalls(Arc::clone(&metrics))))?,
        engine_id: settings.work.engine_id,
        cockpit: settings.cockpit,
        instance: instance.name(),
        pool: pool(&shares.tasks, PoolName::Tasks)?,
        chore_pool: pool(&shares.chores, PoolName::Chores)?,
        mailer: Mailer::new(settings.mail)?,
        links,
        readiness: Arc::new(Readiness::new(&names, Instant::now())),
        metrics,
        topics,
        settings: TreeSettings {
            max_tasks: settings.work.max_tasks,
            sorting: settings.work.sorting,
            refusal_span: REFUSAL_SPAN,
            figures_interval: settings.metrics.interval,
            checkpoint_file: settings.audit.checkpoint_file,
            housekeeping: Schedule::hourly(settings.purge),
            on_start: None,
        },
        max_reports: settings.work.max_reports,
        runtime,
    }))
}

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("PHANTOM_WORKER_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

fn topic_settings(work: &WorkSettings, topic: &str) -> TopicSettings {
    let own = &work.topics[topic];
    TopicSettings {
        slots: own.slots,
        lock_duration: work.lock_duration,
        poll: work.async_response_timeout,
        handler_limit: work.handler_limit(),
        retries: own.retries.clone(),
    }
}

/// The longest worker id that an engine's column holds.
const WORKER_ID_CHARACTERS: usize = 255;

/// Names this start of this process: readable, and like no other.
struct Instance {
    readable: String,
    random: String,
}

impl Instance {
    fn new(client_id: &str) -> Self {
        let host = hostname::get().map_or_else(
            |_| "unknown-host".to_owned(),
            |host| host.to_string_lossy().into_owned(),
        );
        Self {
            readable: format!("{client_id}:{host}"),
            random: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    /// Equality of this text is all the fence that the engine knows, so no two starts of any
    /// process may share one.
    fn worker_id(&self, topic: &str) -> String {
        let readable: String = format!("{}:{topic}", self.readable)
            .chars()
            .take(WORKER_ID_CHARACTERS - self.random.len() - 1)
            .collect();
        format!("{readable}:{}", self.random)
    }

    fn name(&self) -> String {
        format!("{}:{}", self.readable, self.random)
    }
}

/// `/livez` looks at this from the HTTP servers' own threads.
async fn beat(parts: Arc<Parts>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = ticks.tick().await;
        parts.readiness.beat(Instant::now());
        parts.metrics.timer_fired(Arbiter::Main, due.elapsed());
    }
}

/// The tree at work, from its start to the end of the drain.
async fn work(parts: &Arc<Parts>, signals: &mut Signals, deadline: Duration) -> u8 {
    let (exit, mut exits) = mpsc::unbounded_channel();
    let _supervisor = Supervisor::new(Arc::clone(parts), exit).start();
    parts.readiness.set_phase(Phase::Running, Instant::now());
    let names: Vec<_> = parts.topics.iter().map(|topic| topic.name()).collect();
    tracing::info!(
        topics = names.len(),
        version = BUILD.version,
        "working on {}",
        names.join(", ")
    );
    parts.note(Happened::now(
        "worker_started",
        "worker",
        &parts.instance,
        BUILD.version,
    ));
    let watching = Handle::current().spawn(watch_the_way_to_tasks(Arc::clone(parts)));
    let gone = tokio::select! {
        () = signals.next() => None,
        exit = exits.recv() => Some(exit.unwrap_or(TreeExit::SupervisorGone)),
    };
    parts.readiness.set_phase(Phase::Draining, Instant::now());
    let left = tokio::select! {
        drained = drain(parts, deadline) => Left { orphans: drained.orphans, in_haste: false },
        () = signals.next() => {
            let orphans = parts.topics.iter().map(|topic| topic.in_flight()).sum();
            Left { orphans, in_haste: true }
        }
    };
    watching.abort();
    match gone {
        Some(exit) => {
            tracing::error!("the tree gave up: {exit:?}");
            TREE_GONE
        }
        None => left.tell(),
    }
}

/// How a drain ended.
struct Left {
    orphans: usize,
    /// A second signal cut it short.
    in_haste: bool,
}

impl Left {
    fn tell(&self) -> u8 {
        let Self { orphans, in_haste } = *self;
        let haste = if in_haste { "a second signal: " } else { "" };
        match orphans {
            0 if in_haste => {
                tracing::warn!(orphans, "{haste}left at once, with no task in hand");
                ORPHANS
            }
            0 => {
                tracing::info!("drained");
                OK
            }
            1 => {
                tracing::warn!(
                    orphans,
                    "{haste}left with 1 task in hand; its lock runs out"
                );
                ORPHANS
            }
            _ => {
                tracing::warn!(
                    orphans,
                    "{haste}left with {orphans} tasks in hand; their locks run out"
                );
                ORPHANS
            }
        }
    }
}

/// How often we look whether models and permissions fit: somebody may deploy or revoke at any time.
const LOOK_ROUND: Duration = Duration::from_secs(60);

/// A deployed model that does not fit, or a permission that is missing, degrades its topics and stops
/// nothing: the instances of older versions go on, and what was revoked may be granted again.
async fn watch_the_way_to_tasks(parts: Arc<Parts>) {
    let topics = parts.topics.iter();
    let served = topics.map(|topic| &*topic.registration).collect();
    let mut lookout = processes::Lookout::new(&parts.engine, served);
    let mut rounds = tokio::time::interval(LOOK_ROUND);
    loop {
        rounds.tick().await;
        for model in processes::BUILT_IN {
            match lookout.obstacles(model).await {
                Ok(found) => note_obstacles(&parts.readiness, found),
                Err(error) => {
                    tracing::debug!(error = %error, "could not look at {} in the engine", model.key);
                }
            }
        }
    }
}

fn note_obstacles(readiness: &Readiness, found: Vec<(&'static str, Option<String>)>) {
    for (topic, obstacle) in found {
        if let Some(obstacle) = &obstacle {
            tracing::warn!(task.topic = topic, "{topic} is degraded: {obstacle}");
        }
        readiness.set_obstacle(topic, obstacle);
    }
}

/// SIGTERM and SIGINT. Only this file hears signals.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: stopping");
    }
}
