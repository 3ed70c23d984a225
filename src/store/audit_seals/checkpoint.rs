//! What leaves the database, so that nobody can cut or rewrite the whole chain unseen.
//!
//! A checkpoint is one line of JSON. Each line holds the SHA-256 of the line before it, so that a
//! file of them is a chain too, which `sha256sum` can follow.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Hash;

/// How far the chain had come, and with which hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The last seal.
    pub seal_seq: i64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// How many rows were sealed since the checkpoint before; since the beginning without one.
    pub rows: i64,
    /// When, by the database's clock.
    pub at: String,
    /// The SHA-256 of the checkpoint before, as a line; none at the beginning.
    pub previous: Option<String>,
}

impl Checkpoint {
    /// The checkpoint that follows `before`.
    pub fn after(before: Option<&Self>, seal_seq: i64, hash: &[u8], at: DateTime<Utc>) -> Self {
        Self {
            seal_seq,
            hash: hex(hash),
            rows: seal_seq - before.map_or(0, |before| before.seal_seq),
            at: at.to_rfc3339_opts(SecondsFormat::Micros, true),
            previous: before.map(|before| digest(&before.line())),
        }
    }

    /// As a line, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }

    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

/// The SHA-256 of a line, in hexadecimal digits.
pub fn digest(line: &str) -> String {
    let hash: Hash = Sha256::digest(line).into();
    hex(&hash)
}

/// In hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_a_line_that_knows_the_one_before() {
        let at = DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap();

        let first = Checkpoint::after(None, 3, &[0xab; 32], at);
        let second = Checkpoint::after(Some(&first), 10, &[0xcd; 32], at);

        assert_eq!(
            first.line(),
            format!(
                r#"{{"seal_seq":3,"hash":"{}","rows":3,"at":"2027-01-15T08:00:00.123456Z","previous":null}}"#,
                "ab".repeat(32)
            )
        );
        assert_eq!(second.rows, 7);
        assert_eq!(second.previous, Some(digest(&first.line())));
        assert_eq!(Checkpoint::parse(&second.line()), Some(second));
    }

    #[test]
    fn what_is_no_checkpoint_is_not_read_as_one() {
        for line in ["", "{}", r#"{"seal_seq":3}"#, "{\"seal_seq\":3,\"ha"] {
            assert_eq!(Checkpoint::parse(line), None, "{line}");
        }
    }
}
