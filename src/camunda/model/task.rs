//! External tasks: as a fetch brings them, and as a query shows them.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::null_as_empty;
use crate::camunda::variables::{Variables, lenient_date};

/// The engine's id of an external task: opaque, and the same over retries and lost locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// An id as the engine gave it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A task that a fetch has locked for its worker.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedTask {
    /// The task.
    pub id: TaskId,
    /// Its topic.
    pub topic_name: String,
    /// Who holds the lock.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub worker_id: String,
    /// The activity's id in the model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub activity_id: String,
    /// The activity's one execution.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub activity_instance_id: String,
    /// The execution that waits.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub execution_id: String,
    /// The process instance.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub process_instance_id: String,
    /// The one version of the model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub process_definition_id: String,
    /// The process's id in the model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub process_definition_key: String,
    /// The model's version tag.
    #[serde(default)]
    pub process_definition_version_tag: Option<String>,
    /// None until the first failure.
    #[serde(default)]
    pub retries: Option<i32>,
    /// The last failure's message.
    #[serde(default)]
    pub error_message: Option<String>,
    /// The last failure's details.
    #[serde(default)]
    pub error_details: Option<String>,
    /// When the task came to be, by the engine's clock.
    #[serde(default, deserialize_with = "lenient_date")]
    pub create_time: Option<DateTime<Utc>>,
    /// When the lock runs out, by the engine's clock.
    #[serde(default, deserialize_with = "lenient_date")]
    pub lock_expiration_time: Option<DateTime<Utc>>,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// The process instance's business key.
    #[serde(default)]
    pub business_key: Option<String>,
    /// The task's priority.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub priority: i64,
    /// The variables that were asked for.
    #[serde(default)]
    pub variables: Variables,
    /// The model's extension properties of the activity.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub extension_properties: BTreeMap<String, Option<String>>,
}

/// An external task as a query shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskState {
    /// The task.
    pub id: TaskId,
    /// Its topic.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub topic_name: String,
    /// Who locked it last; none after an unlock.
    #[serde(default)]
    pub worker_id: Option<String>,
    /// When the task came to be, by the engine's clock.
    #[serde(default, deserialize_with = "lenient_date")]
    pub create_time: Option<DateTime<Utc>>,
    /// When the lock, or the wait after a failure, runs out.
    #[serde(default, deserialize_with = "lenient_date")]
    pub lock_expiration_time: Option<DateTime<Utc>>,
    /// None until the first failure.
    #[serde(default)]
    pub retries: Option<i32>,
    /// Whether its process instance stands still.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub suspended: bool,
    /// The last failure's message.
    #[serde(default)]
    pub error_message: Option<String>,
    /// The activity's id in the model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub activity_id: String,
    /// The process instance.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub process_instance_id: String,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
}

/// Which tasks to count; what is false or none does not filter. A field of its own for each
/// filter, because the engine ignores the ones it does not know and counts everything.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskFilter {
    /// Of this topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_name: Option<String>,
    /// Locked by this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_definition_key: Option<String>,
    /// Of this process instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_instance_id: Option<String>,
    /// Locked, or waiting after a failure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// Free.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_locked: bool,
    /// Of an instance that is not suspended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
    /// Of a suspended instance.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// Still to be tried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_retries_left: bool,
    /// Given up: incidents.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_retries_left: bool,
}

impl TaskFilter {
    /// What waits for a worker of `topic` now.
    pub fn backlog(topic: impl Into<String>) -> Self {
        Self {
            topic_name: Some(topic.into()),
            not_locked: true,
            active: true,
            with_retries_left: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_is_read_with_nulls_and_unknown_fields() {
        let task: LockedTask = serde_json::from_value(json!({
            "id": "t1", "topicName": "create-wallet", "workerId": "w", "retries": null,
            "priority": null, "variables": null, "extensionProperties": null,
            "createTime": "2024-01-02T03:04:05.123+0200", "lockExpirationTime": null,
            "tenantId": null, "businessKey": "b", "fromTheFuture": [1],
        }))
        .unwrap();

        assert_eq!(task.id, TaskId::new("t1"));
        assert_eq!(
            (task.retries, task.priority, task.business_key.as_deref()),
            (None, 0, Some("b"))
        );
        assert!(task.variables.is_empty() && task.create_time.is_some());
    }

    #[test]
    fn the_backlog_is_what_could_be_fetched_now() {
        assert_eq!(
            serde_json::to_value(TaskFilter::backlog("t")).unwrap(),
            json!({"topicName": "t", "notLocked": true, "active": true, "withRetriesLeft": true})
        );
    }
}
