//! The same of people and merchants whose data are checked: nothing of them goes where it does not
//! belong, whether they pass, do not pass, or cannot be read.

use uuid::Uuid;

use super::canary::{assert_no_trace, assert_nowhere, told_to_the_engine};
use super::*;
use crate::support::{mailbox, until};

const KYC: (&str, &str) = ("kyc-validation-process", "validate_kyc_data");
const APPROVAL: (&str, &str) = ("merchant-approval-process", "process_merchant_approval");

/// What would give away the person or the merchant, in whatever column or field it stands.
const TRACES: [&str; 6] = [
    "Canary",
    "canarymail",
    "74 918 273",
    "74918273",
    "1961-07-19",
    "987612345",
];

/// A user every column of whom can be told in any text.
async fn person(world: &World) -> Uuid {
    let columns = [
        ("username", "Canaryname"),
        ("phone_number", "+26774918273"),
        ("date_of_birth", "1961-07-19"),
        ("kyc_status", "approved"),
    ];
    let user = world.user_with(&columns).await;
    let address = format!("email = 'canarymail.{user}@customer.example'");
    let update = format!("UPDATE users SET {address} WHERE id = '{user}'");
    world.database.run(&update).await;
    user
}

/// A merchant of that user, with this contact, and the address of its admin.
async fn merchant(world: &World, owner: Uuid, contact: &str) -> (Uuid, String) {
    let merchant = world.merchant_with(false).await;
    let admin = format!("canarymail.{}@merchant.example", Uuid::new_v4().simple());
    let columns = format!(
        "business_name = 'Canary Foods', phone_number = '+26774918273', \
         contact_email = '{contact}', admin_name = 'Canaryadmin', admin_email = '{admin}', \
         user_id = '{owner}'"
    );
    let update = format!("UPDATE merchants SET {columns} WHERE merchant_id = '{merchant}'");
    world.database.run(&update).await;
    (merchant, admin)
}

fn kyc_data(national_id: &str) -> String {
    let data = json!({
        "national_id": national_id,
        "date_of_birth": "1961-07-19",
        "phone_number": "74 918 273",
        "Canary": "Canary",
    });
    data.to_string()
}

async fn validate(world: &World, user_id: &str, kyc_data: Json) -> String {
    let variables = json!({"user_id": typed("String", user_id), "kyc_data": kyc_data});
    world.engine.start_before(KYC.0, KYC.1, variables).await
}

async fn approve(world: &World, merchant_id: &str) -> String {
    let variables = json!({ "merchant_id": typed("String", merchant_id) });
    world
        .engine
        .start_before(APPROVAL.0, APPROVAL.1, variables)
        .await
}

async fn assert_ends(world: &World, instance: &str, end: &str) {
    assert_eq!(world.engine.ended(instance).await.at, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_who_is_checked_is_logged_counted_audited_or_told_to_the_engine() {
    let world = World::new().await;
    let builder = world.worker();
    let builder = builder.set("LOG_LEVEL", "trace");
    let worker = builder.start().await;
    let user = person(&world).await;
    let contact = format!("canarymail.{user}@merchant.example");
    let (good, _) = merchant(&world, user, &contact).await;
    let (bad, admin) = merchant(&world, user, "canarymail at merchant.example").await;
    let user = user.to_string();

    let data = typed("Json", kyc_data("987612345"));
    let approved = validate(&world, &user, data.clone()).await;
    assert_ends(&world, &approved, "kyc_approved").await;
    let rejected = validate(&world, &user, typed("Json", kyc_data("Canary"))).await;
    assert_ends(&world, &rejected, "kyc_rejected").await;
    let cut_off = typed("String", kyc_data("987612345").replace('}', ""));
    let unreadable = validate(&world, &user, cut_off).await;
    let nobody = validate(&world, "Canary", data).await;
    let welcome = approve(&world, &good.to_string()).await;
    assert_ends(&world, &welcome, "merchant_approved").await;
    let declined = approve(&world, &bad.to_string()).await;
    assert_ends(&world, &declined, "merchant_declined").await;
    let nothing = approve(&world, "Canary").await;
    for instance in [&unreadable, &nobody, &nothing] {
        world.engine.incident(instance).await;
    }
    for address in [&contact, &admin] {
        mailbox::mail_to(address).await;
    }
    until("both mails are marked as sent", async || {
        let sent = "outbox WHERE state = 'sent' AND payload IS NULL";
        (world.count(sent).await == 2).then_some(())
    })
    .await;

    // Not of those whose subject was the trace itself; their failures are.
    let instances = [approved, rejected, unreadable, welcome, declined];
    let told = told_to_the_engine(&world, &instances).await;
    assert_no_trace(&TRACES, "the engine", &told);
    let tables = [
        "audit_log",
        "outbox",
        "security_events",
        "task_completions",
        "task_deliveries",
    ];
    assert_nowhere(&world, &worker, &TRACES, &tables).await;
    let log = worker.log();
    assert!(instances.iter().all(|instance| log.contains(instance)));
    assert_unshaken(&world, &worker, 3).await;
}
