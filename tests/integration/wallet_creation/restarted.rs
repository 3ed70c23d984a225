//! An operator runs `create-wallet` again: the request was settled once and stays so.

use phantom_worker::tasks::Registry;
use phantom_worker::wallets::{CreateWallet, ValidateWalletRequest};
use serde_json::{Value as Json, json};

use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, PROCESS, wallet_topics};
use crate::support::{World, mailbox, until};

/// Starts an instance at `create-wallet`, for a request of another instance.
async fn restart(world: &World, request_id: &Json) -> String {
    let variables = json!({"request_id": {"type": "String", "value": request_id}});
    world
        .engine
        .start_before(PROCESS, "create_wallet", variables)
        .await
}

#[test]
fn a_wallet_made_twice_by_modification_is_the_same_wallet() {
    on_a_system(async {
        let world = World::new().await;
        let mut without_mail = Registry::default();
        without_mail
            .register(ValidateWalletRequest)
            .register(CreateWallet::default());
        let tree = TreeBuilder::new(&world, without_mail).start();
        let applicant = Applicant::new();
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let first = world
            .engine
            .task_of(&instance, "notify-wallet-creation")
            .await;
        let wallet = world.engine.variables(&instance).await["wallet_id"].take();
        let audit = world.audit(&instance).await;

        let modification = json!({"instructions": [
            {"type": "startBeforeActivity", "activityId": "create_wallet"},
            {"type": "cancel", "activityId": "notify_wallet_creation"},
        ]});
        world
            .engine
            .post(
                &format!("process-instance/{instance}/modification"),
                modification,
            )
            .await;

        until("the wallet is made again", async || {
            let next = world
                .engine
                .task_of(&instance, "notify-wallet-creation")
                .await;
            (next["id"] != first["id"]).then_some(())
        })
        .await;
        assert_eq!(world.engine.variables(&instance).await["wallet_id"], wallet);
        assert_eq!(world.audit(&instance).await, audit);
        assert_eq!(
            world
                .count("task_completions WHERE topic = 'create-wallet'")
                .await,
            2
        );
        tree.drain().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        assert_eq!(world.engine.ended(&instance).await.at, "wallet_created");
        mailbox::mail_to(applicant.text("email")).await;
        assert_eq!(world.count("wallets").await, 1);
        assert_eq!(world.count("outbox").await, 1);
        tree.drain().await;
    });
}

#[test]
fn another_instance_for_a_fulfilled_request_gets_its_wallet_and_sends_no_second_mail() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let applicant = Applicant::new();
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let first = world.engine.ended(&instance).await;

        let second = restart(&world, &first.variables["request_id"]).await;
        let ended = world.engine.ended(&second).await;

        assert_eq!(ended.at, "wallet_created");
        assert_eq!(ended.variables["wallet_id"], first.variables["wallet_id"]);
        assert_eq!(ended.variables["notification_sent"], true);
        assert_eq!(world.audit(&second).await, "");
        assert_eq!(world.count("wallets").await, 1);
        assert_eq!(world.count("outbox").await, 1);
        tree.drain().await;
    });
}

#[test]
fn a_refused_request_is_refused_again_even_when_its_reason_is_gone() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let applicant = Applicant::new();
        world
            .database
            .run(&format!(
                "INSERT INTO users (id, email, role) \
                 VALUES (gen_random_uuid(), '{}', 'merchant')",
                applicant.text("email")
            ))
            .await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let instance = world.request_wallet(merchant, &applicant).await;
        let first = world.engine.ended(&instance).await;
        assert_eq!(first.variables["error_code"], "IDENTITY_CONFLICT");
        world.database.run("DELETE FROM users").await;

        let second = restart(&world, &first.variables["request_id"]).await;
        let ended = world.engine.ended(&second).await;

        assert_eq!(ended.at, "wallet_not_created");
        assert_eq!(ended.variables["error_code"], "IDENTITY_CONFLICT");
        assert_eq!(world.audit(&second).await, "");
        assert_eq!(world.count("wallets").await, 0);
        tree.drain().await;
    });
}

#[test]
fn a_request_that_was_rejected_is_never_made_a_wallet_of() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let applicant = Applicant::new().without("email");
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let rejected = world.engine.ended(&instance).await;

        let second = restart(&world, &rejected.variables["request_id"]).await;

        assert_eq!(
            world.engine.incident(&second).await,
            "request_id: validation refused this wallet request, the model must not send it here; \
             mend the cause, then set the retries in Cockpit"
        );
        assert_eq!(world.count("wallets").await, 0);
        tree.drain().await;
    });
}
