//! From JSON as people write it to typed variables.

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value as Json};

use crate::camunda::{Value, Variables};

/// Reads one JSON object; what is wrong names the variable and never repeats its value.
pub(super) fn parse(text: &str) -> anyhow::Result<Variables> {
    let json: Json = serde_json::from_str(text).map_err(|fault| {
        // serde_json's own words may repeat a value.
        anyhow::anyhow!(
            "the variables are not JSON (line {}, column {})",
            fault.line(),
            fault.column()
        )
    })?;
    let Json::Object(given) = json else {
        bail!("the variables must be a JSON object: {{\"name\": value, …}}");
    };
    let mut variables = Variables::new();
    for (name, json) in given {
        let value = match json {
            Json::Object(object) if is_explicit(&object) => explicit(object),
            json => fitting(json),
        };
        let value = value.with_context(|| format!("variable {name:?}"))?;
        variables.insert(name, value)?;
    }
    Ok(variables)
}

/// `{"type": …, "value": …}`, with or without `valueInfo`.
fn is_explicit(object: &Map<String, Json>) -> bool {
    let known = |key: &String| matches!(key.as_str(), "type" | "value" | "valueInfo");
    object.get("type").is_some_and(Json::is_string)
        && object.contains_key("value")
        && object.keys().all(known)
}

fn explicit(mut object: Map<String, Json>) -> anyhow::Result<Value> {
    let type_name = object["type"].as_str().unwrap_or_default().to_owned();
    // The engine wants Json as text; people write the thing itself.
    if type_name == "Json" && !object["value"].is_string() {
        object["value"] = Json::String(object["value"].to_string());
    }
    let is_null = object["value"].is_null();
    let wire = Json::Object(Map::from_iter([("it".to_owned(), Json::Object(object))]));
    let read: Variables = serde_json::from_value(wire).context("it cannot be read")?;
    let value = read.get("it").cloned().unwrap_or(Value::Null);
    let fits = value.type_name() == type_name && !matches!(value, Value::Other { .. });
    let known = TYPES.iter().find(|known| known.name == type_name);
    match known {
        None => bail!(
            "there is no type {type_name:?}; there are {}",
            TYPES.map(|known| known.name).join(", ")
        ),
        Some(known) => ensure!(
            is_null || fits,
            "the value does not fit the type {type_name:?}, which wants {}",
            known.wants
        ),
    }
    Ok(value)
}

/// A type that a value can be given, and what it wants.
struct Type {
    name: &'static str,
    wants: &'static str,
}

const fn of_type(name: &'static str, wants: &'static str) -> Type {
    Type { name, wants }
}

/// A file comes to the engine by another way.
const TYPES: [Type; 12] = [
    of_type("Boolean", "true or false"),
    of_type("Short", "a whole number from -32768 to 32767"),
    of_type("Integer", "a whole number of 32 bits"),
    of_type("Long", "a whole number of 64 bits"),
    of_type("Double", "a number"),
    of_type("String", "a text"),
    of_type(
        "Date",
        "an instant such as \"2026-03-01T09:30:00.000+0200\"",
    ),
    of_type("Json", "any JSON, or a text that holds some"),
    of_type("Xml", "a text that holds XML"),
    of_type("Bytes", "a text in Base64"),
    of_type("Object", "a text, and a valueInfo that says what is in it"),
    of_type("Null", "null"),
];

fn fitting(json: Json) -> anyhow::Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Boolean(truth),
        Json::String(text) => Value::String(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => i32::try_from(whole).map_or(Value::Long(whole), Value::Integer),
            (None, Some(number)) if number.fract() != 0.0 => Value::Double(number),
            _ => bail!("a whole number beyond 64 bits has no type; write it as text"),
        },
        structured @ (Json::Array(_) | Json::Object(_)) => Value::Json(structured.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(text: &str) -> Vec<(String, String)> {
        let variables = parse(text).unwrap();
        let types = variables
            .iter()
            .map(|(name, value)| (name.to_owned(), value.type_name().to_owned()));
        types.collect()
    }

    fn fault(text: &str) -> String {
        format!("{:#}", parse(text).err().unwrap())
    }

    #[test]
    fn each_value_gets_the_type_that_fits() {
        let text = r#"{"a": "x", "b": true, "c": 5, "d": 5000000000, "e": 0.5, "f": null,
                       "g": [1], "h": {"type": 1}}"#;

        let types = types(text);

        let names: Vec<_> = types
            .iter()
            .map(|(_, type_name)| type_name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "String", "Boolean", "Integer", "Long", "Double", "Null", "Json", "Json"
            ]
        );
    }

    #[test]
    fn a_type_can_be_chosen() {
        let text = r#"{"a": {"type": "Date", "value": "2026-03-01T09:30:00.000+0200"},
                       "b": {"type": "Long", "value": 5},
                       "c": {"type": "Json", "value": {"x": 1}}}"#;

        let variables = parse(text).unwrap();

        assert!(
            variables
                .get("a")
                .is_some_and(|value| value.type_name() == "Date")
        );
        assert!(variables.get("b") == Some(&Value::Long(5)));
        assert!(variables.get("c") == Some(&Value::Json(r#"{"x":1}"#.to_owned())));
    }

    #[test]
    fn what_is_wrong_names_the_variable_and_not_the_value() {
        assert_eq!(
            fault(r#"{"x": {"type": "Date", "value": "hunter2"}}"#),
            "variable \"x\": the value does not fit the type \"Date\", which wants an instant such \
             as \"2026-03-01T09:30:00.000+0200\""
        );
        let no_type = fault(r#"{"x": {"type": "Money", "value": 1}}"#);
        assert!(no_type.contains("there is no type \"Money\"; there are Boolean, Short, "));
        assert!(fault(r#"{"x": 123456789012345678901}"#).contains("beyond 64 bits"));
        assert!(fault("[]").contains("must be a JSON object"));
        let fault = fault("{\"x\": hunter2}");
        assert_eq!(fault, "the variables are not JSON (line 1, column 7)");
    }
}
