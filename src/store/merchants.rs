//! The merchants whose customers hold wallets. Written by the banking application too.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::prepared::Prepare;
use super::schema::merchants;
use super::upsert::{Collision, Target, Upserted};

/// Tells whether a merchant is approved, and keeps it so until the transaction ends; `None` when
/// there is no such merchant.
///
/// # Errors
/// Those of the query.
pub async fn lock_approval(
    mut conn: &AsyncPgConnection,
    merchant_id: Uuid,
) -> QueryResult<Option<bool>> {
    merchants::table
        .find(merchant_id)
        .select(merchants::is_approved)
        // Shared: all of one merchant's customers pass here, and none of them changes the row.
        .for_share()
        .first(&mut conn)
        .await
        .optional()
}

/// What the decision about a merchant's approval needs to know.
#[derive(Queryable, Selectable)]
#[diesel(table_name = merchants)]
pub struct Merchant {
    /// The user who owns it, if one does.
    pub user_id: Option<Uuid>,
    /// What it is called.
    pub business_name: String,
    /// As it was stored, by whatever rule.
    pub registration_number: String,
    /// As it was stored, by whatever rule.
    pub contact_email: String,
    /// Of the person who keeps the merchant's account; by whatever rule.
    pub admin_email: Option<String>,
    /// It may have wallets opened.
    pub is_approved: bool,
    /// Since when; the banking application need not tell.
    pub approval_date: Option<DateTime<Utc>>,
}

/// The user who owns a merchant, read without a lock; `Some(None)` when nobody does, `None` when
/// there is no such merchant.
///
/// # Errors
/// Those of the query.
pub async fn find_owner(
    conn: &mut AsyncPgConnection,
    merchant_id: Uuid,
) -> QueryResult<Option<Option<Uuid>>> {
    merchants::table
        .find(merchant_id)
        .select(merchants::user_id)
        .first(conn)
        .await
        .optional()
}

/// Locks and reads a merchant.
///
/// # Errors
/// Those of the query.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    merchant_id: Uuid,
) -> QueryResult<Option<Merchant>> {
    merchants::table
        .find(merchant_id)
        .select(Merchant::as_select())
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Marks a merchant as approved since `at`.
///
/// # Errors
/// Those of the query.
pub async fn approve(
    mut conn: &AsyncPgConnection,
    merchant_id: Uuid,
    at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(merchants::table.find(merchant_id))
        .set((
            merchants::is_approved.eq(true),
            merchants::approval_date.eq(at),
            merchants::updated_at.eq(now),
        ))
        .prepared()
        .execute(&mut conn)
        .await
        .map(drop)
}

const TARGET: Target = Target {
    table: "merchants",
    key: "merchant_id",
};

/// Writes merchants, a JSON list of objects that hold exactly `columns`; returns those that
/// changed.
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

/// The merchants among `rows` whose user does not exist.
///
/// # Errors
/// Those of the query.
pub async fn collisions(conn: &mut AsyncPgConnection, rows: &Value) -> QueryResult<Vec<Collision>> {
    diesel::sql_query(
        "SELECT given.merchant_id AS id, 'user_id' AS \"column\" \
         FROM jsonb_populate_recordset(NULL::merchants, $1) AS given \
         LEFT JOIN users ON users.id = given.user_id \
         WHERE given.user_id IS NOT NULL AND users.id IS NULL",
    )
    .bind::<Jsonb, _>(rows)
    .load(conn)
    .await
}
