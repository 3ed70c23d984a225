//! One poll: rest if there is reason to, fetch, count the deliveries, hand them over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{join, try_join};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::delivery::{Delivery, Held};
use super::messages::FetchFinished;
use super::metrics::MetricsActor;
use super::parts::Parts;
use super::topic::Topic;
use crate::camunda::lease::Lease;
use crate::camunda::model::{FetchRequest, FetchTopic, LockedTask};
use crate::camunda::{EngineError, TaskId};
use crate::metrics::FetchOutcome;
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::{task_completions, task_deliveries};
use crate::tasks::poison::Suspicion;

/// Wrong credentials lock a user for seconds, and each further try makes it worse.
const UNAUTHORISED_REST: Duration = Duration::from_secs(5);

/// Fetches once for these slots. Never to be dropped half-way, which is why the topic owns the
/// spawned poll.
pub(super) async fn poll_once(
    parts: Arc<Parts>,
    topic: Arc<Topic>,
    permits: OwnedSemaphorePermit,
) -> Vec<Delivery> {
    if !topic.rest(&parts).await || !topic.database_answers(&parts).await {
        return Vec::new();
    }
    topic.sweep_if_due(&parts).await;
    if topic.stopping.is_cancelled() {
        return Vec::new();
    }
    let request = topic.fetch_request(&parts, permits.num_permits());
    let poll = Poll::start(request.async_response_timeout);
    let (fetched, ()) = join(
        parts.engine.fetch_and_lock(&request),
        topic.write_down_settled(&parts),
    )
    .await;
    poll.tell(&parts, &topic, &fetched);
    match fetched {
        Ok(tasks) => {
            topic.note_end_of_outage(&parts);
            let asked = request.max_tasks as usize;
            topic.backlog.store(tasks.len() >= asked, Ordering::Relaxed);
            topic.note_answer(&poll, tasks.is_empty());
            topic.take_in(&parts, tasks, permits, &poll).await
        }
        Err(error) => {
            topic.note_failure(&parts, &poll, &error);
            Vec::new()
        }
    }
}

/// When a fetch was sent and how long the engine may take for it.
struct Poll {
    sent_at: Instant,
    length: Duration,
}

impl Poll {
    fn start(length: Duration) -> Self {
        Self {
            sent_at: Instant::now(),
            length,
        }
    }

    /// An engine whose REST application cannot wait answers at once, again and again.
    fn ended_early(&self) -> bool {
        self.sent_at.elapsed() < self.length.mul_f64(0.9)
    }

    fn tell(&self, parts: &Parts, topic: &Topic, fetched: &Result<Vec<LockedTask>, EngineError>) {
        let now = Instant::now();
        let (outcome, tasks) = match fetched {
            Ok(tasks) if tasks.is_empty() => (FetchOutcome::Empty, 0),
            Ok(tasks) => (FetchOutcome::Tasks, tasks.len()),
            Err(error) if error.is_transient() => (FetchOutcome::Error, 0),
            Err(_) => (FetchOutcome::Rejected, 0),
        };
        match fetched {
            Ok(_) => parts.readiness.engine_answered(now.into()),
            Err(error) => parts.readiness.engine_failed(class(error), now.into()),
        }
        parts.directory.tell::<MetricsActor, _>(FetchFinished {
            topic: topic.name(),
            outcome,
            tasks,
            took: self.sent_at.elapsed(),
        });
    }
}

fn class(error: &EngineError) -> &'static str {
    match error {
        EngineError::Unreachable { .. } => "unreachable",
        EngineError::Busy(_) => "busy",
        EngineError::Unauthorised(_) => "unauthorised",
        EngineError::Malformed(_) => "malformed",
        _ => "refused",
    }
}

impl Topic {
    fn fetch_request(&self, parts: &Parts, free: usize) -> FetchRequest {
        let most = parts.settings.max_tasks.unwrap_or(usize::MAX);
        let now = Instant::now();
        FetchRequest {
            worker_id: self.worker_id.clone(),
            max_tasks: u32::try_from(free.min(most)).unwrap_or(u32::MAX),
            async_response_timeout: self.state().poll_length(self.settings.poll, now),
            sorting: parts.settings.sorting,
            topics: vec![FetchTopic {
                topic: self.name().to_owned(),
                lock_duration: self.settings.lock_duration,
                variables: self
                    .registration
                    .variables
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect(),
            }],
        }
    }

    fn note_answer(&self, poll: &Poll, empty: bool) {
        match empty {
            true if poll.ended_early() => self.rest_longer(Duration::ZERO),
            true => self.state().backoff.reset(),
            // Whether these can be worked on is seen when they have been counted.
            false => {}
        }
    }

    fn note_end_of_outage(&self, parts: &Parts) {
        if let Some(lasted) = parts.engine_outage.succeeded(self.name(), Instant::now()) {
            tracing::info!(
                outage_ms = lasted.as_millis() as u64,
                "the engine answers again"
            );
        }
    }

