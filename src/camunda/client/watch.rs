//! Who wants to know of each call: what was asked, what came of it, how long it took.
//!
//! This room counts nothing itself. A call that is dropped half-way has not ended and is not told.

use std::time::{Duration, Instant};

use reqwest::Method;

use super::Client;

/// Hears of each call that has ended.
pub trait CallWatch: Send + Sync + 'static {
    /// A call ended.
    fn ended(&self, operation: Operation, came: Came, took: Duration);
}

/// What was asked of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Tasks to work on.
    Fetch,
    /// To complete a task.
    Complete,
    /// To fail a task.
    Failure,
    /// To throw a business error.
    BpmnError,
    /// To keep a lock alive.
    ExtendLock,
    /// To give a task back.
    Unlock,
    /// To show or count tasks.
    QueryTasks,
    /// To show models.
    QueryModels,
    /// To tell an instance a message.
    Message,
    /// Anything else.
    Other,
}

impl Operation {
    pub(super) fn of(method: &Method, path: &[&str]) -> Self {
        let posts = method == Method::POST;
        match path {
            ["external-task", "fetchAndLock"] => Self::Fetch,
            ["external-task", _, "complete"] if posts => Self::Complete,
            ["external-task", _, "failure"] if posts => Self::Failure,
            ["external-task", _, "bpmnError"] if posts => Self::BpmnError,
            ["external-task", _, "extendLock"] if posts => Self::ExtendLock,
            ["external-task", _, "unlock"] if posts => Self::Unlock,
            ["external-task", ..] => Self::QueryTasks,
            ["process-definition", ..] if !posts => Self::QueryModels,
            ["message"] => Self::Message,
            _ => Self::Other,
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// An answer with this HTTP status.
    Status(u16),
    /// No answer in time.
    Timeout,
    /// The connection was refused, or broke.
    Broken,
    /// An answer that cannot be read.
    Unreadable,
}

impl From<&reqwest::Error> for Came {
    fn from(error: &reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Timeout,
            false => Self::Broken,
        }
    }
}

/// A call under way. Tells what came of it when it is dropped.
pub(super) struct Exchange<'a> {
    client: &'a Client,
    operation: Operation,
    began: Instant,
    pub(super) came: Option<Came>,
}

impl<'a> Exchange<'a> {
    pub(super) fn begin(client: &'a Client, operation: Operation) -> Self {
        Self {
            client,
            operation,
            began: Instant::now(),
            came: None,
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if let (Some(watch), Some(came)) = (&self.client.0.watch, self.came) {
            watch.ended(self.operation, came, self.began.elapsed());
        }
    }
}
