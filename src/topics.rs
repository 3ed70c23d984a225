//! The registry: every topic this binary works on.

use crate::tasks::Registry;
use crate::wallets;

/// All topics, in the order in which they are shown.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    wallets::register(&mut registry);
    registry
}

/// The names of all topics, in the same order.
pub fn names() -> Vec<&'static str> {
    let registry = registry();
    registry
        .iter()
        .map(|registration| registration.topic)
        .collect()
}
