//! Sends customers through the process and waits for how it ends.

use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use super::customers::{Customer, Expected};
use crate::camunda::model::{HistoricProcessInstance, IncidentFilter, ProcessInstanceId, Start};
use crate::camunda::{Client, EngineError, Value, Variables};

const PROCESS: &str = "wallet-creation-process";
/// How often the engine is asked how far they are.
const PAUSE: Duration = Duration::from_millis(200);
/// When no customer has got to an end for this long, no worker is there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A customer's way through the process.
pub(super) struct Walk {
    pub(super) customer: Customer,
    pub(super) instance: ProcessInstanceId,
    /// None while they are on their way, or were when patience ran out.
    pub(super) ended: Option<Ended>,
    /// Where they were then.
    pub(super) stuck: Option<String>,
}

impl Walk {
    pub(super) fn is_as_expected(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| ended.ending.is(self.customer.expected))
    }

    pub(super) fn has_wallet(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| matches!(ended.ending, Ending::Wallet(_)))
    }
}

/// How and when a way ended.
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) took: Duration,
}

/// How a way ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Wallet(String),
    Declined(Vec<String>),
    Error(String),
    /// At an end of the process that is none of these.
    Elsewhere(String),
}

impl Ending {
    /// Whether this is what was expected of one request alone.
    pub(super) fn is(&self, expected: Expected) -> bool {
        match (self, expected) {
            (Self::Wallet(_), Expected::Wallet | Expected::WalletOfOne) => true,
            (Self::Declined(codes), Expected::Declined(expected)) => codes == expected,
            (Self::Declined(codes), Expected::WalletOfOne) => codes == &["wallet_exists"],
            (Self::Error(code), Expected::Error(expected)) => code == expected,
            (Self::Error(code), Expected::WalletOfOne) => code == "WALLET_EXISTS",
            _ => false,
        }
    }
}

/// Starts them all, and waits until each has ended or patience has run out.
pub(super) async fn walk(
    engine: &Client,
    run: &str,
    customers: Vec<Customer>,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Walk>> {
    let mut walks = Vec::new();
    for customer in customers {
        let business_key = format!(
            "demo-{run}-{:02}",
            bar.position() as usize + walks.len() + 1
        );
        walks.push(start(engine, business_key, customer).await?);
    }
    let mut last_end = Instant::now();
    while walks.iter().any(|walk| walk.ended.is_none()) && last_end.elapsed() < PATIENCE {
        for walk in walks.iter_mut().filter(|walk| walk.ended.is_none()) {
            walk.ended = look(engine, &walk.instance).await?;
            if walk.ended.is_some() {
                bar.inc(1);
                last_end = Instant::now();
            }
        }
        sleep(PAUSE).await;
    }
    for walk in walks.iter_mut().filter(|walk| walk.ended.is_none()) {
        walk.stuck = Some(where_stuck(engine, &walk.instance).await?);
    }
    Ok(walks)
}

async fn start(engine: &Client, business_key: String, customer: Customer) -> anyhow::Result<Walk> {
    let mut variables = Variables::new();
    let merchant_id = Value::String(customer.merchant_id.to_string());
    variables.insert("merchant_id", merchant_id)?;
    let request_data = Value::Json(customer.request_data.to_string());
    variables.insert("request_data", request_data)?;
    let start = Start {
        key: PROCESS.to_owned(),
        business_key: Some(business_key),
        variables,
    };
    let instance = engine.start(&start).await.map_err(|error| {
        let missing = matches!(&error, EngineError::Refused(answer) if answer.status == 404);
        let error = anyhow::Error::from(error);
        match missing {
            true => error.context(format!(
                "{PROCESS} is not there; `phantom-worker deploy` brings it"
            )),
            false => error.context(format!("starting {PROCESS}")),
        }
    })?;
    Ok(Walk {
        customer,
        instance: instance.id,
        ended: None,
        stuck: None,
    })
}

async fn look(engine: &Client, instance: &ProcessInstanceId) -> anyhow::Result<Option<Ended>> {
    let known = engine.history_process_instance(instance.as_str()).await?;
    let Some(took) = known.as_ref().and_then(duration) else {
        return Ok(None);
    };
    let steps = engine.history_activities(instance.as_str()).await?;
    let end = steps.iter().rfind(|step| step.is_end_event());
    let variables = engine.history_variables(instance.as_str()).await?;
    let text = |name: &str| {
        let found = variables.iter().find(|variable| variable.name == name);
        match found.map(|variable| &variable.value) {
            Some(Value::String(text) | Value::Json(text)) => text.clone(),
            _ => String::new(),
        }
    };
    let ending = match end.map(|end| end.activity_id.as_str()) {
        Some("wallet_created") => Ending::Wallet(text("wallet_id")),
        Some("wallet_request_rejected") => Ending::Declined(codes(&text("validation_errors"))),
        Some("wallet_not_created") => Ending::Error(text("error_code")),
        other => Ending::Elsewhere(other.unwrap_or("no end event").to_owned()),
    };
    Ok(Some(Ended { ending, took }))
}

fn duration(instance: &HistoricProcessInstance) -> Option<Duration> {
    let (start, end): (DateTime<Utc>, _) = instance.start_time.zip(instance.end_time)?;
    (end - start).to_std().ok()
}

fn codes(errors: &str) -> Vec<String> {
    let errors: Vec<Json> = serde_json::from_str(errors).unwrap_or_default();
    let code = |error: &Json| error["code"].as_str().unwrap_or_default().to_owned();
    errors.iter().map(code).collect()
}

async fn where_stuck(engine: &Client, instance: &ProcessInstanceId) -> anyhow::Result<String> {
    let filter = IncidentFilter {
        process_instance_id: Some(instance.as_str().to_owned()),
        ..IncidentFilter::default()
    };
    let incidents = engine
        .incidents(&filter)
        .await
        .context("reading incidents")?;
    if let Some(incident) = incidents.first() {
        let message = incident.incident_message.as_deref().unwrap_or("no message");
        return Ok(format!("incident at {}: {message}", incident.activity_id));
    }
    let steps = engine.history_activities(instance.as_str()).await?;
    let open = steps.iter().find(|step| step.end_time.is_none());
    let name = open.map_or("the start", |step| {
        step.activity_name.as_deref().unwrap_or(&step.activity_id)
    });
    Ok(format!("still at {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_must_be_all_of_those_expected() {
        let ending = Ending::Declined(codes(r#"[{"field":"email","code":"email_invalid"}]"#));

        assert!(ending.is(Expected::Declined(&["email_invalid"])));
        assert!(!ending.is(Expected::Declined(&["email_invalid", "under_age"])));
        assert!(!ending.is(Expected::Wallet));
    }

    #[test]
    fn of_two_requests_of_one_person_either_may_win() {
        for ending in [
            Ending::Wallet("W".into()),
            Ending::Declined(vec!["wallet_exists".into()]),
            Ending::Error("WALLET_EXISTS".into()),
        ] {
            assert!(ending.is(Expected::WalletOfOne), "{ending:?}");
        }
        assert!(!Ending::Error("IDENTITY_CONFLICT".into()).is(Expected::WalletOfOne));
    }
}
