//! Shows the way of a process instance as it happens.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use crate::camunda::model::{HistoricActivity, IncidentFilter, ProcessInstanceId};
use crate::camunda::{Client, Value};
use crate::cli::terminal::{complain, say};

/// How often the engine is asked.
const PAUSE: Duration = Duration::from_millis(250);
/// After this long without a step somebody who watches wants to know what is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Shows the steps until the instance ends, then its variables.
///
/// # Errors
/// When the instance waits for an operator, or ends without reaching an end event.
pub(super) async fn follow(engine: &Client, instance: &ProcessInstanceId) -> anyhow::Result<()> {
    let mut way = Way::default();
    loop {
        // Asked before the steps: whatever has ended by now has all its steps in the history.
        let end = find_end(engine, instance).await?;
        let steps = engine.history_activities(instance.as_str()).await?;
        way.show(&steps);
        if end.is_some() {
            show_variables(engine, instance).await?;
            return way.conclude();
        }
        refuse_incident(engine, instance).await?;
        way.explain_silence(&steps);
        sleep(PAUSE).await;
    }
}

async fn find_end(
    engine: &Client,
    instance: &ProcessInstanceId,
) -> anyhow::Result<Option<DateTime<Utc>>> {
    let known = engine.history_process_instance(instance.as_str()).await?;
    Ok(known.and_then(|known| known.end_time))
}

async fn refuse_incident(engine: &Client, instance: &ProcessInstanceId) -> anyhow::Result<()> {
    let filter = IncidentFilter {
        process_instance_id: Some(instance.as_str().to_owned()),
        ..IncidentFilter::default()
    };
    if let Some(incident) = engine.incidents(&filter).await?.first() {
        let message = incident.incident_message.as_deref().unwrap_or("no message");
        bail!("{} waits for an operator: {message}", incident.activity_id);
    }
    Ok(())
}

/// What was shown so far.
struct Way {
    shown: HashSet<(String, Option<DateTime<Utc>>)>,
    ended_at: Option<String>,
    last_step: Instant,
    explained: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            shown: HashSet::new(),
            ended_at: None,
            last_step: Instant::now(),
            explained: false,
        }
    }
}

impl Way {
    /// Each step once, when it is over.
    fn show(&mut self, steps: &[HistoricActivity]) {
        for step in steps.iter().filter(|step| step.end_time.is_some()) {
            if !self
                .shown
                .insert((step.activity_id.clone(), step.start_time))
            {
                continue;
            }
            say(line(step));
            self.last_step = Instant::now();
            self.explained = false;
            if step.is_end_event() {
                self.ended_at = Some(name(step).to_owned());
            }
        }
    }

    fn explain_silence(&mut self, steps: &[HistoricActivity]) {
        if self.explained || self.last_step.elapsed() < PATIENCE {
            return;
        }
        self.explained = true;
        for step in steps.iter().filter(|step| step.end_time.is_none()) {
            complain(explain(step));
        }
    }

    fn conclude(self) -> anyhow::Result<()> {
        match self.ended_at {
            Some(_) => Ok(()),
            None => bail!("the instance was cancelled, or a BPMN error of it was caught nowhere"),
        }
    }
}

/// What a step that takes long waits for: a worker, or something outside of the engine.
fn explain(step: &HistoricActivity) -> String {
    let kind = kind(&step.activity_type);
    match kind.as_str() {
        "service task" => format!("still at {}; does a worker run for it?", name(step)),
        _ => format!(
            "still at {} ({kind}), which waits for what the model names; the instance goes on \
             when that comes, also when nobody follows it",
            name(step)
        ),
    }
}

fn line(step: &HistoricActivity) -> String {
    let at = step
        .end_time
        .map(|end| end.format("%H:%M:%S%.3fZ").to_string());
    let took = step
        .start_time
        .zip(step.end_time)
        .map(|(start, end)| (end - start).num_milliseconds());
    let left = if step.canceled {
        ", left by an event"
    } else {
        ""
    };
    format!(
        "{}  {} ({}, {} ms{left})",
        at.unwrap_or_default(),
        name(step),
        kind(&step.activity_type),
        took.unwrap_or_default()
    )
}

/// The engine's name of a kind of step as people write it: `noneEndEvent` is an end event.
fn kind(activity_type: &str) -> String {
    let mut words = String::new();
    for letter in activity_type.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    match words.strip_prefix("none ") {
        Some(rest) => rest.to_owned(),
        None => words,
    }
}

fn name(step: &HistoricActivity) -> &str {
    step.activity_name.as_deref().unwrap_or(&step.activity_id)
}

async fn show_variables(engine: &Client, instance: &ProcessInstanceId) -> anyhow::Result<()> {
    let mut variables = engine.history_variables(instance.as_str()).await?;
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    for variable in variables {
        say(format_args!(
            "{} = {} ({})",
            variable.name,
            shown(&variable.value),
            variable.value.type_name()
        ));
    }
    Ok(())
}

/// A value in one line, as JSON has it where it has it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Short(number) => number.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::Date(instant) => instant.to_rfc3339(),
        Value::Json(text) | Value::Xml(text) => text.replace(['\r', '\n'], " "),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Object { value, .. } => value.replace(['\r', '\n'], " "),
        Value::File(file) => file.filename.clone().unwrap_or_default(),
        Value::Other { value, .. } => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_step_is_told_in_words() {
        for (engine, words) in [
            ("noneEndEvent", "end event"),
            ("startEvent", "start event"),
            ("errorEndEvent", "error end event"),
            ("serviceTask", "service task"),
            ("boundaryError", "boundary error"),
            ("", ""),
        ] {
            assert_eq!(kind(engine), words);
        }
    }

    fn silent(activity_type: &str, activity_name: Option<&str>) -> HistoricActivity {
        HistoricActivity {
            activity_id: "the_step".into(),
            activity_name: activity_name.map(str::to_owned),
            activity_type: activity_type.into(),
            canceled: false,
            start_time: None,
            end_time: None,
        }
    }

    #[test]
    fn a_silent_worker_is_asked_about_and_a_customer_is_not() {
        for (activity_type, activity_name, words) in [
            (
                "serviceTask",
                Some("Create the wallet"),
                "still at Create the wallet; does a worker run for it?",
            ),
            (
                "serviceTask",
                None,
                "still at the_step; does a worker run for it?",
            ),
            (
                "eventBasedGateway",
                Some("Wait for the link"),
                "still at Wait for the link (event based gateway), which waits for what the model \
                 names; the instance goes on when that comes, also when nobody follows it",
            ),
        ] {
            assert_eq!(explain(&silent(activity_type, activity_name)), words);
        }
    }
}
