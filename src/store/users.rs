//! People and organisations that can sign in. Written by the banking application too.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::{self, exists, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::functions::{greatest, least, lower};
use super::prepared::Prepare;
use super::schema::{customers, users};
use super::upsert::{Collision, Target, Upserted};

/// The role of a user who holds wallets.
pub const CUSTOMER: &str = "customer";

/// What a decision about a user needs to know.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    /// The user's id.
    pub id: Uuid,
    /// `admin`, `merchant` or `customer`.
    pub role: String,
    /// The person's national id, where it is known.
    pub national_id: Option<String>,
    /// The person's birth date, where it is known.
    pub date_of_birth: Option<NaiveDate>,
    /// A user that was switched off gets nothing new.
    pub is_active: bool,
    /// Until when the account is locked.
    #[diesel(select_expression = locked_until(), select_expression_type = LockedUntil)]
    pub account_locked_until: Option<DateTime<Utc>>,
}

type LockedUntil = SqlLiteral<Nullable<Timestamptz>>;

/// The banking application locks for ever with `infinity`, which no Rust type of an instant holds.
fn locked_until() -> LockedUntil {
    sql(
        "CASE users.account_locked_until WHEN 'infinity' THEN '9999-12-31T23:59:59Z' \
         WHEN '-infinity' THEN NULL ELSE users.account_locked_until END",
    )
}

impl User {
    /// Switched off, or locked at `now`.
    pub fn is_blocked(&self, now: DateTime<Utc>) -> bool {
        !self.is_active || self.account_locked_until.is_some_and(|until| until > now)
    }
}

/// A user as `create-wallet` makes one.
#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct NewUser<'a> {
    /// A new id.
    pub id: Uuid,
    /// Unique regardless of case.
    pub email: &'a str,
    /// See [`User::role`].
    pub role: &'a str,
    /// Unique.
    pub national_id: &'a str,
    /// The birth date.
    pub date_of_birth: NaiveDate,
    /// E.164.
    pub phone_number: &'a str,
}

impl NewUser<'_> {
    /// Inserts the user unless its e-mail address or national id belongs to somebody already.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn insert(&self, conn: &mut AsyncPgConnection) -> QueryResult<bool> {
        let inserted = diesel::insert_into(users::table)
            .values(self)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(inserted == 1)
    }
}

/// Locks and reads a user.
///
/// # Errors
/// Those of the query.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<User>> {
    users::table
        .find(id)
        .select(User::as_select())
        .for_no_key_update()
        .prepared()
        .get_result(conn)
        .await
        .optional()
}

/// The KYC status of a user whose data were good.
pub const KYC_APPROVED: &str = "approved";
/// The KYC status of a user whose data were never good, the last time included.
pub const KYC_REJECTED: &str = "rejected";

/// Locks a user and tells the KYC status; `None` when there is no such user.
///
/// # Errors
/// Those of the query.
pub async fn lock_kyc_status(
    conn: &mut AsyncPgConnection,
    id: Uuid,
) -> QueryResult<Option<String>> {
    users::table
        .find(id)
        .select(users::kyc_status)
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Whether somebody but this user has the national id.
///
/// # Errors
/// Those of the query.
pub async fn another_has_national_id(
    mut conn: &AsyncPgConnection,
    id: Uuid,
    national_id: &str,
) -> QueryResult<bool> {
    let another = users::table
        .filter(users::national_id.eq(national_id))
        .filter(users::id.ne(id));
    diesel::select(exists(another)).get_result(&mut conn).await
}

/// What KYC proves of a person.
#[derive(AsChangeset)]
#[diesel(table_name = users)]
pub struct ProvenPerson<'a> {
    /// Nine digits, unique.
    pub national_id: &'a str,
    /// The birth date.
    pub date_of_birth: NaiveDate,
    /// E.164.
    pub phone_number: &'a str,
}

impl ProvenPerson<'_> {
    /// Stores what was proven and marks the user as [`KYC_APPROVED`].
    ///
    /// # Errors
    /// Those of the query; a unique violation when another user has the national id.
    pub async fn approve(&self, conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
        diesel::update(users::table.find(id))
            .set((
                self,
                users::kyc_status.eq(KYC_APPROVED),
                users::updated_at.eq(dsl::now),
            ))
            .prepared()
            .execute(conn)
            .await
            .map(drop)
    }
}

/// Marks a user as [`KYC_REJECTED`].
///
/// # Errors
/// Those of the query.
pub async fn reject_kyc(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set((
            users::kyc_status.eq(KYC_REJECTED),
            users::updated_at.eq(dsl::now),
        ))
        .prepared()
        .execute(conn)
        .await
        .map(drop)
}

