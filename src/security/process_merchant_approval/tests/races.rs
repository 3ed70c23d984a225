//! Two tasks at once, and a world that changes while a task waits.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_for_one_merchant_at_once_are_one_approval() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    let (one, other) = (approval(merchant), approval(merchant));
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_eq!(one, other);
    assert_eq!(one["approval_success"]["value"], true);
    assert_eq!(mails(&bank).await.len(), 1);
    assert_eq!(bank.count("security_events").await, 1);
    assert_eq!(bank.count("audit_log").await, 2);
    assert_eq!(
        bank.count("audit_log WHERE outcome = 'already_approved'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_without_an_owner_is_approved_once_too() {
    let bank = Bank::open().await;
    let merchant = merchant(&bank).await;
    let (one, other) = (approval(merchant), approval(merchant));
    let held = bank.lock("SELECT 1 FROM merchants FOR UPDATE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_eq!(one, other);
    assert_eq!(mails(&bank).await.len(), 1);
    assert_eq!(bank.count("security_events").await, 1);
}

/// `create-wallet` locks in this order too, so the two never wait for each other in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_locked_before_the_merchant() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    let task = approval(merchant);
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (given, ()) = futures_util::join!(bank.answer(&task), async {
        bank.until_waiting(1).await;
        bank.database
            .run("SELECT 1 FROM merchants FOR UPDATE NOWAIT")
            .await;
        held.until_waited_for_by(1).await;
    });

    assert_eq!(given["approval_success"]["value"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_fails_kyc_meanwhile_counts_as_failed() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    let task = approval(merchant);
    let held = bank.lock("UPDATE users SET kyc_status = 'rejected'").await;

    let (given, ()) = futures_util::join!(bank.answer(&task), held.until_waited_for_by(1));

    assert_eq!(given["approval_success"]["value"], false);
    assert_eq!(stored(&bank, merchant).await, "f");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_that_changes_hands_meanwhile_is_decided_by_its_new_owner() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    let task = approval(merchant);
    let new_owner = owner(&bank, "not_started").await;
    let held = bank
        .lock(&format!("UPDATE merchants SET user_id = '{new_owner}'"))
        .await;

    let (given, ()) = futures_util::join!(bank.answer(&task), held.until_waited_for_by(1));

    let errors = [("user_id", "kyc_not_approved")];
    assert_eq!(given, answer(false, null(), &errors));
    assert_eq!(bank.count("security_events").await, 1);
    assert_eq!(mails(&bank).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_that_goes_meanwhile_is_not_found() {
    let bank = Bank::open().await;
    let merchant = merchant(&bank).await;
    let task = approval(merchant);
    let held = bank.lock("DELETE FROM merchants").await;

    let (given, ()) = futures_util::join!(bank.answer(&task), held.until_waited_for_by(1));

    assert_eq!(given, json!({"error": "MERCHANT_NOT_FOUND"}));
}

/// The validation of the owner and the approval of the merchant lock the same user.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_validated_at_the_same_time_is_no_deadlock() {
    let bank = Bank::open().await;
    let (merchant, owner) = owned_merchant(&bank, "not_started").await;
    let kyc_data = json!({"national_id": "123412345", "date_of_birth": "1990-05-20",
        "phone_number": "71234567"});
    let validation = task(
        "validate-kyc-data",
        json!({"user_id": text(owner),
            "kyc_data": {"type": "Json", "value": kyc_data.to_string()}}),
    );
    let approval = approval(merchant);
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    // Who waits first goes first.
    let (validated, given, ()) = futures_util::join!(
        bank.answer(&validation),
        async {
            bank.until_waiting(1).await;
            bank.answer(&approval).await
        },
        held.until_waited_for_by(2)
    );

    assert_eq!(validated["kyc_validation_success"]["value"], true);
    assert_eq!(given["approval_success"]["value"], true);
}

/// An outage can cut a transaction off from its worker: it keeps its rows until the server ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_nobody_ends_costs_no_retry() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    // Longer than three waits for a lock.
    let rest = "SET LOCAL idle_in_transaction_session_timeout = '7s'";
    let _cut_off = bank
        .lock(&format!("{rest}; SELECT 1 FROM users FOR UPDATE"))
        .await;

    let answer = bank.answer(&approval(merchant)).await;

    assert_eq!(answer["approval_success"]["value"], true);
}
