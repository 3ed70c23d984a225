//! The database's clock: one clock for all replicas.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// The instant at which the present transaction began.
///
/// # Errors
/// Those of the query.
pub async fn now(conn: &mut AsyncPgConnection) -> QueryResult<DateTime<Utc>> {
    diesel::select(dsl::now.into_sql::<Timestamptz>())
        .get_result(conn)
        .await
}