/// How a user is reached. No `Debug`: an e-mail address is personal data.
#[derive(Queryable)]
pub struct Contact {
    /// The present address, not yet checked.
    pub email: String,
    /// What the user is called, where it is known.
    pub username: Option<String>,
    /// The user has shown that the present address is theirs.
    pub email_is_verified: bool,
}

/// Locks a user and reads how to reach them.
///
/// # Errors
/// Those of the query.
pub async fn lock_contact(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<Contact>> {
    let email_is_verified =
        lower(users::verified_email).is_not_distinct_from(lower(users::email.nullable()));
    users::table
        .find(id)
        .select((users::email, users::username, email_is_verified))
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Keeps everybody from signing in until `until`, or for as long as it was locked before. Tells
/// until when; the last second of the year 9999 means for ever.
///
/// # Errors
/// Those of the query.
pub async fn lock_account(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    until: DateTime<Utc>,
) -> QueryResult<DateTime<Utc>> {
    let locked = users::account_locked_until;
    let told: Option<_> = diesel::update(users::table.find(id))
        .set((
            locked.eq(greatest(locked, Some(until))),
            users::updated_at.eq(dsl::now),
        ))
        // No Rust type of an instant holds `infinity`.
        .returning(least(locked, Some(FOR_EVER)))
        .prepared()
        .get_result(conn)
        .await?;
    Ok(told.unwrap_or(until))
}

const FOR_EVER: DateTime<Utc> =
    DateTime::from_timestamp(253_402_300_799, 0).expect("9999-12-31T23:59:59Z");

/// Has somebody look at the account.
///
/// # Errors
/// Those of the query.
pub async fn flag_for_review(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set((
            users::flagged_for_review_at.eq(dsl::now),
            users::updated_at.eq(dsl::now),
        ))
        .prepared()
        .execute(conn)
        .await
        .map(drop)
}

/// Marks the user's present address as verified.
///
/// # Errors
/// Those of the query.
pub async fn mark_email_verified(mut conn: &AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set((
            users::verified_email.eq(users::email.nullable()),
            users::email_verified_at.eq(dsl::now),
            users::updated_at.eq(dsl::now),
        ))
        .prepared()
        .execute(&mut conn)
        .await
        .map(drop)
}

/// Somebody who has the e-mail address or the national id of a request.
#[derive(Queryable)]
pub struct Claimant {
    /// The user.
    pub user: User,
    /// The address is the same but for its case.
    pub same_email: bool,
    /// A customer belongs to this user.
    pub is_customer: bool,
}

/// Locks and reads everybody who has this e-mail address (whatever its case) or this national id:
/// at most one of each. Ordered, so that two who lock the same pair do not wait for each other.
///
/// # Errors
/// Those of the query.
pub async fn lock_claimants(
    conn: &mut AsyncPgConnection,
    email: &str,
    national_id: &str,
) -> QueryResult<Vec<Claimant>> {
    let same_email = || {
        sql::<Bool>("lower(email) = lower(")
            .bind::<Text, _>(email)
            .sql(")")
    };
    let customer = customers::table.filter(customers::user_id.eq(users::id));
    users::table
        .filter(same_email())
        .or_filter(users::national_id.eq(national_id))
        .order(users::id)
        .select((User::as_select(), same_email(), exists(customer)))
        .for_no_key_update()
        .prepared()
        .load(conn)
        .await
}

const TARGET: Target = Target {
    table: "users",
    key: "id",
};

/// Writes users, a JSON list of objects that hold exactly `columns`; returns those that changed.
///
/// # Errors
/// Those of the query.
pub async fn upsert(
    conn: &mut AsyncPgConnection,
    columns: &[&'static str],
    rows: &Value,
) -> QueryResult<Vec<Upserted>> {
    TARGET.upsert(conn, columns, rows).await
}

/// The users among `rows` who have something that belongs to another user already.
///
/// # Errors
/// Those of the query.
pub async fn collisions(conn: &mut AsyncPgConnection, rows: &Value) -> QueryResult<Vec<Collision>> {
    // Three joins, each by its own unique index.
    diesel::sql_query(
        "WITH given AS (SELECT * FROM jsonb_populate_recordset(NULL::users, $1)) \
         SELECT given.id, 'email' AS \"column\" FROM given \
           JOIN users ON lower(users.email) = lower(given.email) AND users.id <> given.id \
         UNION ALL SELECT given.id, 'username' FROM given \
           JOIN users ON users.username = given.username AND users.id <> given.id \
         UNION ALL SELECT given.id, 'national_id' FROM given \
           JOIN users ON users.national_id = given.national_id AND users.id <> given.id",
    )
    .bind::<Jsonb, _>(rows)
    .load(conn)
    .await
}
