//! The handler on a real database.

use serde_json::json;

use super::*;
use crate::links::KEY_BYTES;
use crate::security::testing::{bank_that_signs_with, request};
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, answered, shown, task, text};

const KEY: u8 = 1;
const OPEN: &str = "email_verifications WHERE superseded_at IS NULL AND confirmed_at IS NULL AND expires_at > now()";

async fn bank() -> Bank {
    bank_that_signs_with(KEY).await
}

fn boolean(value: bool) -> Value {
    json!({"type": "Boolean", "value": value})
}

fn nothing_to_do() -> Value {
    json!({
        "verification_sent": boolean(false),
        "verification_id": {"type": "Null", "value": null},
        "email_verified": boolean(true),
    })
}

fn id_in(answer: &Value) -> String {
    answer["verification_id"]["value"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;

    let task = request(user, "instance");
    let unprepared = sent_unprepared(&bank.database.pool, bank.answer(&task)).await;

    assert_eq!(unprepared, TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_gets_a_link_for_a_day() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", ", username", ", 'Neo'").await;

    let answer = bank.answer(&request(user, "its instance")).await;

    let id = id_in(&answer);
    assert_eq!(
        answer,
        json!({
            "verification_sent": boolean(true),
            "verification_id": text(&id),
            "email_verified": boolean(false),
        })
    );
    let key_id = KeyId::of(&[KEY; KEY_BYTES]);
    let row = "SELECT concat_ws('|', verification_id, user_id, email, key_id, engine_id, \
        process_instance_id, expires_at - created_at, num_nulls(superseded_at, confirmed_at)) \
        AS text FROM email_verifications";
    assert_eq!(
        bank.database.text(row).await,
        format!("{id}|{user}|neo@example.bw|{key_id}|engine|its instance|1 day|2")
    );
    let mail = "SELECT concat_ws('|', notification_key, channel, template, payload ->> 'recipient', \
        payload ->> 'greeting_name', payload -> 'verification' ->> 'user_id', \
        payload -> 'verification' ->> 'key_id', \
        (payload -> 'verification' ->> 'expires_at')::timestamptz = expires_at) AS text \
        FROM outbox, email_verifications";
    assert_eq!(
        bank.database.text(mail).await,
        format!("verify-email:{id}|mail|verify_email|neo@example.bw|Neo|{user}|{key_id}|t")
    );
    assert_eq!(
        bank.audit().await,
        format!(
            "email_verification_requested user sent \
             {{\"superseded\":null,\"verification_id\":\"{id}\"}}"
        )
    );
    let unverified = "users WHERE num_nulls(verified_email, email_verified_at) = 2";
    assert_eq!(bank.count(unverified).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_takes_the_place_of_the_older_one() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let older = id_in(&bank.answer(&request(user, "instance")).await);

    // As after an operator's restart: another task of the same instance.
    let newer = id_in(&bank.answer(&request(user, "instance")).await);

    assert_ne!(older, newer);
    let open = format!("{OPEN} AND verification_id = '{newer}'");
    assert_eq!((bank.count(OPEN).await, bank.count(&open).await), (1, 1));
    let ended = format!(
        "email_verifications WHERE verification_id = '{older}' AND superseded_at IS NOT NULL"
    );
    assert_eq!(bank.count(&ended).await, 1);
    assert!(bank.audit().await.ends_with(&format!(
        "{{\"superseded\":\"{older}\",\"verification_id\":\"{newer}\"}}"
    )));
    assert_eq!(bank.count("outbox").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_that_nobody_used_is_no_hindrance() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;
    bank.answer(&request(user, "instance")).await;
    bank.database
        .run("UPDATE email_verifications SET created_at = '2026-01-01', expires_at = now()")
        .await;

    bank.answer(&request(user, "instance")).await;

    assert_eq!(bank.count(OPEN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_verified_gets_no_mail() {
    let bank = bank().await;

    for (email, verified) in [
        ("neo@example.bw", "neo@example.bw"),
        ("Thato@example.bw", "thato@Example.bw"),
        // Even where no mail could be delivered.
        ("pule at example", "pule at example"),
    ] {
        let user = bank
            .user(email, ", verified_email", &format!(", '{verified}'"))
            .await;
        assert_eq!(
            bank.answer(&request(user, "instance")).await,
            nothing_to_do(),
            "{email}"
        );
    }

    let written = (
        bank.count("email_verifications").await,
        bank.count("outbox").await,
    );
    assert_eq!(written, (0, 0));
    let audited = "email_verification_requested user already_verified {}";
    assert_eq!(bank.audit().await, [audited; 3].join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_a_verified_address_gets_a_link_to_the_new_one() {
    let bank = bank().await;
    let user = bank
        .user("new@example.bw", ", verified_email", ", 'old@example.bw'")
        .await;

    let answer = bank.answer(&request(user, "instance")).await;

    assert_eq!(answer["verification_sent"], boolean(true));
    let row = "email_verifications WHERE email = 'new@example.bw'";
    assert_eq!(bank.count(row).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_mail_reaches_is_an_incident_and_ends_no_older_link() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;
    bank.answer(&request(user, "instance")).await;
    bank.database
        .run("UPDATE users SET email = 'Canary at example'")
        .await;
    let rows = bank.rows().await;

    let message = bank.incident(&request(user, "instance")).await;

    assert!(message.starts_with("users.email: "), "{message}");
    assert!(!message.contains("Canary"), "{message}");
    assert_eq!(bank.rows().await, rows);
    assert_eq!(bank.count(OPEN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_written_to_who_is_not_there() {
    let bank = bank().await;

    let answer = bank.answer(&request(Uuid::new_v4(), "instance")).await;

    assert_eq!(answer, json!({ "error": USER_NOT_FOUND }));
    assert_eq!(
        bank.audit().await,
        "email_verification_requested user USER_NOT_FOUND {}"
    );
    assert_eq!(bank.count("outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_makes_one_link() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let task = request(user, "instance");

    let first = answered(bank.run(&task).await);
    let rows = bank.rows().await;
    let again = answered(bank.run(&task).await);

    assert_eq!((first.outbox_grew, first.repeated), (true, false));
    assert_eq!((again.outbox_grew, again.repeated), (false, true));
    assert_eq!(shown(&first.answer), shown(&again.answer));
    assert_eq!(bank.rows().await, rows);
    assert_eq!(bank.count("email_verifications").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_for_one_user_at_once_leave_one_open_link() {
    let bank = bank().await;
    let user = bank.user("neo@example.bw", "", "").await;
    let (one, other) = (request(user, "one"), request(user, "other"));
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_ne!(id_in(&one), id_in(&other));
    assert_eq!(bank.count(OPEN).await, 1);
    let made = (
        bank.count("email_verifications").await,
        bank.count("outbox").await,
        bank.count("audit_log").await,
    );
    assert_eq!(made, (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let bank = bank().await;

    for user_id in [
        json!(null),
        text("Jane"),
        json!({"type": "Long", "value": 7}),
    ] {
        let task = task(
            ProcessEmailVerification::TOPIC,
            json!({ "user_id": user_id }),
        );
        let message = bank.incident(&task).await;
        assert!(message.contains("\"user_id\": expected "), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
    assert!(bank.rows().await.iter().all(|(_, count)| *count == 0));
}
