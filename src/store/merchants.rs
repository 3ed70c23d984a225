//! The merchants whose customers hold wallets. Written by the banking application too.

use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

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
