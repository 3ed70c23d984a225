//! What the actors work with. All of it survives every one of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::audit::{AuditActor, Happened, Journal, JournalGrew};
use super::checkpoints::Checkpoints;
use super::directory::Directory;
use super::models::Models;
use super::outage::Outage;
use super::supervisor::ChildId;
use super::topic::Topic;
use crate::camunda::Client;
use crate::camunda::cockpit::Cockpit;
use crate::camunda::model::Sorting;
use crate::housekeeping::Schedule;
use crate::links::Links;
use crate::mail::Mailer;
use crate::metrics::{ActorKind, Metrics};
use crate::readiness::Readiness;
use crate::store::Pool;
use crate::tasks::poison::Ward;

/// The parts that the tree is made of, put together by `app`.
pub struct Parts {
    /// The engine.
    pub engine: Client,
    /// Which engine, in the key of every completion.
    pub engine_id: String,
    /// Where people look at the engine.
    pub cockpit: Cockpit,
    /// Our database, for the tasks.
    pub pool: Pool,
    /// Our database, for the actors' own chores: they never wait behind tasks for a connection.
    pub chore_pool: Pool,
    /// The mail server.
    pub mailer: Mailer,
    /// Makes the links in mails.
    pub links: Arc<Links>,
    /// The series.
    pub metrics: Arc<Metrics>,
    /// What the probes read.
    pub readiness: Arc<Readiness>,
    /// This start of this process, as the audit log names it.
    pub instance: String,
    /// The topics, in the order of the registry.
    pub topics: Vec<Arc<Topic>>,
    /// How the tree behaves.
    pub settings: TreeSettings,
    /// Where the actors are.
    pub directory: Directory,
    /// What happened and is not written yet.
    pub(crate) journal: Journal,
    /// What this process has told the world of the audit chain.
    pub(crate) checkpoints: Arc<Checkpoints>,
    /// Wakes whoever sends mails: there is a new one.
    pub(crate) outbox_grew: Notify,
    /// Where handlers run, alone or among others.
    pub(crate) ward: Ward,
    /// Whether the engine answers fetches.
    pub(crate) engine_outage: Outage,
    /// Whether the audit log can be sealed.
    pub(crate) sealing_outage: Outage,
    /// The models of the tasks that were seen.
    pub(crate) models: Models,
    /// Caps the reports in flight over all topics: past about four a core of the engine, more of
    /// them only make each slower.
    pub(crate) reports: Semaphore,
    /// The multi-thread runtime, where everything that takes time is spawned.
    pub(crate) runtime: Handle,
    /// Polls, lives and unlocks that are not over: the drain waits for them.
    pub(crate) lives: TaskTracker,
    /// The actors' own chores that are not over: mails, refreshes, audit rows.
    pub(crate) chores: TaskTracker,
    /// No child is started any more.
    draining: CancellationToken,
}

/// How the tree behaves, whatever the topic.
#[derive(Clone)]
pub struct TreeSettings {
    /// The most tasks one fetch may bring; as many as there are free slots when unset.
    pub max_tasks: Option<usize>,
    /// The order in which the engine hands out tasks.
    pub sorting: Sorting,
    /// Over how long the engine must refuse a `complete` before it is taken at its word.
    pub refusal_span: Duration,
    /// Between two readings of the figures that all replicas share.
    pub figures_interval: Duration,
    /// Where checkpoints of the audit chain are appended, beside the log.
    pub checkpoint_file: Option<PathBuf>,
    /// What is deleted when, and how often that is looked at.
    pub housekeeping: Schedule,
    /// Called as an actor starts. Tests make it panic.
    pub on_start: Option<StartHook>,
}

/// See [`TreeSettings::on_start`].
pub type StartHook = Arc<dyn Fn(ActorKind) + Send + Sync>;

/// What [`Parts::new`] puts together.
pub struct Ingredients {
    /// See [`Parts::engine`].
    pub engine: Client,
    /// See [`Parts::engine_id`].
    pub engine_id: String,
    /// See [`Parts::cockpit`].
    pub cockpit: Cockpit,
    /// See [`Parts::pool`].
    pub pool: Pool,
    /// See [`Parts::chore_pool`].
    pub chore_pool: Pool,
    /// See [`Parts::mailer`].
    pub mailer: Mailer,
    /// See [`Parts::links`].
    pub links: Arc<Links>,
    /// See [`Parts::metrics`].
    pub metrics: Arc<Metrics>,
    /// See [`Parts::readiness`].
    pub readiness: Arc<Readiness>,
    /// See [`Parts::instance`].
    pub instance: String,
    /// See [`Parts::topics`].
    pub topics: Vec<Arc<Topic>>,
    /// See [`Parts::settings`].
    pub settings: TreeSettings,
    /// The most reports in flight.
    pub max_reports: usize,
    /// The multi-thread runtime.
    pub runtime: Handle,
}

impl Parts {
    /// Puts the parts together.
    pub fn new(given: Ingredients) -> Arc<Self> {
        Arc::new(Self {
            directory: Directory::new(Arc::clone(&given.metrics)),
            journal: Journal::default(),
            checkpoints: Arc::new(Checkpoints::new(given.settings.checkpoint_file.clone())),
            ward: Ward::default(),
            engine_outage: Outage::default(),
            sealing_outage: Outage::default(),
            models: Models::default(),
            reports: Semaphore::new(given.max_reports),
            runtime: given.runtime,
            lives: TaskTracker::new(),
            chores: TaskTracker::new(),
            draining: CancellationToken::new(),
            engine: given.engine,
            engine_id: given.engine_id,
            cockpit: given.cockpit,
            pool: given.pool,
            chore_pool: given.chore_pool,
            outbox_grew: Notify::new(),
            mailer: given.mailer,
            links: given.links,
            metrics: given.metrics,
            readiness: given.readiness,
            instance: given.instance,
            topics: given.topics,
            settings: given.settings,
        })
    }

    /// Runs something about a task on the multi-thread runtime, until its end.
    pub(crate) fn spawn_life<F>(&self, life: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.lives.spawn_on(life, &self.runtime)
    }

    /// Runs an actor's work on the multi-thread runtime.
    pub(crate) fn spawn_chore<F>(&self, chore: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.chores.spawn_on(chore, &self.runtime)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Does this to its end, or to the beginning of the drain.
    pub(crate) async fn unless_draining<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.draining.run_until_cancelled(work).await
    }

    /// From here on nothing new begins: no child, no fetch, no mail.
    pub(crate) fn start_draining(&self) {
        self.draining.cancel();
        for topic in &self.topics {
            topic.stopping.cancel();
        }
    }

    /// Writes down that something happened, as soon as the database takes it.
    pub fn note(&self, event: Happened) {
        self.journal.keep(event);
        // Each audit actor looks at the journal as it starts: one that is not there yet misses
        // nothing, and no message to it is lost.
        if self.directory.find(ChildId::Audit).is_some() {
            self.directory.tell::<AuditActor, _>(JournalGrew);
        }
    }

    /// Whether every handler actor of a topic is at work.
    pub(crate) fn set_handlers_up(&self, topic: &Topic, up: bool) {
        topic.handlers_up.store(up, Ordering::Relaxed);
        let is_up = |topic: &Arc<Topic>| topic.handlers_up.load(Ordering::Relaxed);
        self.metrics
            .set_actor_up(ActorKind::Handler, self.topics.iter().all(is_up));
    }

    /// Called by each actor as it starts.
    pub(crate) fn starting(&self, kind: ActorKind) {
        if let Some(hook) = &self.settings.on_start {
            hook(kind);
        }
    }
}
