//! Figures that one replica reads for all of them: how many tasks the engine holds, how deep the
//! outbox is.
//!
//! A row a collector. Whoever finds it due claims it, reads, and leaves the figures here; the
//! others show what they find. So what is asked of the engine does not grow with the replicas, and
//! they all show the same. A claim runs out: nobody waits for a replica that died.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Double, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::prepared::Prepare;

/// Whose figures, and of what.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// The collector.
    pub collector: &'a str,
    /// What it looks at, where there may be several of the kind.
    pub scope: &'a str,
}

/// What is known of a collector's figures.
#[derive(QueryableByName)]
pub struct Known {
    /// The collector.
    #[diesel(sql_type = Text)]
    pub collector: String,
    /// Somebody should read again.
    #[diesel(sql_type = Bool)]
    pub is_due: bool,
    /// When they were last read.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub taken_at: Option<DateTime<Utc>>,
    /// How long that took.
    #[diesel(sql_type = Nullable<Double>)]
    pub took_seconds: Option<f64>,
    /// The figures, in the collector's own form.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub figures: Option<Value>,
}

/// What is known of these figures; nothing of one that was never claimed.
///
/// # Errors
/// Those of the query.
pub async fn look(conn: &mut AsyncPgConnection, keys: &[Key<'_>]) -> QueryResult<Vec<Known>> {
    let collectors: Vec<_> = keys.iter().map(|key| key.collector).collect();
    let scopes: Vec<_> = keys.iter().map(|key| key.scope).collect();
    diesel::sql_query(
        "SELECT collector, due_at <= now() AS is_due, taken_at, took_seconds, figures \
         FROM shared_figures JOIN unnest($1, $2) AS wanted (collector, scope) \
         USING (collector, scope)",
    )
    .bind::<Array<Text>, _>(collectors)
    .bind::<Array<Text>, _>(scopes)
    .prepared()
    .load(conn)
    .await
}

impl Key<'_> {
    /// Takes the reading upon us for `term`, unless somebody else has.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn claim(self, conn: &mut AsyncPgConnection, term: Duration) -> QueryResult<bool> {
        let claimed = diesel::sql_query(
            "INSERT INTO shared_figures AS known (collector, scope, due_at) \
             VALUES ($1, $2, now() + make_interval(secs => $3)) \
             ON CONFLICT (collector, scope) DO UPDATE SET due_at = excluded.due_at \
             WHERE known.due_at <= now()",
        )
        .bind::<Text, _>(self.collector)
        .bind::<Text, _>(self.scope)
        .bind::<Double, _>(term.as_secs_f64())
        .prepared()
        .execute(conn)
        .await?;
        Ok(claimed == 1)
    }

    /// Leaves the figures for all, and the next reading for after `wait`.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn leave(
        self,
        conn: &mut AsyncPgConnection,
        figures: &Value,
        took: Duration,
        wait: Duration,
    ) -> QueryResult<()> {
        diesel::sql_query(
            "UPDATE shared_figures SET figures = $3, taken_at = now(), took_seconds = $4, \
                    due_at = now() + make_interval(secs => $5) \
             WHERE collector = $1 AND scope = $2",
        )
        .bind::<Text, _>(self.collector)
        .bind::<Text, _>(self.scope)
        .bind::<Jsonb, _>(figures)
        .bind::<Double, _>(took.as_secs_f64())
        .bind::<Double, _>(wait.as_secs_f64())
        .prepared()
        .execute(conn)
        .await
        .map(drop)
    }

    /// Leaves the figures as they are, and the next reading for after `wait`.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn put_off(self, conn: &mut AsyncPgConnection, wait: Duration) -> QueryResult<()> {
        diesel::sql_query(
            "UPDATE shared_figures SET due_at = now() + make_interval(secs => $3) \
             WHERE collector = $1 AND scope = $2",
        )
        .bind::<Text, _>(self.collector)
        .bind::<Text, _>(self.scope)
        .bind::<Double, _>(wait.as_secs_f64())
        .prepared()
        .execute(conn)
        .await
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;

    use super::*;
    use crate::store::testing::{TestDatabase, database};

    const OURS: Key<'_> = Key {
        collector: "engine",
        scope: "ours",
    };
    const THEIRS: Key<'_> = Key {
        collector: "engine",
        scope: "theirs",
    };
    const LONG: Duration = Duration::from_secs(600);

    async fn claim(database: &TestDatabase, key: Key<'_>, term: Duration) -> bool {
        let mut conn = database.pool.get().await.unwrap();
        key.claim(&mut conn, term).await.unwrap()
    }

    async fn known(database: &TestDatabase, key: Key<'_>) -> Option<Known> {
        let mut conn = database.pool.get().await.unwrap();
        look(&mut conn, &[key]).await.unwrap().pop()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_of_many_replicas_reads() {
        let database = database().await;

        let claims = join_all((0..8).map(|_| claim(&database, OURS, LONG))).await;

        assert_eq!(claims.iter().filter(|claimed| **claimed).count(), 1);
        assert!(claim(&database, THEIRS, LONG).await, "another engine's");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_leaves_all_find_until_it_is_due_again() {
        let database = database().await;
        assert!(known(&database, OURS).await.is_none());
        assert!(claim(&database, OURS, LONG).await);
        let mut conn = database.pool.get().await.unwrap();
        let (figures, took) = (json!({ "a": 1 }), Duration::from_millis(1500));

        OURS.leave(&mut conn, &figures, took, LONG).await.unwrap();
        let fresh = known(&database, OURS).await.unwrap();
        OURS.leave(&mut conn, &figures, took, Duration::ZERO)
            .await
            .unwrap();

        assert_eq!(fresh.figures, Some(figures));
        assert_eq!((fresh.is_due, fresh.took_seconds), (false, Some(1.5)));
        assert!(fresh.taken_at.is_some());
        assert!(known(&database, OURS).await.unwrap().is_due);
        assert!(known(&database, THEIRS).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_replica_that_died_over_its_reading_is_not_waited_for() {
        let database = database().await;
        assert!(claim(&database, OURS, Duration::ZERO).await);

        assert!(claim(&database, OURS, LONG).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reading_that_failed_leaves_the_figures_of_before() {
        let database = database().await;
        assert!(claim(&database, OURS, LONG).await);
        let mut conn = database.pool.get().await.unwrap();
        let took = Duration::from_secs(1);
        OURS.leave(&mut conn, &json!(7), took, Duration::ZERO)
            .await
            .unwrap();
        assert!(claim(&database, OURS, LONG).await);

        OURS.put_off(&mut conn, Duration::ZERO).await.unwrap();

        let known = known(&database, OURS).await.unwrap();
        assert_eq!((known.figures, known.is_due), (Some(json!(7)), true));
    }
}
