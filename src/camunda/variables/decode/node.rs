//! One value and how it is read: strictly by its type, and into the JSON text where a structure is
//! asked for.

use serde::de::{
    Deserializer, Expected, IntoDeserializer, Visitor,
    value::{MapAccessDeserializer, StrDeserializer},
};
use serde_json::Value as Json;

use super::access::{Entries, Items};
use super::fault::Fault;
use crate::camunda::text::parse_json;
use crate::camunda::variables::{Value, date};

/// One value: the engine's, one inside a JSON text, or one that is not there.
pub(super) enum Node<'a> {
    Engine(&'a Value),
    Json(Json),
    Absent,
}

impl Node<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Engine(value) => match value {
                Value::Null => "Null",
                Value::Boolean(_) => "Boolean",
                Value::Short(_) => "Short",
                Value::Integer(_) => "Integer",
                Value::Long(_) => "Long",
                Value::Double(_) => "Double",
                Value::String(_) => "String",
                Value::Date(_) => "Date",
                Value::Json(_) => "Json",
                Value::Xml(_) => "Xml",
                Value::Bytes(_) => "Bytes",
                Value::Object { .. } => "Object",
                Value::File(_) => "File",
                Value::Other { .. } => "a value of an unknown type",
            },
            Self::Json(Json::Null) => "a JSON null",
            Self::Json(Json::Bool(_)) => "a JSON boolean",
            Self::Json(Json::Number(_)) => "a JSON number",
            Self::Json(Json::String(_)) => "a JSON string",
            Self::Json(Json::Array(_)) => "a JSON array",
            Self::Json(Json::Object(_)) => "a JSON object",
            Self::Absent => "nothing",
        }
    }

    /// The structure that a Json, a JSON object or a String holds.
    fn parsed(&self) -> Option<Json> {
        match self {
            Self::Engine(Value::Json(text) | Value::String(text)) => json(text),
            Self::Engine(Value::Object {
                serialization_format,
                value,
                ..
            }) if serialization_format == "application/json" => json(value),
            _ => None,
        }
    }

    /// Runs `read` and tells its fault what this value is and what was asked of it.
    fn told<'de, V, R>(self, visitor: V, read: R) -> Result<V::Value, Fault>
    where
        V: Visitor<'de>,
        R: FnOnce(Self, V) -> Result<V::Value, Fault>,
    {
        let (found, expected) = (self.name(), (&visitor as &dyn Expected).to_string());
        read(self, visitor).map_err(|fault| fault.told_by(|| expected, found))
    }

    fn scalar<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Engine(Value::Boolean(value)) => visitor.visit_bool(*value),
            Self::Engine(Value::Short(value)) => visitor.visit_i16(*value),
            Self::Engine(Value::Integer(value)) => visitor.visit_i32(*value),
            Self::Engine(Value::Long(value)) => visitor.visit_i64(*value),
            Self::Engine(Value::Double(value)) => visitor.visit_f64(*value),
            Self::Engine(Value::String(text)) => visitor.visit_str(text),
            Self::Engine(Value::Bytes(bytes)) => visitor.visit_bytes(bytes),
            Self::Engine(Value::Null) | Self::Json(Json::Null) => visitor.visit_unit(),
            Self::Json(Json::Bool(value)) => visitor.visit_bool(value),
            Self::Json(Json::String(text)) => visitor.visit_string(text),
            Self::Json(Json::Number(number)) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            node => Err(Fault::unexpected(
                (&visitor as &dyn Expected).to_string(),
                node.name(),
            )),
        }
    }

    /// Of a text that can be read it is told what is in it, else only that it cannot be read.
    fn structure<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.parsed().map_or(self, Node::Json) {
            Self::Json(content) => Self::Json(content).told(visitor, Self::content),
            node => Err(Fault {
                content: node.holds_text(),
                ..Fault::default()
            }),
        }
    }

    fn content<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Json(Json::Array(items)) => visitor.visit_seq(Items(items.into_iter(), 0)),
            Self::Json(Json::Object(entries)) => {
                let entries = entries
                    .into_iter()
                    .map(|(name, value)| (name, Node::Json(value)));
                visitor.visit_map(Entries::new(entries, true))
            }
            scalar => scalar.scalar(visitor),
        }
    }

    /// Whether a structure was looked for in its text and not found.
    fn holds_text(&self) -> bool {
        matches!(
            self,
            Self::Engine(Value::Json(_) | Value::String(_) | Value::Object { .. })
        )
    }
}

/// The engine does not look into JSON text, so it may hold anything, halves of characters too.
fn json(text: &str) -> Option<Json> {
    parse_json(text.as_bytes().to_vec()).ok()
}

/// The methods that read a scalar, and those that read a structure.
macro_rules! read_by {
    ($read:ident: $($method:ident($($type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $type,)* visitor: V) -> Result<V::Value, Fault> {
            self.told(visitor, Self::$read)
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    read_by! { scalar:
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64()
        deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_unit()
        deserialize_unit_struct(&'static str) deserialize_identifier()
    }

    read_by! { structure:
        deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize)
        deserialize_map() deserialize_struct(&'static str, &'static [&'static str])
    }

    /// Text stays text here unless it holds an object or a list.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (&self, self.parsed()) {
            (Self::Engine(Value::String(_)), Some(Json::Object(_) | Json::Array(_)))
            | (Self::Json(Json::Object(_) | Json::Array(_)), _)
            | (Self::Engine(Value::Json(_) | Value::Object { .. }), _) => {
                self.told(visitor, Self::structure)
            }
            (Self::Engine(Value::Date(instant)), _) => visitor.visit_string(date::write(*instant)),
            _ => self.told(visitor, Self::scalar),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Engine(Value::Null) | Self::Json(Json::Null) | Self::Absent => {
                visitor.visit_none()
            }
            node => visitor.visit_some(node),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Engine(Value::Date(instant)) if name == date::TOKEN => {
                visitor.visit_string(date::write(*instant))
            }
            // Among the variables an instant is of type Date and nothing else.
            Self::Engine(value) if name == date::TOKEN => {
                let expected = (&visitor as &dyn Expected).to_string();
                Err(Fault::unexpected(expected, Node::Engine(value).name()))
            }
            node => visitor.visit_newtype_struct(node),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.told(visitor, |node, visitor| match node {
            Self::Engine(Value::String(text)) => visitor.visit_enum(variant(text)),
            Self::Json(Json::String(text)) => visitor.visit_enum(variant(&text)),
            node => match node.parsed().map_or(node, Node::Json) {
                Self::Json(Json::Object(entries)) if entries.len() == 1 => {
                    let entries = entries
                        .into_iter()
                        .map(|(name, value)| (name, Node::Json(value)));
                    visitor.visit_enum(MapAccessDeserializer::new(Entries::new(entries, false)))
                }
                _ => Err(Fault::default()),
            },
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

pub(super) fn variant(text: &str) -> StrDeserializer<'_, Fault> {
    text.into_deserializer()
}
