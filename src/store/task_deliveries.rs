//! The poison guard's memory: how often a task was handed out and never heard of again.
//!
//! Hints, not facts: their commits do not wait for the disk, so a crash may forget the last ones.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::task_deliveries;

/// A task and how many of its deliveries have ended without a word, this one included.
#[derive(Queryable)]
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
    let count = Count {
        engine_id,
        topic,
        task_ids,
    };
    count.load(conn).await
}

/// The statement of [`count`], of its own type so that it stays prepared: each task waits for it.
struct Count<'a> {
    engine_id: &'a str,
    topic: &'a str,
    task_ids: &'a [&'a str],
}

impl QueryFragment<Pg> for Count<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO task_deliveries AS known (engine_id, task_id, topic, silent) SELECT ",
        );
        out.push_bind_param::<Text, _>(self.engine_id)?;
        out.push_sql(", delivered.task_id, ");
        out.push_bind_param::<Text, _>(self.topic)?;
        out.push_sql(", 1 FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(self.task_ids)?;
        out.push_sql(
            ") AS delivered (task_id), \
             (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed \
             ON CONFLICT (engine_id, task_id) \
             DO UPDATE SET silent = least(known.silent + 1, 3), delivered_at = now() \
             RETURNING task_id, silent",
        );
        Ok(())
    }
}

impl QueryId for Count<'_> {
    type QueryId = Count<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Count<'_> {
    type SqlType = (Text, Integer);
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
    conn: &mut AsyncPgConnection,
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
    .execute(conn)
    .await
    .map(drop)
}
