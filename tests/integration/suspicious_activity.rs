//! Alerts of the monitoring, from the start of an instance to its end, on the real engine.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::engine::variables;
use crate::support::engine_proxy::EngineProxy;
use crate::support::users::new_address;
use crate::support::{World, mailbox, until};

const PROCESS: &str = "suspicious-activity-process";

/// Starts an instance about this user and gives its id.
async fn alert(world: &World, user: Uuid, event_data: Json) -> String {
    let given = variables(json!({ "user_id": user.to_string(), "event_data": event_data }));
    world.engine.start(PROCESS, given).await
}

fn failed_logins() -> Json {
    json!({
        "type": "multiple_failed_logins",
        "ip_address": "196.45.71.2",
        "occurred_at": "2026-11-23T12:35:59+02:00",
        "attempts": 7,
    })
}

fn unusual_payments() -> Json {
    json!({
        "type": "unusual_transaction_pattern",
        "amount": 1500.5,
        "currency": "BWP",
        "transaction_id": "T-2026-1",
    })
}

/// The variables of an instance that was handled with their types: these and no others.
fn types() -> Json {
    json!({
        "user_id": "String",
        "event_data": "Json",
        "handled_successfully": "Boolean",
        "security_event_id": "String",
        "measure": "String",
    })
}

