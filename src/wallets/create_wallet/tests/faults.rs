//! What is no decision of the business: a generator that repeats itself, and tasks that make no
//! sense.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::SysError;
use serde_json::json;
use uuid::Uuid;

use super::{TOPIC, bank, creation, request, request_of, wallet_of};
use crate::tasks::testing::{Bank, task, text};
use crate::tasks::{Registry, Verdict};
use crate::wallets::CreateWallet;
use crate::wallets::wallet_number::WalletNumber;

/// A bank whose wallet numbers are drawn from a counter that starts with a number that is taken.
async fn bank_that_draws(draw: fn() -> Result<WalletNumber, SysError>) -> (Bank, Uuid) {
    let mut registry = Registry::default();
    registry.register(CreateWallet { draw });
    let bank = Bank::with(registry).await;
    let merchant = bank.merchant(true).await;
    bank.answer(&creation(
        request_of(&bank, merchant, "999919999", "first@example.bw").await,
    ))
    .await;
    (bank, merchant)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_number_is_drawn_again() {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let draw = || {
        Ok(WalletNumber::from_bits(
            DRAWN.fetch_add(1, Ordering::Relaxed) / 2,
        ))
    };
    let (bank, merchant) = bank_that_draws(draw).await;
    let request_id = request(&bank, merchant).await;

    bank.answer(&creation(request_id)).await;

    assert_eq!(wallet_of(&bank, request_id).await, "W0000000001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_repeats_itself_is_no_endless_loop() {
    let (bank, merchant) = bank_that_draws(|| Ok(WalletNumber::from_bits(7))).await;
    let before = bank.rows().await;

    let verdict = bank.run(&creation(request(&bank, merchant).await)).await;

    assert!(matches!(verdict, Verdict::Retry(_)));
    let mut expected = before;
    expected[2].1 += 1; // the request that waits
    assert_eq!(bank.rows().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_unknown_or_was_refused_by_validation_is_an_incident() {
    let (bank, merchant) = bank().await;
    let refused = Uuid::new_v4();
    bank.database
        .run(&format!(
            "INSERT INTO wallet_creation_requests (request_id, merchant_id, status, validation_errors) \
             VALUES ('{refused}', '{merchant}', 'rejected', '[{{}}]')"
        ))
        .await;
    let rows = bank.rows().await;

    for (request_id, expected) in [
        (
            Uuid::new_v4(),
            "request_id: there is no such wallet request",
        ),
        (
            refused,
            "request_id: validation refused this wallet request",
        ),
    ] {
        let message = bank.incident(&creation(request_id)).await;
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains(&request_id.to_string()), "{message}");
    }
    assert_eq!(bank.rows().await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let (bank, _) = bank().await;

    for request_id in [
        json!(null),
        text("Jane Doe"),
        text(""),
        json!({"type": "Long", "value": 7}),
        json!({"type": "Json", "value": "{\"request_id\": 1}"}),
    ] {
        let message = bank
            .incident(&task(TOPIC, json!({ "request_id": request_id })))
            .await;
        assert!(message.contains("\"request_id\": expected "), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
    let message = bank.incident(&task(TOPIC, json!({}))).await;
    assert!(message.contains("\"request_id\": expected ") && message.ends_with("found nothing"));
    assert!(bank.rows().await.iter().all(|(_, count)| *count == 0));
}
