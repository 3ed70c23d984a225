//! The inbox: one row a task that was answered, keyed by engine and task id.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::prepared::Prepare;
use super::schema::task_completions as completions;

/// The claim on a task: the key, who it is, and what it was given.
#[derive(Insertable)]
#[diesel(table_name = completions, treat_none_as_default_value = false)]
pub struct NewCompletion<'a> {
    /// Which engine; task ids repeat between engines.
    pub engine_id: &'a str,
    /// The external task's id.
    pub task_id: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// The process.
    pub process_definition_key: &'a str,
    /// The process instance.
    pub process_instance_id: &'a str,
    /// The activity instance: another one under the same task id is another task.
    pub activity_instance_id: &'a str,
    /// The caller's name for the instance.
    pub business_key: Option<&'a str>,
    /// Of the variables it was given, to notice a change between deliveries.
    pub input_sha256: &'a [u8],
}

/// A row that is there already.
#[derive(Queryable, Selectable)]
#[diesel(table_name = completions)]
pub struct Completion {
    /// The topic it was answered for.
    pub topic: String,
    /// The process instance it belongs to.
    pub process_instance_id: String,
    /// The activity instance it belongs to.
    pub activity_instance_id: String,
    /// Of the variables it was answered from.
    pub input_sha256: Vec<u8>,
    /// The answer; always there once the transaction that wrote the row has ended.
    pub answer: Option<Value>,
}

/// What the claim found.
pub enum Claim {
    /// The row is ours to fill; this is the transaction's instant by the database's clock.
    Won(DateTime<Utc>),
    /// Answered before.
    Answered(Completion),
}

impl NewCompletion<'_> {
    /// Claims the task for this transaction, waiting for another one that holds it.
    ///
    /// # Errors
    /// Those of the query; the lock time-out says that another execution is still at work.
    pub async fn claim(&self, mut conn: &AsyncPgConnection) -> QueryResult<Claim> {
        // The `filter` of an upsert, which would compete with that of a query.
        use diesel::query_dsl::methods::FilterDsl;

        // Insert first: the primary key makes a second delivery wait here instead of working twice.
        let inserted = diesel::insert_into(completions::table)
            .values(self)
            .on_conflict((completions::engine_id, completions::task_id))
            .do_update()
            .set(completions::completed_at.eq(dsl::now))
            // Nobody stands behind a row without an answer: it was claimed outside of any
            // transaction, because only the BEGIN before it was refused.
            .filter(completions::answer.is_null())
            .returning(completions::completed_at)
            .prepared()
            .get_result(&mut conn)
            .await
            .optional()?;
        if let Some(now) = inserted {
            return Ok(Claim::Won(now));
        }
        completions::table
            .find((self.engine_id, self.task_id))
            .select(Completion::as_select())
            .first(&mut conn)
            .await
            .map(Claim::Answered)
    }
}

/// Writes the answer into the claimed row.
///
/// # Errors
/// Those of the query.
pub async fn record_answer(
    mut conn: &AsyncPgConnection,
    engine_id: &str,
    task_id: &str,
    answer: &Value,
) -> QueryResult<()> {
    diesel::update(completions::table.find((engine_id, task_id)))
        .set(completions::answer.eq(answer))
        .prepared()
        .execute(&mut conn)
        .await
        .map(drop)
}

/// Stamps answers that the engine took. A hint only, so its commit does not wait for the disk.
///
/// # Errors
/// Those of the query.
pub async fn mark_reported(
    mut conn: &AsyncPgConnection,
    engine_id: &str,
    task_ids: &[String],
) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE task_completions SET reported_at = now() \
         FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed \
         WHERE engine_id = $1 AND task_id = ANY ($2) AND reported_at IS NULL",
    )
    .bind::<Text, _>(engine_id)
    .bind::<Array<Text>, _>(task_ids)
    .prepared()
    .execute(&mut conn)
    .await
    .map(drop)
}

/// A completion that is old enough to go, if its process instance has ended.
#[derive(Queryable, Selectable)]
#[diesel(table_name = completions)]
pub struct OldCompletion {
    /// The external task's id.
    pub task_id: String,
    /// The process.
    pub process_definition_key: String,
    /// The process instance.
    pub process_instance_id: String,
    /// When it was answered.
    pub completed_at: DateTime<Utc>,
}

/// An engine's completions that were answered `before`, oldest first, from behind `after` on.
///
/// # Errors
/// Those of the query.
pub async fn find_old(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    before: DateTime<Utc>,
    after: Option<&OldCompletion>,
    limit: i64,
) -> QueryResult<Vec<OldCompletion>> {
    let (instant, task_id) = match after {
        Some(last) => (last.completed_at, last.task_id.as_str()),
        None => (DateTime::UNIX_EPOCH, ""),
    };
    let is_behind = completions::completed_at
        .gt(instant)
        .or(completions::task_id.gt(task_id));
    completions::table
        .filter(completions::engine_id.eq(engine_id))
        .filter(completions::completed_at.lt(before))
        // The first comparison finds the place in the index, the second the one within an instant.
        .filter(completions::completed_at.ge(instant).and(is_behind))
        .order((completions::completed_at, completions::task_id))
        .limit(limit)
        .select(OldCompletion::as_select())
        .load(conn)
        .await
}

/// The process instances of an engine's newest completions.
///
/// # Errors
/// Those of the query.
pub async fn newest_instances(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    limit: i64,
) -> QueryResult<BTreeSet<String>> {
    let instances: Vec<_> = completions::table
        .filter(completions::engine_id.eq(engine_id))
        .order(completions::completed_at.desc())
        .limit(limit)
        .select(completions::process_instance_id)
        .load(conn)
        .await?;
    Ok(instances.into_iter().collect())
}

/// Deletes completions; tells how many were still there.
///
/// # Errors
/// Those of the query.
pub async fn delete(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    task_ids: &[String],
) -> QueryResult<usize> {
    diesel::delete(completions::table)
        .filter(completions::engine_id.eq(engine_id))
        .filter(completions::task_id.eq_any(task_ids))
        .execute(conn)
        .await
}
