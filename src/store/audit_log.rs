//! The record of every change this system made. Rows are inserted and never touched again.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;

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

impl NewAuditRow<'_> {
    async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        diesel::insert_into(audit_log::table)
            .values(self)
            .execute(&mut conn)
            .await
    }
}
