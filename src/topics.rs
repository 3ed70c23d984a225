//! The registry: every topic this binary works on.

use crate::links::{KEY_BYTES, KeyId};
use crate::tasks::Registry;
use crate::{security, wallets};

/// All topics, in the order in which they are shown. Links are signed with the key of this name.
pub fn registry(signing_key: &KeyId) -> Registry {
    let mut registry = Registry::default();
    wallets::register(&mut registry);
    security::register(&mut registry, signing_key);
    registry
}

/// All topics, for who reads what they promise and has no work for them.
pub fn catalogue() -> Registry {
    registry(&KeyId::of(&[0; KEY_BYTES]))
}

/// The names of all topics, in the same order.
pub fn names() -> Vec<&'static str> {
    catalogue()
        .iter()
        .map(|registration| registration.topic)
        .collect()
}
