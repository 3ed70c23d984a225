//! What travels between us and the engine, one file per subject.
//!
//! Answers are read leniently: unknown fields are ignored, null stands for nothing. What holds
//! the values of variables has no `Debug`.

mod deployment;
mod fetch;
mod history;
mod process;
mod report;
mod task;

use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use deployment::Refusal;
pub use deployment::{DefinitionInfo, Deployed, Deployment, DeploymentFile, ModelFault};
pub(crate) use fetch::FetchBody;
pub use fetch::{FetchRequest, FetchTopic, Sorting};
pub use history::{HistoricActivity, HistoricProcessInstance, HistoricVariable};
pub use process::{
    EmptyId, Incident, IncidentFilter, Message, ProcessInstance, ProcessInstanceId, Resource, Start,
};
pub use report::{BpmnError, Failure};
pub use task::{LockedTask, TaskFilter, TaskId, TaskState};

/// Reads null as the type's empty value.
fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Writes a duration as the engine counts it, in milliseconds.
fn milliseconds<S>(duration: &std::time::Duration, serializer: S) -> Result<S::Ok, S::Error>
where
    S: serde::Serializer,
{
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .serialize(serializer)
}
