//! Requests that become a wallet and a mail.

use phantom_worker::mail::MessageId;
use serde_json::json;
use uuid::Uuid;

use super::types;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, wallet_topics};
use crate::support::{World, mailbox, until};

/// What a created wallet adds to the variables of a validated request.
const CREATED: [(&str, &str); 3] = [
    ("wallet_id", "String"),
    ("creation_success", "Boolean"),
    ("notification_sent", "Boolean"),
];

#[test]
fn a_valid_request_becomes_a_wallet_and_its_steps_are_audited() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let merchant = world.merchant().await;
        let applicant = Applicant::new();

        let instance = world.request_wallet(merchant, &applicant).await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "wallet_created");
        assert_eq!(world.engine.types(&instance).await, types(&CREATED));
        assert_eq!(ended.variables["validation_success"], true);
        assert_eq!(ended.variables["validation_errors"], json!([]));
        assert_eq!(ended.variables["creation_success"], true);
        assert_eq!(ended.variables["notification_sent"], true);
        let (wallet, request, person) = rows(&world).await;
        let [wallet_id, request_id] =
            ["wallet_id", "request_id"].map(|name| ended.variables[name].as_str().unwrap());
        assert_eq!(
            wallet,
            format!("{wallet_id} {request_id} {merchant} basic active BWP 0.00 1000.00 10000.00")
        );
        let (email, national_id) = (applicant.text("email"), applicant.text("national_id"));
        let data = format!("Naledi Kgosi {email} +26771234567 {national_id} 1990-04-12");
        assert_eq!(request, format!("fulfilled {data}"));
        assert_eq!(person, format!("customer {data}"));
        assert_eq!(
            world.audit(&instance).await,
            "wallet_request_validated wallet_creation_request approved {\"codes\":[]}\n\
             user_created user created {}\n\
             customer_created customer created {}\n\
             wallet_created wallet created {}\n\
             wallet_request_fulfilled wallet_creation_request fulfilled {}\n\
             wallet_creation_notified wallet queued {}"
        );
        tree.drain().await;
    });
}

/// The one wallet, its request, and its holder with the user behind.
async fn rows(world: &World) -> (String, String, String) {
    let text = async |columns: &str, from: &str| {
        let query = format!("SELECT concat_ws(' ', {columns}) AS text FROM {from}");
        world.database.text(&query).await
    };
    let wallet = "wallet_id, request_id, merchant_id, wallet_type, status, currency, balance, \
                  daily_limit, monthly_limit";
    let request = "status, first_name, last_name, email, phone_number, national_id, date_of_birth";
    let person = "role, first_name, last_name, email, u.phone_number, u.national_id, \
                  u.date_of_birth";
    let holder = "wallets JOIN customers AS c USING (customer_id) JOIN users AS u \
                  ON (u.id, u.national_id, u.date_of_birth, u.phone_number) \
                   = (c.user_id, c.national_id, c.date_of_birth, c.phone_number)";
    (
        text(wallet, "wallets").await,
        text(request, "wallet_creation_requests").await,
        text(person, holder).await,
    )
}

#[test]
fn the_customer_gets_one_mail_whose_message_id_is_the_wallets() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let applicant = Applicant::new();

        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let ended = world.engine.ended(&instance).await;

        let mail = mailbox::mail_to(applicant.text("email")).await;
        let wallet = ended.variables["wallet_id"].as_str().unwrap();
        let key = format!("wallet-created:{wallet}");
        assert_eq!(mail["subject"], "Your wallet with Kalahari Foods is ready");
        assert_eq!(
            mail["headers"]["message-id"],
            MessageId::new(&key, "wallet.example").to_string()
        );
        for part in ["text", "html"] {
            let body = mail[part].as_str().unwrap();
            assert!(body.contains("Hello Naledi,"), "{body}");
            assert!(body.contains(wallet), "{body}");
            assert!(body.contains("Kalahari Foods"), "{body}");
        }
        assert!(mail["html"].as_str().unwrap().contains("</table>"));
        assert!(!mail["text"].as_str().unwrap().contains('<'));
        until("the mail is marked as sent", async || {
            let row = "SELECT concat_ws(' ', notification_key, channel, state, attempts, \
                       payload IS NULL) AS text FROM outbox";
            let row = world.database.text(row).await;
            (row == format!("{key} mail sent 1 t")).then_some(())
        })
        .await;
        assert_eq!(mailbox::mails_to(applicant.text("email")).await.len(), 1);
        tree.drain().await;
    });
}

