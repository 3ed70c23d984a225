//! What each decision writes and answers, on a real database.

mod faults;
mod redelivery;

use serde_json::json;

use super::*;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, Task, task, text};

const TOPIC: &str = CreateWallet::TOPIC;
const NATIONAL_ID: &str = "123412345";
const EMAIL: &str = "neo@example.bw";

/// A bank with an approved merchant.
async fn bank() -> (Bank, Uuid) {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;
    (bank, merchant)
}

/// An approved request of the person with this national id and e-mail address.
async fn request_of(bank: &Bank, merchant: Uuid, national_id: &str, email: &str) -> Uuid {
    let id = Uuid::new_v4();
    bank.database
        .run(&format!(
            "INSERT INTO wallet_creation_requests VALUES ('{id}', '{merchant}', 'approved', \
             'Neo', 'Moeng', '{email}', '+26771234567', '{national_id}', '1990-05-20')"
        ))
        .await;
    id
}

async fn request(bank: &Bank, merchant: Uuid) -> Uuid {
    request_of(bank, merchant, NATIONAL_ID, EMAIL).await
}

fn creation(request_id: Uuid) -> Task {
    task(TOPIC, json!({ "request_id": text(request_id) }))
}

async fn wallet_of(bank: &Bank, request_id: Uuid) -> String {
    let wallet = format!("SELECT wallet_id AS text FROM wallets WHERE request_id = '{request_id}'");
    bank.database.text(&wallet).await
}

