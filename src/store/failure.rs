//! What a database error means for the work that met it.
//!
//! diesel keeps the kind of an error and not its SQLSTATE, and texts are translated and never
//! matched. What the kind leaves open is told by the connection: a server that is going away
//! closes it, a server that refused one statement does not.

use diesel::result::{DatabaseErrorKind, Error};

/// The three things a failed transaction can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFailure {
    /// The database is away (SQLSTATE 08xxx, 57P01–57P03, 25006): nothing was decided.
    Away,
    /// Another transaction was in the way: run the whole transaction again. Unique violations and
    /// serialization failures for sure; deadlocks and time-outs share diesel's `Unknown`.
    Conflict,
    /// The statement itself was refused, and would be again.
    Refused,
}

impl DatabaseFailure {
    /// Sorts `error`; `lost` is whether the connection turned out to be closed.
    pub fn of(error: &Error, lost: bool) -> Self {
        match error {
            _ if lost => Self::Away,
            Error::BrokenTransactionManager | Error::RollbackErrorOnCommit { .. } => Self::Away,
            Error::DatabaseError(kind, _) => match kind {
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                // A server in recovery: the writable one is elsewhere or not yet here.
                | DatabaseErrorKind::ReadOnlyTransaction => Self::Away,
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::Unknown => Self::Conflict,
                _ => Self::Refused,
            },
            _ => Self::Refused,
        }
    }
}
