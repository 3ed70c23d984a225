//! The poison guard's memory: how often a task was handed out and never heard of again.
//!
//! Hints, not facts: their commits do not wait for the disk, so a crash may forget the last ones.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::prepared::Prepare;
use super::schema::task_deliveries;

/// A task and how many of its deliveries have ended without a word, this one included.
#[derive(QueryableByName)]
#[diesel(table_name = task_deliveries)]
pub struct Delivery {
    /// The external task's id.
    pub task_id: String,
    /// 1 for a task that was never seen or always heard of; 3 is the most.
    pub silent: i32,
}

/// Counts one delivery of each task, before any of them is started.
///
/// # Errors
/// Those of the query.
pub async fn count(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    topic: &str,
    task_ids: &[&str],
) -> QueryResult<Vec<Delivery>> {
    diesel::sql_query(
        "INSERT INTO task_deliveries AS known (engine_id, task_id, topic, silent) \
         SELECT $1, delivered.task_id, $2, 1 \
         FROM unnest($3) AS delivered (task_id), \
              (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed \
         ON CONFLICT (engine_id, task_id) \
         DO UPDATE SET silent = least(known.silent + 1, 3), delivered_at = now() \
         RETURNING task_id, silent",
    )
    .bind::<Text, _>(engine_id)
    .bind::<Text, _>(topic)
    .bind::<Array<Text>, _>(task_ids)
    .prepared()
    .load(conn)
    .await
}

/// Counts one run of a suspect, which nothing else runs beside; tells how many there were, this
/// one included.
///
/// # Errors
/// Those of the query.
pub async fn count_alone(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    task_id: &str,
) -> QueryResult<i32> {
    diesel::update(task_deliveries::table.find((engine_id, task_id)))
        .set(task_deliveries::alone.eq(task_deliveries::alone + 1))
        .returning(task_deliveries::alone)
        .get_result(conn)
        .await
}

/// Forgets deliveries that ended with a word: a report, an unlock, a lost lock.
///
/// # Errors
/// Those of the query.
pub async fn forget(
    mut conn: &AsyncPgConnection,
    engine_id: &str,
    task_ids: &[String],
) -> QueryResult<()> {
    diesel::sql_query(
        "DELETE FROM task_deliveries \
         USING (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed \
         WHERE engine_id = $1 AND task_id = ANY ($2)",
    )
    .bind::<Text, _>(engine_id)
    .bind::<Array<Text>, _>(task_ids)
    .prepared()
    .execute(&mut conn)
    .await
    .map(drop)
}

/// How many tasks were last delivered `before`, without a word since.
///
/// # Errors
/// Those of the query.
pub async fn count_old(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<i64> {
    task_deliveries::table
        .filter(task_deliveries::delivered_at.lt(before))
        .count()
        .get_result(conn)
        .await
}

/// Forgets up to `limit` tasks that were last delivered `before`.
///
/// # Errors
/// Those of the query.
pub async fn delete_old(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> QueryResult<usize> {
    diesel::sql_query(
        "WITH old AS MATERIALIZED ( \
             SELECT engine_id, task_id FROM task_deliveries WHERE delivered_at < $1 \
             FOR UPDATE SKIP LOCKED LIMIT $2 \
         ) \
         DELETE FROM task_deliveries AS gone USING old \
         WHERE gone.engine_id = old.engine_id AND gone.task_id = old.task_id",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(conn)
    .await
}
