//! Ways to bend the log, each with what must be found.

use rand::RngExt;
use rand::rngs::StdRng;

use super::super::finding::Finding;
use super::{EVERY, PER_TRANSACTION, ROWS, UNSEALED};

/// A way to bend the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bend {
    /// Another value in this column of a row.
    Row(&'static str, &'static str),
    RowId,
    Hash,
    SealedAt,
    SealOfNoRow,
    SealOfUnsealedRow,
    SealSeq,
    DeleteRow,
    DeleteSeal,
    DeleteBoth,
    DeleteMany,
    InsertRow,
    InsertRowAhead,
    InsertSeal,
    SwapRowsOfSeals,
    SwapContents,
    SwapSeals,
    SwapHashes,
    CutTail,
    Empty,
    Rewrite,
}

const ALL: &[Bend] = &[
    Bend::Row("xid", "(xid::text::bigint + 1)::text::xid8"),
    Bend::Row("occurred_at", "occurred_at + interval '1 microsecond'"),
    Bend::Row("origin", "origin || ' '"),
    Bend::Row("worker_id", "CASE WHEN worker_id IS NULL THEN '' END"),
    Bend::Row("task_id", "NULL"),
    Bend::Row(
        "process_instance_id",
        "CASE WHEN process_instance_id IS NULL THEN 'p' END",
    ),
    Bend::Row("action", "upper(action)"),
    Bend::Row("subject_kind", "''"),
    Bend::Row("subject_id", "'w-0'"),
    Bend::Row("outcome", "'rejected'"),
    Bend::Row("detail", "'{ }'"),
    Bend::RowId,
    Bend::Hash,
    Bend::SealedAt,
    Bend::SealOfNoRow,
    Bend::SealOfUnsealedRow,
    Bend::SealSeq,
    Bend::DeleteRow,
    Bend::DeleteSeal,
    Bend::DeleteBoth,
    Bend::DeleteMany,
    Bend::InsertRow,
    Bend::InsertRowAhead,
    Bend::InsertSeal,
    Bend::SwapRowsOfSeals,
    Bend::SwapContents,
    Bend::SwapSeals,
    Bend::SwapHashes,
    Bend::CutTail,
    Bend::Empty,
    Bend::Rewrite,
];

/// What was done, and what must be found.
pub(super) struct Bent {
    pub(super) bend: Bend,
    pub(super) statements: String,
    /// By the chain alone.
    pub(super) expected: Vec<Finding>,
    /// By the checkpoints: which seals, and up to where the chain is as it was.
    pub(super) witnessed: Vec<(i64, i64)>,
}

/// The chain made anew from a seal on, as somebody would who knows how.
const MAKE_ANEW: &str = r"
    DO $$
    DECLARE
        each record;
        previous bytea := (SELECT hash FROM audit_seals WHERE seal_seq = FIRST - 1);
    BEGIN
        FOR each IN SELECT s.seal_seq, s.sealed_at, l.* FROM audit_seals s JOIN audit_log l ON l.id = s.audit_id
                    WHERE s.seal_seq >= FIRST ORDER BY s.seal_seq LOOP
            SELECT sha256(string_agg(coalesce('\x01'::bytea || int8send(octet_length(f)) || f, '\x00'), '' ORDER BY n))
            INTO previous
            FROM unnest(ARRAY['phantom-worker audit seal 1'::bytea, int8send(each.seal_seq),
                timestamptz_send(each.sealed_at), coalesce(previous, sha256('phantom-worker audit chain')),
                int8send(each.id), convert_to(each.xid::text, 'UTF8'), timestamptz_send(each.occurred_at),
                convert_to(each.origin, 'UTF8'), convert_to(each.worker_id, 'UTF8'),
                convert_to(each.task_id, 'UTF8'), convert_to(each.process_instance_id, 'UTF8'),
                convert_to(each.action, 'UTF8'), convert_to(each.subject_kind, 'UTF8'),
                convert_to(each.subject_id, 'UTF8'), convert_to(each.outcome, 'UTF8'),
                convert_to(each.detail, 'UTF8')]) WITH ORDINALITY AS field (f, n);
            UPDATE audit_seals SET hash = previous WHERE seal_seq = each.seal_seq;
        END LOOP;
    END $$";

impl Bend {
    pub(super) fn nth(round: usize) -> Self {
        ALL[round % ALL.len()]
    }

