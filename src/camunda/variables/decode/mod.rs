//! From variables to a handler's input.
//!
//! What serde says about a value that does not fit may repeat the value, so its messages are never
//! kept: a [`DecodeError`] holds names and types only.

mod access;
mod fault;
mod node;
#[cfg(test)]
mod tests;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use self::access::Entries;
use self::fault::Fault;
use self::node::Node;
use super::Variables;

/// A variable that is not what the input reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable \"{variable}\": expected {expected}, found {found}")]
pub struct DecodeError {
    /// The variable, and the way to the field inside it: `request_data.email`.
    pub variable: String,
    /// What the input reads.
    pub expected: String,
    /// The type that was found.
    pub found: String,
}

pub(super) fn decode<T: DeserializeOwned>(variables: &Variables) -> Result<T, DecodeError> {
    let fault = match T::deserialize(Root {
        variables,
        absent: None,
    }) {
        Ok(input) => return Ok(input),
        Err(fault) => fault,
    };
    // serde does not say of what type a missing field would have been: ask again and answer
    // for that variable, so that the first thing the input says about it is its type.
    if let Fault {
        path,
        missing: Some(name),
        ..
    } = &fault
        && path.is_empty()
        && let Err(told) = T::deserialize(Root {
            variables,
            absent: Some(name),
        })
    {
        return Err(told.into_error());
    }
    Err(fault.into_error())
}

/// All variables, as one struct.
struct Root<'a> {
    variables: &'a Variables,
    /// A variable to be presented although it is not there.
    absent: Option<&'static str>,
}

impl<'de> Deserializer<'de> for Root<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let present = self
            .variables
            .iter()
            .map(|(name, value)| (name, Node::Engine(value)));
        let absent = self.absent.map(|name| (name, Node::Absent));
        visitor.visit_map(Entries::new(present.chain(absent), true))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
