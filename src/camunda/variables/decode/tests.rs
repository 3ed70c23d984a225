//! What is read from which type, and what is said when it does not fit.

use super::*;
use crate::camunda::variables::EngineDate;
use chrono::{TimeZone, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

#[derive(Deserialize, Debug, PartialEq)]
struct Person {
    email: String,
    age: Option<i32>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    First,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Input {
    request_id: Uuid,
    person: Person,
    note: Option<String>,
    at: EngineDate,
    kind: Kind,
    ready: bool,
}

fn variables(changes: serde_json::Value) -> Variables {
    let mut all = json!({
        "request_id": {"type": "String", "value": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
        "person": {"type": "Json", "value": r#"{"email": "a@b.bw", "more": [1]}"#},
        "at": {"type": "Date", "value": "2024-01-02T03:04:05.123+0200"},
        "kind": {"type": "String", "value": "first"},
        "ready": {"type": "Boolean", "value": true},
        "unasked": {"type": "Foo", "value": {}},
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut()
        .unwrap()
        .retain(|_, value| value != "absent");
    serde_json::from_value(all).unwrap()
}

fn fault(changes: serde_json::Value) -> String {
    variables(changes)
        .decode::<Input>()
        .unwrap_err()
        .to_string()
}

#[test]
fn a_struct_is_read_by_its_fields() {
    let input: Input = variables(json!({})).decode().unwrap();

    assert_eq!(
        input.person,
        Person {
            email: "a@b.bw".into(),
            age: None
        }
    );
    assert_eq!(
        input.at.0,
        Utc.timestamp_millis_opt(1_704_157_445_123).unwrap()
    );
    assert_eq!(
        (input.note, input.kind, input.ready),
        (None, Kind::First, true)
    );
}

#[test]
fn structures_come_as_json_as_object_and_as_text() {
    let text = r#"{"email": "\ud83d", "email": "b", "age": 7}"#;
    let info = json!({"objectTypeName": "a.B", "serializationDataFormat": "application/json"});
    for value in [
        json!({"type": "Json", "value": text}),
        json!({"type": "Object", "value": text, "valueInfo": info}),
        json!({"type": "String", "value": text}),
    ] {
        let input: Input = variables(json!({ "person": value })).decode().unwrap();

        assert_eq!(
            input.person,
            Person {
                email: "b".into(),
                age: Some(7)
            }
        );
    }
}

#[test]
fn a_free_field_takes_whatever_there_is() {
    #[derive(Deserialize)]
    struct Free {
        data: serde_json::Value,
    }
    for (value, expected) in [
        (json!({"type": "Json", "value": "[1]"}), json!([1])),
        (json!({"type": "Json", "value": "5"}), json!(5)),
        (
            json!({"type": "String", "value": r#"{"a": null}"#}),
            json!({"a": null}),
        ),
        (json!({"type": "String", "value": "5"}), json!("5")),
        (json!({"type": "Null", "value": null}), json!(null)),
    ] {
        let free: Free = variables(json!({ "data": value })).decode().unwrap();

        assert_eq!(free.data, expected);
    }
}

#[test]
fn a_fault_names_the_variable_and_both_types() {
    let long = json!({"type": "Long", "value": 7});
    for (changes, message) in [
        (
            json!({"ready": "absent"}),
            r#"variable "ready": expected a boolean, found nothing"#,
        ),
        (
            json!({"person": "absent"}),
            r#"variable "person": expected a JSON object, found nothing"#,
        ),
        (
            json!({"at": "absent"}),
            r#"variable "at": expected a Date, found nothing"#,
        ),
        (
            json!({"at": long}),
            r#"variable "at": expected a Date, found Long"#,
        ),
        (
            json!({"ready": long}),
            r#"variable "ready": expected a boolean, found Long"#,
        ),
        (
            json!({"person": long}),
            r#"variable "person": expected a JSON object, found Long"#,
        ),
        (
            json!({"note": long}),
            r#"variable "note": expected a string, found Long"#,
        ),
        (
            json!({"ready": {"type": "Null", "value": null}}),
            r#"variable "ready": expected a boolean, found Null"#,
        ),
        (
            json!({"kind": {"type": "String", "value": "secret"}}),
            r#"variable "kind": expected one of first, found String with unfitting content"#,
        ),
        (
            json!({"person": {"type": "Json", "value": "{secret"}}),
            r#"variable "person": expected a JSON object, found Json with unfitting content"#,
        ),
        (
            json!({"person": {"type": "Json", "value": "\"secret\""}}),
            r#"variable "person": expected a JSON object, found a JSON string"#,
        ),
        (
            json!({"person": {"type": "String", "value": "7"}}),
            r#"variable "person": expected a JSON object, found a JSON number"#,
        ),
        (
            json!({"person": {"type": "Json", "value": r#"{"email": 5}"#}}),
            r#"variable "person.email": expected a string, found a JSON number"#,
        ),
        (
            json!({"person": {"type": "Json", "value": r#"{"email": "a", "age": 3000000000}"#}}),
            r#"variable "person.age": expected i32, found a JSON number with unfitting content"#,
        ),
        (
            json!({"person": {"type": "Json", "value": "{}"}}),
            r#"variable "person.email": expected a value, found nothing"#,
        ),
    ] {
        assert_eq!(fault(changes), message);
    }
}

#[test]
fn all_that_do_not_fit_are_named_in_the_order_of_the_fields() {
    let long = json!({"type": "Long", "value": 7});
    let text = json!({"type": "String", "value": "x"});

    let message = fault(json!({
        "request_id": text, "kind": "absent", "ready": "absent", "note": long, "person": long
    }));

    assert_eq!(
        message.split("; ").collect::<Vec<_>>(),
        [
            r#"variable "request_id": expected a UUID, found String with unfitting content"#,
            r#"variable "person": expected a JSON object, found Long"#,
            r#"variable "note": expected a string, found Long"#,
            r#"variable "kind": expected enum Kind, found nothing"#,
            r#"variable "ready": expected a boolean, found nothing"#,
        ]
    );
}

#[test]
fn a_malformed_uuid_is_not_repeated() {
    let message = fault(json!({"request_id": {"type": "String", "value": "Jane Doe"}}));

    assert!(
        message.starts_with(r#"variable "request_id": expected "#),
        "{message}"
    );
    assert!(
        message.ends_with("found String with unfitting content"),
        "{message}"
    );
    assert!(
        !message.contains("Jane") && !message.contains('J'),
        "{message}"
    );
}

#[test]
fn a_value_that_was_read_and_then_refused_is_told_with_its_type() {
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct Nothing;
    impl TryFrom<String> for Nothing {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            Err(text)
        }
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "it cannot be read")]
    struct Refusing {
        number: Nothing,
    }
    let variables: Variables =
        serde_json::from_value(json!({"number": {"type": "String", "value": "secret"}})).unwrap();

    let fault = variables.decode::<Refusing>().err().unwrap().to_string();

    assert_eq!(
        fault,
        r#"variable "number": expected a fitting value, found String with unfitting content"#
    );
}

#[test]
fn the_unit_reads_nothing() {
    variables(json!({})).decode::<()>().unwrap();
}
