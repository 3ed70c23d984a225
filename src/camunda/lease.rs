//! Keeps one task's lock alive while its work runs.
//!
//! Nothing is spawned: the work and the heartbeat are polled by the one future that holds the
//! task, so there is never more than one call in flight for it. The engine's lock and a report
//! race for the same row, and the loser's error means nothing; awaiting the heartbeat before the
//! report is what keeps them apart.
//!
//! The deadline is counted on our own clock, from *before* the call that set the lock, so it is
//! never later than the engine's. The beat is counted from the receipt.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::error::EngineError;
use super::model::TaskId;

/// A lock of ours on one task.
pub struct Lease {
    lock: Lock,
    next_beat: Instant,
    handle: LeaseHandle,
}

/// What the engine is told with each heartbeat.
struct Lock {
    client: Client,
    task: TaskId,
    worker_id: String,
    duration: Duration,
}

/// What others may ask of a lease, and tell it.
#[derive(Clone)]
pub struct LeaseHandle(Arc<Shared>);

struct Shared {
    lock_duration: Duration,
    state: Mutex<State>,
}

struct State {
    deadline: Instant,
    /// How often a second delivery has renewed the lock.
    adoptions: u32,
    ended: Option<LeaseLost>,
    extensions: Extensions,
}

/// Heartbeats, by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The lock is ours for longer.
    pub ok: u32,
    /// The lock is not ours any more.
    pub lost: u32,
    /// They did not get through.
    pub failed: u32,
}

/// Why a task is no longer ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseLost {
    /// There is no such task any more.
    #[error("the task is gone")]
    Gone,
    /// Another worker has it, its instance is suspended, or the lock had expired.
    #[error("the lock is not ours any more")]
    NotOurs,
    /// The lock could not be extended in time.
    #[error("the lock has expired")]
    Expired,
}

/// The lock is extended when this part of it has passed.
const BEATS_PER_LOCK: u32 = 3;
/// How much sooner it is tried again after an error.
const TRIES_PER_BEAT: u32 = 4;
/// A wrong password locks the engine's user for 3 s, for every replica.
const UNAUTHORISED_WAIT: Duration = Duration::from_secs(5);

impl Lease {
    /// A lease on a task that a fetch brought: `sent_at` is before the fetch was sent,
    /// `received_at` after its answer was there.
    #[must_use]
    pub fn new(
        client: Client,
        task: TaskId,
        worker_id: String,
        sent_at: Instant,
        received_at: Instant,
        lock_duration: Duration,
    ) -> Self {
        let deadline = sent_at + lock_duration;
        let state = State {
            deadline,
            adoptions: 0,
            ended: None,
            extensions: Extensions::default(),
        };
        let lock = Lock {
            client,
            task,
            worker_id,
            duration: lock_duration,
        };
        Self {
            lock,
            next_beat: first_beat(received_at, deadline, lock_duration),
            handle: LeaseHandle(Arc::new(Shared {
                lock_duration,
                state: Mutex::new(state),
            })),
        }
    }

    /// Runs `work` and keeps the lock meanwhile; may be called again, as between two reports.
    ///
    /// A heartbeat in flight when `work` ends is awaited, so that whatever is sent next has no
    /// rival. A time limit belongs inside `work`: dropping this future may leave a heartbeat on
    /// its way.
    ///
    /// # Errors
    /// When the lock is lost; `work` was dropped half-way then. Work that has ended is never
    /// thrown away for a lost lock: see [`Self::still_held`].
    pub async fn hold<W: Future>(&mut self, work: W) -> Result<W::Output, LeaseLost> {
        let mut work = pin!(work);
        let Self {
            lock,
            next_beat,
            handle,
        } = self;
        loop {
            tokio::select! {
                biased;
                output = &mut work => return Ok(output),
                () = handle.over() => return Err(handle.end(LeaseLost::Expired)),
                () = sleep_until(*next_beat) => {}
            }
            let beat = Beat {
                sent_at: Instant::now(),
                adoptions: handle.adoptions(),
            };
            let mut call = pin!(lock.extend());
            let wait = tokio::select! {
                biased;
                output = &mut work => {
                    // A lost lock is remembered by the handle; what was done is done.
                    if let Ok(wait) = handle.conclude(&beat, call.await) {
                        *next_beat = Instant::now() + jittered(wait);
                    }
                    return Ok(output);
                }
                answer = &mut call => handle.conclude(&beat, answer)?,
                () = handle.over() => return Err(handle.end(LeaseLost::Expired)),
            };
            *next_beat = Instant::now() + jittered(wait);
        }
    }

