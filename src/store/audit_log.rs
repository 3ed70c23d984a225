//! The record of every change this system made. Rows are inserted and never touched again.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;

use super::schema::audit_log;

/// Who did what to whom, when, with what outcome. Ids only, no personal data.
#[derive(Insertable)]
#[diesel(table_name = audit_log)]
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

impl NewAuditRow<'_> {
    async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        diesel::insert_into(audit_log::table)
            .values(self)
            .execute(&mut conn)
            .await
    }
}
