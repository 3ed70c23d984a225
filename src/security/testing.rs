//! What the tests of this room share: links as they stand in mails, and the whole database as text.

use serde_json::json;
use uuid::Uuid;

use crate::links::{Claim, KEY_BYTES, KeyId, LinkSettings, Links};
use crate::mail::Mail;
use crate::tasks::Registry;
use crate::tasks::testing::{Bank, Task, task, text};

/// The present key and the one before, each of this one byte again and again.
pub(super) fn links(key: u8, previous: Option<u8>) -> Links {
    let secret = |byte| Box::new([byte; KEY_BYTES]).into();
    Links::new(LinkSettings {
        base_url: "https://wallets.bank.example".parse().unwrap(),
        key: secret(key),
        previous_key: previous.map(secret),
    })
}

/// A bank whose links are signed with that key.
pub(super) async fn bank_that_signs_with(key: u8) -> Bank {
    let mut registry = Registry::default();
    super::register(&mut registry, &KeyId::of(&[key; KEY_BYTES]));
    Bank::with(registry).await
}

/// A task that asks for a verification, of a process instance of that id.
pub(super) fn request(user_id: Uuid, process_instance_id: &'static str) -> Task {
    let variables = json!({ "user_id": text(user_id) });
    Task {
        process_instance_id,
        ..task("process-email-verification", variables)
    }
}

/// Asks for a verification of the user's present address; the token in its mail.
pub(super) async fn mailed(bank: &Bank, links: &Links, user_id: Uuid) -> String {
    mailed_for(bank, links, user_id, "instance").await
}

/// [`mailed`], of a process instance of that id.
pub(super) async fn mailed_for(
    bank: &Bank,
    links: &Links,
    user_id: Uuid,
    process_instance_id: &'static str,
) -> String {
    let answer = bank.answer(&request(user_id, process_instance_id)).await;
    let id = answer["verification_id"]["value"].as_str().unwrap();
    token(bank, links, id).await
}

/// The token that the mail about this verification will carry when it is sent.
pub(super) async fn token(bank: &Bank, links: &Links, verification_id: &str) -> String {
    let mail = format!(
        "SELECT payload::text AS text FROM outbox \
         WHERE notification_key = 'verify-email:{verification_id}'"
    );
    let mail: Mail = serde_json::from_str(&bank.database.text(&mail).await).unwrap();
    let Mail::VerifyEmail {
        recipient,
        verification,
        ..
    } = mail
    else {
        panic!("another mail");
    };
    let claim = Claim {
        verification_id: verification.verification_id,
        user_id: verification.user_id,
        email: &recipient,
        expires_at: verification.expires_at,
    };
    let link = links.make(&verification.key_id, &claim).unwrap();
    link.path_segments()
        .unwrap()
        .next_back()
        .unwrap()
        .to_owned()
}

/// Every row of every table, as text.
pub(super) async fn everything(bank: &Bank) -> String {
    bank.database
        .text(
            "SELECT query_to_xml(format('SELECT * FROM %I.%I ORDER BY 1', schemaname, tablename), \
             true, false, '')::text AS text FROM pg_tables \
             WHERE schemaname = 'public' ORDER BY tablename",
        )
        .await
}
