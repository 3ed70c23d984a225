//! Requests that `validate-wallet-request` answers with no: every code.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::types;
use crate::support::World;
use crate::support::engine::Ended;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, wallet_topics};

const FIELDS: [&str; 6] = [
    "first_name",
    "last_name",
    "email",
    "phone_number",
    "national_id",
    "date_of_birth",
];

/// A fault in one field, and the code that is told for it.
type Case = (&'static str, Applicant, String);

/// What no field may be, whatever its own rule is.
fn faults_of_every_field() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in FIELDS {
        let missing = format!("{field}_missing");
        cases.push((field, Applicant::new().without(field), missing.clone()));
        cases.push((field, Applicant::new().with(field, Json::Null), missing));
        for value in [
            json!(7),
            json!(["Naledi"]),
            json!({"value": "Naledi"}),
            json!(""),
            json!("1".repeat(5_000)),
        ] {
            let applicant = Applicant::new().with(field, value);
            cases.push((field, applicant, format!("{field}_invalid")));
        }
    }
    cases
}

/// What breaks a field's own rule.
fn faults_of_one_field() -> Vec<Case> {
    let long_email = format!("{}@customer.example", "n".repeat(238));
    let broken: [(&str, &[&str]); 6] = [
        (
            "first_name",
            &[
                "  ",
                "Nale\u{7}di",
                "Nale\0di",
                "Nale\u{202e}di",
                "Nale\ndi",
            ],
        ),
        ("last_name", &["\u{a0}", "Kgo\u{2028}si", "Kgosi\u{1b}[2J"]),
        (
            "email",
            &[
                "naledi",
                "naledi@customer",
                "Naledi <naledi@customer.example>",
                "naledi@customer.example,other@customer.example",
                "naledi@customer.example\r\nBcc: other@customer.example",
                "n\u{430}ledi@customer.example",
                &long_email,
            ],
        ),
        (
            "phone_number",
            &["123", "712345678901", "call 71234567", "+1 71234567"],
        ),
        (
            "national_id",
            &[
                "12341567",
                "1234156789",
                "123436789",
                "1234156 8",
                "12341\u{ff16}789",
            ],
        ),
        (
            "date_of_birth",
            &[
                "1990-02-30",
                "12/04/1990",
                "1990-4-12",
                "9999-12-31",
                "1850-01-01",
            ],
        ),
    ];
    let of_field = |(field, values): (&'static str, &[&str])| {
        let cases = values.iter().map(move |value| {
            let applicant = Applicant::new().with(field, *value);
            (field, applicant, format!("{field}_invalid"))
        });
        cases.collect::<Vec<_>>()
    };
    broken.into_iter().flat_map(of_field).collect()
}

/// The end, the variables and the rows of a rejected request.
async fn assert_rejected(
    world: &World,
    merchant: Uuid,
    instance: &str,
    ended: &Ended,
    errors: &Json,
) {
    let id = ended.variables["request_id"].as_str().unwrap();
    let of_request = format!("FROM wallet_creation_requests WHERE request_id = '{id}'");
    let row = world
        .database
        .text(&format!(
            "SELECT concat_ws(' ', status, merchant_id, bpmn_error, num_nonnulls(first_name, \
             last_name, email, phone_number, national_id, date_of_birth)) AS text {of_request}"
        ))
        .await;
    let kept = world
        .database
        .text(&format!(
            "SELECT validation_errors::text AS text {of_request}"
        ))
        .await;
    let codes: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["code"])
        .collect();

    assert_eq!(ended.at, "wallet_request_rejected");
    assert_eq!(ended.variables["validation_success"], false);
    assert_eq!(&ended.variables["validation_errors"], errors);
    assert_eq!(world.engine.types(instance).await, types(&[]));
    assert_eq!(row, format!("rejected {merchant} 0"));
    assert_eq!(&serde_json::from_str::<Json>(&kept).unwrap(), errors);
    assert_eq!(
        world.audit(instance).await,
        format!(
            "wallet_request_validated wallet_creation_request rejected {}",
            json!({ "codes": codes })
        )
    );
}

