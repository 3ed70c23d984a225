//! What a worker reports instead of completion, bounded on its way out.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::camunda::text::{lines, one_line};

/// A technical failure. Message and details are bounded when they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One line for Cockpit; 600 UTF-16 units are sent, the advice among them.
    pub message: String,
    /// What to do about it, at the line's end; never cut.
    pub advice: Option<&'static str>,
    /// More for whoever looks closer; 8 kB are sent, for they come back with each fetch.
    pub details: String,
    /// The tries left; 0 makes an incident and ends the deliveries.
    pub retries: u32,
    /// How long nobody gets the task.
    pub retry_timeout: Duration,
}

/// The engine cuts at 666 without looking.
const MESSAGE_UNITS: usize = 600;
const DETAILS_BYTES: usize = 8 * 1024;

impl Failure {
    /// The message and, where there is one, the advice.
    fn line(&self) -> String {
        let advice = self.advice.map(|advice| format!("; {advice}"));
        let advice = advice.unwrap_or_default();
        let room = MESSAGE_UNITS.saturating_sub(advice.encode_utf16().count());
        one_line(&self.message, room) + &advice
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let retry_timeout = u64::try_from(self.retry_timeout.as_millis()).unwrap_or(u64::MAX);
        let mut body = serializer.serialize_struct("Failure", 4)?;
        body.serialize_field("errorMessage", &self.line())?;
        body.serialize_field("errorDetails", &lines(&self.details, DETAILS_BYTES))?;
        // Both always: the engine takes a missing number for 0, an incident at once.
        body.serialize_field("retries", &self.retries)?;
        body.serialize_field("retryTimeout", &retry_timeout)?;
        body.end()
    }
}

/// A business error for the model to catch. One that nothing catches ends the instance silently,
/// so look for the catch first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpmnError {
    /// The code as the model's `bpmn:error` spells it.
    pub code: String,
    /// A line for the model's `errorMessageVariable`, which is null when it is empty.
    pub message: String,
}

impl Serialize for BpmnError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = one_line(&self.message, MESSAGE_UNITS);
        let mut body = serializer.serialize_struct("BpmnError", 2)?;
        body.serialize_field("errorCode", &self.code)?;
        // The engine answers 500 to an empty message, and takes none at all.
        if !message.is_empty() {
            body.serialize_field("errorMessage", &message)?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_is_bounded_and_complete() {
        let failure = Failure {
            message: format!("bad\n{}", "😀".repeat(400)),
            advice: None,
            details: "é".repeat(5000),
            retries: 0,
            retry_timeout: Duration::from_millis(1500),
        };

        let body = serde_json::to_value(&failure).unwrap();

        let message = body["errorMessage"].as_str().unwrap();
        assert!(message.starts_with("bad\\n😀"));
        assert_eq!(message.encode_utf16().count(), 599);
        assert_eq!(body["errorDetails"].as_str().unwrap().len(), 8192);
        assert_eq!(
            (&body["retries"], &body["retryTimeout"]),
            (&json!(0), &json!(1500))
        );
    }

    #[test]
    fn an_advice_stands_at_the_end_of_the_longest_message() {
        let failure = Failure {
            message: "😀".repeat(400),
            advice: Some("set the retries"),
            details: String::new(),
            retries: 0,
            retry_timeout: Duration::ZERO,
        };

        let line = failure.line();

        assert!(line.ends_with("😀; set the retries"), "{line}");
        assert!(line.encode_utf16().count() <= MESSAGE_UNITS);
    }

    #[test]
    fn a_bpmn_error_without_a_message_sends_none() {
        let error = BpmnError {
            code: "TAKEN".into(),
            message: String::new(),
        };

        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            json!({"errorCode": "TAKEN"})
        );
    }
}
