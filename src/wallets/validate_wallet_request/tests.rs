//! The decision as a table, and the handler on a real database.

use proptest::prelude::*;

use super::*;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, Task, task, text};

const TOPIC: &str = ValidateWalletRequest::TOPIC;
/// Not to be found anywhere in the row or the log of a rejected request.
const PERSON: [&str; 5] = ["Neo", "Moeng", "neo@example.bw", "71234567", "123412345"];

fn person() -> Value {
    json!({
        "first_name": "Neo",
        "last_name": "Moeng",
        "email": "neo@example.bw",
        "phone_number": "71234567",
        "national_id": "123412345",
        "date_of_birth": "1990-05-20",
    })
}

fn person_with(field: &str, value: Value) -> Value {
    let mut person = person();
    person[field] = value;
    person
}

fn codes(request_data: &Value, merchant_approved: Option<bool>, holds_wallet: bool) -> Vec<String> {
    let today = NaiveDate::from_ymd_opt(2026, 5, 20).unwrap();
    let form = Form::read(
        &serde_json::from_value(request_data.clone()).unwrap(),
        today,
    );
    let facts = Facts {
        merchant_approved,
        holds_wallet,
    };
    let errors = decide(form, &facts).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.code))
        .collect()
}

fn request(merchant: Uuid, request_data: &Value) -> Task {
    let request_data = json!({"type": "Json", "value": request_data.to_string()});
    task(
        TOPIC,
        json!({"merchant_id": text(merchant), "request_data": request_data}),
    )
}

fn success(answer: &Value) -> bool {
    answer["validation_success"]["value"].as_bool().unwrap()
}

#[test]
fn a_person_whose_fields_keep_their_rules_is_accepted() {
    assert!(codes(&person(), Some(true), false).is_empty());
    assert!(codes(&person_with("more", json!([1])), Some(true), false).is_empty());
}

