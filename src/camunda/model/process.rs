//! Process instances: started, told a message, looked at.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::null_as_empty;
use crate::camunda::variables::Variables;

/// A process instance's id, which is not empty: a message without one reaches a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ProcessInstanceId(String);

/// An id that should have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a process instance is empty")]
pub struct EmptyId;

impl ProcessInstanceId {
    /// An id as the engine gave it.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(id: impl Into<String>) -> Result<Self, EmptyId> {
        let id = id.into();
        if id.trim().is_empty() {
            Err(EmptyId)
        } else {
            Ok(Self(id))
        }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProcessInstanceId {
    type Error = EmptyId;

    fn try_from(id: String) -> Result<Self, EmptyId> {
        Self::new(id)
    }
}

impl fmt::Display for ProcessInstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A process to be started. Not idempotent: sent twice, it makes two instances.
#[derive(Clone)]
pub struct Start {
    /// The process's id in the model; its newest version is started.
    pub key: String,
    /// The business key, if any.
    pub business_key: Option<String>,
    /// The variables it starts with.
    pub variables: Variables,
}

/// A message for one waiting process instance.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message's name in the model.
    pub message_name: String,
    /// Whom it is for.
    pub process_instance_id: ProcessInstanceId,
    /// Variables that must be there with these values, and of these types.
    pub correlation_keys: Variables,
    /// Variables that the message sets.
    pub process_variables: Variables,
}

/// A process instance that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInstance {
    /// The instance.
    pub id: ProcessInstanceId,
    /// The one version of its model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub definition_id: String,
    /// Its business key.
    #[serde(default)]
    pub business_key: Option<String>,
    /// Whether it ended while it was started.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub ended: bool,
    /// Whether it stands still.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub suspended: bool,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
}

/// Something that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// The incident.
    pub id: String,
    /// `failedExternalTask` or `failedJob`.
    pub incident_type: String,
    /// The failure's message.
    #[serde(default)]
    pub incident_message: Option<String>,
    /// The failed task's or job's id.
    #[serde(default)]
    pub configuration: Option<String>,
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

/// Which incidents; none does not filter.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentFilter {
    /// Of this type, such as `failedExternalTask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_type: Option<String>,
    /// Of this process; the engine's parameter is a list and ignores a misspelt name.
    #[serde(
        rename = "processDefinitionKeyIn",
        skip_serializing_if = "Option::is_none"
    )]
    pub process_definition_key: Option<String>,
    /// Of this process instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_instance_id: Option<String>,
}

/// What a permission is about, by the engine's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A process definition, by its key.
    ProcessDefinition,
    /// A process instance.
    ProcessInstance,
    /// A deployment.
    Deployment,
}

impl Resource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ProcessDefinition => "PROCESS_DEFINITION",
            Self::ProcessInstance => "PROCESS_INSTANCE",
            Self::Deployment => "DEPLOYMENT",
        }
    }

    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::ProcessDefinition => "6",
            Self::ProcessInstance => "8",
            Self::Deployment => "9",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_never_empty() {
        assert_eq!(ProcessInstanceId::new(" "), Err(EmptyId));
        assert!(serde_json::from_str::<ProcessInstanceId>("\"\"").is_err());
        assert_eq!(ProcessInstanceId::new("a").unwrap().as_str(), "a");
    }
}
