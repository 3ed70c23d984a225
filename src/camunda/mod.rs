//! The Camunda 7 REST interface: what the engine is told and what it says.
//!
//! This room knows HTTP, JSON and the engine's habits, and nothing of topics, wallets or our
//! database. [`client`] makes the calls, [`model`] holds what travels, [`variables`] gives every
//! value its type, [`error`] sorts the engine's answers into classes by status and position,
//! [`lease`] keeps one task's lock alive and [`bpmn`] compares models with handlers.
//!
//! It imports no other room. Camunda 7.24, Operaton and CIB seven speak the same interface.

pub mod bpmn;
pub mod client;
pub mod cockpit;
pub mod error;
pub mod lease;
pub mod model;
mod text;
pub mod variables;

pub use client::Client;
pub use error::EngineError;
pub use lease::{Lease, LeaseHandle, LeaseLost};
pub use model::{LockedTask, TaskId};
pub use variables::{Value, Variables};
