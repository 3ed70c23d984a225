//! Links on a real database: the one confirmation, each refusal, and what lies in no table.

mod crowds;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::security::testing::{
    bank_that_signs_with, everything, links, mailed, mailed_for, request, token,
};
use crate::store::prepared::testing::{sent, sent_unprepared};
use crate::tasks::testing::Bank;

const CONFIRMED: Confirmation = Confirmation::Confirmed { outbox_grew: true };

/// A bank that signs with [`links`]`(1, …)`, and a user of it.
async fn bank() -> (Bank, Uuid) {
    let bank = bank_that_signs_with(1).await;
    let user = bank.user("neo@example.bw", "", "").await;
    (bank, user)
}

async fn press(bank: &Bank, links: &Links, token: &str) -> Confirmation {
    let mut conn = bank.database.pool.get().await.unwrap();
    confirm(&mut conn, links, token).await.unwrap()
}

async fn open(bank: &Bank, links: &Links, token: &str) -> Standing {
    let mut conn = bank.database.pool.get().await.unwrap();
    look(&mut conn, links, token).await.unwrap()
}

/// The link is over for who looks and for who presses, and neither changes anything.
async fn assert_over(bank: &Bank, links: &Links, token: &str, why: &str) {
    let before = everything(bank).await;

    assert_eq!(open(bank, links, token).await, Standing::Over, "{why}");
    assert_eq!(press(bank, links, token).await, Confirmation::Over, "{why}");

    assert_eq!(everything(bank).await, before, "{why}");
}

