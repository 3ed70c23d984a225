//! The handler on a real database.

use super::*;
use crate::security::testing::everything;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, Task, answered, shown, task, text};

const LOGINS: &str = "multiple_failed_logins";
const PAYMENTS: &str = "unusual_transaction_pattern";

/// An alert of that type with everything that is known of it.
fn alert(user_id: Uuid, activity: &str) -> Task {
    alert_with(
        user_id,
        &json!({
            "type": activity,
            "ip_address": "196.45.1.2",
            "occurred_at": "2026-11-23T12:35:59Z",
            "attempts": 7,
            "amount": 1500.5,
            "currency": "BWP",
            "transaction_id": "T-1",
        }),
    )
}

fn alert_with(user_id: Uuid, event_data: &Value) -> Task {
    let event_data = json!({"type": "Json", "value": event_data.to_string()});
    let variables = json!({"user_id": text(user_id), "event_data": event_data});
    task(HandleSuspiciousActivity::TOPIC, variables)
}

fn handled_by(measure: &str, answer: &Value) -> Value {
    json!({
        "handled_successfully": {"type": "Boolean", "value": true},
        "security_event_id": answer["security_event_id"],
        "measure": text(measure),
    })
}

fn event_in(answer: &Value) -> Uuid {
    let id = answer["security_event_id"]["value"].as_str().unwrap();
    id.parse().unwrap()
}

