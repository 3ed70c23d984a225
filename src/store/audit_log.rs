//! The record of every change this system made. Rows are inserted and never touched again.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, min};
use diesel::pg::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;

use super::prepared::Prepare;
use super::schema::audit_log;

/// Who did what to whom, when, with what outcome. Ids only, no personal data.
#[derive(Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub struct NewAuditRow<'a> {
    /// By the database's clock for changes, by ours for what happened without a transaction.
    pub occurred_at: DateTime<Utc>,
    /// A topic, a command or an actor.
    pub origin: &'a str,
    /// The worker's id on the engine.
    pub worker_id: Option<&'a str>,
    /// The external task.
    pub task_id: Option<&'a str>,
    /// The process instance.
    pub process_instance_id: Option<&'a str>,
    /// A verb in the past: `wallet_created`.
    pub action: &'a str,
    /// What kind of thing was changed: `wallet`.
    pub subject_kind: &'a str,
    /// Its id.
    pub subject_id: &'a str,
    /// How it ended: `approved`, `IDENTITY_CONFLICT`, ….
    pub outcome: &'a str,
    /// More, as JSON text.
    pub detail: String,
}

/// Inserts rows in one round trip.
///
/// # Errors
/// Those of the query.
pub async fn insert(conn: &AsyncPgConnection, rows: &[NewAuditRow<'_>]) -> QueryResult<()> {
    // One statement a row: it stays prepared, where one for any number of rows would be prepared
    // each time, at the cost of a round trip.
    try_join_all(rows.iter().map(|row| row.insert(conn)))
        .await
        .map(drop)
}

/// What was done within these process instances, or to these subjects by no instance: each action
/// with its outcome, and how often. In the order in which the actions first came.
///
/// # Errors
/// Those of the query.
pub async fn count_actions(
    conn: &mut AsyncPgConnection,
    process_instance_ids: &[&str],
    subject_ids: &[String],
) -> QueryResult<Vec<(String, String, i64)>> {
    let of_subjects = audit_log::process_instance_id
        .is_null()
        .and(audit_log::subject_id.eq_any(subject_ids))
        .and(audit_log::origin.ne("demo"));
    audit_log::table
        .filter(
            audit_log::process_instance_id
                .assume_not_null()
                .eq_any(process_instance_ids),
        )
        .or_filter(of_subjects)
        .group_by((audit_log::action, audit_log::outcome))
        .order(min(audit_log::id))
        .select((audit_log::action, audit_log::outcome, count_star()))
        .load(conn)
        .await
}

/// A row as it is stored, column by column. Nothing in it is taken for granted: whoever bends the
/// log may have bent its constraints first, and must be told of all the same.
#[derive(QueryableByName, Clone, Default, PartialEq, Eq)]
pub struct AuditRow {
    /// The row.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub id: Option<i64>,
    /// The transaction that wrote it, in decimal digits.
    #[diesel(sql_type = Nullable<Text>)]
    pub xid: Option<String>,
    /// To the microsecond.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub occurred_at: Option<PgTimestamp>,
    /// See [`NewAuditRow::origin`].
    #[diesel(sql_type = Nullable<Text>)]
    pub origin: Option<String>,
    /// See [`NewAuditRow::worker_id`].
    #[diesel(sql_type = Nullable<Text>)]
    pub worker_id: Option<String>,
    /// See [`NewAuditRow::task_id`].
    #[diesel(sql_type = Nullable<Text>)]
    pub task_id: Option<String>,
    /// See [`NewAuditRow::process_instance_id`].
    #[diesel(sql_type = Nullable<Text>)]
    pub process_instance_id: Option<String>,
    /// See [`NewAuditRow::action`].
    #[diesel(sql_type = Nullable<Text>)]
    pub action: Option<String>,
    /// See [`NewAuditRow::subject_kind`].
    #[diesel(sql_type = Nullable<Text>)]
    pub subject_kind: Option<String>,
    /// See [`NewAuditRow::subject_id`].
    #[diesel(sql_type = Nullable<Text>)]
    pub subject_id: Option<String>,
    /// See [`NewAuditRow::outcome`].
    #[diesel(sql_type = Nullable<Text>)]
    pub outcome: Option<String>,
    /// See [`NewAuditRow::detail`].
    #[diesel(sql_type = Nullable<Text>)]
    pub detail: Option<String>,
}

/// What [`AuditRow`] is loaded from.
pub(super) const COLUMNS: &str = "\
    audit_log.id, audit_log.xid::text, audit_log.occurred_at, audit_log.origin, \
    audit_log.worker_id, audit_log.task_id, audit_log.process_instance_id, audit_log.action, \
    audit_log.subject_kind, audit_log.subject_id, audit_log.outcome, audit_log.detail";

/// A place in the order of the rows; the place before all of them is empty.
#[derive(QueryableByName, Clone, Default)]
pub struct Place {
    #[diesel(sql_type = Nullable<Text>)]
    xid: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    id: Option<i64>,
}

impl Place {
    /// Whether this is that place or comes behind it.
    pub fn has_reached(&self, other: &Self) -> bool {
        self.key() >= other.key()
    }

    fn key(&self) -> (Option<u64>, i64) {
        (self.xid().parse().ok(), self.id())
    }

    fn xid(&self) -> &str {
        self.xid.as_deref().unwrap_or("0")
    }

    fn id(&self) -> i64 {
        self.id.unwrap_or_default()
    }
}

/// The next rows after this place that no transaction can come before any more.
///
/// # Errors
/// Those of the query.
pub(super) async fn sealable_after(
    conn: &mut AsyncPgConnection,
    place: &Place,
    limit: usize,
) -> QueryResult<Vec<AuditRow>> {
    // By the snapshot of this very statement: what committed after it also has a later place. The
    // seals are looked at because a place that somebody bent must not stop the sealer.
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM audit_log \
         WHERE (xid, id) > ($1::text::xid8, $2) \
           AND xid < pg_snapshot_xmin(pg_current_snapshot()) \
           AND NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = audit_log.id) \
         ORDER BY audit_log.xid, audit_log.id LIMIT $3"
    ))
    .bind::<Text, _>(place.xid())
    .bind::<BigInt, _>(place.id())
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .prepared()
    .load(conn)
    .await
}

