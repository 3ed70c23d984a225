//! Getting one answer to the engine, whatever the engine's state.
//!
//! A report is judged by status and repetition, never by a text and never by one 500: the loser of
//! a race gets any of them.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::fetch::chain;
use super::parts::Parts;
use super::topic::Topic;
use crate::camunda::lease::Lease;
use crate::camunda::model::{BpmnError, Failure};
use crate::camunda::variables::Variables;
use crate::camunda::{EngineError, TaskId};

/// What the engine is told.
pub(super) enum Report<'a> {
    Complete(&'a Variables),
    BpmnError(&'a BpmnError),
    Failure(&'a Failure),
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// The engine has it.
    Taken,
    /// The task is not ours any more, or not now: another delivery gives the recorded answer.
    NotOurs,
    /// The engine's next step cannot run, seen by repetition; its words.
    Refused(String),
}

/// A task whose answer is to be reported.
pub(super) struct Reporter<'a> {
    pub(super) parts: &'a Parts,
    pub(super) topic: &'a Topic,
    pub(super) task_id: &'a TaskId,
    /// Kept alive while the report waits for its turn.
    pub(super) lease: &'a mut Lease,
}

/// Fewer refusals than this prove nothing.
const LEAST_REFUSALS: u32 = 5;
/// The first wait after a refusal; it doubles.
const REFUSAL_WAIT: Duration = Duration::from_secs(2);
/// Wrong credentials lock a user for seconds.
const UNAUTHORISED_WAIT: Duration = Duration::from_secs(5);

impl Reporter<'_> {
    /// Sends `report` until the engine has taken it or will not.
    pub(super) async fn report(&mut self, report: Report<'_>) -> Reported {
        let mut backoff = Backoff::default();
        let mut refusals = Refusals::default();
        let mut sent_before = false;
        loop {
            let error = match self.send(&report).await {
                Ok(()) => return Reported::Taken,
                Err(error) => error,
            };
            let refusal = match &error {
                // Our own earlier try got through, and its answer was lost.
                EngineError::Gone(_) if sent_before => return Reported::Taken,
                EngineError::Gone(_) => return Reported::NotOurs,
                EngineError::NotOurs(answer) => match self.is_still_ours().await {
                    Ok(true) => Some(answer.message.clone()),
                    Ok(false) => return Reported::NotOurs,
                    Err(_) => None,
                },
                EngineError::Refused(answer) => Some(answer.message.clone()),
                EngineError::Unwritable(fault) => return Reported::Refused(fault.to_string()),
                _ => None,
            };
            // A refused connection or a wrong password has told the engine nothing.
            sent_before |= may_have_told(&error);
            // Its words may repeat the values of expressions, and no log is the place for these.
            let error = error.without_words();
            tracing::debug!(error = %chain(&error), "the engine did not take the report yet");
            match refusal {
                Some(words) => match self.wait_after_refusal(&mut refusals).await {
                    Patience::Left => {}
                    Patience::Exhausted => return Reported::Refused(words),
                    Patience::NotOurs => return Reported::NotOurs,
                },
                None => self.wait(pause(&error, &mut backoff)).await,
            }
        }
    }

    async fn send(&mut self, report: &Report<'_>) -> Result<(), EngineError> {
        let reports = &self.parts.reports;
        // A lock that is lost while waiting in line changes nothing: the engine's answer tells.
        let permit = match self.lease.hold(reports.acquire()).await {
            Ok(permit) => permit,
            Err(_lost) => reports.acquire().await,
        };
        let _permit = permit.expect("the semaphore is never closed");
        let _counted = self.parts.metrics.report_in_flight();
        let (engine, worker_id) = (&self.parts.engine, &self.topic.worker_id);
        match report {
            Report::Complete(variables) => {
                engine.complete(self.task_id, worker_id, variables).await
            }
            Report::BpmnError(error) => engine.bpmn_error(self.task_id, worker_id, error).await,
            Report::Failure(failure) => engine.failure(self.task_id, worker_id, failure).await,
        }
    }

    /// A 400 says "another worker's", "nobody's", "suspended" or "what you sent is wrong": only the
    /// task itself tells which.
    async fn is_still_ours(&self) -> Result<bool, EngineError> {
        let found = self.parts.engine.find_task(self.task_id).await?;
        Ok(found.is_some_and(|task| {
            !task.suspended && task.worker_id.as_deref() == Some(&self.topic.worker_id)
        }))
    }

    /// Waits with the lock kept. Extending it shows that the task is still there and ours, and
    /// that the engine can write at all: a sick engine's refusals do not count.
    async fn wait_after_refusal(&mut self, refusals: &mut Refusals) -> Patience {
        let wait = refusals.next_wait();
        let lock = self.topic.settings.lock_duration;
        match self
            .parts
            .engine
            .extend_lock(self.task_id, &self.topic.worker_id, lock)
            .await
        {
            Ok(()) => refusals.count(),
            Err(EngineError::Gone(_)) => return Patience::NotOurs,
            // A step that took longer than the lock has let it run out, and it may still be ours.
            Err(EngineError::NotOurs(_)) => match self.is_still_ours().await {
                Ok(true) => refusals.count(),
                Ok(false) => return Patience::NotOurs,
                Err(_) => refusals.forget(),
            },
            Err(_) => refusals.forget(),
        }
        if refusals.are_enough(self.parts.settings.refusal_span) {
            return Patience::Exhausted;
        }
        self.wait(wait).await;
        Patience::Left
    }

    /// Waits with the lock kept alive, and as long without it when it is lost.
    async fn wait(&mut self, wait: Duration) {
        if self.lease.hold(tokio::time::sleep(wait)).await.is_err() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// Whether the engine may have done what this error was the answer to.
fn may_have_told(error: &EngineError) -> bool {
    let undecided = error.answer().is_some_and(|answer| answer.status == 500);
    undecided || !error.is_without_effect()
}

fn pause(error: &EngineError, backoff: &mut Backoff) -> Duration {
    let wait = backoff.next();
    match error {
        EngineError::Unauthorised(_) => wait.max(UNAUTHORISED_WAIT),
        // The row was changed meanwhile: the next try finds it settled.
        EngineError::Busy(_) => wait / 10,
        _ => wait,
    }
}

enum Patience {
    Left,
    Exhausted,
    NotOurs,
}

/// Refusals in a row, each with proof that the engine was well.
#[derive(Default)]
struct Refusals {
    waits: u32,
    counted: u32,
    first: Option<Instant>,
}

impl Refusals {
    fn next_wait(&mut self) -> Duration {
        let wait = REFUSAL_WAIT.saturating_mul(2_u32.saturating_pow(self.waits));
        self.waits += 1;
        wait.min(Duration::from_secs(20))
    }

    fn count(&mut self) {
        self.counted += 1;
        self.first.get_or_insert_with(Instant::now);
    }

    fn forget(&mut self) {
        self.counted = 0;
        self.first = None;
    }

    fn are_enough(&self, span: Duration) -> bool {
        self.counted >= LEAST_REFUSALS && self.first.is_some_and(|first| first.elapsed() >= span)
    }
}
