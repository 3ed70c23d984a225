//! Dead letters in an operator's hands: looked at, tried again, dropped.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::command::{Said, database_url, phantom_worker, said};
use crate::support::database::{TestDatabase, database};
use crate::support::wallets::Applicant;
use crate::support::{World, mailbox, until};

/// What must be seen nowhere.
const PERSONAL: [&str; 3] = ["Naledi", "naledi@customer.example", "W0000000001"];

fn outbox(database: &TestDatabase, arguments: &[&str]) -> Said {
    let mut command = phantom_worker(&[&["outbox"], arguments].concat());
    let said = said(command.env("DATABASE_URL", database_url(database)));
    for personal in PERSONAL {
        let shown = said.stdout.contains(personal) || said.stderr.contains(personal);
        assert!(!shown, "{personal}: {}{}", said.stdout, said.stderr);
    }
    said
}

/// A message in that state, so many minutes old.
async fn message(database: &TestDatabase, state: &str, attempts: u32, minutes: u32) -> Uuid {
    let id = Uuid::new_v4();
    let payload = json!({"to": PERSONAL[1], "first_name": PERSONAL[0], "wallet_id": PERSONAL[2]});
    database
        .run(&format!(
            "INSERT INTO outbox (id, notification_key, channel, template, payload, state, \
             attempts, last_error, process_instance_id, created_at, sent_at) \
             SELECT '{id}', 'key-{minutes}', 'mail', 'wallet_created', \
                    CASE WHEN '{state}' <> 'sent' THEN '{payload}'::jsonb END, '{state}', \
                    {attempts}, CASE WHEN {attempts} > 0 THEN 'refused with 550' END, 'instance', \
                    now() - interval '{minutes} minutes', CASE '{state}' WHEN 'sent' THEN now() END"
        ))
        .await;
    id
}

async fn row(database: &TestDatabase, id: Uuid) -> String {
    database
        .text(&format!(
            "SELECT concat_ws(' ', notification_key, state, attempts, last_error, \
                              next_attempt_at <= now(), payload IS NOT NULL) AS text \
             FROM outbox WHERE id = '{id}'"
        ))
        .await
}

