//! What of a topic survives its actors: the slots, the tasks in flight, the poll in flight.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::delivery::Delivery;
use super::fetch::poll_once;
use super::parts::Parts;
use crate::camunda::TaskId;
use crate::camunda::lease::LeaseHandle;
use crate::metrics::PauseReason;
use crate::tasks::{Registration, RetryPolicy};

/// The longest a free slot waits for others to be freed with it.
const LINGER: Duration = Duration::from_millis(250);
const OPEN: &str = "the semaphore is never closed";

/// How one topic is worked.
#[derive(Clone)]
pub struct TopicSettings {
    /// Tasks worked on at once.
    pub slots: usize,
    /// How long the engine holds a task for us between two heartbeats.
    pub lock_duration: Duration,
    /// How long the engine may keep a fetch waiting for a task.
    pub poll: Duration,
    /// The longest a handler may take.
    pub handler_limit: Duration,
    /// Where the model sets none.
    pub retries: RetryPolicy,
}

/// One topic of this process.
pub struct Topic {
    /// The topic's label and handler.
    pub registration: Arc<Registration>,
    /// How it is worked.
    pub settings: TopicSettings,
    /// Unique to this start of this process, and so a fence against its predecessors.
    pub worker_id: String,
    pub(super) slots: Arc<Semaphore>,
    /// The poll in flight. It is not the poller's: a dropped poll would go on stealing tasks, so a
    /// restarted poller finds it here and waits for its answer.
    pub(super) poll: tokio::sync::Mutex<Option<oneshot::Receiver<Vec<Delivery>>>>,
    /// The last fetch brought all it asked for, so there is probably more.
    pub(super) backlog: AtomicBool,
    /// No more fetching: the process drains.
    pub(super) stopping: CancellationToken,
    pub(super) state: Mutex<TopicState>,
    /// Every handler actor is at work, as the pool sees it.
    pub(super) handlers_up: AtomicBool,
}

/// What changes from call to call; never locked across an await.
#[derive(Default)]
pub(super) struct TopicState {
    /// The tasks this process holds, and the leases that a second delivery renews.
    pub(super) in_flight: HashMap<TaskId, LeaseHandle>,
    /// Failed tasks that the engine keeps back in our name, and until when.
    pub(super) kept_back: HashMap<TaskId, Instant>,
    /// When to look for locks that a broken fetch may have left behind.
    pub(super) sweeps: Vec<Instant>,
    /// How long to wait before the next fetch.
    pub(super) backoff: Backoff,
    /// No fetch before this instant.
    pub(super) rest_until: Option<Instant>,
    /// Our database was away when last asked.
    pub(super) database_away: bool,
    /// Tasks that were heard of, to be written down with the next fetch.
    pub(super) settled: Settled,
}

/// Tasks that ended with a word.
#[derive(Default)]
pub(super) struct Settled {
    /// All of them: their deliveries are forgotten.
    pub(super) heard: Vec<TaskId>,
    /// Those whose answer the engine took.
    pub(super) reported: Vec<TaskId>,
}

impl Topic {
    /// A topic with all slots free.
    pub fn new(
        registration: Arc<Registration>,
        settings: TopicSettings,
        worker_id: String,
    ) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(settings.slots)),
            registration,
            settings,
            worker_id,
            poll: tokio::sync::Mutex::default(),
            backlog: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            state: Mutex::default(),
            handlers_up: AtomicBool::new(false),
        }
    }

    /// The topic as the BPMN spells it.
    pub fn name(&self) -> &'static str {
        self.registration.topic
    }

    /// How many tasks this process holds.
    pub fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// Waits for the next tasks: those of the poll in flight, or of a new one. `None` when the
    /// process drains.
    pub(super) async fn next_batch(self: &Arc<Self>, parts: &Arc<Parts>) -> Option<Vec<Delivery>> {
        let mut poll = self.poll.lock().await;
        if poll.is_none() {
            let permits = tokio::select! {
                permits = self.free_slots(parts) => permits,
                () = self.stopping.cancelled() => {
                    parts.metrics.fetch_paused(PauseReason::Draining);
                    return None;
                }
            };
            let (answer, unread) = oneshot::channel();
            let work = poll_once(Arc::clone(parts), Arc::clone(self), permits);
            parts.spawn_life(async move {
                // An answer that nobody reads is dropped, and its tasks thereby given back.
                let _ = answer.send(work.await);
            });
            *poll = Some(unread);
        }
        let unread = poll.as_mut().expect("there is a poll in flight");
        let deliveries = unread.await.unwrap_or_else(|_panicked| {
            self.rest_longer(Duration::ZERO);
            Vec::new()
        });
        *poll = None;
        Some(deliveries)
    }

    /// Waits for the poll in flight whose poller is gone, and drops its answer.
    pub(super) async fn take_unread_poll(&self) {
        if let Some(unread) = self.poll.lock().await.take() {
            drop(unread.await);
        }
    }

    /// Waits for a useful number of slots and takes all that are free then.
    async fn free_slots(&self, parts: &Parts) -> OwnedSemaphorePermit {
        let slots = || Arc::clone(&self.slots);
        if self.slots.available_permits() == 0 {
            parts.metrics.fetch_paused(PauseReason::NoSlots);
        }
        let mut permits = slots().acquire_owned().await.expect(OPEN);
        let useful = u32::try_from(self.useful_slots()).unwrap_or(u32::MAX);
        if useful > 1 {
            // Slow handlers must not keep a free slot waiting for its neighbours.
            let others = slots().acquire_many_owned(useful - 1);
            if let Ok(others) = tokio::time::timeout(LINGER, others).await {
                permits.merge(others.expect(OPEN));
            }
        }
        while let Ok(one_more) = slots().try_acquire_owned() {
            permits.merge(one_more);
        }
        permits
    }

    /// How many free slots make a fetch worth its call: one when tasks trickle in, half of them
    /// when there is a backlog and the others are busy anyway.
    pub(super) fn useful_slots(&self) -> usize {
        if self.backlog.load(Ordering::Relaxed) {
            self.settings.slots.div_ceil(2)
        } else {
            1
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, TopicState> {
        // Each statement leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TopicState {
    /// This process does not hold the task any more, unless under another lease.
    pub(super) fn forget(&mut self, task_id: &TaskId, lease: &LeaseHandle) {
        let known = self.in_flight.get(task_id);
        if known.is_some_and(|known| known.is_of_same_lease(lease)) {
            self.in_flight.remove(task_id);
        }
    }

    /// A task is over for this process, with a word to the engine or from it.
    pub(super) fn settle(&mut self, task_id: &TaskId, reported: bool) {
        self.settled.heard.push(task_id.clone());
        if reported {
            self.settled.reported.push(task_id.clone());
        }
    }

    /// How long the next poll may last: up to `poll`, but not past the instant at which a task of
    /// ours falls due, because the end of a wait wakes no parked poll.
    pub(super) fn poll_length(&mut self, poll: Duration, now: Instant) -> Duration {
        self.kept_back.retain(|_, due| *due > now);
        self.kept_back
            .values()
            .map(|due| due.duration_since(now))
            .fold(poll, Duration::min)
            // Never a short poll: its empty answer would prove nothing.
            .max(Duration::from_millis(50))
    }
}
