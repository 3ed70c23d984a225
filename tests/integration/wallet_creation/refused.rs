//! Approved requests that `create-wallet` refuses: every BPMN error, in each of its variants.
//!
//! The world changes between the two tasks: the requests are validated by a tree that serves
//! nothing else, and only then the whole tree is started.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use phantom_worker::tasks::Registry;
use phantom_worker::wallets::ValidateWalletRequest;
use uuid::Uuid;

use super::types;
use crate::support::World;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, wallet_topics};

/// An approved request, what happens before its wallet is made, and how that ends.
struct Case {
    name: &'static str,
    merchant: Uuid,
    applicant: Applicant,
    meanwhile: Vec<String>,
    code: &'static str,
}

/// A row in SQL literals, all quoted: PostgreSQL gives them their types.
type Row<'a> = BTreeMap<&'a str, String>;

fn insert(table: &str, row: &Row<'_>) -> String {
    let columns: Vec<_> = row.keys().copied().collect();
    let values: Vec<_> = row.values().map(|value| format!("'{value}'")).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    )
}

/// The applicant's user as the banking application may have written it.
fn user<'a>(applicant: &Applicant, changes: &[(&'a str, &str)]) -> Row<'a> {
    let mut row = Row::from([
        ("id", Uuid::new_v4().to_string()),
        ("email", applicant.text("email").to_owned()),
        ("role", "customer".to_owned()),
        ("national_id", applicant.text("national_id").to_owned()),
    ]);
    row.extend(
        changes
            .iter()
            .map(|(column, value)| (*column, (*value).to_owned())),
    );
    row
}

/// The customer of a user.
fn customer<'a>(applicant: &Applicant, user: &Row<'_>, date_of_birth: &str) -> Row<'a> {
    Row::from([
        ("customer_id", Uuid::new_v4().to_string()),
        ("user_id", user["id"].clone()),
        ("national_id", applicant.text("national_id").to_owned()),
        ("first_name", "Naledi".to_owned()),
        ("last_name", "Kgosi".to_owned()),
        ("date_of_birth", date_of_birth.to_owned()),
        ("phone_number", "+26771234567".to_owned()),
    ])
}

fn insert_user(applicant: &Applicant, changes: &[(&str, &str)]) -> Vec<String> {
    vec![insert("users", &user(applicant, changes))]
}

fn insert_customer(
    applicant: &Applicant,
    changes: &[(&str, &str)],
    date_of_birth: &str,
) -> Vec<String> {
    let user = user(applicant, changes);
    let customer = customer(applicant, &user, date_of_birth);
    vec![insert("users", &user), insert("customers", &customer)]
}

/// The customer, with a wallet of that merchant from another request.
fn insert_wallet(applicant: &Applicant, merchant: Uuid) -> Vec<String> {
    let user = user(applicant, &[]);
    let customer = customer(applicant, &user, applicant.text("date_of_birth"));
    let request = Uuid::new_v4();
    vec![
        insert("users", &user),
        insert("customers", &customer),
        format!(
            "INSERT INTO wallet_creation_requests (request_id, merchant_id, status) \
             VALUES ('{request}', '{merchant}', 'fulfilled')"
        ),
        format!(
            "INSERT INTO wallets (wallet_id, request_id, customer_id, merchant_id, wallet_type, \
             status, currency, balance, daily_limit, monthly_limit) VALUES ('W0123456789', \
             '{request}', '{}', '{merchant}', 'basic', 'active', 'BWP', 0, 1000, 10000)",
            customer["customer_id"]
        ),
    ]
}

impl Case {
    fn new(
        code: &'static str,
        name: &'static str,
        merchant: Uuid,
        meanwhile: impl FnOnce(&Applicant) -> Vec<String>,
    ) -> Self {
        let applicant = Applicant::new();
        Self {
            name,
            merchant,
            meanwhile: meanwhile(&applicant),
            applicant,
            code,
        }
    }
}

/// The address is that of a user who is not this person.
fn foreign_addresses(merchant: Uuid) -> Vec<Case> {
    let case = |name, change: fn(&mut Row<'_>)| {
        Case::new("IDENTITY_CONFLICT", name, merchant, |applicant| {
            let mut user = user(applicant, &[]);
            change(&mut user);
            vec![insert("users", &user)]
        })
    };
    vec![
        case("address of a merchant's user", |user| {
            user.insert("role", "merchant".to_owned());
        }),
        case("address of an administrator, in capitals", |user| {
            user.insert("email", user["email"].to_uppercase());
            user.insert("role", "admin".to_owned());
        }),
        case("address of a user without a national id", |user| {
            user.remove("national_id");
        }),
        case("address of a user with another national id", |user| {
            let other = Applicant::new();
            user.insert("national_id", other.text("national_id").to_owned());
        }),
    ]
}

