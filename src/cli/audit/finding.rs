//! What can be wrong with the chain, and where.

use std::fmt;

/// One place at which the chain is not what it was.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The row is not what was sealed; or the time of its seal is not.
    RowAltered { seal_seq: i64, id: Option<i64> },
    /// The row is what was sealed, and the hash is not that of it.
    HashAltered { seal_seq: i64, id: Option<i64> },
    /// One of the two above; the seal that would tell which is missing or altered too.
    RowOrHashAltered { seal_seq: i64, id: Option<i64> },
    /// The row is gone.
    RowMissing { seal_seq: i64, id: Option<i64> },
    /// The place holds what belongs to another.
    Swapped {
        seal_seq: i64,
        id: Option<i64>,
        belongs_at: i64,
    },
    /// The seals are gone.
    SealsMissing { from: i64, to: i64 },
    /// Seals start with 1.
    SealForeign { seal_seq: i64 },
    /// The row stands where everything was sealed long ago, and has no seal.
    RowLate { id: i64 },
    /// The row claims a transaction that has not begun yet, and waits for its seal until then.
    RowAhead { id: i64 },
    /// The chain ends before a checkpoint that was told.
    TailCut {
        place: String,
        at: String,
        seal_seq: i64,
        end: i64,
    },
    /// The chain has another hash than what was told.
    Rewritten {
        place: String,
        at: String,
        seal_seq: i64,
        after: i64,
    },
    /// The line cannot be read as a checkpoint.
    CheckpointUnreadable { place: String },
    /// The line follows one that is not there.
    CheckpointUnchained { place: String },
}

impl Finding {
    /// The seal at which it was found; the end of the chain where there is none.
    pub(super) fn place(&self) -> i64 {
        match self {
            Self::RowAltered { seal_seq, .. }
            | Self::HashAltered { seal_seq, .. }
            | Self::RowOrHashAltered { seal_seq, .. }
            | Self::RowMissing { seal_seq, .. }
            | Self::Swapped { seal_seq, .. }
            | Self::SealForeign { seal_seq }
            | Self::SealsMissing { from: seal_seq, .. }
            | Self::TailCut { seal_seq, .. }
            | Self::Rewritten { seal_seq, .. } => *seal_seq,
            Self::RowLate { .. }
            | Self::RowAhead { .. }
            | Self::CheckpointUnreadable { .. }
            | Self::CheckpointUnchained { .. } => i64::MAX,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowAltered { seal_seq, id } => write!(
                formatter,
                "seal {seal_seq}: {} was altered, or the time of its seal",
                row(id)
            ),
            Self::HashAltered { seal_seq, id } => {
                write!(
                    formatter,
                    "seal {seal_seq}: its hash was altered; {} is intact",
                    row(id)
                )
            }
            Self::RowOrHashAltered { seal_seq, id } => {
                write!(
                    formatter,
                    "seal {seal_seq}: {} or the seal was altered",
                    row(id)
                )
            }
            Self::RowMissing { seal_seq, id } => {
                write!(formatter, "seal {seal_seq}: {} is missing", row(id))
            }
            Self::Swapped {
                seal_seq,
                id,
                belongs_at,
            } => write!(
                formatter,
                "seal {seal_seq}: the order was changed; {} belongs to seal {belongs_at}",
                row(id)
            ),
            Self::SealsMissing { from, to } if from == to => {
                write!(formatter, "seal {from}: is missing")
            }
            Self::SealsMissing { from, to } => {
                write!(formatter, "seals {from} to {to}: are missing")
            }
            Self::SealForeign { seal_seq } => {
                write!(formatter, "seal {seal_seq}: no chain has such a seal")
            }
            Self::RowLate { id } => write!(
                formatter,
                "row {id}: has no seal, and stands before rows that have; \
                 it was put in later, or its seal was removed"
            ),
            Self::RowAhead { id } => write!(
                formatter,
                "row {id}: has no seal, and claims a transaction that has not begun yet; \
                 it was put in by hand"
            ),
            Self::TailCut {
                place,
                at,
                seal_seq,
                end,
            } => write!(
                formatter,
                "{place}: at {at} there was a seal {seal_seq}, and the chain ends at {end}; \
                 the tail was cut"
            ),
            Self::Rewritten {
                place,
                at,
                seal_seq,
                after,
            } => write!(
                formatter,
                "{place}: at {at} seal {seal_seq} was another; \
                 the chain was rewritten somewhere after seal {after}"
            ),
            Self::CheckpointUnreadable { place } => {
                write!(formatter, "{place}: is no checkpoint")
            }
            Self::CheckpointUnchained { place } => write!(
                formatter,
                "{place}: follows a checkpoint that is not there; lines were removed or altered"
            ),
        }
    }
}

fn row(id: &Option<i64>) -> String {
    match id {
        Some(id) => format!("row {id}"),
        None => "the row".to_owned(),
    }
}
