//! The decided requests for a wallet.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::prepared::Prepare;
use super::schema::wallet_creation_requests as requests;

/// Decided in the customer's favour; a wallet is still to be made.
pub const APPROVED: &str = "approved";
/// Refused, by validation or by `create-wallet`.
pub const REJECTED: &str = "rejected";
/// The wallet is there.
pub const FULFILLED: &str = "fulfilled";

/// A request as stored. The personal fields are there while it is approved.
#[derive(Queryable, Selectable)]
#[diesel(table_name = requests)]
pub struct WalletCreationRequest {
    /// The merchant the wallet is for.
    pub merchant_id: Uuid,
    /// [`APPROVED`], [`REJECTED`] or [`FULFILLED`].
    pub status: String,
    /// Given names.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// E.164.
    pub phone_number: Option<String>,
    /// Nine digits.
    pub national_id: Option<String>,
    /// Birth date.
    pub date_of_birth: Option<NaiveDate>,
    /// The code `create-wallet` rejected it with.
    pub bpmn_error: Option<String>,
}

/// A request as `validate-wallet-request` decides it.
#[derive(Insertable)]
#[diesel(table_name = requests, treat_none_as_default_value = false)]
pub struct NewWalletCreationRequest<'a> {
    /// A new id.
    pub request_id: Uuid,
    /// The merchant named by the request, known or not.
    pub merchant_id: Uuid,
    /// [`APPROVED`] or [`REJECTED`].
    pub status: &'a str,
    /// Given names; like all personal fields only of an approved request.
    pub first_name: Option<&'a str>,
    /// Family name.
    pub last_name: Option<&'a str>,
    /// E-mail address.
    pub email: Option<&'a str>,
    /// E.164.
    pub phone_number: Option<&'a str>,
    /// Nine digits.
    pub national_id: Option<&'a str>,
    /// Birth date.
    pub date_of_birth: Option<NaiveDate>,
    /// What was wrong: a list of `{field, code}`.
    pub validation_errors: Value,
}

impl NewWalletCreationRequest<'_> {
    /// Inserts the request.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn insert(&self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        diesel::insert_into(requests::table)
            .values(self)
            .execute(conn)
            .await
            .map(drop)
    }
}

/// Reads a request without locking it.
///
/// # Errors
/// Those of the query.
pub async fn find(
    conn: &mut AsyncPgConnection,
    request_id: Uuid,
) -> QueryResult<Option<WalletCreationRequest>> {
    requests::table
        .find(request_id)
        .select(WalletCreationRequest::as_select())
        .first(conn)
        .await
        .optional()
}

/// Locks a request that is known to be there and reads it as it is now.
///
/// # Errors
/// Those of the query.
pub async fn lock(
    mut conn: &AsyncPgConnection,
    request_id: Uuid,
) -> QueryResult<WalletCreationRequest> {
    requests::table
        .find(request_id)
        .select(WalletCreationRequest::as_select())
        .for_no_key_update()
        .first(&mut conn)
        .await
}

/// Marks an approved request as fulfilled.
///
/// # Errors
/// Those of the query.
pub async fn mark_fulfilled(mut conn: &AsyncPgConnection, request_id: Uuid) -> QueryResult<()> {
    diesel::update(requests::table.find(request_id))
        .set((requests::status.eq(FULFILLED), requests::updated_at.eq(now)))
        .prepared()
        .execute(&mut conn)
        .await
        .map(drop)
}

/// Marks an approved request as rejected with the BPMN error that says why, and forgets the person:
/// nothing is made of the data any more.
///
/// # Errors
/// Those of the query.
pub async fn mark_rejected(
    conn: &mut AsyncPgConnection,
    request_id: Uuid,
    bpmn_error: &str,
) -> QueryResult<()> {
    diesel::update(requests::table.find(request_id))
        .set((
            requests::status.eq(REJECTED),
            requests::bpmn_error.eq(bpmn_error),
            requests::updated_at.eq(now),
            (
                requests::first_name.eq(None::<String>),
                requests::last_name.eq(None::<String>),
                requests::email.eq(None::<String>),
                requests::phone_number.eq(None::<String>),
                requests::national_id.eq(None::<String>),
                requests::date_of_birth.eq(None::<NaiveDate>),
            ),
        ))
        .prepared()
        .execute(conn)
        .await
        .map(drop)
}

/// The requests that were settled `before` $1 and still hold data of a person. The words are those
/// of the index, or it would not be used.
const SETTLED: &str = "status <> 'approved' AND updated_at < $1 \
    AND num_nonnulls(first_name, last_name, email, phone_number, national_id, date_of_birth) > 0";

/// How many requests were settled `before` and still hold data of a person.
///
/// # Errors
/// Those of the query.
pub async fn count_personal(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query(format!(
        "SELECT count(*) FROM wallet_creation_requests WHERE {SETTLED}"
    ))
    .bind::<Timestamptz, _>(before)
    .get_result(conn)
    .await?;
    Ok(count.count)
}

/// Forgets the persons of up to `limit` requests that were settled `before`. When a request was
/// settled stays as it is: nothing was decided anew.
///
/// # Errors
/// Those of the query.
pub async fn forget_persons(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> QueryResult<usize> {
    diesel::sql_query(format!(
        "WITH settled AS MATERIALIZED ( \
             SELECT request_id FROM wallet_creation_requests WHERE {SETTLED} \
             ORDER BY updated_at FOR NO KEY UPDATE SKIP LOCKED LIMIT $2 \
         ) \
         UPDATE wallet_creation_requests AS request \
         SET first_name = NULL, last_name = NULL, email = NULL, phone_number = NULL, \
             national_id = NULL, date_of_birth = NULL \
         FROM settled WHERE request.request_id = settled.request_id"
    ))
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(conn)
    .await
}
