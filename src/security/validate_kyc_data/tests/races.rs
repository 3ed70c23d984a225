//! Two tasks at once, and writers who know nothing of our locks.

use super::*;

fn is_approved(answer: &Value) -> bool {
    answer["kyc_validation_success"]["value"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_for_one_user_at_once_are_two_validations_of_one_person() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let (one, other) = (
        validation(user, &person()),
        validation(user, &person_with("phone_number", "1")),
    );
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (good, bad) = held.answer_both(&one, &other).await;

    assert!(is_approved(&good) && !is_approved(&bad), "{good} {bad}");
    assert_eq!(
        stored(&bank, user).await,
        "approved|123412345|1990-05-20|+26771234567"
    );
    assert_eq!(bank.count("security_events").await, 2);
    assert_eq!(bank.count("audit_log").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_with_two_national_ids_at_once_ends_with_one_of_them() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let (one, other) = (
        validation(user, &person()),
        validation(user, &person_with("national_id", "999919999")),
    );
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert!(is_approved(&one) && is_approved(&other), "{one} {other}");
    let row = stored(&bank, user).await;
    assert!(
        ["123412345", "999919999"]
            .map(|id| format!("approved|{id}|1990-05-20|+26771234567"))
            .contains(&row),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_with_one_national_id_at_once_are_one_approval_and_one_refusal() {
    let bank = Bank::open().await;
    let users = [user(&bank, "", "").await, user(&bank, "", "").await];
    let [one, other] = users.map(|user| validation(user, &person()));
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_ne!(is_approved(&one), is_approved(&other), "{one} {other}");
    let refused = if is_approved(&one) { &other } else { &one };
    assert_eq!(
        told(refused),
        json!([{"field": "national_id", "code": "national_id_taken"}])
    );
    assert_eq!(bank.count("users WHERE kyc_status = 'approved'").await, 1);
    assert_eq!(bank.count("users WHERE kyc_status = 'rejected'").await, 1);
    assert_eq!(bank.count("users WHERE national_id IS NOT NULL").await, 1);
}

/// `create-wallet` locks in this order too, so the two never wait for each other in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn the_national_id_is_locked_before_the_user() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let task = validation(user, &person());
    // 7655 is the class of the locks on national ids.
    let held = bank
        .lock("SELECT pg_advisory_xact_lock(7655, hashtext('123412345'))")
        .await;

    let (answer, ()) = futures_util::join!(bank.answer(&task), async {
        bank.until_waiting(1).await;
        bank.database
            .run("SELECT 1 FROM users FOR UPDATE NOWAIT")
            .await;
        held.until_waited_for_by(1).await;
    });

    assert!(is_approved(&answer), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_national_id_that_the_banking_application_writes_meanwhile_is_taken() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let task = validation(user, &person());
    let held = bank
        .lock(
            "INSERT INTO users (id, email, role, national_id) \
             VALUES (gen_random_uuid(), 'meanwhile@example.bw', 'customer', '123412345')",
        )
        .await;

    let (answer, ()) = futures_util::join!(bank.answer(&task), held.until_waited_for_by(1));

    assert_eq!(
        told(&answer),
        json!([{"field": "national_id", "code": "national_id_taken"}])
    );
    assert_eq!(stored(&bank, user).await, "rejected");
    assert_eq!(bank.count("security_events").await, 1);
    assert_eq!(bank.count("audit_log").await, 1);
}

/// The wallet's holder is made while the validation waits for the same user.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_becomes_a_customer_meanwhile_is_held_to_that_national_id() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;
    let user = bank
        .user("neo@example.bw", ", national_id", ", '123412345'")
        .await;
    let request = Uuid::new_v4();
    bank.database
        .run(&format!(
            "INSERT INTO wallet_creation_requests VALUES ('{request}', '{merchant}', 'approved', \
             'Neo', 'Moeng', 'neo@example.bw', '+26771234567', '123412345', '1990-05-20')"
        ))
        .await;
    let creation = task("create-wallet", json!({"request_id": text(request)}));
    let validation = validation(user, &person_with("national_id", "999919999"));
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    // Who waits first goes first.
    let (wallet, answer, ()) = futures_util::join!(
        bank.answer(&creation),
        async {
            bank.until_waiting(1).await;
            bank.answer(&validation).await
        },
        held.until_waited_for_by(2)
    );

    assert_eq!(wallet["creation_success"]["value"], true, "{wallet}");
    assert_eq!(
        told(&answer),
        json!([{"field": "national_id", "code": "national_id_mismatch"}])
    );
    assert_eq!(stored(&bank, user).await, "rejected|123412345");
}
