//! Typed process variables.
//!
//! An untyped map, list or big number is stored by the engine as a serialised Java object without
//! a word of complaint, so a variable cannot be written without its type here. What the engine
//! would refuse late, or store wrongly, is refused when a value is put into [`Variables`]. What
//! the engine says is read leniently: a type this crate does not know is kept as it came.
//!
//! Values may be personal data: nothing here that holds one has a `Debug`.

mod date;
mod decode;
mod encode;
mod fields;
mod wire;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use date::EngineDate;
pub(crate) use date::lenient as lenient_date;
pub use decode::{DecodeError, UnfitVariable};
pub use encode::EncodeError;
pub use fields::field_names;

/// The most UTF-16 units of a String: the engine's column is `varchar(4000)`.
pub const MAX_STRING_UNITS: usize = 4000;
/// The most UTF-16 units of a variable's name: the engine's column is `varchar(255)`.
pub const MAX_NAME_UNITS: usize = 255;

/// The serialisation format that the engine refuses to be sent and other workers cannot read.
const JAVA_SERIALISED: &str = "application/x-java-serialized-object";

/// The value of one variable, with its engine type.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value; a typed null is read as this too.
    Null,
    /// A truth value.
    Boolean(bool),
    /// 16 bits.
    Short(i16),
    /// 32 bits.
    Integer(i32),
    /// 64 bits.
    Long(i64),
    /// A finite float. Money is never one.
    Double(f64),
    /// At most [`MAX_STRING_UNITS`], without NUL.
    String(String),
    /// An instant, to the millisecond.
    Date(DateTime<Utc>),
    /// JSON text. Stored as bytes, so no limit of length.
    Json(String),
    /// XML text; not every engine has the plug-in for it.
    Xml(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A Java object in a serialised form.
    Object {
        /// The Java class, perhaps unknown to the engine.
        object_type_name: String,
        /// The media type of `value`.
        serialization_format: String,
        /// The serialised text.
        value: String,
    },
    /// What the engine tells of a file. Its bytes never come with a task, so it cannot be written.
    File(FileInfo),
    /// A type, or a value for a known type, that this crate does not know: kept as it came.
    Other {
        /// The engine's name of the type; empty when there was none.
        type_name: String,
        /// The value as it came.
        value: serde_json::Value,
        /// The type's further facts as they came.
        value_info: serde_json::Map<String, serde_json::Value>,
    },
}

/// What the engine tells of a file variable.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FileInfo {
    /// The file's name.
    pub filename: Option<String>,
    /// Its media type.
    pub mimetype: Option<String>,
    /// The encoding of its text.
    pub encoding: Option<String>,
}

/// Why a value cannot be sent to the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// A String too long for the engine's column.
    #[error("the text has {units} UTF-16 units, at most {MAX_STRING_UNITS} can be stored")]
    TooLong {
        /// The text's length.
        units: usize,
    },
    /// PostgreSQL stores no NUL in text.
    #[error("the text holds a NUL character")]
    Nul,
    /// NaN and infinity come back as text.
    #[error("the number is not finite")]
    NotFinite,
    /// The engine reads years of four digits.
    #[error("the date is outside the years 0 to 9999")]
    DateOutOfRange,
    /// The engine stores broken JSON without a word.
    #[error("the text is not JSON")]
    NotJson,
    /// No other worker could read it.
    #[error("a Java-serialised object cannot be sent")]
    JavaSerialised,
    /// A file's bytes are not here.
    #[error("a file cannot be sent")]
    File,
    /// A value without a type, or one that does not fit the type it claims.
    #[error("the value has no type that could be sent")]
    Untyped,
    /// The name is empty, too long or holds a NUL.
    #[error("the variable's name is empty, longer than {MAX_NAME_UNITS} or holds a NUL character")]
    Name,
}

/// A variable that cannot be sent, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {name:?} cannot be sent")]
pub struct InvalidVariable {
    /// The variable's name.
    pub name: String,
    /// What is wrong with it.
    #[source]
    pub problem: InvalidValue,
}

/// Process variables by name.
///
/// Serialises to what the engine reads, and so does not serialise when a value that was *read*
/// is one that cannot be written; what [`Variables::insert`] let in always does.
#[derive(Clone, PartialEq, Default)]
pub struct Variables(BTreeMap<String, Value>);

impl Variables {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value in, replacing one of the same name.
    ///
    /// # Errors
    /// When the engine would refuse the value or store another one.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Result<(), InvalidVariable> {
        let name = name.into();
        if let Err(problem) = check_name(&name).and_then(|()| value.check()) {
            return Err(InvalidVariable { name, problem });
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Names and values in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives every field of a struct, or entry of a map, its engine type.
    ///
    /// bool is Boolean; integers of up to 16 bits and i32 are Integer, wider ones Long; text and
    /// whatever is written as text (a UUID, a unit variant) is String; [`EngineDate`] is Date;
    /// `None` is Null; lists, maps and structs are Json.
    ///
    /// # Errors
    /// When `output` is neither struct nor map, or a field cannot be sent.
    pub fn from_output<T: Serialize + ?Sized>(output: &T) -> Result<Self, EncodeError> {
        encode::encode(output)
    }

    /// Reads a struct's fields from the variables of the same names.
    ///
    /// A field that is itself a struct, map or list is read from Json, from an Object serialised
    /// as JSON, or from a String that holds JSON.
    ///
    /// # Errors
    /// Names each variable that does not fit, what was expected and which type was found; never a
    /// value.
    ///
    /// # Panics
    /// As [`field_names`] does, when a variable does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        decode::decode(self)
    }
}

