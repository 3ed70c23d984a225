//! How replicas share the housekeeping: one begins a round, and no two delete at once.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// Any number will do as long as nobody else on this database uses it.
const LOCK: i64 = 0x7068_616e_746f_6d10;

/// Makes this transaction the only one of its kind, `false` when another one is; and lets its
/// commit go without waiting for the disk: what a crash undoes is done again the next time, and
/// the audit row of it vanishes and comes back with it.
///
/// # Errors
/// Those of the query.
pub async fn begin(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Begun {
        #[diesel(sql_type = Bool)]
        alone: bool,
    }
    let begun: Begun = diesel::sql_query(
        "SELECT pg_try_advisory_xact_lock($1) AS alone \
         FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed",
    )
    .bind::<BigInt, _>(LOCK)
    .get_result(conn)
    .await?;
    Ok(begun.alone)
}

/// Begins a round for an engine, unless somebody began one within `every`.
///
/// # Errors
/// Those of the query.
pub async fn begin_round(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    every: Duration,
) -> QueryResult<bool> {
    diesel::sql_query(
        "INSERT INTO housekeeping_rounds AS last (engine_id) VALUES ($1) \
         ON CONFLICT (engine_id) DO UPDATE SET begun_at = now() \
         WHERE last.begun_at <= now() - make_interval(secs => $2)",
    )
    .bind::<Text, _>(engine_id)
    .bind::<Double, _>(every.as_secs_f64())
    .execute(conn)
    .await
    .map(|begun| begun > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::database;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_round_is_begun_in_an_hour_for_each_engine() {
        let database = database().await;
        let mut conn = database.pool.get().await.unwrap();
        let hour = Duration::from_secs(3600);
        let grow_older = |minutes: u32| {
            format!(
                "UPDATE housekeeping_rounds SET begun_at = begun_at - interval '{minutes} minutes'"
            )
        };

        let first = begin_round(&mut conn, "default", hour).await.unwrap();
        let at_once = begin_round(&mut conn, "default", hour).await.unwrap();
        let elsewhere = begin_round(&mut conn, "another", hour).await.unwrap();
        database.run(&grow_older(59)).await;
        let too_early = begin_round(&mut conn, "default", hour).await.unwrap();
        database.run(&grow_older(1)).await;
        let due = begin_round(&mut conn, "default", hour).await.unwrap();
        let again = begin_round(&mut conn, "default", hour).await.unwrap();

        assert_eq!((first, at_once, elsewhere), (true, false, true));
        assert_eq!((too_early, due, again), (false, true, false));
    }
}
