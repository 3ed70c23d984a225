//! The ids that travel between the process and this room. They say nothing about a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A merchant, as the banking application numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MerchantId(pub(super) Uuid);

/// A decided request for a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequestId(pub(super) Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
