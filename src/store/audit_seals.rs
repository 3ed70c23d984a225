//! The hash chain over the audit log: one seal a row, each with the hash of the one before in it.
//!
//! Rows are sealed after they were committed, never in the transaction that writes them: that would
//! make all writers wait for each other. Their order is (xid, id), and a row is sealed once every
//! transaction that began before its own has ended, so a late committer finds its place still free.

mod checkpoint;
mod link;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use diesel::pg::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

pub use checkpoint::{Checkpoint, digest, hex};
pub use link::{Hash, Link, genesis};

use super::audit_log::{self, AuditRow, Place};
use super::prepared::Prepare;

/// Any number will do as long as nobody else on this database uses it.
const SEALER_LOCK: i64 = 0x7068_616e_746f_6d02;

/// The most rows that are sealed at once.
pub const BATCH: usize = 1000;
/// The most rows that are counted: enough to be alarmed.
const MOST_COUNTED: i64 = 100_000;

/// What came of sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// Somebody else is at it.
    Busy,
    /// So many rows were sealed; with [`BATCH`] of them there may be more.
    Sealed(usize),
}

/// The end of the chain, and what comes behind it.
#[derive(Clone)]
pub struct Lag {
    /// Now, by the database's clock.
    pub now: DateTime<Utc>,
    /// The last seal, 0 when there is none.
    pub seal_seq: i64,
    /// Its hash.
    pub hash: Option<Vec<u8>>,
    /// The place up to which rows are sealed.
    pub place: Place,
    /// Committed rows that wait for their seal; counted up to a hundred thousand.
    pub unsealed: i64,
    /// When the oldest of them happened, in seconds since 1970. Infinite for a row that claims so.
    pub oldest: Option<f64>,
}

/// A seal with the row that it is for, as both are stored.
#[derive(QueryableByName)]
pub struct SealedRow {
    /// Its place in the chain.
    #[diesel(sql_type = BigInt)]
    pub seal_seq: i64,
    /// The row that it is for.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub audit_id: Option<i64>,
    /// The link's hash.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub hash: Option<Vec<u8>>,
    /// When it was sealed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub sealed_at: Option<PgTimestamp>,
    /// The row; without an id when it is not there.
    #[diesel(embed)]
    pub row: AuditRow,
}

#[derive(QueryableByName)]
struct Head {
    #[diesel(sql_type = Timestamptz)]
    now: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    seal_seq: i64,
    #[diesel(sql_type = Nullable<Bytea>)]
    hash: Option<Vec<u8>>,
    #[diesel(embed)]
    place: Place,
}

/// The last seal, and the place of the last sealed row that is there: one row whatever is stored.
const HEAD: &str = "\
    (SELECT now() AS now) AS clock \
    LEFT JOIN LATERAL ( \
        SELECT seal_seq, hash FROM audit_seals ORDER BY seal_seq DESC LIMIT 1 \
    ) AS head ON true \
    LEFT JOIN LATERAL ( \
        SELECT audit_log.xid, audit_log.id \
        FROM audit_seals JOIN audit_log ON audit_log.id = audit_seals.audit_id \
        ORDER BY audit_seals.seal_seq DESC LIMIT 1 \
    ) AS place ON true";

/// Seals the next rows, if nobody else is sealing.
///
/// # Errors
/// Those of the queries; nothing was sealed then.
pub async fn seal_pending(conn: &mut AsyncPgConnection) -> QueryResult<Sealing> {
    // Whatever the server's default is: each statement must see what the sealer before committed.
    conn.build_transaction()
        .read_committed()
        .run(async |conn| {
            // In a statement of its own: one that also read the head would read it from before the
            // lock, and the chain would fork.
            match try_lock(conn).await? {
                true => seal_batch(conn).await.map(Sealing::Sealed),
                false => Ok(Sealing::Busy),
            }
        })
        .await
}

async fn try_lock(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let lock: Lock = diesel::sql_query("SELECT pg_try_advisory_xact_lock($1) AS taken")
        .bind::<BigInt, _>(SEALER_LOCK)
        .prepared()
        .get_result(conn)
        .await?;
    Ok(lock.taken)
}