#[test]
fn a_faulty_field_is_told_by_its_code_and_nothing_of_the_person_is_kept() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let mut cases = faults_of_every_field();
        cases.extend(faults_of_one_field());
        let too_young = Applicant::new().with("date_of_birth", world.years_ago(17).await);
        cases.push(("date_of_birth", too_young, "under_age".to_owned()));
        let tree = TreeBuilder::new(&world, wallet_topics()).start();

        let starts = cases
            .iter()
            .map(|(_, applicant, _)| world.request_wallet(merchant, applicant));
        let instances = join_all(starts).await;

        for (instance, (field, _, code)) in instances.iter().zip(&cases) {
            let ended = world.engine.ended(instance).await;
            let errors = json!([{"field": field, "code": code}]);
            assert_rejected(&world, merchant, instance, &ended, &errors).await;
        }
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        for table in ["users", "customers", "wallets", "outbox"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
        tree.drain().await;
    });
}

#[test]
fn all_faults_of_a_form_are_told_at_once_and_in_its_order() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let nobody = Applicant { request: json!({}) };
        let half = Applicant::new()
            .with("phone_number", "123")
            .with("date_of_birth", world.years_ago(17).await)
            .without("first_name");

        let instances = join_all([
            world.request_wallet(merchant, &nobody),
            world.request_wallet(merchant, &half),
        ])
        .await;

        let all_missing: Vec<_> = FIELDS
            .iter()
            .map(|field| json!({"field": field, "code": format!("{field}_missing")}))
            .collect();
        let three = json!([
            {"field": "first_name", "code": "first_name_missing"},
            {"field": "phone_number", "code": "phone_number_invalid"},
            {"field": "date_of_birth", "code": "under_age"},
        ]);
        for (instance, errors) in instances.iter().zip([json!(all_missing), three]) {
            let ended = world.engine.ended(instance).await;
            assert_rejected(&world, merchant, instance, &ended, &errors).await;
        }
        tree.drain().await;
    });
}

#[test]
fn the_merchant_is_asked_for_before_the_form_is_read() {
    on_a_system(async {
        let world = World::new().await;
        let (unknown, waiting) = (Uuid::new_v4(), world.merchant_with(false).await);
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let (good, bad) = (Applicant::new(), Applicant { request: json!({}) });

        for (merchant, applicant, code) in [
            (unknown, &good, "merchant_unknown"),
            (unknown, &bad, "merchant_unknown"),
            (waiting, &good, "merchant_not_approved"),
            (waiting, &bad, "merchant_not_approved"),
        ] {
            let instance = world.request_wallet(merchant, applicant).await;

            let ended = world.engine.ended(&instance).await;
            let errors = json!([{"field": "merchant_id", "code": code}]);
            assert_rejected(&world, merchant, &instance, &ended, &errors).await;
        }
        tree.drain().await;
    });
}

#[test]
fn a_customer_who_holds_a_wallet_of_the_merchant_gets_no_second_one() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let applicant = Applicant::new();
        let first = world.request_wallet(merchant, &applicant).await;
        assert_eq!(world.engine.ended(&first).await.at, "wallet_created");

        let again = world.request_wallet(merchant, &applicant).await;
        let nameless = applicant.without("last_name");
        let nameless = world.request_wallet(merchant, &nameless).await;

        let exists = json!({"field": "national_id", "code": "wallet_exists"});
        let missing = json!({"field": "last_name", "code": "last_name_missing"});
        for (instance, errors) in [
            (again, json!([exists])),
            (nameless, json!([missing, exists])),
        ] {
            let ended = world.engine.ended(&instance).await;
            assert_rejected(&world, merchant, &instance, &ended, &errors).await;
        }
        assert_eq!(world.count("wallets").await, 1);
        assert_eq!(world.count("outbox").await, 1);
        tree.drain().await;
    });
}
