//! Whether the server keeps what it says it has committed.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Durability {
    #[diesel(sql_type = Text)]
    fsync: String,
    #[diesel(sql_type = Text)]
    synchronous_commit: String,
}

/// The durability settings that are switched off. "Exactly once" rests on a committed row being
/// there after a crash, so a server with any of these must not be used for real work.
///
/// # Errors
/// Those of the query.
pub async fn unsafe_settings(conn: &mut AsyncPgConnection) -> QueryResult<Vec<&'static str>> {
    let durability: Durability = diesel::sql_query(
        "SELECT current_setting('fsync') AS fsync, \
                current_setting('synchronous_commit') AS synchronous_commit",
    )
    .get_result(conn)
    .await?;
    let mut off = Vec::new();
    if durability.fsync == "off" {
        off.push("fsync");
    }
    if durability.synchronous_commit == "off" {
        off.push("synchronous_commit");
    }
    Ok(off)
}
