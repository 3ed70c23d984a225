//! What is hashed: pinned for ever, and never the same for two different links.

use diesel::pg::data_types::PgTimestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::{Link, genesis, hex};
use crate::store::audit_log::AuditRow;

/// A link with values of its own.
#[derive(Clone, PartialEq, Eq)]
struct Owned {
    seal_seq: i64,
    sealed_at: Option<i64>,
    previous: Vec<u8>,
    id: Option<i64>,
    xid: Option<String>,
    occurred_at: Option<i64>,
    /// From the origin to the detail.
    texts: [Option<String>; 9],
}

impl std::fmt::Debug for Owned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", hex(&self.encode()))
    }
}

impl Owned {
    fn row(&self) -> AuditRow {
        let mut texts = self.texts.iter().cloned();
        let mut next = || texts.next().flatten();
        AuditRow {
            id: self.id,
            xid: self.xid.clone(),
            occurred_at: self.occurred_at.map(PgTimestamp),
            origin: next(),
            worker_id: next(),
            task_id: next(),
            process_instance_id: next(),
            action: next(),
            subject_kind: next(),
            subject_id: next(),
            outcome: next(),
            detail: next(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(Link<'_>) -> T) -> T {
        look(Link {
            seal_seq: self.seal_seq,
            sealed_at: self.sealed_at.map(PgTimestamp),
            row: &self.row(),
            previous: &self.previous,
        })
    }

    fn encode(&self) -> Vec<u8> {
        self.with(|link| link.encode())
    }

    /// Reads the bytes back: possible for every link only if no two have the same.
    fn decode(bytes: &[u8]) -> Self {
        let mut fields = fields(bytes).into_iter();
        let mut next = || fields.next().unwrap();
        let integer =
            |field: Option<Vec<u8>>| field.map(|f| i64::from_be_bytes(f.try_into().unwrap()));
        let text = |field: Option<Vec<u8>>| field.map(|f| String::from_utf8(f).unwrap());
        assert_eq!(text(next()).unwrap(), "phantom-worker audit seal 1");
        Self {
            seal_seq: integer(next()).unwrap(),
            sealed_at: integer(next()),
            previous: next().unwrap(),
            id: integer(next()),
            xid: text(next()),
            occurred_at: integer(next()),
            texts: std::array::from_fn(|_| text(next())),
        }
    }
}

fn fields(mut bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut fields = Vec::new();
    while let Some((&there, rest)) = bytes.split_first() {
        if there == 0 {
            fields.push(None);
            bytes = rest;
            continue;
        }
        let (length, rest) = rest.split_at(8);
        let length = u64::from_be_bytes(length.try_into().unwrap()) as usize;
        let (value, rest) = rest.split_at(length);
        fields.push(Some(value.to_vec()));
        bytes = rest;
    }
    fields
}

/// Few letters, so that values run into each other where their borders are not kept.
fn text() -> impl Strategy<Value = Option<String>> {
    option::of(
        vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'é']), 0..4).prop_map(String::from_iter),
    )
}

fn link() -> impl Strategy<Value = Owned> {
    (
        any::<i64>(),
        option::of(any::<i64>()),
        vec(any::<u8>(), 0..40),
        option::of(any::<i64>()),
        text(),
        option::of(any::<i64>()),
        prop::array::uniform9(text()),
    )
        .prop_map(
            |(seal_seq, sealed_at, previous, id, xid, occurred_at, texts)| Owned {
                seal_seq,
                sealed_at,
                previous,
                id,
                xid,
                occurred_at,
                texts,
            },
        )
}

proptest! {
    #[test]
    fn every_link_can_be_read_back_from_its_bytes(link in link()) {
        prop_assert_eq!(Owned::decode(&link.encode()), link);
    }
}

fn example() -> Owned {
    let text = |text: &str| Some(text.to_owned());
    Owned {
        seal_seq: 1,
        sealed_at: Some(849_081_600_000_001),
        previous: genesis().to_vec(),
        id: Some(7),
        xid: text("748"),
        occurred_at: Some(849_081_599_999_999),
        texts: [
            text("create-wallet"),
            text("phantom-worker:host:create-wallet:0a1b"),
            text("t-1"),
            None,
            text("wallet_created"),
            text("wallet"),
            text("W0123456789"),
            text(""),
            text(r#"{"b":1,"a":"é"}"#),
        ],
    }
}

/// Another hash here means that every chain of before is broken.
#[test]
fn the_hash_of_a_link_never_changes() {
    let first = example();
    let mut second = Owned {
        seal_seq: 2,
        previous: first.with(|link| link.hash()).to_vec(),
        ..first.clone()
    };
    second.texts[3] = Some("p-1".to_owned());

    assert_eq!(
        hex(&genesis()),
        "0599f83cfbfc28522ca506da1f609d9a4e73e676a866517958dd9d0f18af8b0c"
    );
    assert_eq!(
        hex(&first.with(|link| link.hash())),
        "0ac5de9260a61fe7af48130849ce38c5ce5b66034b7a9e9f36f6ad71b18aceda"
    );
    assert_eq!(
        hex(&second.with(|link| link.hash())),
        "0a2dc9ffbc4ba779b3049ecb822a8611f1e09701d17199029100ee0229be57d7"
    );
}

#[test]
fn null_and_nothing_are_two_things() {
    let nothing = example();
    let mut null = nothing.clone();
    null.texts[7] = None;

    assert_ne!(nothing.encode(), null.encode());
}
