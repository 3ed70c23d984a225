//! What each decision writes and answers, on a real database.

mod decision;
mod races;

use super::*;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, Task, task, text};

const TOPIC: &str = ValidateKycData::TOPIC;
const NATIONAL_ID: &str = "123412345";
/// Not to be found in any row or answer about a person who was refused.
const PERSON: [&str; 3] = [NATIONAL_ID, "1990-05-20", "71234567"];

fn person() -> Value {
    json!({
        "national_id": NATIONAL_ID,
        "date_of_birth": "1990-05-20",
        "phone_number": "71 234 567",
    })
}

fn person_with(field: &str, value: impl Into<Value>) -> Value {
    let mut person = person();
    person[field] = value.into();
    person
}

fn validation(user: Uuid, kyc_data: &Value) -> Task {
    let kyc_data = json!({"type": "Json", "value": kyc_data.to_string()});
    task(TOPIC, json!({"user_id": text(user), "kyc_data": kyc_data}))
}

/// A user with an address of their own; `columns` and `values` come on top.
async fn user(bank: &Bank, columns: &str, values: &str) -> Uuid {
    let email = format!("{}@example.bw", Uuid::new_v4().simple());
    bank.user(&email, columns, values).await
}

/// The customer of a user.
async fn add_customer(bank: &Bank, user: Uuid, national_id: &str) {
    bank.database
        .run(&format!(
            "INSERT INTO customers VALUES (gen_random_uuid(), '{user}', '{national_id}', 'Neo', \
             'Moeng', '1990-05-20', '+26771234567')"
        ))
        .await;
}

/// What KYC is about in a user's row.
async fn stored(bank: &Bank, user: Uuid) -> String {
    bank.database
        .text(&format!(
            "SELECT concat_ws('|', kyc_status, national_id, date_of_birth, phone_number) AS text \
             FROM users WHERE id = '{user}'"
        ))
        .await
}

fn told(answer: &Value) -> Value {
    serde_json::from_str(answer["kyc_errors"]["value"].as_str().unwrap()).unwrap()
}