/// The last place that a row has; one that claims a transaction yet to come has none.
///
/// # Errors
/// Those of the query.
pub async fn last_place(conn: &mut AsyncPgConnection) -> QueryResult<Place> {
    diesel::sql_query(
        "SELECT xid::text, id FROM audit_log \
         WHERE xid < pg_snapshot_xmax(pg_current_snapshot()) \
         ORDER BY audit_log.xid DESC, audit_log.id DESC LIMIT 1",
    )
    .get_result(conn)
    .await
    .optional()
    .map(Option::unwrap_or_default)
}

/// What comes after a place in the order of the rows.
#[derive(QueryableByName)]
pub(super) struct Waiting {
    /// Now, by the database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub(super) now: DateTime<Utc>,
    /// How many rows there are, as far as they were counted.
    #[diesel(sql_type = BigInt)]
    pub(super) rows: i64,
    /// When the oldest of them happened, in seconds since 1970.
    #[diesel(sql_type = Nullable<Double>)]
    pub(super) oldest: Option<f64>,
}

/// The rows after this place, counted up to `most`.
///
/// # Errors
/// Those of the query.
pub(super) async fn waiting_after(
    conn: &mut AsyncPgConnection,
    place: &Place,
    most: i64,
) -> QueryResult<Waiting> {
    diesel::sql_query(
        "SELECT now() AS now, count(*) AS rows, \
                extract(epoch FROM min(occurred_at))::float8 AS oldest \
         FROM (SELECT occurred_at FROM audit_log WHERE (xid, id) > ($1::text::xid8, $2) \
               ORDER BY xid, id LIMIT $3) AS waiting",
    )
    .bind::<Text, _>(place.xid())
    .bind::<BigInt, _>(place.id())
    .bind::<BigInt, _>(most)
    .prepared()
    .get_result(conn)
    .await
}

/// A row without a seal.
#[derive(QueryableByName, Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsealedRow {
    /// The row.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its place lies before the end of the chain, which no honest row finds itself at.
    #[diesel(sql_type = Bool)]
    pub late: bool,
    /// The transaction that it claims has not begun yet, so another one wrote it.
    #[diesel(sql_type = Bool)]
    pub ahead: bool,
}

/// The rows without a seal among the next `limit` after this id, and the id to go on from; none at
/// the end. `sealed` is the place up to which rows were sealed.
///
/// # Errors
/// Those of the queries.
pub async fn unsealed_after(
    conn: &mut AsyncPgConnection,
    id: i64,
    limit: i64,
    sealed: &Place,
) -> QueryResult<Option<(Vec<UnsealedRow>, i64)>> {
    let page = audit_log::table
        .filter(audit_log::id.gt(id))
        .order(audit_log::id)
        .select(audit_log::id)
        .limit(limit);
    let ids: Vec<i64> = page.load(conn).await?;
    let Some(&last) = ids.last() else {
        return Ok(None);
    };
    let rows = diesel::sql_query(
        "SELECT id, coalesce((xid, id) <= ($3::text::xid8, $4), true) AS late, \
                coalesce(xid >= pg_snapshot_xmax(pg_current_snapshot()), false) AS ahead \
         FROM audit_log \
         WHERE id > $1 AND id <= $2 \
           AND NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = audit_log.id) \
         ORDER BY id",
    )
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(last)
    .bind::<Text, _>(sealed.xid())
    .bind::<BigInt, _>(sealed.id())
    .load(conn)
    .await?;
    Ok(Some((rows, last)))
}

impl NewAuditRow<'_> {
    async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        diesel::insert_into(audit_log::table)
            .values(self)
            .execute(&mut conn)
            .await
    }
}