async fn seal_batch(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    walk_indexes(conn).await?;
    let head = head(conn).await?;
    let rows = audit_log::sealable_after(conn, &head.place, BATCH).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut chain = Chain::default();
    let mut previous = head.hash.unwrap_or_else(|| genesis().to_vec());
    for (seal_seq, row) in (head.seal_seq + 1..).zip(&rows) {
        let link = Link {
            seal_seq,
            sealed_at: Some(head.now),
            row,
            previous: &previous,
        };
        previous = link.hash().to_vec();
        chain.seal_seqs.push(seal_seq);
        chain.audit_ids.push(row.id);
        chain.hashes.push(previous.clone());
    }
    chain.insert(conn, head.now).await
}

/// Has this transaction find rows by the order of the indexes, whatever the planner believes.
///
/// Its statistics may be older than most of the log, or not there at all. It would then rather read
/// and sort both tables, again and again, than take the few rows behind the chain's end.
async fn walk_indexes(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query(
        "SELECT set_config(name, 'off', true) \
         FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_sort', \
                           'enable_hashjoin', 'enable_mergejoin']) AS setting (name)",
    )
    .prepared()
    .execute(conn)
    .await
    .map(drop)
}

async fn head(conn: &mut AsyncPgConnection) -> QueryResult<Head> {
    diesel::sql_query(format!(
        "SELECT now, coalesce(seal_seq, 0) AS seal_seq, hash, xid::text, id FROM {HEAD}"
    ))
    .prepared()
    .get_result(conn)
    .await
}

/// New seals, column by column.
#[derive(Default)]
struct Chain {
    seal_seqs: Vec<i64>,
    audit_ids: Vec<Option<i64>>,
    hashes: Vec<Vec<u8>>,
}

impl Chain {
    async fn insert(self, conn: &mut AsyncPgConnection, at: PgTimestamp) -> QueryResult<usize> {
        diesel::sql_query(
            "INSERT INTO audit_seals (seal_seq, audit_id, hash, sealed_at) \
             SELECT seal_seq, audit_id, hash, $4 \
             FROM unnest($1, $2, $3) AS seal (seal_seq, audit_id, hash)",
        )
        .bind::<Array<BigInt>, _>(self.seal_seqs)
        .bind::<Array<Nullable<BigInt>>, _>(self.audit_ids)
        .bind::<Array<Bytea>, _>(self.hashes)
        .bind::<Timestamptz, _>(at)
        .prepared()
        .execute(conn)
        .await
    }
}

/// How far the chain has come, and how many committed rows it lacks.
///
/// # Errors
/// Those of the queries.
pub async fn lag(conn: &mut AsyncPgConnection) -> QueryResult<Lag> {
    // One snapshot: between two, somebody could seal what the second one is to count.
    conn.build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |conn| {
            walk_indexes(conn).await?;
            let head = head(conn).await?;
            let waiting = audit_log::waiting_after(conn, &head.place, MOST_COUNTED).await?;
            Ok(Lag {
                now: waiting.now,
                seal_seq: head.seal_seq,
                hash: head.hash,
                place: head.place,
                unsealed: waiting.rows,
                oldest: waiting.oldest,
            })
        })
        .await
}

/// The last seal's number (0 without one), and the place up to which rows were sealed.
///
/// # Errors
/// Those of the query.
pub async fn end(conn: &mut AsyncPgConnection) -> QueryResult<(i64, Place)> {
    head(conn).await.map(|head| (head.seal_seq, head.place))
}

/// The next seals after this one, with their rows, in the order of the chain.
///
/// # Errors
/// Those of the query.
pub async fn page_after(
    conn: &mut AsyncPgConnection,
    seal_seq: i64,
    limit: i64,
) -> QueryResult<Vec<SealedRow>> {
    // Cut first, then join: the planner must not be tempted to sort all of both tables.
    diesel::sql_query(format!(
        "SELECT page.seal_seq, page.audit_id, page.hash, page.sealed_at, {} \
         FROM (SELECT * FROM audit_seals WHERE seal_seq > $1 ORDER BY seal_seq LIMIT $2) AS page \
         LEFT JOIN audit_log ON audit_log.id = page.audit_id \
         ORDER BY page.seal_seq",
        audit_log::COLUMNS
    ))
    .bind::<BigInt, _>(seal_seq)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await
}

/// The hash of a seal, if it is there.
///
/// # Errors
/// Those of the query.
pub async fn find_hash(
    conn: &mut AsyncPgConnection,
    seal_seq: i64,
) -> QueryResult<Option<Vec<u8>>> {
    use super::schema::audit_seals;
    audit_seals::table
        .find(seal_seq)
        .select(audit_seals::hash)
        .get_result(conn)
        .await
        .optional()
}
