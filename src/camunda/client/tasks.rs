//! External tasks: fetch them, keep them, answer them, give them back.

use std::time::Duration;

use serde::Serialize;

use super::Client;
use crate::camunda::error::EngineError;
use crate::camunda::model::{BpmnError, Failure, FetchBody, FetchRequest, LockedTask, TaskId};
use crate::camunda::variables::Variables;

/// A call in a worker's name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InTheNameOf<'a, T> {
    worker_id: &'a str,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Completion<'a> {
    variables: &'a Variables,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    new_duration: u64,
}

impl Client {
    /// Locks tasks, waiting for the first up to the request's long poll.
    ///
    /// Never to be dropped half-way: the engine goes on to lock tasks for a poll nobody reads.
    /// Fewer tasks than asked for, or none, say nothing about what is left.
    ///
    /// # Errors
    /// After `Unreachable` or `Malformed` tasks may be locked that nobody knows of: see
    /// [`Self::locked_by`].
    pub async fn fetch_and_lock(
        &self,
        request: &FetchRequest,
    ) -> Result<Vec<LockedTask>, EngineError> {
        self.post(&["external-task", "fetchAndLock"])
            .body(&FetchBody {
                request,
                tenant_ids: self.tenant_ids(),
            })?
            .waiting(request.async_response_timeout)
            .json()
            .await
    }

    /// Completes a task and moves its instance on to the next wait.
    ///
    /// # Errors
    /// `Gone` after an earlier attempt means that one was heard. A 500 may be a lost race or an
    /// instance that cannot move on: repetition tells.
    pub async fn complete(
        &self,
        task: &TaskId,
        worker_id: &str,
        variables: &Variables,
    ) -> Result<(), EngineError> {
        self.report(task, "complete", worker_id, Completion { variables })
            .await
    }

    /// Reports a technical failure.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn failure(
        &self,
        task: &TaskId,
        worker_id: &str,
        failure: &Failure,
    ) -> Result<(), EngineError> {
        self.report(task, "failure", worker_id, failure).await
    }

    /// Throws a business error, which ends the instance silently when nothing catches it.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn bpmn_error(
        &self,
        task: &TaskId,
        worker_id: &str,
        error: &BpmnError,
    ) -> Result<(), EngineError> {
        self.report(task, "bpmnError", worker_id, error).await
    }

    /// Sets a live lock's end to `new_duration` from now, which may also shorten it.
    ///
    /// # Errors
    /// `NotOurs` also for a lock that has expired.
    pub async fn extend_lock(
        &self,
        task: &TaskId,
        worker_id: &str,
        new_duration: Duration,
    ) -> Result<(), EngineError> {
        let new_duration = u64::try_from(new_duration.as_millis()).unwrap_or(u64::MAX);
        self.report(task, "extendLock", worker_id, Extension { new_duration })
            .await
    }

    /// Frees a task for others at once. The engine asks for no owner: only while our lock holds.
    ///
    /// # Errors
    /// `Refused` with 404 for a task that is gone.
    pub async fn unlock(&self, task: &TaskId) -> Result<(), EngineError> {
        self.post(&["external-task", task.as_str(), "unlock"])
            .success()
            .await
    }

    async fn report<T: Serialize>(
        &self,
        task: &TaskId,
        verb: &str,
        worker_id: &str,
        what: T,
    ) -> Result<(), EngineError> {
        self.post(&["external-task", task.as_str(), verb])
            .of_held_task()
            .body(&InTheNameOf { worker_id, what })?
            .success()
            .await
    }
}
