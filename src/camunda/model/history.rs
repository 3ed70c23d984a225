//! What the engine remembers of process instances.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use super::null_as_empty;
use crate::camunda::variables::{Value, lenient_date};

/// A process instance, running or ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricProcessInstance {
    /// The instance.
    pub id: String,
    /// `ACTIVE`, `SUSPENDED`, `COMPLETED`, `EXTERNALLY_TERMINATED` or `INTERNALLY_TERMINATED`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub state: String,
    /// The process's id in the model.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub process_definition_key: String,
    /// Its business key.
    #[serde(default)]
    pub business_key: Option<String>,
    /// When it started.
    #[serde(default, deserialize_with = "lenient_date")]
    pub start_time: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient_date")]
    pub end_time: Option<DateTime<Utc>>,
    /// Why it was deleted, if it was.
    #[serde(default)]
    pub delete_reason: Option<String>,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
}

/// A step of an instance's way; the only place that tells at which event it ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricActivity {
    /// The activity's id in the model.
    pub activity_id: String,
    /// Its name in the model.
    #[serde(default)]
    pub activity_name: Option<String>,
    /// Such as `serviceTask`, `boundaryError`, `noneEndEvent`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub activity_type: String,
    /// Whether it was left by an event.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub canceled: bool,
    /// When it began.
    #[serde(default, deserialize_with = "lenient_date")]
    pub start_time: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient_date")]
    pub end_time: Option<DateTime<Utc>>,
}

impl HistoricActivity {
    /// Whether an instance may end here.
    #[must_use]
    pub fn is_end_event(&self) -> bool {
        self.activity_type.ends_with("EndEvent")
    }
}

/// A variable's last value.
#[derive(Clone)]
pub struct HistoricVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl<'de> Deserialize<'de> for HistoricVariable {
    /// Here the engine writes name and value side by side.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::<String, Json>::deserialize(deserializer)?;
        let name = object
            .get("name")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            name,
            value: Value::from_wire_object(object),
        })
    }
}
