//! The handler on a real database.

use serde_json::json;

use super::*;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, answered, shown, task, text};

const TOPIC: &str = NotifyWalletCreation::TOPIC;
const WALLET: &str = "W0123456789";

/// A bank with one wallet.
async fn bank() -> Bank {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;
    let user = bank.user("neo@example.bw", "", "").await;
    let (customer, request) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    for statement in [
        format!(
            "INSERT INTO customers VALUES \
             ('{customer}', '{user}', '123412345', 'Neo', 'Moeng', '1990-05-20', '+26771234567')"
        ),
        format!(
            "INSERT INTO wallet_creation_requests (request_id, merchant_id, status) \
             VALUES ('{request}', '{merchant}', 'fulfilled')"
        ),
        format!(
            "INSERT INTO wallets VALUES ('{WALLET}', '{request}', '{customer}', '{merchant}', \
             'basic', 'active', 'BWP', 0, 1000, 10000)"
        ),
    ] {
        bank.database.run(&statement).await;
    }
    bank
}

fn about(wallet_id: &str) -> Value {
    json!({ "wallet_id": text(wallet_id) })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let bank = bank().await;

    let task = task(TOPIC, about(WALLET));
    let unprepared = sent_unprepared(&bank.database.pool, bank.answer(&task)).await;

    assert_eq!(unprepared, TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_gets_one_mail() {
    let bank = bank().await;

    let answer = bank.answer(&task(TOPIC, about(WALLET))).await;

    assert_eq!(
        answer,
        json!({"notification_sent": {"type": "Boolean", "value": true}})
    );
    let mail =
        "SELECT concat_ws(' ', notification_key, channel, template, state) AS text FROM outbox";
    assert_eq!(
        bank.database.text(mail).await,
        "wallet-created:W0123456789 mail wallet_created pending"
    );
    let payload = bank
        .database
        .text("SELECT payload::text AS text FROM outbox")
        .await;
    for part in [
        "neo@example.bw",
        "Neo",
        WALLET,
        "Pula Traders",
        "1000.00",
        "10000.00",
        "BWP",
    ] {
        assert!(
            payload.contains(&format!("\"{part}\"")),
            "{part}: {payload}"
        );
    }
    assert_eq!(
        bank.audit().await,
        "wallet_creation_notified wallet queued {}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_queues_once() {
    let bank = bank().await;
    let task = task(TOPIC, about(WALLET));

    let first = answered(bank.run(&task).await);
    let again = answered(bank.run(&task).await);

    assert_eq!((first.outbox_grew, first.repeated), (true, false));
    assert_eq!((again.outbox_grew, again.repeated), (false, true));
    assert_eq!(shown(&first.answer), shown(&again.answer));
    assert_eq!(
        (bank.count("outbox").await, bank.count("audit_log").await),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_about_one_wallet_queue_one_mail_and_audit_it_once() {
    let bank = bank().await;
    let (one, other) = (task(TOPIC, about(WALLET)), task(TOPIC, about(WALLET)));
    let held = bank
        .lock(&format!(
            "SELECT 1 FROM wallets WHERE wallet_id = '{WALLET}' FOR UPDATE"
        ))
        .await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_eq!(one, other);
    assert_eq!(
        (bank.count("outbox").await, bank.count("audit_log").await),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_is_not_there_is_an_incident_and_writes_nothing() {
    let bank = bank().await;
    let before = bank.rows().await;

    for (wallet_id, expected) in [
        (text("W9876543210"), "wallet_id: there is no such wallet"),
        (text("Jane Doe"), "\"wallet_id\": expected "),
        (text("W01234\u{0}6789"), "\"wallet_id\": expected "),
        (
            json!({"type": "Long", "value": 7}),
            "\"wallet_id\": expected a string, found Long",
        ),
        (json!(null), "\"wallet_id\": expected a string, found Null"),
    ] {
        let message = bank
            .incident(&task(TOPIC, json!({ "wallet_id": wallet_id })))
            .await;
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
    let message = bank.incident(&task(TOPIC, json!({}))).await;
    assert!(
        message.contains("\"wallet_id\": expected a string, found nothing"),
        "{message}"
    );
    assert_eq!(bank.rows().await, before);
}
