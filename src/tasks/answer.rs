//! What the engine is told about a task, as it is kept for a second delivery.

use serde::{Deserialize, Serialize};

use crate::camunda::variables::Variables;

/// The recorded answer: a second delivery of the task gets the same one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// The task completes with these variables.
    Complete {
        /// Typed, as they go over the wire.
        variables: Variables,
    },
    /// The task ends in a BPMN error that the model catches.
    BpmnError {
        /// The code in the model.
        code: String,
        /// For the engine's history.
        message: String,
    },
}
