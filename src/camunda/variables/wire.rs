//! Variables as the engine writes and reads them: `{"type": …, "value": …, "valueInfo": {…}}`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json};

use super::{FileInfo, Value, Variables, date};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether the engine, which folds a first letter, would take the name for a type of its own.
pub(super) fn is_known_type(name: &str) -> bool {
    const KNOWN: [&str; 14] = [
        "", "Null", "Boolean", "Short", "Integer", "Long", "Double", "String", "Date", "Json",
        "Xml", "Bytes", "Object", "File",
    ];
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            value
                .check()
                .map_err(|problem| S::Error::custom(format!("{name:?}: {problem}")))?;
            map.serialize_entry(name, &Wire(value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Variables {
    /// A name given twice has its last value, and null is no variables: both as in the engine.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variables = Option::<Map<String, Json>>::deserialize(deserializer)?.unwrap_or_default();
        let typed = variables
            .into_iter()
            .map(|(name, json)| (name, Value::from_wire(json)));
        Ok(Self(typed.collect()))
    }
}

impl Variables {
    /// The variables as JSON, those that could not be sent among them: to tell whether two
    /// deliveries of a task brought the same.
    #[must_use]
    pub fn as_read(&self) -> Vec<u8> {
        let wires: BTreeMap<_, _> = self
            .0
            .iter()
            .map(|(name, value)| (name, Wire(value)))
            .collect();
        serde_json::to_vec(&wires).expect("text, numbers and lists of them can be written")
    }
}

/// A value on its way out.
struct Wire<'a>(&'a Value);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.0.type_name())?;
        match self.0 {
            Value::Null | Value::File(_) => map.serialize_entry("value", &())?,
            Value::Boolean(value) => map.serialize_entry("value", value)?,
            Value::Short(value) => map.serialize_entry("value", value)?,
            Value::Integer(value) => map.serialize_entry("value", value)?,
            Value::Long(value) => map.serialize_entry("value", value)?,
            Value::Double(value) => map.serialize_entry("value", value)?,
            Value::Date(instant) => map.serialize_entry("value", &date::write(*instant))?,
            Value::String(text) | Value::Json(text) | Value::Xml(text) => {
                map.serialize_entry("value", text)?;
            }
            // One line of the standard alphabet: Operaton takes nothing else.
            Value::Bytes(bytes) => map.serialize_entry("value", &STANDARD.encode(bytes))?,
            Value::Object {
                object_type_name,
                serialization_format,
                value,
            } => {
                map.serialize_entry("value", value)?;
                let info = serde_json::json!({
                    "objectTypeName": object_type_name,
                    "serializationDataFormat": serialization_format,
                });
                map.serialize_entry("valueInfo", &info)?;
            }
            Value::Other {
                value, value_info, ..
            } => {
                map.serialize_entry("value", value)?;
                map.serialize_entry("valueInfo", value_info)?;
            }
        }
        map.end()
    }
}

impl Value {
    fn from_wire(json: Json) -> Self {
        match json {
            Json::Object(object) => Self::from_wire_object(object),
            value => other(String::new(), value, Map::new()),
        }
    }

    /// Reads the engine's `type`, `value` and `valueInfo`; other entries are ignored.
    pub(crate) fn from_wire_object(mut object: Map<String, Json>) -> Self {
        let mut take = |key| object.remove(key).unwrap_or_default();
        let (type_name, value) = (text(take("type")).unwrap_or_default(), take("value"));
        let info = match take("valueInfo") {
            Json::Object(info) => info,
            _ => Map::new(),
        };
        match typed(&type_name, &value, &info) {
            Some(known) => known,
            None => other(type_name, value, info),
        }
    }
}

fn other(type_name: String, value: Json, value_info: Map<String, Json>) -> Value {
    match value {
        Json::Null => Value::Null,
        value => Value::Other {
            type_name,
            value,
            value_info,
        },
    }
}

/// The value if both type and value are as expected.
fn typed(type_name: &str, value: &Json, info: &Map<String, Json>) -> Option<Value> {
    let string = || value.as_str().map(str::to_owned);
    Some(match type_name {
        "Boolean" => Value::Boolean(value.as_bool()?),
        "Short" => Value::Short(integer(value)?.try_into().ok()?),
        "Integer" => Value::Integer(integer(value)?.try_into().ok()?),
        "Long" => Value::Long(integer(value)?),
        "Double" => Value::Double(value.as_f64()?),
        "String" => Value::String(string()?),
        "Date" => Value::Date(date::read(value.as_str()?)?),
        "Json" => Value::Json(string()?),
        "Xml" => Value::Xml(string()?),
        "Bytes" => Value::Bytes(LENIENT.decode(value.as_str()?).ok()?),
        "Object" => Value::Object {
            object_type_name: info_text(info, "objectTypeName").unwrap_or_default(),
            serialization_format: info_text(info, "serializationDataFormat").unwrap_or_default(),
            value: string()?,
        },
        "File" => Value::File(FileInfo {
            filename: info_text(info, "filename"),
            mimetype: info_text(info, "mimetype").or_else(|| info_text(info, "mimeType")),
            encoding: info_text(info, "encoding"),
        }),
        _ => return None,
    })
}

