//! Wallet creation, from the start of an instance to its end, on the real engine.

mod accepted;
mod refused;
mod rejected;
mod restarted;

use serde_json::{Value as Json, json};

use crate::support::wallets::Applicant;
use crate::support::{World, mailbox};

/// The variables that every instance is started with, and those that its validation adds.
const STARTED: [(&str, &str); 2] = [("merchant_id", "String"), ("request_data", "Json")];
const VALIDATED: [(&str, &str); 3] = [
    ("request_id", "String"),
    ("validation_success", "Boolean"),
    ("validation_errors", "Json"),
];

/// The variables of an ended instance with their types: these and no others.
fn types(more: &[(&str, &str)]) -> Json {
    let all = STARTED.iter().chain(&VALIDATED).chain(more);
    Json::Object(
        all.map(|(name, engine_type)| ((*name).to_owned(), json!(engine_type)))
            .collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_request_becomes_a_wallet_and_a_mail() {
    let world = World::new().await;
    let mut worker = world.worker().start().await;
    let merchant = world.merchant().await;
    let applicant = Applicant::new();

    let instance = world.request_wallet(merchant, &applicant).await;
    let ended = world.engine.ended(&instance).await;

    assert_eq!(ended.at, "wallet_created");
    assert_eq!(ended.variables["validation_success"], true);
    assert_eq!(ended.variables["creation_success"], true);
    assert_eq!(ended.variables["notification_sent"], true);
    let wallet = ended.variables["wallet_id"].as_str().unwrap();
    assert_eq!(
        world
            .database
            .text("SELECT wallet_id AS text FROM wallets")
            .await,
        wallet
    );
    let mail = mailbox::mail_to(applicant.text("email")).await;
    assert!(mail["html"].as_str().unwrap().contains(wallet));
    assert_eq!(worker.stop().await.code(), Some(0));
}