    /// Seals and rows have the same numbers here.
    pub(super) fn at_random(self, random: &mut StdRng) -> Bent {
        let n = random.random_range(1..=ROWS);
        // Where the end of the chain itself must stay what it is.
        let inner = random.random_range(1..ROWS);
        // Behind the place of the last row sealed is the tail that waits for its seal, in which an
        // honest row may turn up at any time. A new id in the last transaction sealed lies there.
        let earlier = random.random_range(1..=ROWS - PER_TRANSACTION);
        let (a, b) = match (n, random.random_range(1..=ROWS)) {
            (a, b) if a == b => (inner, inner + 1),
            (a, b) => (a.min(b), a.max(b)),
        };
        let mut witnessed = Vec::new();
        let (statements, expected) = match self {
            Self::Row(column, value) => {
                // The last row's place is the end of what is sealed.
                let n = if column == "xid" { inner } else { n };
                (
                    format!(
                        "ALTER TABLE audit_log ALTER {column} DROP NOT NULL; \
                         UPDATE audit_log SET {column} = {value} WHERE id = {n}"
                    ),
                    vec![altered(n)],
                )
            }
            Self::RowId => (
                format!(
                    "ALTER TABLE audit_log ALTER id DROP IDENTITY; \
                     UPDATE audit_log SET id = {NEW_ID} WHERE id = {earlier}"
                ),
                vec![missing_row(earlier), Finding::RowLate { id: NEW_ID }],
            ),
            Self::Hash => {
                witnessed = witnesses(n, n);
                (
                    format!("UPDATE audit_seals SET hash = sha256('x') WHERE seal_seq = {n}"),
                    vec![altered_hash(n)],
                )
            }
            Self::SealedAt => (
                format!(
                    "UPDATE audit_seals SET sealed_at = sealed_at - interval '1 microsecond' \
                     WHERE seal_seq = {n}"
                ),
                vec![altered(n)],
            ),
            Self::SealOfNoRow => (
                format!("UPDATE audit_seals SET audit_id = 99999 WHERE seal_seq = {inner}"),
                vec![
                    Finding::RowMissing {
                        seal_seq: inner,
                        id: Some(99_999),
                    },
                    Finding::RowLate { id: inner },
                ],
            ),
            Self::SealOfUnsealedRow => (
                format!(
                    "UPDATE audit_seals SET audit_id = {} WHERE seal_seq = {inner}",
                    ROWS + 1
                ),
                vec![
                    Finding::RowAltered {
                        seal_seq: inner,
                        id: Some(ROWS + 1),
                    },
                    Finding::RowLate { id: inner },
                ],
            ),
            Self::SealSeq => {
                witnessed = witnesses(inner, inner);
                (
                    format!(
                        "UPDATE audit_seals SET seal_seq = {} WHERE seal_seq = {inner}",
                        ROWS + 5
                    ),
                    vec![
                        missing_seals(inner, inner),
                        missing_seals(ROWS + 1, ROWS + 4),
                    ],
                )
            }
            Self::DeleteRow => (
                format!("DELETE FROM audit_log WHERE id = {n}"),
                vec![missing_row(n)],
            ),
            Self::DeleteSeal => {
                witnessed = witnesses(inner, inner);
                (
                    format!("DELETE FROM audit_seals WHERE seal_seq = {inner}"),
                    vec![missing_seals(inner, inner), Finding::RowLate { id: inner }],
                )
            }
            Self::DeleteBoth => {
                witnessed = witnesses(inner, inner);
                (delete(inner, inner), vec![missing_seals(inner, inner)])
            }
            Self::DeleteMany => {
                let b = b.min(ROWS - 1);
                let a = a.min(b);
                witnessed = witnesses(a, b);
                (delete(a, b), vec![missing_seals(a, b)])
            }
            Self::InsertRow => (
                insert("xid", earlier),
                vec![Finding::RowLate { id: NEW_ID }],
            ),
            Self::InsertRowAhead => (
                insert("'9000000000000000000'", n),
                vec![Finding::RowAhead { id: NEW_ID }],
            ),
            Self::InsertSeal => (
                format!(
                    "ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_seal_seq_check; \
                     INSERT INTO audit_seals (seal_seq, audit_id, hash) VALUES (-{n}, {}, sha256('x'))",
                    ROWS + 1
                ),
                vec![Finding::SealForeign { seal_seq: -n }],
            ),
            Self::SwapRowsOfSeals => (
                swap("audit_seals", "audit_id", a, b, "seal_seq"),
                vec![swapped(a, b, b), swapped(b, a, a)],
            ),
            Self::SwapContents => (
                swap(
                    "audit_log",
                    "(xid, occurred_at, worker_id, task_id, process_instance_id, subject_id)",
                    a,
                    b,
                    "id",
                ),
                vec![swapped(a, a, b), swapped(b, b, a)],
            ),
            Self::SwapSeals => {
                witnessed = witnesses(a, a);
                witnessed.extend(witnesses(b, b));
                (
                    format!(
                        "UPDATE audit_seals SET seal_seq = 99999 WHERE seal_seq = {a}; \
                         UPDATE audit_seals SET seal_seq = {a} WHERE seal_seq = {b}; \
                         UPDATE audit_seals SET seal_seq = {b} WHERE seal_seq = 99999"
                    ),
                    vec![swapped(a, b, b), swapped(b, a, a)],
                )
            }
            Self::SwapHashes => {
                witnessed = witnesses(a, a);
                witnessed.extend(witnesses(b, b));
                let expected = match (b == ROWS, b == a + 1) {
                    // Nothing follows that would tell of the two.
                    (true, true) => vec![either(a), either(b)],
                    _ => vec![altered_hash(a), altered_hash(b)],
                };
                (swap("audit_seals", "hash", a, b, "seal_seq"), expected)
            }
            Self::CutTail => {
                let told = (n..=ROWS).filter(|seal| seal % EVERY == 0);
                witnessed = told.map(|seal| (seal, n - 1)).collect();
                // As nothing was there, what follows starts the chain anew.
                let rest = format!("DELETE FROM audit_log WHERE id > {ROWS}");
                (format!("{}; {rest}", delete(n, ROWS)), vec![])
            }
            Self::Empty => {
                let told = (1..=ROWS).filter(|seal| seal % EVERY == 0);
                witnessed = told.map(|seal| (seal, 0)).collect();
                ("TRUNCATE audit_log, audit_seals".to_owned(), vec![])
            }
            Self::Rewrite => {
                witnessed = witnesses(n, ROWS);
                let anew = MAKE_ANEW.replace("FIRST", &n.to_string());
                let alter = format!("UPDATE audit_log SET outcome = 'rejected' WHERE id = {n}");
                (format!("{alter}; {anew}"), vec![])
            }
        };
        Bent {
            bend: self,
            statements,
            expected,
            witnessed,
        }
    }
}

