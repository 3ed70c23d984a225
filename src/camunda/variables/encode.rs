//! From a handler's output to typed variables.
//!
//! Each field is first asked to be a scalar with an engine type of its own; what is not, is Json.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeStruct, Serializer};

use super::{InvalidValue, InvalidVariable, Value, Variables, date};

/// Why an output has no variables.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The output is neither a struct nor a map with text as keys.
    #[error("an output must be a struct or a map, its fields are the variables")]
    NotAStruct,
    /// A field cannot be sent.
    #[error(transparent)]
    Invalid(#[from] InvalidVariable),
    /// A field cannot be written as JSON.
    #[error("{variable:?} cannot be written")]
    Unwritable {
        /// The variable's name; empty when the output itself failed.
        variable: String,
    },
}

pub(super) fn encode<T: Serialize + ?Sized>(output: &T) -> Result<Variables, EncodeError> {
    output.serialize(Root)
}

impl ser::Error for EncodeError {
    /// The message may repeat a value, so it is not kept.
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Unwritable {
            variable: String::new(),
        }
    }
}

/// Takes a struct or a map.
struct Root;

/// The variables so far, and the name that waits for its value.
#[derive(Default)]
struct Fields {
    variables: Variables,
    name: String,
}

impl Fields {
    fn put<T: Serialize + ?Sized>(&mut self, name: String, field: &T) -> Result<(), EncodeError> {
        match field.serialize(Scalar) {
            Ok(value) => self.variables.insert(name, value)?,
            Err(NoScalar::Structured) => match serde_json::to_string(field) {
                Ok(json) => self.variables.insert(name, Value::Json(json))?,
                Err(_) => return Err(EncodeError::Unwritable { variable: name }),
            },
            Err(NoScalar::Invalid(problem)) => return Err(InvalidVariable { name, problem }.into()),
            Err(NoScalar::Failed) => return Err(EncodeError::Unwritable { variable: name }),
        }
        Ok(())
    }
}

impl SerializeStruct for Fields {
    type Ok = Variables;
    type Error = EncodeError;

    fn serialize_field<T>(&mut self, name: &'static str, field: &T) -> Result<(), EncodeError>
    where
        T: Serialize + ?Sized,
    {
        self.put(name.to_owned(), field)
    }

    fn end(self) -> Result<Variables, EncodeError> {
        Ok(self.variables)
    }
}

impl SerializeMap for Fields {
    type Ok = Variables;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        match key.serialize(Scalar) {
            Ok(Value::String(name)) => {
                self.name = name;
                Ok(())
            }
            _ => Err(EncodeError::NotAStruct),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, field: &T) -> Result<(), EncodeError> {
        let name = std::mem::take(&mut self.name);
        self.put(name, field)
    }

    fn end(self) -> Result<Variables, EncodeError> {
        Ok(self.variables)
    }
}

/// Why a field is no scalar.
#[derive(Debug, thiserror::Error)]
enum NoScalar {
    #[error("a list, a map or a struct")]
    Structured,
    #[error(transparent)]
    Invalid(InvalidValue),
    #[error("the field's own serialisation failed")]
    Failed,
}

impl ser::Error for NoScalar {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Failed
    }
}

/// Gives one field its engine type.
struct Scalar;

/// The methods of a serializer that all give one and the same answer.
macro_rules! refuse {
    ($error:expr => $($method:ident($($type:ty),*))*) => {
        $(fn $method(self, $(_: $type),*) -> Result<Self::Ok, Self::Error> { Err($error) })*
    };
}
macro_rules! refuse_compound {
    ($error:expr => $($method:ident($($type:ty),*) -> $compound:ident)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<Self::$compound, Self::Error> { Err($error) })*
    };
}
macro_rules! widen {
    ($($method:ident($type:ty) -> $variant:ident)*) => {
        $(fn $method(self, value: $type) -> Result<Value, NoScalar> { Ok(Value::$variant(value.into())) })*
    };
}

impl Serializer for Scalar {
    type Ok = Value;
    type Error = NoScalar;
    type SerializeSeq = Impossible<Value, NoScalar>;
    type SerializeTuple = Impossible<Value, NoScalar>;
    type SerializeTupleStruct = Impossible<Value, NoScalar>;
    type SerializeTupleVariant = Impossible<Value, NoScalar>;
    type SerializeMap = Impossible<Value, NoScalar>;
    type SerializeStruct = Impossible<Value, NoScalar>;
    type SerializeStructVariant = Impossible<Value, NoScalar>;

    widen! {
        serialize_bool(bool) -> Boolean
        serialize_i8(i8) -> Integer serialize_i16(i16) -> Integer serialize_i32(i32) -> Integer
        serialize_u8(u8) -> Integer serialize_u16(u16) -> Integer
        serialize_i64(i64) -> Long serialize_u32(u32) -> Long
        serialize_f32(f32) -> Double serialize_f64(f64) -> Double
        serialize_char(char) -> String serialize_str(&str) -> String serialize_bytes(&[u8]) -> Bytes
    }

    /// Kept whole as Json where the engine has no integer that wide.
    fn serialize_u64(self, value: u64) -> Result<Value, NoScalar> {
        i64::try_from(value)
            .map(Value::Long)
            .map_err(|_| NoScalar::Structured)
    }