/// The task refuses the person with this code and leaves the user as `row` says.
async fn assert_refused(bank: &Bank, user: Uuid, kyc_data: &Value, code: &str, row: &str) {
    let answer = bank.answer(&validation(user, kyc_data)).await;

    assert_eq!(
        answer["kyc_validation_success"],
        json!({"type": "Boolean", "value": false}),
        "{code}"
    );
    assert_eq!(told(&answer)[0]["code"], code);
    assert_eq!(answer["validation_timestamp"]["type"], "Date");
    assert_eq!(stored(bank, user).await, row, "{code}");
    let status = row.split('|').next().unwrap();
    let rejected = format!(
        "kyc_validated user rejected {{\"codes\":[\"{code}\"],\"kyc_status\":\"{status}\"}}"
    );
    assert!(bank.audit().await.ends_with(&rejected), "{rejected}");
    let event = format!("kyc_validated {user} {{\"codes\": [\"{code}\"]}}");
    assert!(bank.security_events().await.ends_with(&event), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn good_data_are_stored_in_their_normal_form_and_approve_the_user() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;

    let answer = bank.answer(&validation(user, &person())).await;

    let completed = "SELECT to_char(occurred_at AT TIME ZONE 'UTC', \
                     'YYYY-MM-DD\"T\"HH24:MI:SS.MS+0000') AS text FROM audit_log";
    let completed = bank.database.text(completed).await;
    assert_eq!(
        answer,
        json!({
            "kyc_validation_success": {"type": "Boolean", "value": true},
            "validation_timestamp": {"type": "Date", "value": completed},
            "kyc_errors": {"type": "Json", "value": "[]"},
        })
    );
    assert_eq!(
        stored(&bank, user).await,
        "approved|123412345|1990-05-20|+26771234567"
    );
    assert_eq!(bank.count("users WHERE updated_at > created_at").await, 1);
    assert_eq!(
        bank.audit().await,
        "kyc_validated user approved {\"codes\":[],\"kyc_status\":\"approved\"}"
    );
    assert_eq!(
        bank.security_events().await,
        format!("kyc_validated {user} {{\"codes\": []}}")
    );
    assert_eq!(bank.count("outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;

    let (bad, good) = (validation(user, &json!({})), validation(user, &person()));
    let work = async {
        bank.answer(&bad).await;
        bank.answer(&good).await
    };
    let unprepared = sent_unprepared(&bank.database.pool, work).await;

    assert_eq!(unprepared, TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn kyc_data_come_as_json_as_an_object_and_as_text() {
    let bank = Bank::open().await;
    let data = person().to_string();
    let object = json!({"type": "Object", "value": data, "valueInfo": {
        "objectTypeName": "java.util.LinkedHashMap", "serializationDataFormat": "application/json"}});

    for kyc_data in [
        json!({"type": "Json", "value": data}),
        object,
        json!({"type": "String", "value": data}),
    ] {
        bank.database.run("DELETE FROM users").await;
        let user = user(&bank, "", "").await;
        let variables = json!({"user_id": text(user), "kyc_data": kyc_data});

        let answer = bank.answer(&task(TOPIC, variables)).await;

        assert_eq!(answer["kyc_validation_success"]["value"], true);
        assert_eq!(
            stored(&bank, user).await,
            "approved|123412345|1990-05-20|+26771234567"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_reads_change_nothing() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let row = format!(
        "SELECT (to_jsonb(users) - 'updated_at')::text AS text FROM users WHERE id = '{user}'"
    );
    bank.answer(&validation(user, &person())).await;
    let expected = bank.database.text(&row).await;
    let mut kyc_data = person();
    for (key, value) in [
        ("user_id", json!(Uuid::new_v4())),
        ("id", json!(Uuid::new_v4())),
        ("kyc_status", json!("rejected")),
        ("role", json!("admin")),
        ("email", json!("EXTRA@example.bw")),
        ("verified_email", json!("EXTRA@example.bw")),
        ("account_locked_until", json!("1999-09-09T00:00:00Z")),
        ("is_active", json!(false)),
        ("__proto__", json!({"extra": "EXTRA"})),
    ] {
        kyc_data[key] = value;
    }

    bank.answer(&validation(user, &kyc_data)).await;

    assert_eq!(bank.database.text(&row).await, expected);
    assert!(!bank.security_events().await.contains("EXTRA"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_data_reject_the_user_and_are_kept_nowhere() {
    let bank = Bank::open().await;
    for status in ["not_started", "in_progress", "rejected"] {
        let user = user(&bank, ", kyc_status", &format!(", '{status}'")).await;
        let kyc_data = person_with("phone_number", "1");

        assert_refused(&bank, user, &kyc_data, "phone_number_invalid", "rejected").await;

        let missing = person_with("national_id", Value::Null);
        assert_refused(&bank, user, &missing, "national_id_missing", "rejected").await;
    }
    for table in ["users", "security_events", "audit_log", "task_completions"] {
        let rows = format!("SELECT to_jsonb(t)::text AS text FROM {table} AS t");
        let rows = bank.database.text(&rows).await;
        assert!(!PERSON.iter().any(|trace| rows.contains(trace)), "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_approved_stays_approved_and_keeps_the_stored_data() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    bank.answer(&validation(user, &person())).await;
    let row = "approved|123412345|1990-05-20|+26771234567";

    let young = person_with("date_of_birth", "2020-02-29");
    assert_refused(&bank, user, &young, "under_age", row).await;

    let mut moved = person_with("national_id", "999929999");
    moved["phone_number"] = json!("+27821234567");
    let answer = bank.answer(&validation(user, &moved)).await;
    assert_eq!(answer["kyc_validation_success"]["value"], true);
    assert_eq!(
        stored(&bank, user).await,
        "approved|999929999|1990-05-20|+27821234567"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_national_id_of_another_user_or_customer_is_taken() {
    let bank = Bank::open().await;
    user(&bank, ", national_id", ", '123412345'").await;
    let customer = user(&bank, "", "").await;
    add_customer(&bank, customer, "999919999").await;
    let applicant = user(&bank, "", "").await;

    for national_id in ["123412345", "999919999"] {
        let kyc_data = person_with("national_id", national_id);
        assert_refused(&bank, applicant, &kyc_data, "national_id_taken", "rejected").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_validated_under_the_national_id_of_their_wallets() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    add_customer(&bank, user, NATIONAL_ID).await;

    let other = person_with("national_id", "999919999");
    assert_refused(&bank, user, &other, "national_id_mismatch", "rejected").await;

    let answer = bank.answer(&validation(user, &person())).await;
    assert_eq!(answer["kyc_validation_success"]["value"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_told_before_anything_of_the_data() {
    let bank = Bank::open().await;
    let unknown = Uuid::new_v4();

    for kyc_data in [person(), json!({})] {
        let answer = bank.answer(&validation(unknown, &kyc_data)).await;

        assert_eq!(answer, json!({"error": "USER_NOT_FOUND"}));
    }

    let row = "kyc_validated user USER_NOT_FOUND {}";
    assert_eq!(bank.audit().await, format!("{row}\n{row}"));
    let audited = format!("audit_log WHERE subject_id = '{unknown}'");
    assert_eq!(bank.count(&audited).await, 2);
    assert_eq!(bank.count("security_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_is_recorded_once() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;

    for kyc_data in [json!({}), person()] {
        bank.assert_answered_once(&validation(user, &kyc_data))
            .await;
    }
    assert_eq!(bank.count("security_events").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let bank = Bank::open().await;
    let user = user(&bank, "", "").await;
    let good = json!({"type": "Json", "value": person().to_string()});

    for (name, value) in [
        ("user_id", Value::Null),
        ("user_id", text("Jane Doe")),
        ("user_id", json!({"type": "Long", "value": 7})),
        ("kyc_data", Value::Null),
        ("kyc_data", text("Jane Doe")),
        ("kyc_data", json!({"type": "Json", "value": "[\"Jane\"]"})),
        ("kyc_data", json!({"type": "Json", "value": "{\"Jane\""})),
    ] {
        let mut variables = json!({"user_id": text(user), "kyc_data": good});
        variables[name] = value;
        let message = bank.incident(&task(TOPIC, variables)).await;

        let expected = format!("variable \"{name}\": expected ");
        assert!(message.starts_with(&expected), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
    assert_eq!(bank.count("task_completions").await, 0);
    assert_eq!(stored(&bank, user).await, "not_started");
}
