//! What a topic is and how one task runs: the handler trait, the transaction a handler works in,
//! and [`execute`], which makes one task's effect happen exactly once.
//!
//! Knows the database and the shape of a task, not the engine's calls and not the actors: what an
//! answer needs from the engine is said by the [`Verdict`] it returns.

pub mod answer;
pub mod engine_message;
pub mod error;
pub mod execute;
pub mod fields;
pub mod handler;
pub mod poison;
pub mod registry;
pub mod retry;
pub mod security_event;
#[cfg(test)]
pub(crate) mod testing;
pub mod tx;

pub use answer::Answer;
pub use engine_message::EngineMessage;
pub use error::TaskError;
pub use execute::{Answered, Execution, Verdict, longest_rest};
pub use handler::{Outcome, TaskHandler};
pub use registry::{Registration, Registry};
pub use retry::RetryPolicy;
pub use security_event::{SecurityEvent, SecurityEventKind, Subject};
pub use tx::{Event, Flushed, Origin, Tx};

/// An instant in an output: a variable of type Date.
pub use crate::camunda::variables::EngineDate;