    fn serialize_none(self) -> Result<Value, NoScalar> {
        Ok(Value::Null)
    }

    fn serialize_unit(self) -> Result<Value, NoScalar> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, NoScalar> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, NoScalar> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, NoScalar> {
        Ok(Value::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T>(self, name: &'static str, value: &T) -> Result<Value, NoScalar>
    where
        T: Serialize + ?Sized,
    {
        match value.serialize(self)? {
            Value::String(text) if name == date::TOKEN => date::read(&text)
                .map(Value::Date)
                .ok_or(NoScalar::Invalid(InvalidValue::DateOutOfRange)),
            value => Ok(value),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<Value, NoScalar> {
        Err(NoScalar::Structured)
    }

    refuse_compound! { NoScalar::Structured =>
        serialize_seq(Option<usize>) -> SerializeSeq
        serialize_tuple(usize) -> SerializeTuple
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant
        serialize_map(Option<usize>) -> SerializeMap
        serialize_struct(&'static str, usize) -> SerializeStruct
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    }
}

impl Serializer for Root {
    type Ok = Variables;
    type Error = EncodeError;
    type SerializeSeq = Impossible<Variables, EncodeError>;
    type SerializeTuple = Impossible<Variables, EncodeError>;
    type SerializeTupleStruct = Impossible<Variables, EncodeError>;
    type SerializeTupleVariant = Impossible<Variables, EncodeError>;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Impossible<Variables, EncodeError>;

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Fields, EncodeError> {
        Ok(Fields::default())
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Fields, EncodeError> {
        Ok(Fields::default())
    }

    /// The unit is an answer without variables.
    fn serialize_unit(self) -> Result<Variables, EncodeError> {
        Ok(Variables::new())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Variables, EncodeError> {
        Ok(Variables::new())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Variables, EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Variables, EncodeError>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<Variables, EncodeError> {
        Err(EncodeError::NotAStruct)
    }

    refuse! { EncodeError::NotAStruct =>
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32)
        serialize_u64(u64) serialize_f32(f32) serialize_f64(f64) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_none()
        serialize_unit_variant(&'static str, u32, &'static str)
    }

    refuse_compound! { EncodeError::NotAStruct =>
        serialize_seq(Option<usize>) -> SerializeSeq
        serialize_tuple(usize) -> SerializeTuple
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camunda::variables::EngineDate;
    use chrono::{TimeZone, Utc};
    use uuid::Uuid;

    #[derive(Serialize)]
    struct Problem {
        field: &'static str,
        code: &'static str,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Measure {
        AccountLocked,
    }

    #[derive(Serialize)]
    struct Output {
        success: bool,
        count: i32,
        total: i64,
        request_id: Uuid,
        measure: Measure,
        wallet_id: Option<String>,
        at: EngineDate,
        errors: Vec<Problem>,
    }

    #[test]
    fn each_field_gets_its_type() {
        let output = Output {
            success: true,
            count: 1,
            total: 2,
            request_id: Uuid::nil(),
            measure: Measure::AccountLocked,
            wallet_id: None,
            at: EngineDate(Utc.timestamp_millis_opt(1_500).unwrap()),
            errors: vec![Problem {
                field: "email",
                code: "email_invalid",
            }],
        };

        let variables = Variables::from_output(&output).unwrap();

        let expected = [
            ("at", Value::Date(Utc.timestamp_millis_opt(1_500).unwrap())),
            ("count", Value::Integer(1)),
            (
                "errors",
                Value::Json(r#"[{"field":"email","code":"email_invalid"}]"#.into()),
            ),
            ("measure", Value::String("account_locked".into())),
            ("request_id", Value::String(Uuid::nil().to_string())),
            ("success", Value::Boolean(true)),
            ("total", Value::Long(2)),
            ("wallet_id", Value::Null),
        ];
        assert!(
            variables
                .iter()
                .eq(expected.iter().map(|(name, value)| (*name, value)))
        );
    }

    #[test]
    fn the_unit_has_no_variables_and_a_scalar_is_refused() {
        assert!(Variables::from_output(&()).unwrap().is_empty());
        assert!(matches!(
            Variables::from_output(&5).err(),
            Some(EncodeError::NotAStruct)
        ));
    }

    #[test]
    fn what_the_engine_cannot_keep_is_refused_by_name() {
        let fault = Variables::from_output(&serde_json::json!({"note": "a\0"}))
            .err()
            .unwrap();
        assert!(matches!(fault, EncodeError::Invalid(invalid) if invalid.name == "note"));

        let nan = std::collections::BTreeMap::from([("ratio", f64::NAN)]);
        assert!(matches!(
            Variables::from_output(&nan).err(),
            Some(EncodeError::Invalid(_))
        ));
    }

    #[test]
    fn an_integer_wider_than_long_stays_exact_as_json() {
        let wide = std::collections::BTreeMap::from([("n", u64::MAX)]);

        let variables = Variables::from_output(&wide).unwrap();

        assert!(variables.get("n") == Some(&Value::Json("18446744073709551615".into())));
    }
}
