//! What the monitoring and the banking application may put into the variables of an alert and of a
//! request for a verification.

use super::canary::{assert_no_trace, assert_nowhere};
use super::*;
use crate::support::users::new_address;
use crate::support::{mailbox, until};

const ALERT: (&str, &str) = ("suspicious-activity-process", "handle_suspicious_activity");
const EMAIL: (&str, &str) = ("email-verification-process", "process_email_verification");

/// Where an instance is started, with what, and what its incident says.
type Case = ((&'static str, &'static str), Json, String);

fn user_ids((key, activity): (&'static str, &'static str), beside: &Json) -> Vec<Case> {
    let found = |found: &str| format!("variable \"user_id\": expected a UUID, found {found}");
    let mut cases = vec![((key, activity), beside.clone(), found("nothing"))];
    for (value, told) in [
        (typed("Null", Json::Null), "Null"),
        (typed("Long", 7), "Long"),
        (typed("Json", "{\"id\": \"Canary\"}"), "Json"),
        (typed("String", ""), "String with unfitting content"),
        (typed("String", "Canary"), "String with unfitting content"),
    ] {
        let mut variables = beside.clone();
        variables["user_id"] = value;
        cases.push(((key, activity), variables, found(told)));
    }
    cases
}

fn event_data(user: &str) -> Vec<Case> {
    let user = typed("String", user);
    let mut cases = vec![(ALERT, json!({ "user_id": user }), "nothing")];
    for (value, told) in [
        (typed("Null", Json::Null), "Null"),
        (typed("Boolean", true), "Boolean"),
        (typed("Json", "[\"Canary\"]"), "a JSON array"),
        (typed("Json", "\"Canary\""), "a JSON string"),
        (typed("Json", "null"), "a JSON null"),
        (
            typed("Json", "{\"type\": \"Canary\""),
            "Json with unfitting content",
        ),
        (typed("String", "Canary"), "String with unfitting content"),
        (
            object("application/xml", "<a/>"),
            "Object with unfitting content",
        ),
    ] {
        cases.push((ALERT, json!({"user_id": user, "event_data": value}), told));
    }
    let message = |found| format!("variable \"event_data\": expected a JSON object, found {found}");
    cases
        .into_iter()
        .map(|(place, variables, found)| (place, variables, message(found)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_or_request_that_cannot_be_read_is_one_incident_and_nothing_is_written() {
    let world = World::new().await;
    let user = world.user_at(&new_address()).await.to_string();
    let alert = json!({ "event_data": typed("Json", "{\"type\": \"multiple_failed_logins\"}") });
    let mut cases = event_data(&user);
    cases.extend(user_ids(ALERT, &alert));
    cases.extend(user_ids(EMAIL, &json!({})));
    let worker = world.worker().start().await;

    let starts = cases.iter().map(|((key, activity), variables, _)| {
        world.engine.start_before(key, activity, variables.clone())
    });
    let instances = join_all(starts).await;

    for ((_, variables, message), instance) in cases.iter().zip(&instances) {
        assert_eq!(
            world.engine.incident(instance).await,
            format!("{message}; correct this in Cockpit, then set the retries"),
            "{variables}"
        );
    }
    assert_unshaken(&world, &worker, cases.len()).await;
    for table in [
        "security_events",
        "email_verifications",
        "task_completions",
        "outbox",
        "audit_log WHERE task_id IS NOT NULL",
    ] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_read_from_json_an_object_and_text_and_extra_keys_change_nothing() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let user = world.user_at(&new_address()).await.to_string();
    let alert = json!({
        "type": "unusual_transaction_pattern",
        "attempts": 3,
        "user_id": "EXTRA",
        "measure": "EXTRA",
        "account_locked_until": "EXTRA",
        "__proto__": {"extra": "EXTRA"},
    })
    .to_string();

    for event_data in [
        typed("Json", &*alert),
        object("application/json", &alert),
        typed("String", &*alert),
    ] {
        let engine_type = event_data["type"].clone();
        let variables = json!({"user_id": typed("String", &*user), "event_data": event_data});
        let instance = world.engine.start_before(ALERT.0, ALERT.1, variables).await;

        let ended = world.engine.ended(&instance).await;
        assert_eq!(ended.at, "alert_handled", "{engine_type}");
    }
    let read = "security_events WHERE details = '{\"attempts\": 3}'";
    assert_eq!(world.count(read).await, 3);
    let account = "users WHERE account_locked_until IS NULL AND flagged_for_review_at IS NOT NULL";
    assert_eq!(world.count(account).await, 1);
    assert!(!world.everything().await.contains("EXTRA"));
    assert_unshaken(&world, &worker, 0).await;
}

/// What would give a person away, in every place where the monitoring may put it.
const TRACES: [&str; 5] = [
    "Canary",
    "196.45.71.2",
    "canarymail",
    "1961-07-19",
    "918273",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_alert_or_its_user_is_logged_counted_audited_or_told_to_the_engine() {
    let world = World::new().await;
    let worker = world.worker().set("LOG_LEVEL", "trace").start().await;
    let address = format!("canarymail.{}", new_address());
    let user = world.user_at(&address).await;
    let name = format!("UPDATE users SET username = 'Canary' WHERE id = '{user}'");
    world.database.run(&name).await;
    let alert = json!({
        "type": "multiple_failed_logins",
        "ip_address": "196.45.71.2",
        "occurred_at": "1961-07-19T00:00:00Z",
        "attempts": 918_273,
        "currency": "Canary",
        "transaction_id": "Canary",
        "Canary": "Canary",
    });
    let user_id = typed("String", user.to_string());

    let alert = json!({"user_id": user_id, "event_data": typed("Json", alert.to_string())});
    let alert = world.engine.start_before(ALERT.0, ALERT.1, alert).await;
    let ended = world.engine.ended(&alert).await;
    let request = json!({ "user_id": user_id });
    let request = world.engine.start_before(EMAIL.0, EMAIL.1, request).await;
    until("both mails arrive", async || {
        (mailbox::mails_to(&address).await.len() == 2).then_some(())
    })
    .await;

    assert_eq!(ended.at, "alert_handled");
    let mut told = ended.variables;
    told.as_object_mut().unwrap().remove("event_data");
    let asked = world.engine.variables(&request).await;
    assert_no_trace(&TRACES, "the engine", &format!("{told}{asked}"));
    let tables = ["audit_log", "task_completions"];
    assert_nowhere(&world, &worker, &TRACES, &tables).await;
    let log = worker.log();
    assert!(log.contains(&alert) && log.contains(&request));
    assert_unshaken(&world, &worker, 0).await;
}
