//! Which variables a handler's input reads, asked of the input's own `Deserialize`.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The names of the variables that `T` reads: its fields, as serde spells them.
///
/// # Panics
/// When `T` is not a struct with named fields (nor the unit, which reads nothing): what it reads
/// could not be asked of the engine by name. A flattened struct is no such struct for serde.
#[must_use]
pub fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(Names) {
        Err(Found(Some(names))) => names,
        _ => panic!("a task's input must be a struct with named fields and nothing flattened"),
    }
}

/// Asks for the fields and gives nothing back.
struct Names;

/// The fields, travelling as the error that ends the question.
#[derive(Debug)]
struct Found(Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names {
    type Error = Found;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Found> {
        Err(Found(Some(fields)))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Found> {
        Err(Found(Some(&[])))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _visitor: V,
    ) -> Result<V::Value, Found> {
        Err(Found(Some(&[])))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Found> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Found> {
        Err(Found(None))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fields were asked for")
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the names of the fields are asked for")]
    struct Input {
        request_id: String,
        #[serde(rename = "wallet")]
        wallet_id: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the names of the fields are asked for")]
    struct Wrapped(Input);

    #[test]
    fn a_struct_reads_its_fields_and_a_unit_nothing() {
        assert_eq!(field_names::<Input>(), ["request_id", "wallet"]);
        assert_eq!(field_names::<Wrapped>(), ["request_id", "wallet"]);
        assert!(field_names::<()>().is_empty());
    }

    #[test]
    #[should_panic(expected = "a struct with named fields")]
    fn a_map_cannot_tell() {
        let _ = field_names::<std::collections::BTreeMap<String, String>>();
    }
}
