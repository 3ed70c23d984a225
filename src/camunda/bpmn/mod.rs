//! What a BPMN model asks of us, read from its XML.
//!
//! The engine ends an instance silently when nothing catches an error code, and says nothing of a
//! topic that no worker serves. So the models are read here: [`parse`] finds external tasks and
//! the error codes caught around each, [`compare()`] holds them against the handlers, both ways.
//! Attributes may be in Camunda's namespace or in Operaton's.

mod compare;
mod mismatch;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

pub use compare::{TopicContract, compare};
pub use mismatch::{Mismatch, Place};
pub use xml::{ModelError, parse};

/// One process of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessModel {
    /// The file or definition it was read from.
    pub file: String,
    /// The process's id.
    pub id: String,
    /// Whether the engine deploys it; one that is not executable is left out without a word.
    pub executable: bool,
    /// Its external tasks in the order of the file.
    pub tasks: Vec<ExternalTask>,
    /// Catching events whose `errorRef` names no `bpmn:error` of the file: (event, errorRef).
    pub dangling: Vec<(String, String)>,
}

/// An activity that is done by a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTask {
    /// The activity's id.
    pub activity_id: String,
    /// The topic; as written when it is an expression.
    pub topic: String,
    /// The extension properties, which come with each fetch: expressions are not evaluated.
    pub properties: BTreeMap<String, String>,
    /// What the boundary events on the activity itself catch.
    pub boundary: Catches,
    /// What is caught further out: on enclosing subprocesses and by event subprocesses.
    pub outer: Catches,
}

/// Error codes that are caught.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catches {
    /// A catching event without an `errorRef` takes every code.
    pub all: bool,
    /// The codes of `bpmn:error` elements.
    pub codes: BTreeSet<String>,
}

impl Catches {
    /// Whether that code is caught.
    #[must_use]
    pub fn catches(&self, code: &str) -> bool {
        self.all || self.codes.contains(code)
    }
}

impl ExternalTask {
    /// Whether that code, thrown by this task, is caught inside its process. A caller's call
    /// activity may still catch it: its model is another file.
    #[must_use]
    pub fn catches(&self, code: &str) -> bool {
        self.boundary.catches(code) || self.outer.catches(code)
    }
}

impl ProcessModel {
    /// The external task with that activity id.
    #[must_use]
    pub fn task(&self, activity_id: &str) -> Option<&ExternalTask> {
        self.tasks
            .iter()
            .find(|task| task.activity_id == activity_id)
    }

    /// Whether that code, thrown by that activity, is caught; not for an activity that is not here.
    #[must_use]
    pub fn catches(&self, activity_id: &str, code: &str) -> bool {
        self.task(activity_id)
            .is_some_and(|task| task.catches(code))
    }
}