/// The one security event: id, kind, user, instance, details.
async fn event(bank: &Bank) -> (String, Value) {
    let row = "SELECT concat_ws(' ', security_event_id, kind, user_id, process_instance_id) \
        AS text FROM security_events";
    let details = "SELECT details::text AS text FROM security_events";
    let details = bank.database.text(details).await;
    (
        bank.database.text(row).await,
        serde_json::from_str(&details).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    for activity in [LOGINS, PAYMENTS] {
        let bank = Bank::open().await;
        let user = bank.user("neo@example.bw", "", "").await;

        let task = alert(user, activity);
        let unprepared = sent_unprepared(&bank.database.pool, bank.answer(&task)).await;

        assert_eq!(unprepared, TRANSACTION, "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_lock_the_account_for_half_an_hour() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", ", username", ", 'Neo'").await;

    let answer = bank.answer(&alert(user, LOGINS)).await;

    assert_eq!(answer, handled_by("account_locked", &answer));
    let id = event_in(&answer);
    let locked = "users JOIN task_completions ON \
        account_locked_until = completed_at + interval '30 min' AND flagged_for_review_at IS NULL";
    assert_eq!(bank.count(locked).await, 1);
    let (row, details) = event(&bank).await;
    assert_eq!(row, format!("{id} {LOGINS} {user} instance"));
    assert_eq!(
        details,
        json!({
            "ip_address": "196.45.1.2",
            "occurred_at": "2026-11-23T12:35:59Z",
            "attempts": 7,
            "amount": "1500.5",
            "currency": "BWP",
            "transaction_id": "T-1",
        })
    );
    let mail = "SELECT concat_ws('|', notification_key, template, payload ->> 'recipient', \
        payload ->> 'greeting_name', (payload ->> 'locked_until')::timestamptz \
        = account_locked_until) AS text FROM outbox, users";
    assert_eq!(
        bank.database.text(mail).await,
        format!("account-locked:{id}|account_locked|neo@example.bw|Neo|t")
    );
    assert_eq!(
        bank.audit().await,
        format!(
            "suspicious_activity_handled user account_locked \
             {{\"mail_queued\":true,\"security_event_id\":\"{id}\"}}"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_payments_have_the_account_looked_at() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;

    let answer = bank.answer(&alert(user, PAYMENTS)).await;

    assert_eq!(answer, handled_by("flagged_for_review", &answer));
    let id = event_in(&answer);
    let flagged = "users JOIN task_completions ON \
        flagged_for_review_at = completed_at AND account_locked_until IS NULL";
    assert_eq!(bank.count(flagged).await, 1);
    let (row, _) = event(&bank).await;
    assert_eq!(row, format!("{id} {PAYMENTS} {user} instance"));
    let mail = "SELECT concat_ws('|', notification_key, template, payload ->> 'recipient', \
        payload -> 'greeting_name', (payload ->> 'flagged_at')::timestamptz \
        = flagged_for_review_at) AS text FROM outbox, users";
    assert_eq!(
        bank.database.text(mail).await,
        format!("unusual-activity:{id}|unusual_activity|neo@example.bw|null|t")
    );
    assert!(bank.audit().await.contains(" user flagged_for_review {"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_lock_stays_and_a_shorter_one_does_not() {
    let bank = Bank::open().await;

    for (before, after, told) in [
        ("now() + interval '2 h'", "before", "before"),
        ("'infinity'", "'infinity'", "'9999-12-31T23:59:59Z'"),
        ("now() + interval '29 min'", "half_an_hour", "half_an_hour"),
        ("now() - interval '1 d'", "half_an_hour", "half_an_hour"),
        ("'-infinity'", "half_an_hour", "half_an_hour"),
        ("NULL", "half_an_hour", "half_an_hour"),
    ] {
        let email = format!("{}@example.bw", Uuid::new_v4());
        let user = bank
            .user(&email, ", account_locked_until", &format!(", {before}"))
            .await;
        let was = format!(
            "SELECT coalesce(account_locked_until::text, '') AS text FROM users WHERE id = '{user}'"
        );
        let was = bank.database.text(&was).await;
        let alert = alert(user, LOGINS);

        bank.answer(&alert).await;

        let instant = |which: &str| match which {
            "before" => format!("'{was}'"),
            "half_an_hour" => "completed_at + interval '30 min'".to_owned(),
            literal => literal.to_owned(),
        };
        let right = format!(
            "users, task_completions, outbox WHERE users.id = '{user}' AND task_id = '{}' \
             AND payload ->> 'recipient' = '{email}' AND account_locked_until = {} \
             AND (payload ->> 'locked_until')::timestamptz = {}",
            alert.id,
            instant(after),
            instant(told),
        );
        assert_eq!(bank.count(&right).await, 1, "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_key_is_left_out_and_named_and_an_unknown_one_is_nowhere() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let event_data = json!({
        "type": LOGINS,
        "attempts": "CANARY",
        "amount": 0.5,
        "canary": "CANARY",
        "kind": "CANARY",
        "account_locked_until": "1999-09-09",
        "__proto__": {"a": "CANARY"},
    });

    bank.answer(&alert_with(user, &event_data)).await;

    let (_, details) = event(&bank).await;
    assert_eq!(details, json!({"amount": "0.5", "ignored": ["attempts"]}));
    let stored = everything(&bank).await;
    for trace in ["CANARY", "canary", "1999-09-09", "__proto__"] {
        assert!(!stored.contains(trace), "{trace} is stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_mail_reaches_gets_none_and_the_measure_is_taken() {
    let bank = Bank::open().await;
    let user = bank.user("neo at example", "", "").await;

    let answer = bank.answer(&alert(user, LOGINS)).await;

    assert_eq!(answer, handled_by("account_locked", &answer));
    assert_eq!(bank.count("outbox").await, 0);
    let locked = "users WHERE account_locked_until > now()";
    assert_eq!(bank.count(locked).await, 1);
    assert!(bank.audit().await.contains("{\"mail_queued\":false,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_about_nobody_or_of_no_known_type_changes_nothing_but_is_audited() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let people = "SELECT to_jsonb(users)::text AS text FROM users";
    let before = bank.database.text(people).await;

    // Whether there is somebody comes first.
    for event_data in [json!({}), json!({ "type": LOGINS })] {
        let answer = bank.answer(&alert_with(Uuid::new_v4(), &event_data)).await;
        assert_eq!(answer, json!({ "error": USER_NOT_FOUND }), "{event_data}");
    }
    for event_data in [
        json!({}),
        json!({ "type": null }),
        json!({ "type": 7 }),
        json!({ "type": "CANARY" }),
    ] {
        let answer = bank.answer(&alert_with(user, &event_data)).await;
        assert_eq!(
            answer,
            json!({ "error": UNKNOWN_ACTIVITY_TYPE }),
            "{event_data}"
        );
    }

    assert_eq!(bank.database.text(people).await, before);
    let written = (
        bank.count("security_events").await,
        bank.count("outbox").await,
    );
    assert_eq!(written, (0, 0));
    let lines = [USER_NOT_FOUND; 2].into_iter();
    let lines = lines.chain([UNKNOWN_ACTIVITY_TYPE; 4]);
    let lines: Vec<_> = lines
        .map(|code| format!("suspicious_activity_handled user {code} {{}}"))
        .collect();
    assert_eq!(bank.audit().await, lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_takes_one_measure() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let task = alert(user, LOGINS);

    let first = answered(bank.run(&task).await);
    let before = everything(&bank).await;
    let again = answered(bank.run(&task).await);

    assert_eq!((first.repeated, again.repeated), (false, true));
    assert_eq!(shown(&first.answer), shown(&again.answer));
    assert_eq!(everything(&bank).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_alerts_about_one_user_at_once_are_both_handled() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let (logins, payments) = (alert(user, LOGINS), alert(user, PAYMENTS));
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (logins, payments) = held.answer_both(&logins, &payments).await;

    assert_eq!(logins, handled_by("account_locked", &logins));
    assert_eq!(payments, handled_by("flagged_for_review", &payments));
    let both = "users WHERE account_locked_until > now() AND flagged_for_review_at <= now()";
    assert_eq!(bank.count(both).await, 1);
    let written = (
        bank.count("security_events").await,
        bank.count("outbox").await,
        bank.count("audit_log").await,
    );
    assert_eq!(written, (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let bank = Bank::open().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let data = |value: &str| json!({"type": "Json", "value": value});

    for (user_id, event_data, named) in [
        (text("Jane"), data("{}"), "user_id"),
        (json!(null), data("{}"), "user_id"),
        (text(user), data("[\"Jane\"]"), "event_data"),
        (text(user), data("{\"Jane\""), "event_data"),
        (
            text(user),
            json!({"type": "Long", "value": 7}),
            "event_data",
        ),
    ] {
        let variables = json!({"user_id": user_id, "event_data": event_data});
        let task = task(HandleSuspiciousActivity::TOPIC, variables);
        let message = bank.incident(&task).await;
        let expected = format!("\"{named}\": expected ");
        assert!(message.contains(&expected), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
    assert_eq!(bank.count("task_completions").await, 0);
    assert_eq!(bank.count("audit_log").await, 0);
}
