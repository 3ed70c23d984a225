//! What commands that read or write our tables ask before they do.

use anyhow::Context;
use diesel_async::AsyncPgConnection;

use super::plural::count;
use crate::store::migrations;

/// Refuses a database that lacks tables or columns which this binary knows.
pub(super) async fn require_schema(conn: &mut AsyncPgConnection) -> anyhow::Result<()> {
    let missing = migrations::pending(conn)
        .await
        .context("reading which migrations were applied")?;
    anyhow::ensure!(
        missing.is_empty(),
        "the database lacks {}; `phantom-worker migrate` applies what is missing",
        count(missing.len(), "migration")
    );
    Ok(())
}