/// Another row like this one, which claims to be of transaction `xid`.
fn insert(xid: &str, like: i64) -> String {
    format!(
        "INSERT INTO audit_log (id, xid, occurred_at, origin, action, subject_kind, subject_id, outcome) \
         OVERRIDING SYSTEM VALUE SELECT {NEW_ID}, {xid}, occurred_at, origin, action, subject_kind, subject_id, outcome \
         FROM audit_log WHERE id = {like}"
    )
}

fn delete(from: i64, to: i64) -> String {
    format!(
        "DELETE FROM audit_seals WHERE seal_seq BETWEEN {from} AND {to}; \
         DELETE FROM audit_log WHERE id BETWEEN {from} AND {to}"
    )
}

/// Checked when the statement ends, so the unique constraint has to wait.
fn swap(table: &str, columns: &str, a: i64, b: i64, key: &str) -> String {
    let unique = match columns {
        "audit_id" => "ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_audit_id_key; ",
        _ => "",
    };
    let others = columns.trim_matches(['(', ')']);
    format!(
        "{unique}UPDATE {table} SET ({others}) = (SELECT {others} FROM {table} AS other \
         WHERE other.{key} = CASE {table}.{key} WHEN {a} THEN {b} ELSE {a} END) \
         WHERE {key} IN ({a}, {b}); \
         {}",
        match columns {
            "audit_id" =>
                "ALTER TABLE audit_seals ADD CONSTRAINT audit_seals_audit_id_key UNIQUE (audit_id)",
            _ => "",
        }
    )
}

/// The checkpoints of these seals, and the last one before them.
fn witnesses(from: i64, to: i64) -> Vec<(i64, i64)> {
    let told = (from..=to).filter(|seal| seal % EVERY == 0);
    told.map(|seal| (seal, (from - 1) / EVERY * EVERY))
        .collect()
}

/// An id that no row has.
const NEW_ID: i64 = ROWS + UNSEALED as i64 + 1;

/// Without a link behind it, it does not show which side was altered.
fn altered(n: i64) -> Finding {
    match n == ROWS {
        true => either(n),
        false => Finding::RowAltered {
            seal_seq: n,
            id: Some(n),
        },
    }
}

fn altered_hash(n: i64) -> Finding {
    match n == ROWS {
        true => either(n),
        false => Finding::HashAltered {
            seal_seq: n,
            id: Some(n),
        },
    }
}

fn either(n: i64) -> Finding {
    Finding::RowOrHashAltered {
        seal_seq: n,
        id: Some(n),
    }
}

fn missing_row(n: i64) -> Finding {
    Finding::RowMissing {
        seal_seq: n,
        id: Some(n),
    }
}

fn missing_seals(from: i64, to: i64) -> Finding {
    Finding::SealsMissing { from, to }
}

fn swapped(seal_seq: i64, id: i64, belongs_at: i64) -> Finding {
    Finding::Swapped {
        seal_seq,
        id: Some(id),
        belongs_at,
    }
}
