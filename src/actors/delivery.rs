//! A task on its way from the fetch to its handler: the task, its lease and its slot in one value.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{Instrument, Span};

use super::messages::TaskFinished;
use super::metrics::MetricsActor;
use super::parts::Parts;
use super::topic::Topic;
use crate::camunda::TaskId;
use crate::camunda::lease::Lease;
use crate::camunda::model::LockedTask;
use crate::metrics::{Attempt, ExtensionOutcome, Finished, InFlight, Outcome};
use crate::tasks::poison::Suspicion;

/// A task that this process holds and has not started. Dropped before it starts, it is given back
/// to the engine, so that a lost message costs a delay and never a lock's length.
pub struct Delivery {
    held: Option<Held>,
    parts: Arc<Parts>,
}

/// A task and what it occupies.
pub(super) struct Held {
    pub(super) task: LockedTask,
    pub(super) topic: Arc<Topic>,
    pub(super) lease: Lease,
    pub(super) suspicion: Suspicion,
    pub(super) fetched_at: Instant,
    /// The slot: dropped with the rest, it lets the poller ask for one more.
    pub(super) _slot: (InFlight, OwnedSemaphorePermit),
    /// The drain waits for it, also while it lies in a mailbox.
    pub(super) _alive: TaskTrackerToken,
}

impl Delivery {
    pub(super) fn new(parts: Arc<Parts>, held: Held) -> Self {
        Self {
            held: Some(held),
            parts,
        }
    }

    pub(super) fn task_id(&self) -> &TaskId {
        &self.held().task.id
    }

    /// What the count of this task's deliveries says about it.
    pub(super) fn suspect(&mut self, suspicion: Suspicion) {
        if let Some(held) = &mut self.held {
            held.suspicion = suspicion;
        }
    }

    fn held(&self) -> &Held {
        self.held
            .as_ref()
            .expect("only starting or dropping a delivery takes what it holds")
    }

    /// Takes the task to be worked on; from here on its life is responsible for it.
    pub(super) fn start(mut self) -> (Arc<Parts>, Held) {
        let held = self.held.take().expect("a delivery starts once");
        (Arc::clone(&self.parts), held)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            let parts = Arc::clone(&self.parts);
            let span = held.span();
            self.parts
                .spawn_life(async move { held.give_back(&parts).await }.instrument(span));
        }
    }
}

impl Held {
    /// What every log line about the task carries.
    pub(super) fn span(&self) -> Span {
        let task = &self.task;
        tracing::info_span!(
            "task",
            task.topic = self.topic.name(),
            task.id = %task.id,
            task.activity = task.activity_id,
            task.attempt = self.attempt().as_str(),
            process.instance = task.process_instance_id,
            process.business_key = task.business_key,
        )
    }

    /// Unlocks the task, so that any worker may have it at once.
    pub(super) async fn give_back(self, parts: &Parts) {
        // Unlocking checks no owner: past our own deadline it could free somebody else's lock.
        if self.lease.still_held()
            && let Err(error) = parts.engine.unlock(&self.task.id).await
        {
            let id = &self.task.id;
            tracing::warn!(error = %error, "could not unlock task {id}; its lock runs out by itself");
        }
        self.topic.state().settle(&self.task.id, false);
        parts
            .directory
            .tell::<MetricsActor, _>(TaskFinished(Finished {
                topic: self.topic.name(),
                outcome: Outcome::Unlocked,
                run: None,
                lock_left: None,
                extensions: self.extensions(),
            }));
    }
}

impl Held {
    /// What came of the heartbeats.
    pub(super) fn extensions(&self) -> [(ExtensionOutcome, u32); 3] {
        let made = self.lease.handle().extensions();
        [
            (ExtensionOutcome::Ok, made.ok),
            (ExtensionOutcome::Lost, made.lost),
            (ExtensionOutcome::Error, made.failed),
        ]
    }

    /// From the task's creation to its fetch. Both instants are the engine's own, so its clock and
    /// ours need not agree.
    pub(super) fn scheduled(&self) -> Option<Duration> {
        let lock = TimeDelta::from_std(self.topic.settings.lock_duration).ok()?;
        let fetched = self.task.lock_expiration_time? - lock;
        let waited = fetched - self.task.create_time?;
        Some(waited.to_std().unwrap_or_default())
    }

    pub(super) fn attempt(&self) -> Attempt {
        // The first delivery carries no count of retries.
        match self.task.retries {
            None => Attempt::First,
            Some(_) => Attempt::Retry,
        }
    }
}

impl Drop for Held {
    /// Whatever ended the task's stay here: a later delivery of it is a new one.
    fn drop(&mut self) {
        let lease = self.lease.handle();
        self.topic.state().forget(&self.task.id, &lease);
    }
}