async fn audit(database: &TestDatabase) -> String {
    database
        .text(
            "SELECT concat_ws(' ', origin, action, subject_kind, subject_id, outcome, \
                              process_instance_id, detail) AS text FROM audit_log ORDER BY id",
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sent_is_listed_oldest_first() {
    let database = database().await;
    let pending = message(&database, "pending", 0, 10).await;
    let retrying = message(&database, "pending", 3, 20).await;
    let keyless = message(&database, "pending", 0, 15).await;
    let why = format!("UPDATE outbox SET last_error = 'no key' WHERE id = '{keyless}'");
    database.run(&why).await;
    let dead = message(&database, "dead", 300, 30).await;
    message(&database, "sent", 1, 40).await;

    let all = outbox(&database, &["list", "--json"]);
    let table = outbox(&database, &["list"]);
    let of = |state: &str| outbox(&database, &["list", "--json", "--state", state]);
    let two = outbox(&database, &["list", "--json", "--limit", "2"]);

    let ids = |said: &Said| {
        let list: Json = serde_json::from_str(&said.stdout).unwrap();
        let ids = list.as_array().unwrap().iter();
        ids.map(|entry| entry["id"].as_str().unwrap().parse().unwrap())
            .collect::<Vec<Uuid>>()
    };
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert_eq!(ids(&all), [dead, retrying, keyless, pending]);
    assert_eq!(ids(&of("dead")), [dead]);
    assert_eq!(ids(&of("retrying")), [retrying, keyless]);
    assert_eq!(ids(&of("pending")), [pending]);
    assert_eq!(ids(&two), [dead, retrying]);
    assert_eq!(two.stderr, "the oldest 2; --limit shows more\n");
    assert_eq!(all.stderr, "");
    let first: Json = serde_json::from_str::<Json>(&all.stdout).unwrap()[0].take();
    assert_eq!(
        (
            &first["state"],
            &first["attempts"],
            &first["next_attempt_at"]
        ),
        (&json!("dead"), &json!(300), &Json::Null)
    );
    assert_eq!(first["last_error"], "refused with 550");
    let lines: Vec<_> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 3 + 4 + 1, "{}", table.stdout);
    assert!(
        lines[3].contains(&dead.to_string()) && lines[3].contains(" dead "),
        "{}",
        table.stdout
    );
    assert!(
        !table.stdout.contains('\u{1b}'),
        "colours are for terminals"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_outbox_is_told_as_such() {
    let database = database().await;

    let table = outbox(&database, &["list"]);
    let json = outbox(&database, &["list", "--json"]);
    let retried = outbox(&database, &["retry", "--all-dead"]);

    assert_eq!(
        (table.code, table.stdout.as_str()),
        (0, "there is nothing\n")
    );
    assert_eq!(json.stdout, "[]\n");
    assert_eq!(
        (retried.code, retried.stdout.as_str()),
        (0, "0 letters are tried again\n")
    );
    assert_eq!(audit(&database).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_tried_again_as_if_it_were_new() {
    let database = database().await;
    let letter = message(&database, "dead", 300, 30).await;
    let other = message(&database, "dead", 1, 40).await;

    let said = outbox(&database, &["retry", &letter.to_string()]);

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, format!("retried {letter} key-30\n"));
    assert_eq!(row(&database, letter).await, "key-30 pending 0 t t");
    assert_eq!(
        row(&database, other).await,
        "key-40 dead 1 refused with 550 t t"
    );
    assert_eq!(
        audit(&database).await,
        format!(
            "outbox retry message_retried outbox_message {letter} retried instance \
             {{\"attempts\":300,\"key\":\"key-30\",\"last_error\":\"refused with 550\",\
             \"template\":\"wallet_created\"}}"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_dead_letters_are_tried_again_and_no_other() {
    let database = database().await;
    let waiting = message(&database, "pending", 3, 20).await;
    database
        .run(
            "INSERT INTO outbox (id, notification_key, channel, template, payload, state, attempts) \
             SELECT gen_random_uuid(), 'many-' || n, 'mail', 'wallet_created', '{}', 'dead', 9 \
             FROM generate_series(1, 1200) AS n",
        )
        .await;

    let said = outbox(&database, &["retry", "--all-dead"]);

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, "1200 letters are tried again\n");
    let again = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts = 0";
    assert_eq!(database.count(again).await, 1200);
    assert_eq!(
        row(&database, waiting).await,
        "key-20 pending 3 refused with 550 t t"
    );
    let audited = "SELECT count(DISTINCT subject_id) FROM audit_log";
    assert_eq!(database.count(audited).await, 1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_letter_is_gone_but_for_its_audit_row() {
    let database = database().await;
    let letter = message(&database, "dead", 1, 30).await;
    let reason = "mailbox closed, case 4711";

    let said = outbox(
        &database,
        &["drop", &letter.to_string(), "--reason", reason],
    );

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, format!("dropped {letter} key-30\n"));
    assert_eq!(database.count("SELECT count(*) FROM outbox").await, 0);
    let audited = audit(&database).await;
    assert!(
        audited.starts_with(&format!(
            "outbox drop message_dropped outbox_message {letter} dropped instance "
        )),
        "{audited}"
    );
    assert!(
        audited.contains(reason) && audited.contains("key-30"),
        "{audited}"
    );
    assert!(
        PERSONAL.iter().all(|personal| !audited.contains(personal)),
        "{audited}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_letter_that_cannot_be_settled_is_told_and_nothing_is_changed() {
    let database = database().await;
    let dead = message(&database, "dead", 1, 10).await;
    let pending = message(&database, "pending", 0, 20).await;
    let retrying = message(&database, "pending", 2, 30).await;
    let sent = message(&database, "sent", 1, 40).await;
    let unknown = Uuid::new_v4();
    let ids = [dead, pending, retrying, sent, unknown].map(|id| id.to_string());
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();

    let retried = outbox(&database, &[&["retry"], ids.as_slice()].concat());
    let dropped = outbox(
        &database,
        &[&["drop", "--reason", "x"], ids.as_slice()].concat(),
    );

    for said in [retried, dropped] {
        assert_eq!((said.code, said.stdout.as_str()), (1, ""));
        for line in [
            format!("{pending}: is not dead but pending\n"),
            format!("{retrying}: is not dead but retrying\n"),
            format!("{sent}: is not dead but sent\n"),
            format!("{unknown}: there is no such message\n"),
        ] {
            assert!(said.stderr.contains(&line), "{line}: {}", said.stderr);
        }
        assert!(!said.stderr.contains(&dead.to_string()));
        assert!(
            said.stderr
                .ends_with("phantom-worker: nothing was changed\n")
        );
    }
    assert_eq!(
        row(&database, dead).await,
        "key-10 dead 1 refused with 550 t t"
    );
    assert_eq!(audit(&database).await, "");
}

#[test]
fn wrong_usage_is_told() {
    let id = "0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47";
    for arguments in [
        &["outbox"][..],
        &["outbox", "retry"],
        &["outbox", "retry", id, "--all-dead"],
        &["outbox", "retry", "4711"],
        &["outbox", "drop", id],
        &["outbox", "drop", "--reason", "x"],
        &["outbox", "drop", id, "--reason", " "],
        &["outbox", "drop", id, "--reason", "two\nlines"],
        &["outbox", "list", "--state", "sent"],
        &["outbox", "list", "--limit", "0"],
    ] {
        assert_eq!(
            said(&mut phantom_worker(arguments)).code,
            64,
            "{arguments:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_sends_a_letter_that_is_tried_again_under_its_message_id() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let merchant = world.merchant().await;
    let applicant = Applicant::new();
    let email = applicant.text("email").to_owned();
    // Dead before the worker could send it: no mail is out, and its Message-ID is its key's.
    world
        .database
        .run(
            "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             NEW.state := 'dead'; NEW.attempts := 300; RETURN NEW; END $$",
        )
        .await;
    world
        .database
        .run("CREATE TRIGGER bury BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION bury()")
        .await;
    let instance = world.request_wallet(merchant, &applicant).await;
    world.engine.ended(&instance).await;
    let letter = world
        .database
        .text("SELECT id::text AS text FROM outbox")
        .await;
    let key = "SELECT notification_key AS text FROM outbox";
    let key = world.database.text(key).await;

    let said = outbox(&world.database, &["retry", &letter]);

    assert_eq!(said.code, 0, "{}", said.stderr);
    mailbox::mail_to(&email).await;
    until("it is written down", async || {
        let sent = "outbox WHERE state = 'sent' AND attempts = 1 AND payload IS NULL";
        (world.count(sent).await == 1).then_some(())
    })
    .await;
    assert_eq!(mailbox::mails_to(&email).await.len(), 1);
    assert_eq!(worker.lines_about(&format!("sent mail {key}")), 1);
}
