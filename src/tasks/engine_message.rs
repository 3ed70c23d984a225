//! What a committed change tells a waiting process instance, by way of the outbox.
//!
//! Like a mail it lies there as JSON tagged with its `template`, and whoever drains the outbox
//! makes the engine's message of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::camunda::model::{Message, ProcessInstanceId};
use crate::camunda::variables::{InvalidVariable, Value, Variables};

/// A message to one process instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum EngineMessage {
    /// The user has shown that the e-mail address is theirs.
    EmailVerified {
        /// The engine that the instance lives on (`CAMUNDA_ENGINE_ID`).
        engine_id: String,
        /// The instance that waits.
        process_instance_id: ProcessInstanceId,
        /// Which of the user's verifications the instance waits for.
        verification_id: Uuid,
        /// When nobody waits any more.
        until: DateTime<Utc>,
    },
}

impl EngineMessage {
    /// Every [`Self::template`], for the metrics.
    pub const TEMPLATES: &'static [&'static str] = &["email_verified"];

    /// The notification key: what is told twice under one key is told once.
    pub fn key(&self) -> String {
        match self {
            Self::EmailVerified {
                verification_id, ..
            } => format!("email-verified:{verification_id}"),
        }
    }

    /// Which message it is, from a closed set.
    pub fn template(&self) -> &'static str {
        match self {
            Self::EmailVerified { .. } => "email_verified",
        }
    }

    /// The engine that the instance lives on.
    pub fn engine_id(&self) -> &str {
        match self {
            Self::EmailVerified { engine_id, .. } => engine_id,
        }
    }

    /// The instance that is told.
    pub fn process_instance_id(&self) -> &ProcessInstanceId {
        match self {
            Self::EmailVerified {
                process_instance_id,
                ..
            } => process_instance_id,
        }
    }

    /// When the message is of no use any more.
    pub fn until(&self) -> DateTime<Utc> {
        match self {
            Self::EmailVerified { until, .. } => *until,
        }
    }

    /// The message as the engine wants it.
    ///
    /// # Errors
    /// When the engine could not take one of its variables.
    pub fn to_message(&self) -> Result<Message, InvalidVariable> {
        let mut message = Message {
            message_name: String::new(),
            process_instance_id: self.process_instance_id().clone(),
            correlation_keys: Variables::new(),
            process_variables: Variables::new(),
        };
        match self {
            Self::EmailVerified {
                verification_id, ..
            } => {
                message.message_name = "email-verified".to_owned();
                let key = Value::String(verification_id.to_string());
                message.correlation_keys.insert("verification_id", key)?;
                let verified = Value::Boolean(true);
                message
                    .process_variables
                    .insert("email_verified", verified)?;
            }
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_names_one_instance_and_one_verification() {
        let verification_id = Uuid::from_u128(7);
        let message = EngineMessage::EmailVerified {
            engine_id: "default".to_owned(),
            process_instance_id: ProcessInstanceId::new("pi").unwrap(),
            verification_id,
            until: DateTime::UNIX_EPOCH,
        };

        let stored = serde_json::to_value(&message).unwrap();
        let again: EngineMessage = serde_json::from_value(stored).unwrap();
        assert_eq!(
            serde_json::to_value(again.to_message().unwrap()).unwrap(),
            json!({
                "messageName": "email-verified",
                "processInstanceId": "pi",
                "correlationKeys": {
                    "verification_id": {"type": "String", "value": verification_id.to_string()}
                },
                "processVariables": {"email_verified": {"type": "Boolean", "value": true}}
            })
        );
    }
}
