//! Variables that are missing or cannot be decoded: the model or the caller is broken.

use super::*;

/// A process, and the task of it that an instance is started at.
type Place = (&'static str, &'static str);

const REQUEST: Place = (PROCESS, "validate_wallet_request");
const CREATION: Place = (PROCESS, "create_wallet");
const NOTIFICATION: Place = (PROCESS, "notify_wallet_creation");
const KYC: Place = ("kyc-validation-process", "validate_kyc_data");
const APPROVAL: Place = ("merchant-approval-process", "process_merchant_approval");

/// Where an instance is started, with what, and what its incident says.
struct Case {
    place: Place,
    variables: Json,
    message: String,
}

/// A fault in a structured input of that name, beside variables that are right.
fn structured(place: Place, name: &str, beside: &Json) -> Vec<Case> {
    let deep = format!("{{\"more\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let unfitting = |found: &str| format!("{found} with unfitting content");
    let mut cases = Vec::new();
    for engine_type in ["Null", "Json", "String"] {
        cases.push((typed(engine_type, Json::Null), "Null".to_owned()));
    }
    for (engine_type, value) in [
        ("Boolean", json!(true)),
        ("Integer", json!(7)),
        ("Long", json!(i64::MAX)),
        ("Double", json!(0.5)),
        ("Date", json!("2026-01-02T03:04:05.000+0200")),
        ("Bytes", json!("e30=")),
    ] {
        cases.push((typed(engine_type, value), engine_type.to_owned()));
    }
    for text in [
        "",
        "{",
        "{\"first_name\": \"Canary\"",
        "Canary",
        "{\"first_name\": NaN}",
        "{\"more\": 1e999}",
        "{'first_name': 'Canary'}",
        "{} {}",
        &deep,
    ] {
        cases.push((typed("Json", text), unfitting("Json")));
        cases.push((typed("String", text), unfitting("String")));
        cases.push((object("application/json", text), unfitting("Object")));
    }
    for (text, found) in [
        ("[{\"first_name\": \"Canary\"}]", "a JSON array"),
        ("\"Canary\"", "a JSON string"),
        ("7", "a JSON number"),
        ("true", "a JSON boolean"),
        ("null", "a JSON null"),
    ] {
        cases.push((typed("Json", text), found.to_owned()));
    }
    cases.push((typed("String", "[1]"), "a JSON array".to_owned()));
    cases.push((object("application/xml", "<a/>"), unfitting("Object")));
    let cases = cases
        .into_iter()
        .map(|(value, found)| (Some(value), format!("a JSON object, found {found}")));
    let nothing = (None, "a JSON object, found nothing".to_owned());
    faults_of(place, name, beside, cases.chain([nothing]).collect())
}

/// What a variable of that name holds, if it is there, and what is told of it.
fn faults_of(
    place: Place,
    name: &str,
    beside: &Json,
    cases: Vec<(Option<Json>, String)>,
) -> Vec<Case> {
    let case = |(value, told): (Option<Json>, String)| {
        let mut variables = beside.clone();
        if let Some(value) = value {
            variables[name] = value;
        }
        Case {
            place,
            variables,
            message: format!("variable \"{name}\": expected {told}"),
        }
    };
    cases.into_iter().map(case).collect()
}

/// A fault in an id of that name, beside variables that are right. What is no text is told to be
/// none; a text is told what it should have been.
fn id(place: Place, name: &str, expected: [&str; 2], beside: &Json) -> Vec<Case> {
    let [text, id] = expected;
    let mut cases = vec![(None, format!("{text}, found nothing"))];
    for (engine_type, value) in [
        ("Null", Json::Null),
        ("Boolean", json!(true)),
        ("Long", json!(7)),
        ("Json", json!("{\"id\": \"Canary\"}")),
    ] {
        let told = format!("{text}, found {engine_type}");
        cases.push((Some(typed(engine_type, value)), told));
    }
    let long = "c".repeat(4_000);
    for value in [
        "",
        "Canary",
        &long,
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8 ",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c\u{43e}",
        "W000000000\u{41e}",
        "' OR 1=1; --",
    ] {
        let told = format!("{id}, found String with unfitting content");
        cases.push((Some(typed("String", value)), told));
    }
    faults_of(place, name, beside, cases)
}

/// Ids that are well formed and of nobody.
fn unknown_ids() -> Vec<Case> {
    let case = |place, name: &str, value: &str, message: &str| Case {
        place,
        variables: json!({name: typed("String", value)}),
        message: message.to_owned(),
    };
    vec![
        case(
            CREATION,
            "request_id",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "request_id: there is no such wallet request",
        ),
        case(
            NOTIFICATION,
            "wallet_id",
            "W0123456789",
            "wallet_id: there is no such wallet",
        ),
    ]
}

/// Two faults in one task: an operator who corrects the first must not meet the second.
fn both_missing_and_unfit() -> Vec<Case> {
    vec![Case {
        place: REQUEST,
        variables: json!({"merchant_id": typed("Long", 7)}),
        message: "variable \"merchant_id\": expected a UUID, found Long; \
                  variable \"request_data\": expected a JSON object, found nothing"
            .to_owned(),
    }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_cannot_be_read_is_one_incident_that_names_it_and_nothing_is_written() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let user = world.user_with(&[]).await.to_string();
    let form = typed("Json", Applicant::new().request.to_string());
    let (request_data, kyc_data) = (json!({ "request_data": form }), json!({ "kyc_data": form }));
    let merchant_id = json!({"merchant_id": typed("String", merchant)});
    let user_id = json!({"user_id": typed("String", user)});
    let uuid = ["a UUID"; 2];
    let number = ["a string", "a wallet number"];
    let cases = [
        structured(REQUEST, "request_data", &merchant_id),
        id(REQUEST, "merchant_id", uuid, &request_data),
        id(CREATION, "request_id", uuid, &json!({})),
        id(NOTIFICATION, "wallet_id", number, &json!({})),
        unknown_ids(),
        both_missing_and_unfit(),
        structured(KYC, "kyc_data", &user_id),
        id(KYC, "user_id", uuid, &kyc_data),
        id(APPROVAL, "merchant_id", uuid, &json!({})),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    let worker = world.worker().start().await;

    let starts = cases.iter().map(|case| {
        let variables = case.variables.clone();
        let (process, activity) = case.place;
        world.engine.start_before(process, activity, variables)
    });
    let instances = join_all(starts).await;

    for (case, instance) in cases.iter().zip(&instances) {
        let advice = match case.message.starts_with("variable ") {
            true => "correct this in Cockpit, then set the retries",
            false => "mend the cause, then set the retries in Cockpit",
        };
        assert_eq!(
            world.engine.incident(instance).await,
            format!("{}; {advice}", case.message),
            "{}",
            case.variables
        );
    }
    assert_unshaken(&world, &worker, cases.len()).await;
    for table in [
        "wallet_creation_requests",
        "task_completions",
        "users WHERE kyc_status <> 'not_started'",
        "customers",
        "wallets",
        "outbox",
        "security_events",
        "audit_log WHERE task_id IS NOT NULL",
    ] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_cannot_keep_it_refuses_before_any_worker_sees_it() {
    let world = World::new().await;

    for (variable, status) in [
        ("null".to_owned(), 500),
        (typed("String", "a\0b").to_string(), 500),
        (typed("String", "c".repeat(5_000)).to_string(), 500),
        (typed("Boolean", "yes").to_string(), 400),
        (
            r#"{"type": "Long", "value": 9223372036854775808}"#.to_owned(),
            400,
        ),
        (r#"{"type": "Double", "value": 1e999x}"#.to_owned(), 400),
        (
            r#"{"type": "Json", "value": {"first_name": "Canary"}}"#.to_owned(),
            400,
        ),
        (
            object("application/x-java-serialized-object", "rO0AB").to_string(),
            500,
        ),
    ] {
        let body = format!(r#"{{"variables": {{"request_data": {variable}}}}}"#);

        let started = world.engine.start_as_written(PROCESS, body).await;

        assert_eq!(started, Err(status), "{variable:.80}");
    }
}