/// The security event that an instance names: kind, user, details.
async fn event(world: &World, variables: &Json) -> String {
    let id = variables["security_event_id"].as_str().unwrap();
    world
        .database
        .text(&format!(
            "SELECT concat_ws(' ', kind, user_id, details) AS text FROM security_events \
             WHERE security_event_id = '{id}'"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_lock_the_account_and_the_user_is_told() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;

    let instance = alert(&world, user, failed_logins()).await;
    let ended = world.engine.ended(&instance).await;

    assert_eq!(ended.at, "alert_handled");
    assert_eq!(world.engine.types(&instance).await, types());
    assert_eq!(ended.variables["handled_successfully"], true);
    assert_eq!(ended.variables["measure"], "account_locked");
    let locked = format!(
        "users WHERE id = '{user}' AND flagged_for_review_at IS NULL AND account_locked_until \
         BETWEEN now() + interval '28 min' AND now() + interval '30 min'"
    );
    assert_eq!(world.count(&locked).await, 1);
    assert_eq!(
        event(&world, &ended.variables).await,
        format!(
            "multiple_failed_logins {user} {{\"attempts\": 7, \"ip_address\": \"196.45.71.2\", \
             \"occurred_at\": \"2026-11-23T10:35:59Z\"}}"
        )
    );
    let id = ended.variables["security_event_id"].as_str().unwrap();
    assert_eq!(
        world.audit(&instance).await,
        format!(
            "suspicious_activity_handled user account_locked \
             {{\"mail_queued\":true,\"security_event_id\":\"{id}\"}}"
        )
    );
    let mail = mailbox::mail_to(&address).await;
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains(&format!("naledi-{user}")), "{text}");
    let told = worker.log();
    let told = told
        .lines()
        .find(|line| line.contains("security event multiple_failed_logins: account_locked"))
        .expect("the security log tells it");
    assert!(told.contains(id) && told.contains(&user.to_string()));
    for personal in [&*address, "196.45.71.2", &*format!("naledi-{user}")] {
        assert!(!worker.log().contains(personal), "{personal} is logged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_payments_flag_the_account_and_the_user_is_told() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;

    let instance = alert(&world, user, unusual_payments()).await;
    let ended = world.engine.ended(&instance).await;

    assert_eq!(ended.at, "alert_handled");
    assert_eq!(world.engine.types(&instance).await, types());
    assert_eq!(ended.variables["handled_successfully"], true);
    assert_eq!(ended.variables["measure"], "flagged_for_review");
    let flagged = format!(
        "users WHERE id = '{user}' AND account_locked_until IS NULL AND flagged_for_review_at \
         BETWEEN now() - interval '2 min' AND now()"
    );
    assert_eq!(world.count(&flagged).await, 1);
    assert_eq!(
        event(&world, &ended.variables).await,
        format!(
            "unusual_transaction_pattern {user} {{\"amount\": \"1500.5\", \"currency\": \"BWP\", \
             \"transaction_id\": \"T-2026-1\"}}"
        )
    );
    mailbox::mail_to(&address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_lock_stays_and_of_a_malformed_key_only_the_name_is_kept() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at("nobody at all").await;
    let lock = "UPDATE users SET account_locked_until = '2100-01-01T00:00:00Z'";
    world.database.run(lock).await;
    let mut alarm = failed_logins();
    alarm["ip_address"] = json!("somewhere");

    let instance = alert(&world, user, alarm).await;
    let ended = world.engine.ended(&instance).await;

    assert_eq!(ended.at, "alert_handled");
    let locked = "users WHERE account_locked_until = '2100-01-01T00:00:00Z'";
    assert_eq!(world.count(locked).await, 1);
    assert_eq!(
        event(&world, &ended.variables).await,
        format!(
            "multiple_failed_logins {user} {{\"ignored\": [\"ip_address\"], \"attempts\": 7, \
             \"occurred_at\": \"2026-11-23T10:35:59Z\"}}"
        )
    );
}

/// Makes each COMMIT fail that has written a security event.
const COMMITS_FAIL: [&str; 2] = [
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql \
     AS $$ BEGIN RAISE EXCEPTION 'as asked'; END $$",
    "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON security_events \
     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()",
];
const COMMITS_WORK: &str = "DROP TRIGGER fail ON security_events";

#[tokio::test(flavor = "multi_thread")]
async fn the_security_log_tells_no_try_that_failed_and_no_second_delivery() {
    let world = World::new().await;
    let user = world.user_at(&new_address()).await;
    for statement in COMMITS_FAIL {
        world.database.run(statement).await;
    }
    let settings = world
        .worker()
        .set("CAMUNDA_CLIENT_LOCK_DURATION", "4000")
        .set("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", "1000");
    // The first worker's answer never reaches the engine, so the second is given the task again.
    let proxy = EngineProxy::refusing(&world.engine.url, |path| {
        path.ends_with("/complete").then_some(503)
    });
    let deaf = settings.clone().set("CAMUNDA_REST_URL", proxy.url());
    let mut first = deaf.start().await;

    let instance = alert(&world, user, failed_logins()).await;
    until("a try has failed", async || {
        let failures = world.engine.failures().await;
        (!failures.is_empty()).then_some(())
    })
    .await;
    assert!(first.security_log(&instance).is_empty());
    world.database.run(COMMITS_WORK).await;
    until("another try is committed and logged", async || {
        (!first.security_log(&instance).is_empty()).then_some(())
    })
    .await;
    first.kill();
    let second = settings.start().await;

    assert_eq!(world.engine.ended(&instance).await.at, "alert_handled");
    assert_eq!(first.security_log(&instance).len(), 1);
    assert!(second.security_log(&instance).is_empty());
    assert_eq!(world.count("security_events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_about_nobody_or_of_no_known_type_is_not_handled() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at(&new_address()).await;

    for (about, event_data, code) in [
        (Uuid::new_v4(), failed_logins(), "USER_NOT_FOUND"),
        (Uuid::new_v4(), json!({}), "USER_NOT_FOUND"),
        (user, json!({"attempts": 7}), "UNKNOWN_ACTIVITY_TYPE"),
        (user, json!({"type": "other"}), "UNKNOWN_ACTIVITY_TYPE"),
    ] {
        let instance = alert(&world, about, event_data.clone()).await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "alert_not_handled", "{event_data}");
        assert_eq!(
            ended.variables,
            json!({
                "user_id": about.to_string(),
                "event_data": event_data,
                "error_code": code,
            })
        );
        assert_eq!(
            world.audit(&instance).await,
            format!("suspicious_activity_handled user {code} {{}}")
        );
    }
    assert_eq!(world.count("security_events").await, 0);
    assert_eq!(world.count("outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_alerts_about_one_user_at_once_are_all_handled_and_each_once() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at("nobody at all").await;
    let alerts = [failed_logins(), unusual_payments()].into_iter().cycle();

    let starts = alerts
        .take(10)
        .map(|event_data| alert(&world, user, event_data));
    let instances = join_all(starts).await;

    for instance in &instances {
        assert_eq!(world.engine.ended(instance).await.at, "alert_handled");
    }
    assert_eq!(world.count("security_events").await, 10);
    let taken = "users WHERE account_locked_until > now() AND flagged_for_review_at <= now()";
    assert_eq!(world.count(taken).await, 1);
    // Nobody can be told at such an address.
    assert_eq!(world.count("outbox").await, 0);
    world.engine.assert_unharmed().await;
}
