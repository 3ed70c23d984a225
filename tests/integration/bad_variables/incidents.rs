//! Variables that are missing or cannot be decoded: the model or the caller is broken.

use super::*;

/// Where an instance is started, with what, and what its incident says.
struct Case {
    activity: &'static str,
    variables: Json,
    message: String,
}

/// A fault in `request_data` beside a merchant that is there.
fn request_data(merchant: &str) -> Vec<Case> {
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
    let merchant = typed("String", merchant);
    let mut cases: Vec<_> = cases
        .into_iter()
        .map(|(value, found)| Case {
            activity: "validate_wallet_request",
            variables: json!({"merchant_id": merchant, "request_data": value}),
            message: format!("variable \"request_data\": expected a map, found {found}"),
        })
        .collect();
    cases.push(Case {
        activity: "validate_wallet_request",
        variables: json!({ "merchant_id": merchant }),
        message: "variable \"request_data\": expected a map, found nothing".to_owned(),
    });
    cases
}

/// A fault in an id of that name, beside variables that are right. What is no text is told to be
/// none; a text is told what it should have been.
fn id(activity: &'static str, name: &str, expected: [&str; 2], beside: Json) -> Vec<Case> {
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
    cases
        .into_iter()
        .map(|(value, told)| {
            let mut variables = beside.clone();
            if let Some(value) = value {
                variables[name] = value;
            }
            Case {
                activity,
                variables,
                message: format!("variable \"{name}\": expected {told}"),
            }
        })
        .collect()
}

/// Ids that are well formed and of nobody.
fn unknown_ids() -> Vec<Case> {
    let case = |activity, name: &str, value: &str, message: &str| Case {
        activity,
        variables: json!({name: typed("String", value)}),
        message: message.to_owned(),
    };
    vec![
        case(
            "create_wallet",
            "request_id",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "request_id: there is no such wallet request",
        ),
        case(
            "notify_wallet_creation",
            "wallet_id",
            "W0123456789",
            "wallet_id: there is no such wallet",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_cannot_be_read_is_one_incident_that_names_it_and_nothing_is_written() {
    let world = World::new().await;
    let merchant = world.merchant().await.to_string();
    let form = typed("Json", Applicant::new().request.to_string());
    let beside = json!({ "request_data": form });
    let mut cases = request_data(&merchant);
    let uuid = ["a formatted UUID string"; 2];
    cases.extend(id("validate_wallet_request", "merchant_id", uuid, beside));
    cases.extend(id("create_wallet", "request_id", uuid, json!({})));
    let number = ["a string", "a wallet number"];
    cases.extend(id("notify_wallet_creation", "wallet_id", number, json!({})));
    cases.extend(unknown_ids());
    let worker = world.worker().start().await;

    let starts = cases.iter().map(|case| {
        let variables = case.variables.clone();
        world.engine.start_before(PROCESS, case.activity, variables)
    });
    let instances = join_all(starts).await;

    for (case, instance) in cases.iter().zip(&instances) {
        assert_eq!(
            world.engine.incident(instance).await,
            case.message,
            "{}",
            case.variables
        );
    }
    assert_unshaken(&world, &worker, cases.len()).await;
    for table in [
        "wallet_creation_requests",
        "task_completions",
        "users",
        "customers",
        "wallets",
        "outbox",
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
