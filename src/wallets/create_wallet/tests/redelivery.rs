//! The same task again, another task for the same request, and two at once.

use serde_json::json;

use super::{EMAIL, bank, creation, request, request_of};
use crate::tasks::testing::{Task, answered, shown};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_makes_one_wallet() {
    let (bank, merchant) = bank().await;
    let task = creation(request(&bank, merchant).await);

    bank.assert_answered_once(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_nobody_stands_behind_is_taken_over() {
    let (bank, merchant) = bank().await;
    let task = creation(request(&bank, merchant).await);
    bank.database
        .run(&format!(
            "INSERT INTO task_completions (engine_id, task_id, topic, process_definition_key, \
             process_instance_id, activity_instance_id, input_sha256) \
             VALUES ('engine', '{}', 'create-wallet', 'wallet-creation-process', 'instance', \
             'activity', sha256(''))",
            task.id
        ))
        .await;

    let first = answered(bank.run(&task).await);
    let again = answered(bank.run(&task).await);

    assert_eq!((first.repeated, again.repeated), (false, true));
    assert_eq!(bank.count("wallets").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_restart_gets_the_wallet_that_is_there_even_when_the_person_is_forgotten() {
    let (bank, merchant) = bank().await;
    let request_id = request(&bank, merchant).await;
    let first = bank.answer(&creation(request_id)).await;
    let audited = bank.count("audit_log").await;
    bank.database
        .run("UPDATE wallet_creation_requests SET national_id = NULL")
        .await;

    let again = bank.answer(&creation(request_id)).await;

    assert_eq!(first, again);
    assert_eq!(
        (bank.count("wallets").await, bank.count("audit_log").await),
        (1, audited)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_in_two_hands_at_once_makes_one_wallet() {
    let (bank, merchant) = bank().await;
    let task = creation(request(&bank, merchant).await);
    let held = bank
        .lock("SELECT 1 FROM wallet_creation_requests FOR UPDATE")
        .await;

    let (one, other, ()) = futures_util::join!(
        bank.run(&task),
        bank.run(&task),
        held.until_waited_for_by(2)
    );

    let (one, other) = (answered(one), answered(other));
    assert_ne!(one.repeated, other.repeated);
    assert_eq!(shown(&one.answer), shown(&other.answer));
    assert_eq!(
        (bank.count("wallets").await, bank.count("audit_log").await),
        (1, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_in_two_tasks_at_once_makes_one_wallet() {
    let (bank, merchant) = bank().await;
    let request_id = request(&bank, merchant).await;
    let (one, other) = (creation(request_id), creation(request_id));
    let held = bank
        .lock("SELECT 1 FROM wallet_creation_requests FOR UPDATE")
        .await;

    let (one, other) = held.answer_both(&one, &other).await;

    assert_eq!(one, other);
    assert_eq!(
        (bank.count("wallets").await, bank.count("audit_log").await),
        (1, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_of_one_person_at_once_make_one_wallet() {
    let (bank, merchant) = bank().await;
    let one = creation(request(&bank, merchant).await);
    let other = creation(request(&bank, merchant).await);
    let held = bank
        .lock("SELECT 1 FROM wallet_creation_requests FOR UPDATE")
        .await;

    let (one, other) = held.answer_both(&one, &other).await;

    let refused = json!({"error": "WALLET_EXISTS"});
    assert!((one == refused) != (other == refused), "{one} {other}");
    assert_eq!(
        (bank.count("wallets").await, bank.count("customers").await),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_with_one_e_mail_at_once_are_one_user_and_one_conflict() {
    let (bank, merchant) = bank().await;
    let one = creation(request(&bank, merchant).await);
    let other = creation(request_of(&bank, merchant, "999919999", EMAIL).await);
    let held = bank.lock("LOCK TABLE users IN SHARE MODE").await;

    let (one, other) = held.answer_both(&one, &other).await;

    let refused = json!({"error": "IDENTITY_CONFLICT"});
    assert!((one == refused) != (other == refused), "{one} {other}");
    assert_eq!(
        (bank.count("users").await, bank.count("wallets").await),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_task_id_with_another_instance_is_an_incident() {
    let (bank, merchant) = bank().await;
    let task = creation(request(&bank, merchant).await);
    bank.answer(&task).await;
    let rows = bank.rows().await;

    let foreign = Task {
        process_instance_id: "another",
        ..task
    };
    let message = bank.incident(&foreign).await;

    assert!(
        message.contains("recorded as answered for process instance instance"),
        "{message}"
    );
    assert_eq!(bank.rows().await, rows);
}
