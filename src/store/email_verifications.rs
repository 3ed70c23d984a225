//! The links that were mailed: what they were made for, and what became of them.
//!
//! A user's rows are only written under the lock on that user. The columns that a link proves
//! (id, user, e-mail address, key, expiry) never change.

use chrono::{DateTime, Utc};
use diesel::IntoSql;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::functions::lower;
use super::prepared::Prepare;
use super::schema::{email_verifications as verifications, users};

/// A verification as `process-email-verification` makes one. No `Debug`: it holds an address.
#[derive(Insertable)]
#[diesel(table_name = verifications, treat_none_as_default_value = false)]
pub struct NewEmailVerification<'a> {
    /// A new id.
    pub verification_id: Uuid,
    /// Whose address it is.
    pub user_id: Uuid,
    /// The user's present address.
    pub email: &'a str,
    /// Which key signs the link.
    pub key_id: &'a str,
    /// The engine that waits for the answer (`CAMUNDA_ENGINE_ID`).
    pub engine_id: &'a str,
    /// The instance on it that waits.
    pub process_instance_id: &'a str,
    /// When the link ends, to the microsecond.
    pub expires_at: DateTime<Utc>,
}

impl NewEmailVerification<'_> {
    /// Inserts the verification. The user must have no other open one: see [`supersede`].
    ///
    /// # Errors
    /// Those of the query.
    pub async fn insert(&self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        diesel::insert_into(verifications::table)
            .values(self)
            .execute(conn)
            .await
            .map(drop)
    }
}

/// Ends the user's open verification, if there is one; tells which it was.
///
/// # Errors
/// Those of the query.
pub async fn supersede(conn: &mut AsyncPgConnection, user_id: Uuid) -> QueryResult<Option<Uuid>> {
    // At most one is open, by a unique index.
    diesel::update(verifications::table)
        .filter(verifications::user_id.eq(user_id))
        .filter(verifications::superseded_at.is_null())
        .filter(verifications::confirmed_at.is_null())
        .set(verifications::superseded_at.eq(now))
        .returning(verifications::verification_id)
        .prepared()
        .get_result(conn)
        .await
        .optional()
}

/// What a link was made for, and whether it may still be used. No `Debug`: it holds an address.
#[derive(Queryable)]
pub struct EmailVerification {
    /// Whose address it is.
    pub user_id: Uuid,
    /// The address that the link was sent to.
    pub email: String,
    /// Which key signed the link.
    pub key_id: String,
    /// When the link ends.
    pub expires_at: DateTime<Utc>,
    /// Neither used, expired nor superseded, and the user still has the address.
    pub is_open: bool,
    /// The instant of the transaction that read it, by the database's clock.
    pub read_at: DateTime<Utc>,
}

/// Reads a verification without locking it.
///
/// # Errors
/// Those of the query.
pub async fn find(
    conn: &mut AsyncPgConnection,
    verification_id: Uuid,
) -> QueryResult<Option<EmailVerification>> {
    let is_open = verifications::superseded_at
        .is_null()
        .and(verifications::confirmed_at.is_null())
        .and(verifications::expires_at.gt(now))
        .and(lower(verifications::email).eq(lower(users::email)));
    verifications::table
        .find(verification_id)
        .inner_join(users::table)
        .select((
            verifications::user_id,
            verifications::email,
            verifications::key_id,
            verifications::expires_at,
            is_open,
            now.into_sql::<Timestamptz>(),
        ))
        .first(conn)
        .await
        .optional()
}

/// A verification whose process instance may still wait to hear of it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = verifications)]
pub struct Awaited {
    /// The verification.
    pub verification_id: Uuid,
    /// The engine that waits.
    pub engine_id: String,
    /// The instance on it.
    pub process_instance_id: String,
    /// When the link ends, or would have ended.
    pub expires_at: DateTime<Utc>,
    /// When a newer link took its place.
    pub superseded_at: Option<DateTime<Utc>>,
}

/// Locks and reads the verifications of this user and address that have neither been used nor
/// expired, superseded ones too. To be called under the user's lock.
///
/// # Errors
/// Those of the query.
pub async fn lock_awaited(
    conn: &mut AsyncPgConnection,
    user_id: Uuid,
    email: &str,
) -> QueryResult<Vec<Awaited>> {
    verifications::table
        .filter(verifications::user_id.eq(user_id))
        .filter(lower(verifications::email).eq(lower(email)))
        .filter(verifications::confirmed_at.is_null())
        .filter(verifications::expires_at.gt(now))
        .order(verifications::verification_id)
        .select(Awaited::as_select())
        .for_no_key_update()
        .load(conn)
        .await
}

/// Marks a verification as used.
///
/// # Errors
/// Those of the query.
pub async fn mark_confirmed(
    mut conn: &AsyncPgConnection,
    verification_id: Uuid,
) -> QueryResult<()> {
    diesel::update(verifications::table.find(verification_id))
        .set(verifications::confirmed_at.eq(now))
        .prepared()
        .execute(&mut conn)
        .await
        .map(drop)
}
