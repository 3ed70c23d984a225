//! From variables to a handler's input.
//!
//! What serde says about a value that does not fit may repeat the value, so its messages are never
//! kept: a [`DecodeError`] holds names and types only.

mod access;
mod fault;
mod node;
#[cfg(test)]
mod tests;

use std::{fmt, iter};

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use self::access::Entries;
use self::fault::Fault;
use self::node::Node;
use super::{Variables, field_names};

/// The variables that are not what the input reads, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", all_in_one_line(.variables))]
pub struct DecodeError {
    /// In the order of the input's fields; one at least.
    pub variables: Vec<UnfitVariable>,
}

/// A variable that is not what the input reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfitVariable {
    /// The variable, and the way to the field inside it: `request_data.email`.
    pub name: String,
    /// What the input reads.
    pub expected: String,
    /// The type that was found.
    pub found: String,
}

impl fmt::Display for UnfitVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            expected,
            found,
        } = self;
        write!(
            formatter,
            "variable \"{name}\": expected {expected}, found {found}"
        )
    }
}

fn all_in_one_line(variables: &[UnfitVariable]) -> String {
    let told: Vec<_> = variables.iter().map(ToString::to_string).collect();
    told.join("; ")
}

pub(super) fn decode<T: DeserializeOwned>(variables: &Variables) -> Result<T, DecodeError> {
    let all = variables
        .iter()
        .map(|(name, value)| (name, Node::Engine(value)));
    let first = match T::deserialize(Root(all)) {
        Ok(input) => return Ok(input),
        Err(fault) => fault,
    };
    let mut unfit: Vec<_> = field_names::<T>()
        .iter()
        .filter_map(|name| look_at::<T>(name, variables))
        .collect();
    if unfit.is_empty() {
        unfit.push(first.into_unfit());
    }
    Err(DecodeError { variables: unfit })
}

/// Presents one variable alone, because serde stops at the first fault and does not say of what
/// type a missing field would have been: whatever the input then says about this one is its fault.
/// A field that may be missing is an `Option`.
fn look_at<T: DeserializeOwned>(name: &str, variables: &Variables) -> Option<UnfitVariable> {
    let node = variables.get(name).map_or(Node::Absent, Node::Engine);
    let fault = T::deserialize(Root(iter::once((name, node)))).err()?;
    let is_about_it = fault.path.last().is_some_and(|step| step == name);
    is_about_it.then(|| fault.into_unfit())
}

/// Variables, as one struct.
struct Root<I>(I);

impl<'de, 'a, I> Deserializer<'de> for Root<I>
where
    I: Iterator<Item = (&'a str, Node<'a>)>,
{
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries::new(self.0, true))
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