/// The national id is that of a stored person who is not this one.
fn foreign_national_ids(merchant: Uuid) -> Vec<Case> {
    let case = |name, meanwhile: fn(&Applicant) -> Vec<String>| {
        Case::new("IDENTITY_CONFLICT", name, merchant, meanwhile)
    };
    vec![
        case("customer born on another day", |applicant| {
            insert_customer(applicant, &[], "1990-04-13")
        }),
        case("user born on another day", |applicant| {
            insert_user(applicant, &[("date_of_birth", "1990-04-13")])
        }),
        case("national id of a user with another address", |applicant| {
            let stranger = Applicant::new();
            insert_user(applicant, &[("email", stranger.text("email"))])
        }),
        case("address and national id of two users", |applicant| {
            let stranger = Applicant::new();
            let other_address = [("email", stranger.text("email"))];
            let other_id = [("national_id", stranger.text("national_id"))];
            [
                insert_user(applicant, &other_address),
                insert_user(applicant, &other_id),
            ]
            .concat()
        }),
        case("user whose customer has another national id", |applicant| {
            let mine = user(applicant, &[]);
            let theirs = customer(&Applicant::new(), &mine, "1990-04-12");
            vec![insert("users", &mine), insert("customers", &theirs)]
        }),
    ]
}

/// The person is known and their account is not to be used.
fn blocked_customers(merchant: Uuid) -> Vec<Case> {
    let mut cases = Vec::new();
    for (of_user, of_customer, change) in [
        (
            "user locked for ever",
            "customer locked for ever",
            ("account_locked_until", "infinity"),
        ),
        (
            "user locked for long",
            "customer locked for long",
            ("account_locked_until", "9000-01-01"),
        ),
        ("inactive user", "inactive customer", ("is_active", "false")),
    ] {
        let case = |name, meanwhile: &dyn Fn(&Applicant) -> Vec<String>| {
            Case::new("CUSTOMER_BLOCKED", name, merchant, meanwhile)
        };
        cases.push(case(of_user, &|applicant| {
            insert_user(applicant, &[change])
        }));
        cases.push(case(of_customer, &|applicant| {
            insert_customer(applicant, &[change], applicant.text("date_of_birth"))
        }));
    }
    cases
}

/// The merchant lost its approval, or was deleted.
async fn lost_merchants(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, change) in [
        (
            "merchant that is not approved any more",
            "UPDATE merchants SET is_approved = false",
        ),
        ("merchant that is gone", "DELETE FROM merchants"),
    ] {
        let merchant = world.merchant().await;
        let statement = format!("{change} WHERE merchant_id = '{merchant}'");
        cases.push(Case::new("MERCHANT_NOT_APPROVED", name, merchant, |_| {
            vec![statement]
        }));
    }
    cases
}

async fn cases(world: &World) -> Vec<Case> {
    let merchant = world.merchant().await;
    let mut cases = foreign_addresses(merchant);
    cases.extend(foreign_national_ids(merchant));
    cases.extend(blocked_customers(merchant));
    cases.extend(lost_merchants(world).await);
    let wallet = |applicant: &Applicant| insert_wallet(applicant, merchant);
    cases.push(Case::new(
        "WALLET_EXISTS",
        "wallet of another request",
        merchant,
        wallet,
    ));
    cases
}

/// All that a refusal must leave as it was.
async fn stored_people(world: &World) -> String {
    let people = "SELECT to_jsonb(users)::text AS text FROM users \
                  UNION ALL SELECT to_jsonb(customers)::text FROM customers \
                  UNION ALL SELECT to_jsonb(wallets)::text FROM wallets ORDER BY 1";
    world.database.text(people).await
}

async fn assert_refused(world: &World, case: &Case, instance: &str) {
    let (name, code) = (case.name, case.code);
    let ended = world.engine.ended(instance).await;
    let id = ended.variables["request_id"].as_str().unwrap();
    let row = format!(
        "SELECT concat_ws(' ', status, bpmn_error, validation_errors) AS text \
         FROM wallet_creation_requests WHERE request_id = '{id}'"
    );

    assert_eq!(ended.at, "wallet_not_created", "{name}");
    assert_eq!(ended.variables["error_code"], code, "{name}");
    assert_eq!(
        world.engine.types(instance).await,
        types(&[("error_code", "String")]),
        "{name}"
    );
    assert_eq!(
        world.database.text(&row).await,
        format!("rejected {code} []"),
        "{name}"
    );
    assert_eq!(
        world.audit(instance).await,
        format!(
            "wallet_request_validated wallet_creation_request approved {{\"codes\":[]}}\n\
             wallet_request_rejected wallet_creation_request {code} {{}}"
        ),
        "{name}"
    );
}

#[test]
fn what_has_changed_since_the_validation_ends_the_request_with_its_bpmn_error() {
    on_a_system(async {
        let world = World::new().await;
        let cases = cases(&world).await;
        let mut validation = Registry::default();
        validation.register(ValidateWalletRequest);
        let tree = TreeBuilder::new(&world, validation).start();
        let starts = cases
            .iter()
            .map(|case| world.request_wallet(case.merchant, &case.applicant));
        let instances = join_all(starts).await;
        for instance in &instances {
            world.engine.task_of(instance, "create-wallet").await;
        }
        tree.drain().await;
        for statement in cases.iter().flat_map(|case| &case.meanwhile) {
            world.database.run(statement).await;
        }
        let before = stored_people(&world).await;

        let tree = TreeBuilder::new(&world, wallet_topics()).start();

        for (case, instance) in cases.iter().zip(&instances) {
            assert_refused(&world, case, instance).await;
        }
        assert_eq!(stored_people(&world).await, before);
        assert_eq!(world.count("outbox").await, 0);
        assert_eq!(world.engine.failures().await, [serde_json::Value::Null; 0]);
        tree.drain().await;
    });
}
