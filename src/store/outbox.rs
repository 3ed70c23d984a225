//! What a committed transaction owes the world: mails, and messages to process instances.
//!
//! A row is claimed for a while, sent outside any transaction, and marked. Rows are chosen by
//! state, never by paging over ids: the order of ids is not the order of commits.

pub mod letters;

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now, sql};
use diesel::prelude::*;
use diesel::sql_types::{
    BigInt, Double, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use serde_json::Value;
use uuid::Uuid;

use super::prepared::Prepare;
use super::schema::outbox;

/// The channel of mails.
pub const MAIL: &str = "mail";
/// The channel of messages to process instances.
pub const ENGINE_MESSAGE: &str = "engine_message";

/// The messages that one sender drains.
#[derive(Clone, Copy)]
pub enum Queue<'a> {
    /// Mails: any worker on this database sends any of them.
    Mail,
    /// Messages to the instances of one engine: the id of an instance says nothing to another.
    EngineMessage {
        /// That engine.
        engine_id: &'a str,
    },
}

impl<'a> Queue<'a> {
    fn channel(self) -> &'static str {
        match self {
            Self::Mail => MAIL,
            Self::EngineMessage { .. } => ENGINE_MESSAGE,
        }
    }

    /// A mail has no engine.
    fn engine_id(self) -> Option<&'a str> {
        match self {
            Self::Mail => None,
            Self::EngineMessage { engine_id } => Some(engine_id),
        }
    }
}

/// A message as a transaction queues it.
#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
pub struct NewMessage<'a> {
    /// A new id.
    pub id: Uuid,
    /// Unique: what is asked for twice is sent once.
    pub notification_key: String,
    /// [`MAIL`] or [`ENGINE_MESSAGE`].
    pub channel: &'a str,
    /// Which text, for metrics and operators.
    pub template: &'a str,
    /// Its parameters, with personal data.
    pub payload: Value,
    /// Where it came from.
    pub process_instance_id: Option<&'a str>,
    /// Which engine it is for, if it is for one.
    pub engine_id: Option<&'a str>,
}

/// Queues messages, leaving out those whose key is there already; tells how many are new.
///
/// # Errors
/// Those of the query.
pub async fn insert(conn: &AsyncPgConnection, messages: &[NewMessage<'_>]) -> QueryResult<usize> {
    let queued = try_join_all(messages.iter().map(|message| message.insert(conn))).await?;
    Ok(queued.into_iter().sum())
}

impl NewMessage<'_> {
    async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        diesel::insert_into(outbox::table)
            .values(self)
            .on_conflict(outbox::notification_key)
            .do_nothing()
            .execute(&mut conn)
            .await
    }
}

/// Whether a message with this key was queued before, sent or not.
///
/// # Errors
/// Those of the query.
pub async fn is_queued(mut conn: &AsyncPgConnection, notification_key: &str) -> QueryResult<bool> {
    let known = outbox::table.filter(outbox::notification_key.eq(notification_key));
    diesel::select(exists(known)).get_result(&mut conn).await
}

/// A message that is ours to send until its claim runs out.
#[derive(QueryableByName)]
pub struct ClaimedMessage {
    /// The row.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Proves the claim when the row is marked.
    #[diesel(sql_type = SqlUuid)]
    pub claim_token: Uuid,
    /// When it was claimed, by the database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub claimed_at: DateTime<Utc>,
    /// When it was queued, by the same clock.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// The unique key, from which the Message-ID is made.
    #[diesel(sql_type = Text)]
    pub notification_key: String,
    /// Which text.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its parameters.
    #[diesel(sql_type = Jsonb)]
    pub payload: Value,
    /// Counting this attempt.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Where it came from.
    #[diesel(sql_type = Nullable<Text>)]
    pub process_instance_id: Option<String>,
}

/// Claims up to `limit` due messages of a queue for `term`.
///
/// # Errors
/// Those of the query.
pub async fn claim_due(
    conn: &mut AsyncPgConnection,
    queue: Queue<'_>,
    limit: i64,
    term: Duration,
) -> QueryResult<Vec<ClaimedMessage>> {
    // MATERIALIZED: as a plain subquery the planner may run it once per outer row and claim more
    // than the limit.
    diesel::sql_query(
        "WITH due AS MATERIALIZED ( \
             SELECT id FROM outbox \
             WHERE state = 'pending' AND channel = $1 AND engine_id IS NOT DISTINCT FROM $2 \
               AND next_attempt_at <= now() AND (claimed_until IS NULL OR claimed_until < now()) \
             ORDER BY next_attempt_at \
             FOR UPDATE SKIP LOCKED LIMIT $3 \
         ) \
         UPDATE outbox SET claim_token = gen_random_uuid(), attempts = attempts + 1, \
                claimed_until = now() + make_interval(secs => $4) \
         FROM due WHERE outbox.id = due.id \
         RETURNING outbox.id, claim_token, now() AS claimed_at, created_at, notification_key, \
                   template, payload, attempts, process_instance_id",
    )
    .bind::<Text, _>(queue.channel())
    .bind::<Nullable<Text>, _>(queue.engine_id())
    .bind::<BigInt, _>(limit)
    .bind::<Double, _>(term.as_secs_f64())
    .prepared()
    .load(conn)
    .await
}