/// The request ends in this BPMN error, now and when it is asked again, and nothing is created.
async fn assert_refused(bank: &Bank, request_id: Uuid, code: &str) {
    let people = (bank.count("users").await, bank.count("customers").await);
    let wallets = bank.count("wallets").await;
    let audited = bank.count("audit_log").await;

    let answer = bank.answer(&creation(request_id)).await;
    let again = bank.answer(&creation(request_id)).await;

    assert_eq!(answer, json!({ "error": code }));
    assert_eq!(again, answer);
    assert_eq!(
        (bank.count("users").await, bank.count("customers").await),
        people
    );
    assert_eq!(bank.count("wallets").await, wallets);
    assert_eq!(bank.count("audit_log").await, audited + 1);
    let rejected = format!("wallet_request_rejected wallet_creation_request {code} {{}}");
    assert!(bank.audit().await.ends_with(&rejected));
    let row = format!(
        "SELECT status || ' ' || bpmn_error || ' ' || num_nulls(first_name, last_name, email, \
         phone_number, national_id, date_of_birth) AS text \
         FROM wallet_creation_requests WHERE request_id = '{request_id}'"
    );
    assert_eq!(bank.database.text(&row).await, format!("rejected {code} 6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let (bank, merchant) = bank().await;
    let request_id = request(&bank, merchant).await;

    let creation = creation(request_id);
    let work = bank.answer(&creation);
    let unprepared = sent_unprepared(&bank.database.pool, work).await;

    assert_eq!(unprepared, TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_a_user_a_customer_and_a_basic_wallet() {
    let (bank, merchant) = bank().await;
    let request_id = request(&bank, merchant).await;

    let answer = bank.answer(&creation(request_id)).await;

    let wallet = wallet_of(&bank, request_id).await;
    assert_eq!(
        answer,
        json!({"wallet_id": text(&wallet), "creation_success": {"type": "Boolean", "value": true}})
    );
    let row = "SELECT concat_ws('|', email, role, u.national_id, u.date_of_birth, u.phone_number, \
               is_active, c.national_id, first_name, last_name, c.date_of_birth, c.phone_number, \
               merchant_id, wallet_type, status, currency, balance, daily_limit, monthly_limit) \
               AS text FROM users u JOIN customers c ON c.user_id = u.id JOIN wallets USING (customer_id)";
    assert_eq!(
        bank.database.text(row).await,
        format!(
            "neo@example.bw|customer|123412345|1990-05-20|+26771234567|t|123412345|Neo|Moeng|\
             1990-05-20|+26771234567|{merchant}|basic|active|BWP|0.00|1000.00|10000.00"
        )
    );
    assert_eq!(
        bank.count("wallet_creation_requests WHERE status = 'fulfilled'")
            .await,
        1
    );
    assert_eq!(
        bank.audit().await,
        "user_created user created {}\n\
         customer_created customer created {}\n\
         wallet_created wallet created {}\n\
         wallet_request_fulfilled wallet_creation_request fulfilled {}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_customer_gets_a_wallet_and_keeps_the_stored_data() {
    let (bank, merchant) = bank().await;
    bank.answer(&creation(request(&bank, merchant).await)).await;
    let other_merchant = bank.merchant(true).await;
    let second = request_of(&bank, other_merchant, NATIONAL_ID, "new@example.bw").await;

    bank.answer(&creation(second)).await;

    assert_eq!(
        (bank.count("users").await, bank.count("customers").await),
        (1, 1)
    );
    assert_eq!(
        bank.database.text("SELECT email AS text FROM users").await,
        EMAIL
    );
    assert_eq!(bank.count("wallets").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_same_person_becomes_the_customer() {
    let (bank, merchant) = bank().await;
    let user = bank
        .user("NEO@Example.bw", ", national_id", ", '123412345'")
        .await;

    bank.answer(&creation(request(&bank, merchant).await)).await;

    assert_eq!(bank.count("users").await, 1);
    assert_eq!(
        bank.count(&format!("customers WHERE user_id = '{user}'"))
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_this_e_mail_and_no_national_id_is_an_identity_conflict() {
    let (bank, merchant) = bank().await;
    bank.user(EMAIL, "", "").await;

    assert_refused(&bank, request(&bank, merchant).await, "IDENTITY_CONFLICT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_this_national_id_and_another_e_mail_is_an_identity_conflict() {
    let (bank, merchant) = bank().await;
    bank.user("other@example.bw", ", national_id", ", '123412345'")
        .await;

    assert_refused(&bank, request(&bank, merchant).await, "IDENTITY_CONFLICT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_born_on_another_day_is_an_identity_conflict() {
    let (bank, merchant) = bank().await;
    bank.answer(&creation(request(&bank, merchant).await)).await;
    bank.database
        .run("UPDATE customers SET date_of_birth = '1990-05-21'")
        .await;
    let other_merchant = bank.merchant(true).await;

    assert_refused(
        &bank,
        request(&bank, other_merchant).await,
        "IDENTITY_CONFLICT",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_a_customer_under_another_national_id_is_an_identity_conflict() {
    let (bank, merchant) = bank().await;
    bank.answer(&creation(request(&bank, merchant).await)).await;
    bank.database
        .run("UPDATE users SET national_id = '999919999'")
        .await;

    let second = request_of(&bank, merchant, "999919999", EMAIL).await;

    assert_refused(&bank, second, "IDENTITY_CONFLICT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_customer_and_an_inactive_user_are_blocked() {
    let (bank, merchant) = bank().await;
    bank.answer(&creation(request(&bank, merchant).await)).await;
    bank.database
        .run("UPDATE users SET account_locked_until = now() + interval '1 min'")
        .await;
    bank.user(
        "other@example.bw",
        ", national_id, is_active",
        ", '999919999', false",
    )
    .await;
    let other_merchant = bank.merchant(true).await;

    assert_refused(
        &bank,
        request(&bank, other_merchant).await,
        "CUSTOMER_BLOCKED",
    )
    .await;
    let inactive = request_of(&bank, merchant, "999919999", "other@example.bw").await;
    assert_refused(&bank, inactive, "CUSTOMER_BLOCKED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_that_is_gone_or_not_approved_any_more_gets_no_wallet() {
    let (bank, merchant) = bank().await;
    let gone = Uuid::new_v4();
    bank.database
        .run("UPDATE merchants SET is_approved = false")
        .await;

    assert_refused(
        &bank,
        request(&bank, merchant).await,
        "MERCHANT_NOT_APPROVED",
    )
    .await;
    assert_refused(&bank, request(&bank, gone).await, "MERCHANT_NOT_APPROVED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_of_a_customer_finds_the_wallet_of_the_first() {
    let (bank, merchant) = bank().await;
    let (first, second) = (
        request(&bank, merchant).await,
        request(&bank, merchant).await,
    );
    bank.answer(&creation(first)).await;

    assert_refused(&bank, second, "WALLET_EXISTS").await;
}
