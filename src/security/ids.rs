//! The ids that travel between the process and this room. They say nothing about a person.

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

/// A user, as the banking application numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct UserId(pub(super) Uuid);

/// A merchant, as the banking application numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct MerchantId(pub(super) Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for MerchantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
