//! E-mail verification, from the start of an instance to its end, on the real engine.

use futures_util::future::join_all;
use phantom_worker::links::{LinkSettings, Links, Token};
use phantom_worker::security::confirm::{Confirmation, Standing, confirm, look};
use serde_json::json;
use uuid::Uuid;

use crate::support::engine::variables;
use crate::support::users::new_address;
use crate::support::{World, mailbox, until};

const PROCESS: &str = "email-verification-process";
const TOPIC: &str = "process-email-verification";

/// The links as the worker of a story makes them.
fn links() -> Links {
    Links::new(LinkSettings {
        base_url: "https://wallet.example".parse().unwrap(),
        key: Box::new([0x5c; 32]).into(),
        previous_key: None,
    })
}

async fn request(world: &World, user: Uuid) -> String {
    let given = variables(json!({ "user_id": user.to_string() }));
    world.engine.start(PROCESS, given).await
}

/// An instance that waits for the link in its mail.
struct Waiting {
    instance: String,
    verification: Uuid,
}

/// Starts an instance and waits until it waits for the link.
async fn sent(world: &World, user: Uuid) -> Waiting {
    let instance = request(world, user).await;
    let verification = waits(world, &instance).await;
    Waiting {
        instance,
        verification,
    }
}

/// Waits until an instance waits for the link; its verification.
async fn waits(world: &World, instance: &str) -> Uuid {
    let path = format!("event-subscription?processInstanceId={instance}&eventName=email-verified");
    until("the instance waits for the link", async || {
        let waiting = world.engine.get(&path).await;
        (!waiting.as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    let variables = world.engine.variables(instance).await;
    assert_eq!(variables["verification_sent"], true);
    assert_eq!(variables["email_verified"], false);
    variables["verification_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The token of this verification, out of the mail to this address.
async fn mailed(address: &str, verification: Uuid) -> String {
    until("the mail with the link arrives", async || {
        let mails = mailbox::mails_to(address).await;
        mails
            .iter()
            .map(|mail| token_in(mail["text"].as_str().unwrap()))
            .find(|token| Token::parse(token).unwrap().verification_id() == verification)
    })
    .await
}

fn token_in(mail: &str) -> String {
    let (_, rest) = mail
        .split_once("https://wallet.example/verify-email/")
        .expect("the mail has a link");
    let is_token = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    rest.chars().take_while(is_token).collect()
}

async fn press(world: &World, token: &str) -> Confirmation {
    let mut conn = world.database.pool.get().await.unwrap();
    confirm(&mut conn, &links(), token).await.unwrap()
}

async fn standing(world: &World, token: &str) -> Standing {
    let mut conn = world.database.pool.get().await.unwrap();
    look(&mut conn, &links(), token).await.unwrap()
}

const CONFIRMED: Confirmation = Confirmation::Confirmed { outbox_grew: true };

#[tokio::test(flavor = "multi_thread")]
async fn who_presses_the_button_is_verified() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;
    let waiting = sent(&world, user).await;
    let token = mailed(&address, waiting.verification).await;
    assert_eq!(standing(&world, &token).await, Standing::Open);

    assert_eq!(press(&world, &token).await, CONFIRMED);

    let ended = world.engine.ended(&waiting.instance).await;
    assert_eq!(ended.at, "email_verified");
    assert_eq!(
        ended.variables,
        json!({
            "user_id": user.to_string(),
            "verification_sent": true,
            "verification_id": waiting.verification.to_string(),
            "email_verified": true,
        })
    );
    assert_eq!(
        world.engine.types(&waiting.instance).await,
        json!({
            "user_id": "String",
            "verification_sent": "Boolean",
            "verification_id": "String",
            "email_verified": "Boolean",
        })
    );
    let verified = format!("users WHERE id = '{user}' AND verified_email = '{address}'");
    assert_eq!(world.count(&verified).await, 1);
    assert_eq!(standing(&world, &token).await, Standing::Over);
    assert_eq!(press(&world, &token).await, Confirmation::Over);
    let told = world.everything().await + &worker.log();
    assert!(!told.contains(&token), "the token was kept");
    assert!(!worker.log().contains(&address), "the address is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_supersedes_the_first_and_both_instances_end_verified() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;
    let first = sent(&world, user).await;
    let second = sent(&world, user).await;
    let superseded = mailed(&address, first.verification).await;
    assert_eq!(press(&world, &superseded).await, Confirmation::Over);

    let token = mailed(&address, second.verification).await;
    assert_eq!(press(&world, &token).await, CONFIRMED);

    for waiting in [&first, &second] {
        let ended = world.engine.ended(&waiting.instance).await;
        assert_eq!(ended.at, "email_verified");
        assert_eq!(ended.variables["email_verified"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_verified_gets_no_mail() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at(&new_address()).await;
    world
        .database
        .run("UPDATE users SET verified_email = upper(email)")
        .await;

    let instance = request(&world, user).await;

    let ended = world.engine.ended(&instance).await;
    assert_eq!(ended.at, "already_verified");
    assert_eq!(
        ended.variables,
        json!({
            "user_id": user.to_string(),
            "verification_sent": false,
            "verification_id": null,
            "email_verified": true,
        })
    );
    assert_eq!(world.count("email_verifications").await, 0);
    assert_eq!(world.count("outbox").await, 0);
    assert_eq!(
        world.audit(&instance).await,
        "email_verification_requested user already_verified {}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_about_nobody_ends_there() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let nobody = Uuid::new_v4();

    let instance = request(&world, nobody).await;

    let ended = world.engine.ended(&instance).await;
    assert_eq!(ended.at, "user_unknown");
    assert_eq!(
        ended.variables,
        json!({"user_id": nobody.to_string(), "error_code": "USER_NOT_FOUND"})
    );
    assert_eq!(
        world.audit(&instance).await,
        "email_verification_requested user USER_NOT_FOUND {}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at(&new_address()).await;
    let waiting = sent(&world, user).await;

    let jobs = format!("job?processInstanceId={}", waiting.instance);
    let jobs = world.engine.get(&jobs).await;
    let timer = jobs[0]["id"].as_str().unwrap();
    let fire = format!("job/{timer}/execute");
    world.engine.post(&fire, json!({})).await;

    let ended = world.engine.ended(&waiting.instance).await;
    assert_eq!(ended.at, "verification_expired");
    assert_eq!(ended.variables["email_verified"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_mail_reaches_waits_for_an_operator_who_corrects_it() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let user = world.user_at("naledi at example").await;
    let instance = request(&world, user).await;
    assert_eq!(
        world.engine.incident(&instance).await,
        "users.email: no mail can be delivered to the user's present address; \
         mend the cause, then set the retries in Cockpit"
    );
    assert_eq!(world.count("email_verifications").await, 0);

    let address = new_address();
    let correct = format!("UPDATE users SET email = '{address}' WHERE id = '{user}'");
    world.database.run(&correct).await;
    let task = world.engine.task_of(&instance, TOPIC).await;
    let retries = format!("external-task/{}/retries", task["id"].as_str().unwrap());
    world.engine.put(&retries, json!({"retries": 1})).await;

    let verification = waits(&world, &instance).await;
    let token = mailed(&address, verification).await;
    assert_eq!(press(&world, &token).await, CONFIRMED);
    assert_eq!(world.engine.ended(&instance).await.at, "email_verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_one_user_at_once_leave_one_link_that_ends_them_all() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;

    let all = join_all((0..8).map(|_| sent(&world, user))).await;

    let open = "SELECT verification_id::text AS text FROM email_verifications \
        WHERE superseded_at IS NULL AND confirmed_at IS NULL";
    let open = world.database.text(open).await;
    let token = mailed(&address, open.parse().expect("one link is open")).await;
    assert_eq!(press(&world, &token).await, CONFIRMED);
    for waiting in &all {
        let ended = world.engine.ended(&waiting.instance).await;
        assert_eq!(ended.at, "email_verified");
    }
    world.engine.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_restart_sends_a_new_link_in_place_of_the_old_one() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let address = new_address();
    let user = world.user_at(&address).await;
    let before = sent(&world, user).await;
    let old = mailed(&address, before.verification).await;

    let modification = json!({"instructions": [
        {"type": "startBeforeActivity", "activityId": "process_email_verification"},
        {"type": "cancel", "activityId": "wait_for_link"},
    ]});
    let restart = format!("process-instance/{}/modification", before.instance);
    world.engine.post(&restart, modification).await;
    let verification = until("the instance has a new verification", async || {
        let now = waits(&world, &before.instance).await;
        (now != before.verification).then_some(now)
    })
    .await;

    assert_eq!(press(&world, &old).await, Confirmation::Over);
    let new = mailed(&address, verification).await;
    assert_eq!(press(&world, &new).await, CONFIRMED);
    let ended = world.engine.ended(&before.instance).await;
    assert_eq!(ended.at, "email_verified");
    // Both verifications were this instance's: what is told of the old one finds it ended.
    until("nothing is left to be told", async || {
        let told = "outbox WHERE template = 'email_verified' AND state = 'sent'";
        (world.count(told).await == 2).then_some(())
    })
    .await;
}
