//! Security: people and merchants are checked, alarms are handled, e-mail addresses are verified.
//!
//! A file per topic. Each decides in pure functions and then acts in `handle`: lock, decide, write.
//! Knows the database, the mail's parameters and the names of signing keys; neither the engine nor
//! the actors.

use crate::links::KeyId;
use crate::tasks::Registry;

/// Adds this room's topics. Links are signed with the key of this name.
pub fn register(_registry: &mut Registry, _signing_key: &KeyId) {}