#[test]
fn each_fault_has_its_code() {
    for (field, value, code) in [
        ("first_name", json!(null), "first_name_missing"),
        ("first_name", json!("a".repeat(151)), "first_name_invalid"),
        ("last_name", json!(null), "last_name_missing"),
        ("last_name", json!(5), "last_name_invalid"),
        ("email", json!(null), "email_missing"),
        ("email", json!("neo"), "email_invalid"),
        ("phone_number", json!(null), "phone_number_missing"),
        ("phone_number", json!("1"), "phone_number_invalid"),
        ("national_id", json!(null), "national_id_missing"),
        ("national_id", json!("123452345"), "national_id_invalid"),
        ("date_of_birth", json!(null), "date_of_birth_missing"),
        (
            "date_of_birth",
            json!("1990-02-30"),
            "date_of_birth_invalid",
        ),
        ("date_of_birth", json!("2008-05-21"), "under_age"),
    ] {
        let found = codes(&person_with(field, value), Some(true), false);

        assert_eq!(found, [format!("{field}: {code}")]);
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_fields() {
    assert_eq!(
        codes(
            &json!({"email": "neo", "national_id": "123412345"}),
            Some(true),
            true
        ),
        [
            "first_name: first_name_missing",
            "last_name: last_name_missing",
            "email: email_invalid",
            "phone_number: phone_number_missing",
            "national_id: wallet_exists",
            "date_of_birth: date_of_birth_missing",
        ]
    );
}

#[test]
fn the_merchant_is_decided_before_the_person() {
    assert_eq!(
        codes(&json!({}), None, true),
        ["merchant_id: merchant_unknown"]
    );
    assert_eq!(
        codes(&person(), Some(false), true),
        ["merchant_id: merchant_not_approved"]
    );
}

proptest! {
    #[test]
    fn whatever_the_form_holds_there_is_a_decision(
        texts in proptest::collection::vec(proptest::option::of(any::<String>()), 6),
    ) {
        let fields = ["first_name", "last_name", "email", "phone_number", "national_id", "date_of_birth"];
        let form: serde_json::Map<_, _> =
            fields.iter().zip(texts).map(|(field, text)| (field.to_string(), json!(text))).collect();

        let found = codes(&Value::Object(form), Some(true), false);

        prop_assert!(found.iter().any(|code| code.starts_with("national_id: national_id_")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;

    let request = request(merchant, &person());
    let work = bank.answer(&request);
    let unprepared = sent_unprepared(&bank.database.pool, work).await;

    assert_eq!(unprepared, TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_request_is_stored_in_its_normal_form() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;

    let answer = bank.answer(&request(merchant, &person())).await;

    assert_eq!(
        answer["validation_success"],
        json!({"type": "Boolean", "value": true})
    );
    assert_eq!(
        answer["validation_errors"],
        json!({"type": "Json", "value": "[]"})
    );
    let id = answer["request_id"]["value"].as_str().unwrap();
    let row = "SELECT concat_ws('|', request_id, merchant_id, status, first_name, last_name, email, \
               phone_number, national_id, date_of_birth, validation_errors) AS text \
               FROM wallet_creation_requests";
    assert_eq!(
        bank.database.text(row).await,
        format!(
            "{id}|{merchant}|approved|Neo|Moeng|neo@example.bw|+26771234567|123412345|1990-05-20|[]"
        )
    );
    assert_eq!(
        bank.audit().await,
        r#"wallet_request_validated wallet_creation_request approved {"codes":[]}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_keeps_the_codes_and_nothing_of_the_person() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;
    let faulty = person_with("date_of_birth", json!("2025-01-01"));

    let answer = bank.answer(&request(merchant, &faulty)).await;

    assert!(!success(&answer));
    assert_eq!(
        answer["validation_errors"]["value"],
        r#"[{"field":"date_of_birth","code":"under_age"}]"#
    );
    assert_eq!(
        bank.audit().await,
        r#"wallet_request_validated wallet_creation_request rejected {"codes":["under_age"]}"#
    );
    for table in [
        "wallet_creation_requests",
        "task_completions",
        "audit_log",
        "outbox",
    ] {
        let stored = bank
            .database
            .text(&format!("SELECT x::text AS text FROM {table} x"))
            .await;
        assert!(
            !PERSON.iter().any(|part| stored.contains(part)),
            "{table}: {stored}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_must_be_known_and_approved() {
    let bank = Bank::open().await;
    let code = |answer: Value| {
        answer["validation_errors"]["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let unknown = bank.answer(&request(Uuid::new_v4(), &json!({}))).await;
    let waiting = bank
        .answer(&request(bank.merchant(false).await, &person()))
        .await;

    assert_eq!(
        code(unknown),
        r#"[{"field":"merchant_id","code":"merchant_unknown"}]"#
    );
    assert_eq!(
        code(waiting),
        r#"[{"field":"merchant_id","code":"merchant_not_approved"}]"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_holds_one_wallet_per_merchant() {
    let bank = Bank::open().await;
    let (merchant, other) = (bank.merchant(true).await, bank.merchant(true).await);
    let accepted = bank.answer(&request(merchant, &person())).await;
    let create = json!({"request_id": accepted["request_id"]});
    bank.answer(&task("create-wallet", create)).await;

    let again = bank.answer(&request(merchant, &person())).await;
    let elsewhere = bank.answer(&request(other, &person())).await;

    assert_eq!(
        again["validation_errors"]["value"],
        r#"[{"field":"national_id","code":"wallet_exists"}]"#
    );
    assert!(success(&elsewhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn structured_data_comes_as_json_as_an_object_or_as_text() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;
    let data = person().to_string();
    let info =
        json!({"objectTypeName": "java.util.Map", "serializationDataFormat": "application/json"});

    for request_data in [
        json!({"type": "Json", "value": data}),
        json!({"type": "Object", "value": data, "valueInfo": info}),
        json!({"type": "String", "value": data}),
        // The last of two equal keys counts.
        json!({"type": "Json", "value": data.replacen('{', r#"{"email": 7, "#, 1)}),
    ] {
        let variables = json!({"merchant_id": text(merchant), "request_data": request_data});
        let answer = bank.answer(&task(TOPIC, variables)).await;
        assert!(success(&answer), "{request_data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_character_and_nul_are_the_customer_s_fault() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;

    for broken in [r"\ud83d", r"\u0000", r"\ufffd", r"\u001b[2J"] {
        let data = person().to_string().replace("Neo", broken);
        let request_data = json!({"type": "Json", "value": data});
        let variables = json!({"merchant_id": text(merchant), "request_data": request_data});
        let answer = bank.answer(&task(TOPIC, variables)).await;
        assert_eq!(
            answer["validation_errors"]["value"],
            r#"[{"field":"first_name","code":"first_name_invalid"}]"#
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_writes_once() {
    let bank = Bank::open().await;
    let task = request(bank.merchant(true).await, &person());

    bank.assert_answered_once(&task).await;

    assert_eq!(bank.count("wallet_creation_requests").await, 1);
    assert_eq!(bank.count("audit_log").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let bank = Bank::open().await;
    let merchant = text(bank.merchant(true).await);
    let data = json!({"type": "Json", "value": person().to_string()});
    let json_of = |value: &str| json!({"type": "Json", "value": value});
    let secret = "Jane Doe";

    for (variable, merchant_id, request_data) in [
        ("merchant_id", json!(null), data.clone()),
        ("merchant_id", text(secret), data.clone()),
        (
            "merchant_id",
            json!({"type": "Long", "value": 7}),
            data.clone(),
        ),
        ("request_data", merchant.clone(), json!(null)),
        (
            "request_data",
            merchant.clone(),
            json_of(r#"{"first_name": "Jane Doe""#),
        ),
        ("request_data", merchant.clone(), json_of("[]")),
        ("request_data", merchant.clone(), json_of("null")),
        ("request_data", merchant.clone(), json_of(r#""Jane Doe""#)),
        ("request_data", merchant.clone(), text(secret)),
        (
            "request_data",
            merchant.clone(),
            json!({"type": "Boolean", "value": true}),
        ),
    ] {
        let variables = json!({"merchant_id": merchant_id, "request_data": request_data});
        let message = bank.incident(&task(TOPIC, variables)).await;
        assert!(
            message.contains(&format!("\"{variable}\": expected ")),
            "{message}"
        );
        assert!(!message.contains("Jane"), "{message}");
    }
    let message = bank
        .incident(&task(TOPIC, json!({ "merchant_id": merchant })))
        .await;
    assert!(
        message.contains("\"request_data\": expected a JSON object, found nothing"),
        "{message}"
    );
    assert!(bank.rows().await.iter().all(|(_, count)| *count == 0));
}
