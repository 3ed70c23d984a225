//! Requests that can be read, whatever is in them: they are accepted, or refused by a code.

use super::*;
use crate::support::engine::Ended;

/// The text of a `request_data` in which one field's text was replaced by raw JSON.
fn raw(applicant: &Applicant, field: &str, json: &str) -> String {
    let marked = applicant.clone().with(field, "<mark>").request.to_string();
    marked.replace("\"<mark>\"", json)
}

/// Starts a request whose `request_data` is sent as it is written.
async fn start(world: &World, merchant: &str, request_data: &str) -> String {
    let merchant = typed("String", merchant);
    let variables = format!(r#"{{"merchant_id": {merchant}, "request_data": {request_data}}}"#);
    let body = format!(r#"{{"variables": {variables}}}"#);
    world.engine.start_as_written(PROCESS, body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_read_from_json_from_an_object_and_from_text() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let worker = world.worker().start().await;
    let form = || Applicant::new().request.to_string();

    for request_data in [
        typed("Json", form()),
        object("application/json", &form()),
        typed("String", form()),
    ] {
        let instance = start(&world, &merchant, &request_data.to_string()).await;

        let ended = world.engine.ended(&instance).await;
        assert_eq!(ended.at, "wallet_created", "{}", request_data["type"]);
    }
    assert_unshaken(&world, &worker, 0).await;
}

/// Fields in raw JSON, and the code that each is refused with.
const UNFIT_FIELDS: [(&str, &str, &str); 17] = [
    ("first_name", r#""Nale\u0000di""#, "first_name_invalid"),
    ("first_name", r#""Nale\u0007di""#, "first_name_invalid"),
    ("first_name", r#""Nale\u009bdi""#, "first_name_invalid"),
    ("first_name", r#""Nale\ud800di""#, "first_name_invalid"),
    ("first_name", r#""\udc00\ud800""#, "first_name_invalid"),
    ("last_name", r#""Kgo\u202esi""#, "last_name_invalid"),
    ("last_name", r#""Kgo\u2066si""#, "last_name_invalid"),
    (
        "email",
        r#""n\u0430ledi@customer.example""#,
        "email_invalid",
    ),
    (
        "email",
        r#""naledi@customer.example\r\nBcc: a@b.example""#,
        "email_invalid",
    ),
    ("phone_number", "71234567", "phone_number_invalid"),
    (
        "phone_number",
        r#""\uff17\uff11234567""#,
        "phone_number_invalid",
    ),
    ("national_id", "123416789", "national_id_invalid"),
    ("national_id", r#""1234\uff116789""#, "national_id_invalid"),
    (
        "national_id",
        "99999999999999999999999",
        "national_id_invalid",
    ),
    (
        "date_of_birth",
        "-9223372036854775809",
        "date_of_birth_invalid",
    ),
    ("date_of_birth", "1.5e300", "date_of_birth_invalid"),
    (
        "date_of_birth",
        r#"[{"year": 1990}]"#,
        "date_of_birth_invalid",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_unfit_characters_or_of_another_type_is_refused_by_its_code() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let worker = world.worker().start().await;
    let long = format!("\"{}\"", "n".repeat(5_000));
    let mut cases = UNFIT_FIELDS.to_vec();
    cases.push(("first_name", &long, "first_name_invalid"));

    let texts: Vec<_> = cases
        .iter()
        .map(|(field, json, _)| typed("Json", raw(&Applicant::new(), field, json)).to_string())
        .collect();
    let instances = join_all(texts.iter().map(|text| start(&world, &merchant, text))).await;

    for ((field, json, code), instance) in cases.iter().zip(&instances) {
        let ended = world.engine.ended(instance).await;
        let errors = json!([{"field": field, "code": code}]);
        assert_eq!(ended.at, "wallet_request_rejected", "{json:.80}");
        assert_eq!(ended.variables["validation_errors"], errors, "{json:.80}");
    }
    assert_eq!(world.count("wallets").await, 0);
    assert_unshaken(&world, &worker, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_given_twice_has_its_last_value() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let worker = world.worker().start().await;
    let applicant = Applicant::new();
    let id = format!("\"{}\"", applicant.text("national_id"));
    let twice = |first: &str, last: &str| {
        let both = format!("{first}, \"national_id\": {last}");
        typed("Json", raw(&applicant, "national_id", &both)).to_string()
    };

    let bad = start(&world, &merchant, &twice(&id, "null")).await;
    let good = start(&world, &merchant, &twice("null", &id)).await;

    let errors = json!([{"field": "national_id", "code": "national_id_missing"}]);
    assert_eq!(
        world.engine.ended(&bad).await.variables["validation_errors"],
        errors
    );
    assert_eq!(world.engine.ended(&good).await.at, "wallet_created");
    assert_unshaken(&world, &worker, 0).await;
}

/// What a caller who knows our tables would like to set.
fn with_extra_keys(applicant: &Applicant) -> Json {
    let mut request = applicant.request.clone();
    for (key, value) in [
        ("status", json!("fulfilled")),
        ("request_id", json!("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
        ("merchant_id", json!("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
        ("wallet_id", json!("W0123456789")),
        ("role", json!("admin")),
        ("balance", json!("777777.77")),
        ("daily_limit", json!(777_777.77)),
        ("bpmn_error", json!("EXTRA")),
        ("created_at", json!("1999-09-09")),
        ("__proto__", json!({"extra": "EXTRA"})),
        ("extra", json!("EXTRA".repeat(200_000))),
    ] {
        request[key] = value;
    }
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_reads_are_stored_nowhere() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let worker = world.worker().start().await;
    let request = with_extra_keys(&Applicant::new());

    let instance = start(
        &world,
        &merchant,
        &typed("Json", request.to_string()).to_string(),
    )
    .await;

    let Ended { at, variables } = world.engine.ended(&instance).await;
    assert_eq!(at, "wallet_created", "{}", variables["validation_errors"]);
    assert_ne!(variables["request_id"], request["request_id"]);
    assert_ne!(variables["wallet_id"], request["wallet_id"]);
    let stored = world.everything().await;
    for extra in [
        "EXTRA",
        "777777",
        "1999-09-09",
        "6ba7b810",
        "W0123456789",
        ">admin<",
    ] {
        assert!(!stored.contains(extra), "{extra} is stored");
    }
    assert_unshaken(&world, &worker, 0).await;
}