/// The engine takes and may give a number as text.
fn integer(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn text(json: Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text),
        _ => None,
    }
}

fn info_text(info: &Map<String, Json>, key: &str) -> Option<String> {
    info.get(key).and_then(Json::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;
    use serde_json::json;

    fn read(json: Json) -> Value {
        let variables: Variables = serde_json::from_value(json!({ "x": json })).unwrap();
        variables.get("x").unwrap().clone()
    }

    fn written(value: Value) -> Json {
        let mut variables = Variables::new();
        variables.insert("x", value).unwrap();
        serde_json::to_value(&variables).unwrap()["x"].take()
    }

    #[test]
    fn every_value_goes_out_with_its_type() {
        assert_eq!(written(Value::Null), json!({"type": "Null", "value": null}));
        assert_eq!(
            written(Value::Boolean(true)),
            json!({"type": "Boolean", "value": true})
        );
        assert_eq!(
            written(Value::Short(1)),
            json!({"type": "Short", "value": 1})
        );
        assert_eq!(
            written(Value::Long(9_007_199_254_740_993)),
            json!({"type": "Long", "value": 9_007_199_254_740_993_i64})
        );
        assert_eq!(
            written(Value::Date(Utc.timestamp_opt(0, 1_000_000).unwrap())),
            json!({"type": "Date", "value": "1970-01-01T00:00:00.001+0000"})
        );
        assert_eq!(
            written(Value::Bytes(vec![255])),
            json!({"type": "Bytes", "value": "/w=="})
        );
        let object = Value::Object {
            object_type_name: "com.acme.Order".into(),
            serialization_format: "application/json".into(),
            value: "{}".into(),
        };
        assert_eq!(
            written(object),
            json!({"type": "Object", "value": "{}", "valueInfo": {
                "objectTypeName": "com.acme.Order", "serializationDataFormat": "application/json"}})
        );
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let money = json!({"type": "Money", "value": {"amount": 5}, "valueInfo": {"scale": 2}});

        let value = read(money.clone());

        assert!(value.type_name() == "Money");
        assert_eq!(written(value), money);
    }

    #[test]
    fn a_value_that_does_not_fit_its_type_is_kept_and_never_written() {
        for json in [
            json!({"type": "Double", "value": "NaN"}),
            json!({"type": "Integer", "value": 3_000_000_000_i64}),
            json!({"type": "Date", "value": "yesterday"}),
            json!({"value": {"a": 1}}),
            json!([1]),
        ] {
            let variables: Variables = serde_json::from_value(json!({ "x": json })).unwrap();

            assert!(matches!(variables.get("x"), Some(Value::Other { .. })));
            assert!(serde_json::to_value(&variables).is_err());
            assert!(variables.as_read() != Variables::new().as_read());
        }
    }

    #[test]
    fn nulls_and_doubled_names_are_read_as_the_engine_means_them() {
        let text = r#"{"a": {"type": "String", "value": null}, "b": null,
                       "c": {"type": "Long", "value": 1}, "c": {"type": "Long", "value": "2"}}"#;
        let variables: Variables = serde_json::from_str(text).unwrap();

        assert!(variables.get("a") == Some(&Value::Null));
        assert!(variables.get("b") == Some(&Value::Null));
        assert!(variables.get("c") == Some(&Value::Long(2)));
        assert!(
            serde_json::from_str::<Variables>("null")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_file_tells_its_name() {
        let info = json!({"filename": "a.pdf", "mimetype": "application/pdf"});

        let file = read(json!({"type": "File", "value": null, "valueInfo": info}));

        assert!(
            matches!(file, Value::File(FileInfo { filename: Some(name), .. }) if name == "a.pdf")
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            boolean: bool, short: i16, integer: i32, long: i64, double in -1e300f64..1e300,
            text in "[^\0]{0,40}", bytes: Vec<u8>, millis in 0i64..253_402_300_799_999,
        ) {
            for value in [
                Value::Null, Value::Boolean(boolean), Value::Short(short), Value::Integer(integer),
                Value::Long(long), Value::Double(double), Value::String(text.clone()),
                Value::Json(serde_json::to_string(&text).unwrap()), Value::Xml(text.clone()),
                Value::Bytes(bytes.clone()),
                Value::Date(Utc.timestamp_millis_opt(millis).unwrap()),
            ] {
                prop_assert!(read(written(value.clone())) == value);
            }
        }
    }
}