/// The messages to instances in order: engine, instance, verification's expiry to until.
async fn messages(bank: &Bank) -> String {
    let message = "concat_ws(' ', channel, outbox.engine_id, outbox.process_instance_id, \
        notification_key = 'email-verified:' || verification_id, \
        (payload ->> 'until')::timestamptz - expires_at) AS text";
    bank.database
        .text(&format!(
            "SELECT {message} FROM outbox JOIN email_verifications \
             ON verification_id::text = payload ->> 'verification_id' \
             WHERE template = 'email_verified' ORDER BY outbox.process_instance_id"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_confirms_the_address_once() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    assert_eq!(open(&bank, &links, &token).await, Standing::Open);

    assert_eq!(press(&bank, &links, &token).await, CONFIRMED);

    assert_over(&bank, &links, &token, "used").await;
    let verified = "users u JOIN email_verifications v ON v.user_id = u.id \
        WHERE verified_email = u.email AND email_verified_at = confirmed_at \
        AND confirmed_at BETWEEN now() - interval '1 min' AND now() AND superseded_at IS NULL";
    assert_eq!(bank.count(verified).await, 1);
    assert_eq!(
        messages(&bank).await,
        "engine_message engine instance t 01:00:00"
    );
    let audit = "SELECT concat_ws(' ', origin, action, subject_kind, \
        subject_id = user_id::text, outcome, detail = format('{\"verification_id\":\"%s\"}', \
        verification_id), num_nulls(task_id, worker_id, a.process_instance_id)) AS text \
        FROM audit_log a JOIN email_verifications ON action = 'email_verified'";
    assert_eq!(
        bank.database.text(audit).await,
        "e-mail link email_verified user t confirmed t 3"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let key_id = links.signing_key().as_str();
    let claim = Claim {
        verification_id: Uuid::from_u128(7),
        user_id: user,
        email: "neo@example.bw",
        expires_at: "2100-01-01T00:00:00Z".parse().unwrap(),
    };
    // Not by the handler, which sends some of the same statements.
    bank.database
        .run(&format!(
            "INSERT INTO email_verifications (verification_id, user_id, email, key_id, engine_id, \
             process_instance_id, expires_at) VALUES ('{}', '{user}', '{}', '{key_id}', 'engine', \
             'instance', '{}')",
            claim.verification_id, claim.email, claim.expires_at
        ))
        .await;
    let link = links.make(key_id, &claim).unwrap();
    let token = link.path_segments().unwrap().next_back().unwrap();

    let pressed = async { assert_eq!(press(&bank, &links, token).await, CONFIRMED) };
    let unprepared = sent_unprepared(&bank.database.pool, pressed).await;

    let transaction = ["BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED", "COMMIT"];
    assert_eq!(unprepared, transaction);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing_however_often() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    let before = everything(&bank).await;

    for _ in 0..100 {
        assert_eq!(open(&bank, &links, &token).await, Standing::Open);
    }

    assert_eq!(everything(&bank).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_never_made_confirms_nothing() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    let with_bit_flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let other = bank.user("other@example.bw", "", "").await;
    let other = URL_SAFE_NO_PAD.decode(mailed(&bank, &links, other).await);
    let mixed = URL_SAFE_NO_PAD.encode([&bytes[..16], &other.unwrap()[16..]].concat());

    for (forged, why) in [
        (String::new(), "nothing"),
        ("verify-email".to_owned(), "no token"),
        (format!("{token}A"), "longer"),
        (token[1..].to_owned(), "shorter"),
        (with_bit_flipped(15), "an unknown id"),
        (with_bit_flipped(16), "the MAC's first byte"),
        (with_bit_flipped(47), "the MAC's last byte"),
        (mixed, "another link's MAC"),
    ] {
        assert_over(&bank, &links, &forged, why).await;
    }
    assert_eq!(press(&bank, &links, &token).await, CONFIRMED);
}

/// A stranger who measures time measures what the database is asked.
#[tokio::test(flavor = "multi_thread")]
async fn links_that_confirm_nothing_ask_the_database_the_same() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let answer = bank.answer(&request(user, "instance")).await;
    let id = answer["verification_id"]["value"].as_str().unwrap();
    expire(&bank, "now() - interval '1 ms'").await;
    let expired = token(&bank, &links, id).await;
    let other = bank.user("other@example.bw", "", "").await;
    let superseded = mailed(&bank, &links, other).await;
    let used = mailed(&bank, &links, other).await;
    assert_eq!(press(&bank, &links, &used).await, CONFIRMED);
    let id = &URL_SAFE_NO_PAD.decode(&used).unwrap()[..16];
    let forged = URL_SAFE_NO_PAD.encode([id, &[7; 32]].concat());
    let unknown = URL_SAFE_NO_PAD.encode([7; 48]);
    let asked = async |token: &str| {
        let pool = &bank.database.pool;
        let looking = sent(pool, open(&bank, &links, token)).await;
        let pressing = sent(pool, press(&bank, &links, token)).await;
        (looking, pressing)
    };

    let reference = asked(&unknown).await;

    assert_eq!((reference.0.len(), reference.1.len()), (1, 3));
    for (token, why) in [
        (expired, "expired"),
        (superseded, "superseded"),
        (used, "used"),
        (forged, "forged"),
    ] {
        assert_eq!(asked(&token).await, reference, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_confirms_nothing_by_the_database_s_clock() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let answer = bank.answer(&request(user, "instance")).await;
    let id = answer["verification_id"]["value"].as_str().unwrap();

    expire(&bank, "now() - interval '1 ms'").await;
    assert_over(&bank, &links, &token(&bank, &links, id).await, "expired").await;

    expire(&bank, "now() + interval '1 min'").await;
    assert_eq!(
        press(&bank, &links, &token(&bank, &links, id).await).await,
        CONFIRMED
    );
}

/// Moves the end of the one link, in its mail too, so that it is the clock alone that refuses.
async fn expire(bank: &Bank, when: &str) {
    bank.database
        .run(&format!(
            "WITH moved AS (UPDATE email_verifications \
             SET created_at = '2026-01-01', expires_at = {when} RETURNING expires_at) \
             UPDATE outbox SET payload = jsonb_set(payload, '{{verification,expires_at}}', \
             to_jsonb(to_char(expires_at AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))) FROM moved"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_link_confirms_nothing_and_its_instance_hears_of_the_newer_one() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let expired = mailed_for(&bank, &links, user, "expired").await;
    bank.database
        .run("UPDATE email_verifications SET created_at = '2026-01-01', expires_at = now()")
        .await;
    let first = mailed_for(&bank, &links, user, "first").await;
    let second = mailed_for(&bank, &links, user, "second").await;
    let third = mailed_for(&bank, &links, user, "third").await;
    for over in [&expired, &first, &second] {
        assert_over(&bank, &links, over, "superseded").await;
    }

    assert_eq!(press(&bank, &links, &third).await, CONFIRMED);

    assert_eq!(
        messages(&bank).await,
        "engine_message engine first t 01:00:00\n\
         engine_message engine second t 01:00:00\n\
         engine_message engine third t 01:00:00"
    );
    let confirmed = "email_verifications WHERE confirmed_at IS NOT NULL";
    assert_eq!(bank.count(confirmed).await, 1);
    for over in [&first, &second, &third] {
        assert_over(&bank, &links, over, "superseded or used").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_address_that_was_changed_confirms_nothing() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let old = mailed_for(&bank, &links, user, "old").await;
    bank.database
        .run("UPDATE users SET email = 'new@example.bw'")
        .await;
    assert_over(&bank, &links, &old, "changed").await;
    let new = mailed_for(&bank, &links, user, "new").await;

    assert_eq!(press(&bank, &links, &new).await, CONFIRMED);

    // Who waits for the old address is not told that it was verified.
    assert_eq!(
        messages(&bank).await,
        "engine_message engine new t 01:00:00"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_the_same_whatever_its_case() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    bank.database
        .run("UPDATE users SET email = 'NEO@Example.bw'")
        .await;

    assert_eq!(open(&bank, &links, &token).await, Standing::Open);
    assert_eq!(press(&bank, &links, &token).await, CONFIRMED);

    let verified = "users WHERE verified_email = 'NEO@Example.bw'";
    assert_eq!(bank.count(verified).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_outlives_one_change_of_the_key_and_not_two() {
    let (bank, user) = bank().await;
    let token = mailed(&bank, &links(1, None), user).await;

    assert_over(&bank, &links(2, None), &token, "the key is lost").await;
    assert_over(&bank, &links(3, Some(2)), &token, "the key is lost").await;

    assert_eq!(press(&bank, &links(2, Some(1)), &token).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_holds_a_token_or_its_signature() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    let waiting = everything(&bank).await;
    press(&bank, &links, &token).await;
    let confirmed = everything(&bank).await;

    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    let mac = &bytes[16..];
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    for dump in [&waiting, &confirmed] {
        // The dump shows what it should: the mail's parameters and the key's name.
        assert!(dump.contains("neo@example.bw") && dump.contains(links.signing_key().as_str()));
        for secret in [
            token.clone(),
            STANDARD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(mac),
            STANDARD.encode(mac),
            hex(&bytes),
            hex(mac),
            hex(&[1; 32]),
        ] {
            let (start, end) = secret.split_at(secret.len() / 2);
            for part in [start, end] {
                let found = dump.to_lowercase().contains(&part.to_lowercase());
                assert!(!found, "{part} is in a table");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_the_one_that_the_engine_takes() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    press(&bank, &links, &token).await;

    let payload = "SELECT payload::text AS text FROM outbox WHERE template = 'email_verified'";
    let message: EngineMessage = serde_json::from_str(&bank.database.text(payload).await).unwrap();

    let id = Token::parse(&token).map(|token| token.verification_id());
    let message: Value = serde_json::to_value(message.to_message().unwrap()).unwrap();
    assert_eq!(message["processInstanceId"], "instance");
    assert_eq!(
        message["correlationKeys"]["verification_id"],
        json!({"type": "String", "value": id.unwrap().to_string()})
    );
}