    fn note_failure(&self, parts: &Parts, poll: &Poll, error: &EngineError) {
        let least = match error {
            EngineError::Unauthorised(_) => UNAUTHORISED_REST,
            _ => Duration::ZERO,
        };
        self.rest_longer(least);
        let (name, duration_ms) = (self.name(), poll.sent_at.elapsed().as_millis() as u64);
        if parts.engine_outage.failed(name, Instant::now()) {
            tracing::warn!(
                task.topic = name, error = %chain(error), duration_ms,
                "could not fetch tasks of {name}; other topics are likely to fare no better, \
                 and all try again until the engine answers"
            );
        } else {
            tracing::debug!(
                task.topic = name, error = %chain(error), duration_ms,
                "could not fetch tasks of {name}"
            );
        }
        if !error.is_without_effect() {
            // The engine may have locked tasks for an answer that never came, and goes on to do so
            // until the poll it still knows of runs out.
            let now = Instant::now();
            self.state()
                .sweeps
                .extend([now, now + self.settings.poll + Duration::from_secs(1)]);
        }
    }

    /// Takes the fetched tasks in: all of them are either started, adopted, or given back.
    async fn take_in(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        tasks: Vec<LockedTask>,
        mut permits: OwnedSemaphorePermit,
        poll: &Poll,
    ) -> Vec<Delivery> {
        // The engine sends no more than was asked for; what came all the same waits for its lock.
        let slots = permits.num_permits();
        let mut deliveries: Vec<Delivery> = tasks
            .into_iter()
            .take(slots)
            .filter_map(|task| {
                let lease = self.lease(parts, &task, poll);
                self.register_or_adopt(&task, &lease, poll).then(|| {
                    let permit = permits.split(1).expect("as many slots as tasks taken");
                    let held = Held {
                        topic: Arc::clone(self),
                        lease,
                        suspicion: Suspicion::None,
                        fetched_at: Instant::now(),
                        _slot: (parts.metrics.task_in_flight(self.name()), permit),
                        _alive: parts.lives.token(),
                        task,
                    };
                    Delivery::new(Arc::clone(parts), held)
                })
            })
            .collect();
        if self.stopping.is_cancelled() || !self.count_deliveries(parts, &mut deliveries).await {
            // Dropping them gives them back.
            deliveries.clear();
        }
        deliveries
    }

    fn lease(&self, parts: &Parts, task: &LockedTask, poll: &Poll) -> Lease {
        Lease::new(
            parts.engine.clone(),
            task.id.clone(),
            self.worker_id.clone(),
            poll.sent_at,
            Instant::now(),
            self.settings.lock_duration,
        )
    }

    /// `false` for a task that this process still has in hand: its lock had run out, and the run
    /// that is under way takes over the new one.
    fn register_or_adopt(&self, task: &LockedTask, lease: &Lease, poll: &Poll) -> bool {
        let mut state = self.state();
        state.kept_back.remove(&task.id);
        let known = state.in_flight.get(&task.id);
        if known.is_some_and(|lease| lease.adopt(poll.sent_at)) {
            return false;
        }
        state.in_flight.insert(task.id.clone(), lease.handle());
        true
    }

    /// Counts the deliveries before any task starts; `false` when our database is away.
    async fn count_deliveries(&self, parts: &Parts, deliveries: &mut [Delivery]) -> bool {
        if deliveries.is_empty() {
            return true;
        }
        let task_ids: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.task_id().as_str())
            .collect();
        let counted = parts
            .chore_pool
            .ask(ANSWER_TIMEOUT, async |conn| {
                task_deliveries::count(conn, &parts.engine_id, self.name(), &task_ids).await
            })
            .await;
        match counted {
            Ok(counted) => {
                self.state().backoff.reset();
                let silent: std::collections::HashMap<_, _> = counted
                    .iter()
                    .map(|counted| (counted.task_id.as_str(), counted.silent))
                    .collect();
                let suspicions: Vec<_> = task_ids
                    .iter()
                    .map(|task_id| Suspicion::of(silent.get(task_id).copied().unwrap_or(1)))
                    .collect();
                for (delivery, suspicion) in deliveries.iter_mut().zip(suspicions) {
                    delivery.suspect(suspicion);
                }
                true
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), task.topic = self.name(), "could not count deliveries");
                self.pause_for_database(parts);
                false
            }
        }
    }

    /// Writes down, while the engine thinks about the next fetch, what became of earlier tasks.
    pub(super) async fn write_down_settled(&self, parts: &Parts) {
        let settled = std::mem::take(&mut self.state().settled);
        if settled.heard.is_empty() {
            return;
        }
        // Hints for operators and for the poison guard: what is lost here costs nothing but a count.
        let ids = |tasks: &[TaskId]| -> Vec<_> {
            tasks.iter().map(|id| id.as_str().to_owned()).collect()
        };
        let (heard, reported) = (ids(&settled.heard), ids(&settled.reported));
        let engine_id = &parts.engine_id;
        let written = parts
            .chore_pool
            .ask(ANSWER_TIMEOUT, async |conn| {
                let conn = &*conn;
                // Neither depends on the other, so they share a round trip.
                let forgotten = task_deliveries::forget(conn, engine_id, &heard);
                let marked = task_completions::mark_reported(conn, engine_id, &reported);
                try_join(forgotten, marked).await
            })
            .await;
        if let Err(error) = written {
            tracing::debug!(error = %chain(&error), "could not write down which tasks were reported");
        }
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