    /// When the lock may have run out.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.handle.deadline()
    }

    /// Whether the engine still knows the task as ours, as far as we can tell without asking.
    #[must_use]
    pub fn still_held(&self) -> bool {
        self.handle.still_held()
    }

    /// For whoever may get a second delivery of the task.
    #[must_use]
    pub fn handle(&self) -> LeaseHandle {
        self.handle.clone()
    }
}

impl Drop for Lease {
    /// Whoever adopts from now on is told that nobody is at work.
    fn drop(&mut self) {
        self.handle.end(LeaseLost::Gone);
    }
}

impl Lock {
    async fn extend(&self) -> Result<(), EngineError> {
        let Self {
            client,
            task,
            worker_id,
            duration,
        } = self;
        client.extend_lock(task, worker_id, *duration).await
    }
}

/// A heartbeat on its way.
struct Beat {
    sent_at: Instant,
    adoptions: u32,
}

impl LeaseHandle {
    /// Whether both are of one lease, as opposed to two leases on one task.
    #[must_use]
    pub fn is_of_same_lease(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Takes over the lock of a second delivery, whose fetch was sent at `sent_at`.
    ///
    /// False when the lease has ended: nobody is at work, and the delivery is a new one.
    #[must_use]
    pub fn adopt(&self, sent_at: Instant) -> bool {
        let mut state = self.state();
        if state.ended.is_some() {
            return false;
        }
        state.adoptions += 1;
        state.deadline = state.deadline.max(sent_at + self.0.lock_duration);
        true
    }

    /// When the lock may have run out.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.state().deadline
    }

    /// Whether the engine still knows the task as ours, as far as we can tell without asking.
    #[must_use]
    pub fn still_held(&self) -> bool {
        let state = self.state();
        state.ended.is_none() && Instant::now() < state.deadline
    }

    /// The share of the lock that is left, 0 when it has run out or is lost.
    #[must_use]
    pub fn share_left(&self) -> f64 {
        if !self.still_held() {
            return 0.0;
        }
        let left = self.deadline().saturating_duration_since(Instant::now());
        left.div_duration_f64(self.0.lock_duration)
    }

    /// What came of the heartbeats so far.
    #[must_use]
    pub fn extensions(&self) -> Extensions {
        self.state().extensions
    }

    /// What a heartbeat's answer means: how long until the next, or the end.
    fn conclude(
        &self,
        beat: &Beat,
        answer: Result<(), EngineError>,
    ) -> Result<Duration, LeaseLost> {
        self.count(&answer);
        let between = self.0.lock_duration / BEATS_PER_LOCK;
        match answer {
            Ok(()) => {
                self.hold_from(beat.sent_at);
                Ok(between)
            }
            Err(EngineError::Gone(_)) => Err(self.end(LeaseLost::Gone)),
            // Refused for a lock that had expired, and that a second delivery has renewed since.
            Err(EngineError::NotOurs(_)) if beat.adoptions != self.adoptions() => {
                Ok(Duration::ZERO)
            }
            Err(EngineError::NotOurs(_)) => Err(self.end(LeaseLost::NotOurs)),
            Err(EngineError::Unauthorised(_)) => Ok(UNAUTHORISED_WAIT),
            Err(_) => Ok(between / TRIES_PER_BEAT),
        }
    }

    fn count(&self, answer: &Result<(), EngineError>) {
        let extensions = &mut self.state().extensions;
        let count = match answer {
            Ok(()) => &mut extensions.ok,
            Err(EngineError::Gone(_) | EngineError::NotOurs(_)) => &mut extensions.lost,
            Err(_) => &mut extensions.failed,
        };
        *count += 1;
    }

    fn hold_from(&self, sent_at: Instant) {
        let mut state = self.state();
        state.deadline = state.deadline.max(sent_at + self.0.lock_duration);
    }

    fn adoptions(&self) -> u32 {
        self.state().adoptions
    }

    /// Ends the lease; the first reason stays.
    fn end(&self, reason: LeaseLost) -> LeaseLost {
        *self.state().ended.get_or_insert(reason)
    }

    /// Waits until the lease has ended or its deadline, wherever that has moved, has passed.
    async fn over(&self) {
        while self.still_held() {
            sleep_until(self.deadline()).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and the state is valid after each assignment.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A third of the lock after the receipt; sooner when the answer was long on its way.
fn first_beat(received_at: Instant, deadline: Instant, lock_duration: Duration) -> Instant {
    let left = deadline.saturating_duration_since(received_at);
    received_at + jittered((lock_duration / BEATS_PER_LOCK).min(left / 2))
}

/// Up to a tenth sooner, so that tasks of one fetch do not beat together.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.9..=1.0))
}

#[cfg(test)]
mod tests;
