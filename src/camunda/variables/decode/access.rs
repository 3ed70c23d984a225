//! Structs, maps and lists: each adds its step to the path of a fault inside.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};
use serde_json::Value as Json;

use super::fault::Fault;
use super::node::{Node, variant};

/// The entries of a struct or map; `value` waits for its name's turn.
pub(super) struct Entries<'a, I, N> {
    entries: I,
    value: Option<(N, Node<'a>)>,
    named: bool,
}

impl<'a, I: Iterator<Item = (N, Node<'a>)>, N: AsRef<str>> Entries<'a, I, N> {
    pub(super) fn new(entries: I, named: bool) -> Self {
        Self {
            entries,
            value: None,
            named,
        }
    }
}

impl<'de, 'a, I, N> MapAccess<'de> for Entries<'a, I, N>
where
    I: Iterator<Item = (N, Node<'a>)>,
    N: AsRef<str>,
{
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.entries.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(variant(name.as_ref()));
        self.value = Some((name, value));
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, node) = self
            .value
            .take()
            .expect("serde asks for a key before its value");
        let found = node.name();
        let read = seed.deserialize(node).map_err(|fault| told(fault, found));
        read.map_err(|fault| match self.named {
            true => fault.inside(name.as_ref()),
            false => fault,
        })
    }
}

/// The items of a list, counted for the path.
pub(super) struct Items(pub(super) std::vec::IntoIter<Json>, pub(super) usize);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(item) = self.0.next() else {
            return Ok(None);
        };
        let index = self.1;
        self.1 += 1;
        let node = Node::Json(item);
        let found = node.name();
        let read = seed.deserialize(node).map_err(|fault| told(fault, found));
        read.map(Some)
            .map_err(|fault| fault.inside(index.to_string()))
    }
}

/// A type made of another one (`serde(try_from)`) may refuse a value that was read well: nobody
/// but the entry itself then knows what there was.
fn told(fault: Fault, found: &str) -> Fault {
    fault.told_by(|| "a fitting value".to_owned(), found)
}