impl Value {
    /// The engine's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "Null",
            Self::Boolean(_) => "Boolean",
            Self::Short(_) => "Short",
            Self::Integer(_) => "Integer",
            Self::Long(_) => "Long",
            Self::Double(_) => "Double",
            Self::String(_) => "String",
            Self::Date(_) => "Date",
            Self::Json(_) => "Json",
            Self::Xml(_) => "Xml",
            Self::Bytes(_) => "Bytes",
            Self::Object { .. } => "Object",
            Self::File(_) => "File",
            Self::Other { type_name, .. } => type_name,
        }
    }

    /// Whether the engine would take the value and keep it as it is.
    fn check(&self) -> Result<(), InvalidValue> {
        match self {
            Self::Null
            | Self::Boolean(_)
            | Self::Short(_)
            | Self::Integer(_)
            | Self::Long(_)
            | Self::Bytes(_)
            | Self::Xml(_) => Ok(()),
            Self::Double(number) => ensure(number.is_finite(), InvalidValue::NotFinite),
            Self::String(text) => check_text(text),
            Self::Date(instant) => {
                ensure(date::is_writable(*instant), InvalidValue::DateOutOfRange)
            }
            Self::Json(text) => ensure(is_json(text), InvalidValue::NotJson),
            Self::Object {
                serialization_format,
                ..
            } => ensure(
                serialization_format != JAVA_SERIALISED,
                InvalidValue::JavaSerialised,
            ),
            Self::File(_) => Err(InvalidValue::File),
            Self::Other { type_name, .. } => {
                ensure(!wire::is_known_type(type_name), InvalidValue::Untyped)
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), InvalidValue> {
    let units = name.encode_utf16().count();
    ensure(
        (1..=MAX_NAME_UNITS).contains(&units) && !name.contains('\0'),
        InvalidValue::Name,
    )
}

fn check_text(text: &str) -> Result<(), InvalidValue> {
    let units = text.encode_utf16().count();
    ensure(units <= MAX_STRING_UNITS, InvalidValue::TooLong { units })?;
    ensure(!text.contains('\0'), InvalidValue::Nul)
}

/// Strict on purpose: a lone surrogate in an escape is refused as well.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

fn ensure(holds: bool, problem: InvalidValue) -> Result<(), InvalidValue> {
    if holds { Ok(()) } else { Err(problem) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(value: Value) -> InvalidValue {
        Variables::new().insert("x", value).unwrap_err().problem
    }

    #[test]
    fn text_is_measured_in_utf_16() {
        let mut variables = Variables::new();

        variables
            .insert("full", Value::String("😀".repeat(2000)))
            .unwrap();

        let longer = Value::String("😀".repeat(2000) + "a");
        assert_eq!(problem(longer), InvalidValue::TooLong { units: 4001 });
    }

    #[test]
    fn what_the_engine_would_store_wrongly_is_refused() {
        assert_eq!(problem(Value::String("a\0".into())), InvalidValue::Nul);
        assert_eq!(problem(Value::Double(f64::NAN)), InvalidValue::NotFinite);
        assert_eq!(problem(Value::Json("{".into())), InvalidValue::NotJson);
        assert_eq!(
            problem(Value::Json(r#""\ud800""#.into())),
            InvalidValue::NotJson
        );
        assert_eq!(
            problem(Value::Date(DateTime::<Utc>::MAX_UTC)),
            InvalidValue::DateOutOfRange
        );
        assert_eq!(
            problem(Value::File(FileInfo::default())),
            InvalidValue::File
        );
        let java = Value::Object {
            object_type_name: "java.util.HashMap".into(),
            serialization_format: JAVA_SERIALISED.into(),
            value: "rO0AB".into(),
        };
        assert_eq!(problem(java), InvalidValue::JavaSerialised);
    }

    #[test]
    fn an_other_value_needs_a_type_of_its_own() {
        let other = |type_name: &str| Value::Other {
            type_name: type_name.into(),
            value: serde_json::json!({"a": 1}),
            value_info: serde_json::Map::new(),
        };

        assert_eq!(problem(other("")), InvalidValue::Untyped);
        assert_eq!(problem(other("Object")), InvalidValue::Untyped);
        assert_eq!(problem(other("object")), InvalidValue::Untyped);
        Variables::new().insert("x", other("Money")).unwrap();
    }

    #[test]
    fn a_name_is_neither_empty_nor_long() {
        for name in [String::new(), "n".repeat(256), "a\0".into()] {
            let fault = Variables::new().insert(name, Value::Null).unwrap_err();
            assert_eq!(fault.problem, InvalidValue::Name);
        }
    }
}
