//! The schema's migrations, built into the binary.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::runtime::Handle;

use super::pool::{Connection, Pool, PoolFailure};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Any number will do as long as nobody else on this database uses it.
const MIGRATION_LOCK: i64 = 0x7068_616e_746f_6d01;

/// Why migrating failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFailure {
    /// No connection.
    #[error(transparent)]
    Pool(#[from] PoolFailure),
    /// A statement around the migrations failed.
    #[error("preparing the migrations")]
    Query(#[from] diesel::result::Error),
    /// A migration itself failed; the earlier ones stay applied.
    #[error("applying a migration: {0}")]
    Migration(String),
}

/// The migrations of this binary that the database has not seen yet, oldest first. Newer ones that
/// we do not know are fine: after a rollback the older binary runs on the newer schema.
///
/// # Errors
/// Those of the query.
pub async fn pending(conn: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    let applied = applied(conn).await?;
    Ok(known()
        .into_iter()
        .filter(|(version, _)| !applied.contains(version))
        .map(|(_, name)| name)
        .collect())
}

/// The migrations applied to the database that this binary does not know: those of a later version.
///
/// # Errors
/// Those of the query.
pub async fn later(conn: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    let known: BTreeSet<_> = known().into_iter().map(|(version, _)| version).collect();
    Ok(applied(conn).await?.difference(&known).cloned().collect())
}

/// Applies what is pending, one replica at a time, and returns the names.
///
/// # Errors
/// Where it stopped. What was applied before stays applied; running again goes on from there.
pub async fn apply(pool: &Pool) -> Result<Vec<String>, MigrationFailure> {
    apply_from(pool, MIGRATIONS).await
}

/// [`apply`], of migrations from elsewhere: those of a later version, which this one must survive.
///
/// # Errors
/// As [`apply`].
pub async fn apply_from(
    pool: &Pool,
    source: impl MigrationSource<Pg> + Send + 'static,
) -> Result<Vec<String>, MigrationFailure> {
    let mut conn = pool.get().await?;
    // A session lock: it is held over the transactions of all migrations. The waiting itself must
    // not run into the lock time-out of ordinary work, hence the loop around a try.
    while !try_lock(&mut conn).await? {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    conn.batch_execute("SET statement_timeout = 0").await?;
    // The harness blocks its thread, which is forbidden on an arbiter and rude on a worker.
    let (applied, mut conn) = tokio::task::spawn_blocking(move || run_pending(conn, source))
        .await
        .map_err(|gone| MigrationFailure::Migration(gone.to_string()))?;
    let restored = restore(&mut conn).await;
    // What a migration says comes first: it may have cost the connection.
    let applied = applied.map_err(|fault| MigrationFailure::Migration(fault.to_string()))?;
    restored?;
    Ok(applied)
}

type Applied = diesel::migration::Result<Vec<String>>;

fn run_pending(conn: Connection, source: impl MigrationSource<Pg>) -> (Applied, Connection) {
    let mut harness = AsyncMigrationHarness::new(conn);
    let pending = harness.pending_migrations(source);
    let mut conn = harness.into_inner();
    let mut applied = Vec::new();
    let pending = match pending {
        Ok(pending) => pending,
        Err(fault) => return (Err(fault), conn),
    };
    for migration in pending {
        let outcome = Handle::current().block_on(conn.batch_execute(lock_timeout(&*migration)));
        let mut harness = AsyncMigrationHarness::new(conn);
        let outcome = outcome
            .map_err(Into::into)
            .and_then(|()| harness.run_migration(&*migration));
        conn = harness.into_inner();
        match outcome {
            Ok(_version) => applied.push(migration.name().to_string()),
            Err(fault) => return (Err(fault), conn),
        }
    }
    (Ok(applied), conn)
}

/// A lock that a migration waits for stops whoever comes after it, so it gives up soon. Only an index
/// is made outside of a transaction, concurrently: that waits for everybody, and stops nobody.
fn lock_timeout(migration: &dyn Migration<Pg>) -> &'static str {
    match migration.metadata().run_in_transaction() {
        true => "RESET lock_timeout",
        false => "SET lock_timeout = 0",
    }
}

/// Makes the connection what it was.
async fn restore(conn: &mut Connection) -> QueryResult<()> {
    conn.batch_execute("RESET statement_timeout; RESET lock_timeout")
        .await?;
    diesel::sql_query("SELECT pg_advisory_unlock($1)")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .execute(&mut **conn)
        .await?;
    Ok(())
}

async fn try_lock(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(
        diesel::dsl::sql::<diesel::sql_types::Bool>("pg_try_advisory_lock(")
            .bind::<BigInt, _>(MIGRATION_LOCK)
            .sql(")"),
    )
    .get_result(conn)
    .await
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

async fn applied(conn: &mut AsyncPgConnection) -> QueryResult<BTreeSet<String>> {
    let exists: bool = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
        "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    ))
    .get_result(conn)
    .await?;
    if !exists {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Version> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn known() -> Vec<(String, String)> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .expect("the migrations were read when the binary was built");
    let mut known: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let name = migration.name();
            (name.version().as_owned().to_string(), name.to_string())
        })
        .collect();
    known.sort();
    known
}
