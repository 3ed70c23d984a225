//! The outbox as an operator looks at it: what waits, what is dead, what is to become of it.
//!
//! No query here reads a payload: it holds personal data, and nobody needs it to decide.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::schema::outbox;

/// What a message is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its first try.
    Pending,
    /// Another try.
    Retrying,
    /// An operator.
    Dead,
}

/// A message that is not sent.
#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Letter {
    /// The row.
    pub id: Uuid,
    /// The unique key.
    pub notification_key: String,
    /// Mail, or message to a process instance.
    pub channel: String,
    /// Which text.
    pub template: String,
    state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next, unless it is dead.
    pub next_attempt_at: DateTime<Utc>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Where it came from.
    pub process_instance_id: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

impl Letter {
    /// What it is waiting for; nothing when it is sent.
    pub fn state(&self) -> Option<State> {
        // A look at what is missing counts as no attempt and leaves its error.
        let is_new = self.attempts == 0 && self.last_error.is_none();
        match self.state.as_str() {
            "pending" if is_new => Some(State::Pending),
            "pending" => Some(State::Retrying),
            "dead" => Some(State::Dead),
            _ => None,
        }
    }
}

/// The oldest messages that are not sent, or those of them in one state.
///
/// # Errors
/// Those of the query.
pub async fn list(
    conn: &mut AsyncPgConnection,
    state: Option<State>,
    limit: i64,
) -> QueryResult<Vec<Letter>> {
    let unsent = outbox::table
        .filter(outbox::state.ne("sent"))
        .select(Letter::as_select())
        .order((outbox::created_at, outbox::id))
        .limit(limit)
        .into_boxed();
    let of_state = match state {
        None => unsent,
        Some(State::Dead) => unsent.filter(outbox::state.eq("dead")),
        Some(State::Pending) => unsent
            .filter(outbox::state.eq("pending"))
            .filter(outbox::attempts.eq(0))
            .filter(outbox::last_error.is_null()),
        Some(State::Retrying) => unsent
            .filter(outbox::state.eq("pending"))
            .filter(outbox::attempts.gt(0).or(outbox::last_error.is_not_null())),
    };
    of_state.load(conn).await
}

/// The ids of all dead messages, the oldest first.
///
/// # Errors
/// Those of the query.
pub async fn dead_ids(conn: &mut AsyncPgConnection) -> QueryResult<Vec<Uuid>> {
    outbox::table
        .filter(outbox::state.eq("dead"))
        .order((outbox::created_at, outbox::id))
        .select(outbox::id)
        .load(conn)
        .await
}

/// Locks messages and reads them as they are now, sent ones too.
///
/// # Errors
/// Those of the query.
pub async fn lock(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Letter>> {
    outbox::table
        .filter(outbox::id.eq_any(ids))
        .order(outbox::id)
        .select(Letter::as_select())
        .for_update()
        .load(conn)
        .await
}

/// Lets dead messages be tried again from now on, as if they had never been tried: one that had
/// used up its attempts would be dead again after the first.
///
/// # Errors
/// Those of the query.
pub async fn revive(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<usize> {
    diesel::update(outbox::table)
        .filter(outbox::id.eq_any(ids))
        .filter(outbox::state.eq("dead"))
        .set((
            outbox::state.eq("pending"),
            outbox::attempts.eq(0),
            outbox::next_attempt_at.eq(now),
            outbox::last_error.eq(None::<String>),
        ))
        .execute(conn)
        .await
}

/// Deletes dead messages, with the personal data in them.
///
/// # Errors
/// Those of the query.
pub async fn delete_dead(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<usize> {
    diesel::delete(outbox::table)
        .filter(outbox::id.eq_any(ids))
        .filter(outbox::state.eq("dead"))
        .execute(conn)
        .await
}

/// How many messages were sent `before`.
///
/// # Errors
/// Those of the query.
pub async fn count_sent(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<i64> {
    outbox::table
        .filter(outbox::state.eq("sent"))
        .filter(outbox::sent_at.lt(before))
        .count()
        .get_result(conn)
        .await
}

/// Deletes up to `limit` messages that were sent `before`, and never one that was not sent.
///
/// # Errors
/// Those of the query.
pub async fn delete_sent(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> QueryResult<usize> {
    diesel::sql_query(
        "WITH old AS MATERIALIZED ( \
             SELECT id FROM outbox WHERE state = 'sent' AND sent_at < $1 \
             ORDER BY sent_at FOR UPDATE SKIP LOCKED LIMIT $2 \
         ) \
         DELETE FROM outbox USING old WHERE outbox.id = old.id",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(conn)
    .await
}

#[cfg(test)]
impl Letter {
    /// One from the beginning of time, as its state asks for.
    pub(crate) fn of(state: &str, attempts: i32, last_error: Option<&str>) -> Self {
        Self {
            id: Uuid::nil(),
            notification_key: "wallet:1".to_owned(),
            channel: "mail".to_owned(),
            template: "wallet_created".to_owned(),
            state: state.to_owned(),
            attempts,
            next_attempt_at: DateTime::UNIX_EPOCH,
            last_error: last_error.map(str::to_owned),
            process_instance_id: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }
}