impl ClaimedMessage {
    /// Marks the message as sent and drops its parameters. `false` when the claim had run out and
    /// somebody else has the message.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn mark_sent(&self, conn: &mut AsyncPgConnection) -> QueryResult<bool> {
        let marked = diesel::update(outbox::table.find(self.id))
            .filter(outbox::claim_token.eq(self.claim_token))
            .set((
                outbox::state.eq("sent"),
                outbox::sent_at.eq(now),
                outbox::payload.eq(None::<Value>),
                outbox::claim_token.eq(None::<Uuid>),
                outbox::claimed_until.eq(None::<DateTime<Utc>>),
                outbox::last_error.eq(None::<String>),
            ))
            .prepared()
            .execute(conn)
            .await?;
        Ok(marked == 1)
    }

    /// Gives the message back, with so many `attempts` behind it, to be tried again after `wait`.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn put_off(
        &self,
        conn: &mut AsyncPgConnection,
        attempts: i32,
        wait: Duration,
        error: &str,
    ) -> QueryResult<()> {
        let next_attempt = sql::<Timestamptz>("now() + make_interval(secs => ")
            .bind::<Double, _>(wait.as_secs_f64())
            .sql(")");
        diesel::update(outbox::table.find(self.id))
            .filter(outbox::claim_token.eq(self.claim_token))
            .set((
                outbox::attempts.eq(attempts),
                outbox::next_attempt_at.eq(next_attempt),
                outbox::claim_token.eq(None::<Uuid>),
                outbox::claimed_until.eq(None::<DateTime<Utc>>),
                outbox::last_error.eq(error),
            ))
            .prepared()
            .execute(conn)
            .await
            .map(drop)
    }

    /// Sets the message aside for an operator: trying again would not help.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn mark_dead(&self, mut conn: &AsyncPgConnection, error: &str) -> QueryResult<bool> {
        let marked = diesel::update(outbox::table.find(self.id))
            .filter(outbox::claim_token.eq(self.claim_token))
            .set((
                outbox::state.eq("dead"),
                outbox::claim_token.eq(None::<Uuid>),
                outbox::claimed_until.eq(None::<DateTime<Utc>>),
                outbox::last_error.eq(error),
            ))
            .prepared()
            .execute(&mut conn)
            .await?;
        Ok(marked == 1)
    }
}

/// How long until the next pending message of a queue falls due; zero when one is overdue.
///
/// # Errors
/// Those of the query.
pub async fn next_due_in(
    conn: &mut AsyncPgConnection,
    queue: Queue<'_>,
) -> QueryResult<Option<Duration>> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = Nullable<Double>)]
        seconds: Option<f64>,
    }
    let due: Due = diesel::sql_query(
        "SELECT extract(epoch FROM min(greatest(next_attempt_at, claimed_until)) - now())::float8 \
                AS seconds \
         FROM outbox \
         WHERE state = 'pending' AND channel = $1 AND engine_id IS NOT DISTINCT FROM $2",
    )
    .bind::<Text, _>(queue.channel())
    .bind::<Nullable<Text>, _>(queue.engine_id())
    .prepared()
    .get_result(conn)
    .await?;
    Ok(due
        .seconds
        .map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
}

/// How many messages of a channel wait for what.
#[derive(QueryableByName)]
pub struct Depth {
    /// The channel.
    #[diesel(sql_type = Text)]
    pub channel: String,
    /// Never tried.
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    /// Tried or looked at in vain, to be tried again.
    #[diesel(sql_type = BigInt)]
    pub retrying: i64,
    /// Set aside.
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    /// When the oldest waiting one was queued.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<DateTime<Utc>>,
}

/// The depth of each channel that has anything waiting or dead.
///
/// # Errors
/// Those of the query.
pub async fn depths(conn: &mut AsyncPgConnection) -> QueryResult<Vec<Depth>> {
    diesel::sql_query(
        "SELECT channel, \
                count(*) FILTER (WHERE state = 'pending' AND attempts = 0 \
                                       AND last_error IS NULL) AS pending, \
                count(*) FILTER (WHERE state = 'pending' AND (attempts > 0 \
                                       OR last_error IS NOT NULL)) AS retrying, \
                count(*) FILTER (WHERE state = 'dead') AS dead, \
                min(created_at) FILTER (WHERE state = 'pending') AS oldest \
         FROM outbox WHERE state <> 'sent' GROUP BY channel",
    )
    .prepared()
    .load(conn)
    .await
}

#[cfg(test)]
mod tests;
