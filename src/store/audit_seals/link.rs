//! What a link of the chain is made of: the bytes that are hashed.
//!
//! Every field stands behind a byte that tells a value (1) from NULL (0), and a value behind its
//! length, so that no two links have the same bytes. Whoever wants to check the chain without this
//! program finds all there is to know in `encode`; a test has PostgreSQL itself do it.

use diesel::pg::data_types::PgTimestamp;
use sha2::{Digest, Sha256};

use crate::store::audit_log::AuditRow;

/// Names what follows. A column more in `audit_log` is another version, told apart by its name.
const VERSION: &str = "phantom-worker audit seal 1";
/// Stands where the first link has no previous one.
const GENESIS: &str = "phantom-worker audit chain";

/// The hash of a link: the whole chain up to it.
pub type Hash = [u8; 32];

/// A row in its place in the chain.
pub struct Link<'a> {
    /// From 1 on, without a gap.
    pub seal_seq: i64,
    /// When it was sealed.
    pub sealed_at: Option<PgTimestamp>,
    /// What is sealed.
    pub row: &'a AuditRow,
    /// The hash of the link before.
    pub previous: &'a [u8],
}

/// What the first link is chained to.
pub fn genesis() -> Hash {
    Sha256::digest(GENESIS).into()
}

impl Link<'_> {
    /// The hash that seals this row.
    pub fn hash(&self) -> Hash {
        Sha256::digest(self.encode()).into()
    }

    /// Integers are eight bytes, the highest first; instants are microseconds since 2000, as
    /// PostgreSQL has them; everything else is the text as it is stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let row = self.row;
        let mut bytes = Vec::with_capacity(512);
        let mut field = |value: Option<&[u8]>| match value {
            None => bytes.push(0),
            Some(value) => {
                bytes.push(1);
                bytes.extend((value.len() as u64).to_be_bytes());
                bytes.extend(value);
            }
        };
        field(Some(VERSION.as_bytes()));
        field(Some(&self.seal_seq.to_be_bytes()));
        field(instant(self.sealed_at).as_ref().map(<[u8; 8]>::as_slice));
        field(Some(self.previous));
        field(
            row.id
                .map(i64::to_be_bytes)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        );
        field(row.xid.as_ref().map(String::as_bytes));
        field(instant(row.occurred_at).as_ref().map(<[u8; 8]>::as_slice));
        for text in [
            &row.origin,
            &row.worker_id,
            &row.task_id,
            &row.process_instance_id,
            &row.action,
            &row.subject_kind,
            &row.subject_id,
            &row.outcome,
            &row.detail,
        ] {
            field(text.as_ref().map(String::as_bytes));
        }
        bytes
    }
}

fn instant(at: Option<PgTimestamp>) -> Option<[u8; 8]> {
    at.map(|PgTimestamp(microseconds)| microseconds.to_be_bytes())
}