#[test]
fn a_request_at_the_limits_of_the_rules_is_accepted() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let merchant = world.merchant().await;
        let long = "\u{1f600}".repeat(150);
        let host = [60, 60, 60, 30].map(|length| "d".repeat(length)).join(".");
        let long_email = format!("{}@{host}.example", Uuid::new_v4().simple());
        assert_eq!(long_email.len(), 254);

        for (field, given, column, kept) in [
            ("first_name", long.as_str(), "first_name", long.as_str()),
            (
                "first_name",
                "  Na\u{301}ledi ",
                "first_name",
                "Na\u{301}ledi",
            ),
            (
                "last_name",
                "O'Kgosi; DROP TABLE users;--",
                "last_name",
                "O'Kgosi; DROP TABLE users;--",
            ),
            ("last_name", "N\u{430}ledi", "last_name", "N\u{430}ledi"),
            ("email", &long_email, "email", &long_email),
            (
                "phone_number",
                "(00) 27 82 123 4567",
                "phone_number",
                "+27821234567",
            ),
            (
                "phone_number",
                "+267 71 234 567",
                "phone_number",
                "+26771234567",
            ),
            (
                "date_of_birth",
                &world.years_ago(18).await,
                "date_of_birth",
                &world.years_ago(18).await,
            ),
            (
                "date_of_birth",
                &world.years_ago(120).await,
                "date_of_birth",
                &world.years_ago(120).await,
            ),
        ] {
            let applicant = Applicant::new().with(field, given);
            let instance = world.request_wallet(merchant, &applicant).await;

            let ended = world.engine.ended(&instance).await;

            assert_eq!(
                ended.at, "wallet_created",
                "{field}: {:?}",
                ended.variables["validation_errors"]
            );
            let id = ended.variables["request_id"].as_str().unwrap();
            let stored = format!(
                "SELECT {column}::text AS text FROM wallet_creation_requests \
                 WHERE request_id = '{id}'"
            );
            assert_eq!(world.database.text(&stored).await, kept, "{field}");
        }
        tree.drain().await;
    });
}

#[test]
fn a_known_customer_keeps_the_stored_data_and_one_person_stays_one_row() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let (one, other) = (world.merchant().await, world.merchant().await);
        let applicant = Applicant::new();
        let first = world.request_wallet(one, &applicant).await;
        assert_eq!(world.engine.ended(&first).await.at, "wallet_created");
        let (_, _, person) = rows(&world).await;
        let renamed = applicant
            .with("first_name", "Somebody")
            .with("email", Applicant::new().text("email"))
            .with("phone_number", "72345678");

        let second = world.request_wallet(other, &renamed).await;
        let ended = world.engine.ended(&second).await;

        assert_eq!(ended.at, "wallet_created");
        assert_eq!(rows(&world).await.2, format!("{person}\n{person}"));
        assert_eq!(world.count("users").await, 1);
        assert_eq!(world.count("customers").await, 1);
        assert_eq!(world.count("wallets").await, 2);
        tree.drain().await;
    });
}

#[test]
fn a_user_with_the_same_address_and_national_id_becomes_the_customer() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let applicant = Applicant::new();
        let (user, email) = (Uuid::new_v4(), applicant.text("email").to_uppercase());
        world
            .database
            .run(&format!(
                "INSERT INTO users (id, email, role, national_id, account_locked_until) \
                 VALUES ('{user}', '{email}', 'customer', '{}', now() - interval '1 minute')",
                applicant.text("national_id")
            ))
            .await;

        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "wallet_created");
        assert_eq!(
            world
                .database
                .text("SELECT user_id::text AS text FROM customers")
                .await,
            user.to_string()
        );
        assert_eq!(world.count("users").await, 1);
        assert!(!world.audit(&instance).await.contains("user_created"));
        tree.drain().await;
    });
}
