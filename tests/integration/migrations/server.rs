//! What the rule takes for granted of PostgreSQL, asked of a server: whom a statement locks out, when it
//! goes through a table, and what a constraint refuses from when on.

use diesel::result::DatabaseErrorKind::{CheckViolation, ForeignKeyViolation};
use diesel::result::Error::DatabaseError;
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use phantom_worker::store::pool::Connection;

use super::told;
use crate::support::database::{TestDatabase, database};

/// What a statement has done to the tables that were there before, of which `t` is none.
#[derive(QueryableByName, Debug)]
struct Seen {
    /// How many of them nobody can write to until the transaction ends.
    #[diesel(sql_type = BigInt)]
    locked: i64,
    /// How often one was gone through from end to end.
    #[diesel(sql_type = BigInt)]
    scans: i64,
}

const SEEN: &str = "SELECT
    (SELECT count(DISTINCT relation) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
     WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname <> 't'
       AND relnamespace = 'public'::regnamespace
       AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    ) AS locked,
    (SELECT sum(seq_scan)::bigint FROM pg_stat_xact_user_tables WHERE relname <> 't') AS scans";

async fn seen(conn: &mut Connection) -> Seen {
    diesel::sql_query(SEEN)
        .get_result(&mut **conn)
        .await
        .unwrap()
}

/// What a migration does, which is then rolled back.
async fn tried(database: &TestDatabase, up: &str) -> Seen {
    let mut conn = database.pool.get().await.unwrap();
    conn.batch_execute("BEGIN").await.unwrap();
    let before = seen(&mut conn).await;
    conn.batch_execute(up).await.unwrap();
    let after = seen(&mut conn).await;
    conn.batch_execute("ROLLBACK").await.unwrap();
    Seen {
        locked: after.locked,
        scans: after.scans - before.scans,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_and_the_server_agree_on_what_is_locked_and_what_is_read() {
    let migrations = [
        "CREATE TABLE t (w text);",
        "CREATE TABLE t (w text REFERENCES wallets);",
        "CREATE TABLE t (w text REFERENCES wallets, r uuid REFERENCES wallet_creation_requests);",
        "CREATE TABLE t (w text PRIMARY KEY); ALTER TABLE wallets ADD COLUMN w text REFERENCES t;",
        "CREATE TABLE t (w text REFERENCES wallets); ALTER TABLE outbox ADD COLUMN b text;",
        "CREATE INDEX i ON wallets (status);",
        "ALTER TABLE wallets ADD COLUMN n int;",
        "ALTER TABLE wallets ADD COLUMN n int NOT NULL DEFAULT 0;",
        "ALTER TABLE wallets ADD COLUMN n text[] DEFAULT ARRAY[]::text[];",
        "ALTER TABLE wallets ADD COLUMN n timestamptz DEFAULT now();",
        "ALTER TABLE wallets ADD COLUMN n uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE wallets ADD COLUMN n bigserial;",
        "ALTER TABLE wallets ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;",
        "ALTER TABLE wallets ADD COLUMN n int GENERATED ALWAYS AS (balance * 2) STORED;",
        "ALTER TABLE wallets ADD COLUMN n int CHECK (n > 0);",
        "ALTER TABLE wallets ADD COLUMN n int, ADD CONSTRAINT c CHECK (n > 0) NOT VALID;",
        "ALTER TABLE wallets ADD COLUMN n text UNIQUE;",
        "ALTER TABLE wallets ADD COLUMN n uuid REFERENCES outbox;",
        "ALTER TABLE wallets ADD COLUMN n text REFERENCES wallets;",
        "ALTER TABLE wallets ADD COLUMN n text DEFAULT 'a' REFERENCES wallets;",
        "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0);",
        "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;",
        "ALTER TABLE wallets ADD FOREIGN KEY (currency) REFERENCES outbox (notification_key) NOT VALID;",
        "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;
         ALTER TABLE wallets VALIDATE CONSTRAINT c;",
        "ALTER TABLE wallets DROP CONSTRAINT wallets_status_check,
             ADD CONSTRAINT wallets_status_check CHECK (status <> '') NOT VALID;",
        "ALTER TABLE wallets ALTER COLUMN status DROP NOT NULL;",
        "ALTER TABLE users ALTER COLUMN username SET NOT NULL;",
        "ALTER TABLE wallets ALTER COLUMN balance TYPE double precision;",
    ];
    let database = database().await;
    for up in migrations {
        let seen = tried(&database, up).await;
        let told = told(up, true);

        assert_eq!(
            told.contains("deadlock"),
            seen.locked > 1,
            "{up}: {seen:?}, {told}"
        );
        assert_eq!(
            told.contains("stands still"),
            seen.scans > 0,
            "{up}: {seen:?}, {told}"
        );
    }
}

/// What a statement is refused with.
async fn refusal(database: &TestDatabase, statement: &str) -> QueryResult<usize> {
    let mut conn = database.pool.get().await.unwrap();
    diesel::sql_query(statement).execute(&mut *conn).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_that_is_not_valid_refuses_what_is_written_from_now_on() {
    let database = database().await;
    let begin = "INSERT INTO housekeeping_rounds (engine_id) VALUES ('before'), ('again')";
    database.run(begin).await;
    let wanted = "ALTER TABLE housekeeping_rounds ADD CONSTRAINT";
    let check = format!("{wanted} c CHECK (engine_id <> 'before') NOT VALID");
    let key = format!(
        "{wanted} k FOREIGN KEY (engine_id) REFERENCES outbox (notification_key) NOT VALID"
    );

    database.run(&check).await;
    let touched = "UPDATE housekeeping_rounds SET begun_at = now() WHERE engine_id = 'before'";
    let by_check = refusal(&database, touched).await;
    database.run(&key).await;
    let written = "INSERT INTO housekeeping_rounds (engine_id) VALUES ('after')";
    let by_key = refusal(&database, written).await;

    assert!(
        matches!(by_check, Err(DatabaseError(CheckViolation, _))),
        "{by_check:?}"
    );
    assert!(
        matches!(by_key, Err(DatabaseError(ForeignKeyViolation, _))),
        "{by_key:?}"
    );
}
