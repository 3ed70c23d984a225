//! Why a handler gave no outcome. The verdict is chosen where the error arises.

use std::fmt;

/// A handler's way out without an outcome: nothing it wrote stays.
///
/// The messages end up in the engine's history, so they name things and never repeat values.
pub enum TaskError {
    /// A fault of the moment: try again later, at the cost of one retry.
    Retry(anyhow::Error),
    /// Trying again cannot help: an incident for an operator, at once.
    Fatal(anyhow::Error),
    /// Somebody else's change was seen after a write: run the whole transaction again.
    Conflict,
    /// The database refused a statement; [`execute`](super::execute) decides what that means.
    Database(diesel::result::Error),
}

impl From<diesel::result::Error> for TaskError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl TaskError {
    /// An incident with this message.
    pub fn fatal(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::Fatal(anyhow::Error::msg(message))
    }
}
