//! Sends cases through their processes and waits for how each ends.

use std::time::Duration;

use anyhow::Context;
use chrono::SecondsFormat;
use indicatif::ProgressBar;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use super::case::{Case, WAITS_FOR_LINK, Way};
use crate::camunda::model::{
    HistoricActivity, HistoricVariable, IncidentFilter, ProcessInstanceId, Start,
};
use crate::camunda::{Client, EngineError, Value, Variables};

/// How often the engine is asked how far they are.
const PAUSE: Duration = Duration::from_millis(200);
/// When nobody has got anywhere for this long, no worker is there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A case's way through its process.
pub(super) struct Walk {
    pub(super) case: Case,
    pub(super) instance: ProcessInstanceId,
    /// None while it is on its way, or was when patience ran out.
    pub(super) arrived: Option<Arrival>,
    /// Where it was then.
    pub(super) stuck: Option<String>,
}

/// Where a way came to.
pub(super) struct Arrival {
    /// The end event, or the place where the instance waits for a person.
    pub(super) at: String,
    /// Its name in the model.
    pub(super) name: String,
    /// Why, if the business said no.
    pub(super) codes: Vec<String>,
    /// What was made.
    pub(super) result: Option<String>,
    /// None while the instance waits.
    pub(super) took: Option<Duration>,
}

impl Walk {
    pub(super) fn is_as_expected(&self) -> bool {
        let arrived = self.arrived.as_ref();
        arrived.is_some_and(|arrived| self.case.expected.iter().any(|way| arrived.is(way)))
    }

    pub(super) fn has_ended(&self) -> bool {
        let arrived = self.arrived.as_ref();
        arrived.is_some_and(|arrived| arrived.took.is_some())
    }

    pub(super) fn has_result(&self) -> bool {
        let arrived = self.arrived.as_ref();
        arrived.is_some_and(|arrived| arrived.result.is_some())
    }
}

impl Arrival {
    fn is(&self, way: &Way) -> bool {
        self.at == way.at && self.codes == way.codes
    }
}

/// Starts an instance for each case.
pub(super) async fn start_all(
    engine: &Client,
    run: &str,
    cases: Vec<Case>,
) -> anyhow::Result<Vec<Walk>> {
    let mut walks = Vec::new();
    for case in cases {
        walks.push(start(engine, run, case).await?);
    }
    Ok(walks)
}

/// Waits until each has arrived or patience has run out.
pub(super) async fn settle(
    engine: &Client,
    walks: &mut [Walk],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut last_arrival = Instant::now();
    while walks.iter().any(|walk| walk.arrived.is_none()) && last_arrival.elapsed() < PATIENCE {
        for walk in walks.iter_mut().filter(|walk| walk.arrived.is_none()) {
            walk.arrived = look(engine, walk).await?;
            if walk.arrived.is_some() {
                bar.inc(1);
                last_arrival = Instant::now();
            }
        }
        sleep(PAUSE).await;
    }
    for walk in walks.iter_mut().filter(|walk| walk.arrived.is_none()) {
        walk.stuck = Some(where_stuck(engine, &walk.instance).await?);
    }
    Ok(())
}

async fn start(engine: &Client, run: &str, case: Case) -> anyhow::Result<Walk> {
    let key = case.process.key;
    let mut variables = Variables::new();
    for (name, value) in &case.variables {
        variables.insert(*name, value.clone())?;
    }
    let start = Start {
        key: key.to_owned(),
        business_key: Some(format!("demo-{run}: {}", case.label)),
        variables,
    };
    let instance = engine.start(&start).await.map_err(|error| {
        let missing = matches!(&error, EngineError::Refused(answer) if answer.status == 404);
        let error = anyhow::Error::from(error);
        match missing {
            true => error.context(format!(
                "{key} is not there; `phantom-worker deploy` brings it"
            )),
            false => error.context(format!("starting {key}")),
        }
    })?;
    Ok(Walk {
        case,
        instance: instance.id,
        arrived: None,
        stuck: None,
    })
}

async fn look(engine: &Client, walk: &Walk) -> anyhow::Result<Option<Arrival>> {
    let instance = walk.instance.as_str();
    let Some(known) = engine.history_process_instance(instance).await? else {
        return Ok(None);
    };
    let has_ended = known.end_time.is_some();
    let may_wait = walk
        .case
        .expected
        .iter()
        .any(|way| way.at == WAITS_FOR_LINK);
    let waits = |step: &HistoricActivity| {
        may_wait && step.activity_id == WAITS_FOR_LINK && step.end_time.is_none()
    };
    let steps = engine.history_activities(instance).await?;
    let place = steps.iter().rfind(|step| match has_ended {
        true => step.is_end_event(),
        false => waits(step),
    });
    let Some(place) = place else {
        return Ok(None);
    };
    let variables = engine.history_variables(instance).await?;
    let took = known.start_time.zip(known.end_time);
    Ok(Some(Arrival {
        at: place.activity_id.clone(),
        name: place.activity_name.clone().unwrap_or_default(),
        codes: codes(walk, &variables),
        result: walk
            .case
            .process
            .result
            .and_then(|made| text(&variables, made.variable)),
        took: took.and_then(|(start, end)| (end - start).to_std().ok()),
    }))
}

/// The code of the error that ended it, or those of a refusal.
fn codes(walk: &Walk, variables: &[HistoricVariable]) -> Vec<String> {
    if let Some(code) = text(variables, "error_code") {
        return vec![code];
    }
    let errors = walk.case.process.errors;
    let errors = errors.and_then(|name| text(variables, name));
    codes_of(&errors.unwrap_or_default())
}

fn codes_of(errors: &str) -> Vec<String> {
    let errors: Vec<Json> = serde_json::from_str(errors).unwrap_or_default();
    let code = |error: &Json| error["code"].as_str().unwrap_or_default().to_owned();
    errors.iter().map(code).collect()
}

fn text(variables: &[HistoricVariable], name: &str) -> Option<String> {
    let found = variables.iter().find(|variable| variable.name == name)?;
    match &found.value {
        Value::String(text) | Value::Json(text) => Some(text.clone()),
        Value::Date(date) => Some(date.to_rfc3339_opts(SecondsFormat::Secs, true)),
        _ => None,
    }
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
    use super::super::case::WALLETS;
    use super::*;

    fn walk(expected: Way, at: &str, errors: &str) -> Walk {
        Walk {
            case: Case::new(WALLETS, "somebody", expected),
            instance: ProcessInstanceId::new("pi").unwrap(),
            arrived: Some(Arrival {
                at: at.to_owned(),
                name: at.to_owned(),
                codes: codes_of(errors),
                result: None,
                took: None,
            }),
            stuck: None,
        }
    }

    #[test]
    fn codes_must_be_all_of_those_expected_and_the_end_the_right_one() {
        let errors = r#"[{"field":"email","code":"email_invalid"}]"#;
        let refused = |codes: &[&'static str]| Way::with("wallet_request_rejected", codes);
        let is_expected = |way| walk(way, "wallet_request_rejected", errors).is_as_expected();

        assert!(is_expected(refused(&["email_invalid"])));
        assert!(!is_expected(refused(&["email_invalid", "under_age"])));
        assert!(!is_expected(refused(&[])));
        assert!(!is_expected(Way::with(
            "wallet_not_created",
            &["email_invalid"]
        )));
    }

    #[test]
    fn any_expected_way_will_do() {
        let mut walk = walk(Way::to("wallet_created"), "wallet_not_created", "[]");
        walk.case = walk.case.or(Way::to("wallet_not_created"));

        assert!(walk.is_as_expected());
    }
}
