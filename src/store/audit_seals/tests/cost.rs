//! What sealing asks of the database: as little for a long log as for a short one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use diesel::connection::InstrumentationEvent;
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::*;
use crate::store::prepared::testing::sent_unprepared;

/// All rows of both tables and all entries of their indexes that were ever read.
const READ: &str = "\
    SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname LIKE 'audit%')::bigint \
         + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname LIKE 'audit%')::bigint AS count";
/// Rows of a log on which a scan of it shows.
const LONG: i64 = 20_000;
const TIMES: i64 = 20;

/// A long sealed log of which the planner knows nothing, as before the first autovacuum.
async fn long_log() -> TestDatabase {
    let database = database().await;
    for table in ["audit_log", "audit_seals"] {
        let off = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        database.run(&off).await;
    }
    append(&database, LONG as usize).await;
    seal_up_to(&database, LONG).await;
    database
}

async fn rows_read(conn: &mut AsyncPgConnection) -> i64 {
    #[derive(QueryableByName)]
    struct Read {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    // What this connection has read is told at the end of its next statement.
    run(conn, "SELECT pg_stat_force_next_flush()").await;
    let read: Read = diesel::sql_query(READ).get_result(conn).await.unwrap();
    read.count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_long_log_reads_only_its_end() {
    let database = long_log().await;
    let mut conn = database.pool.get().await.unwrap();
    for known in ["nothing", "the truth"] {
        let before = rows_read(&mut conn).await;

        for _ in 0..TIMES {
            let lag = lag(&mut conn).await.unwrap();
            assert_eq!((lag.seal_seq, lag.unsealed), (LONG, 0));
        }

        let read = rows_read(&mut conn).await - before;
        assert!(read < 1000, "{read} rows, the planner knows {known}");
        run(&mut conn, "ANALYZE audit_log, audit_seals").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_a_few_rows_of_a_long_log_reads_only_those() {
    let database = long_log().await;
    let mut conn = database.pool.get().await.unwrap();
    let mut read = 0;

    for _ in 0..TIMES {
        append(&database, 1).await;
        read += seal_next(&mut conn, 1, rows_read).await;
    }

    assert!(read < 1000, "{read} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_batch_takes_no_more_statements_than_a_single_row() {
    let database = database().await;
    let mut conn = database.pool.get().await.unwrap();
    let sent = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&sent);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let statements = async |_: &mut AsyncPgConnection| AtomicI64::load(&sent, Ordering::Relaxed);

    append(&database, 1).await;
    let for_one = seal_next(&mut conn, 1, statements).await;
    append(&database, BATCH).await;
    let for_all = seal_next(&mut conn, BATCH, statements).await;

    assert!(for_one > 0 && for_all == for_one, "{for_one}, {for_all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let database = database().await;
    append(&database, 3).await;

    let unprepared = sent_unprepared(&database.pool, async {
        let mut conn = database.pool.get().await.unwrap();
        seal_next(&mut conn, 3, async |_| 0).await;
        lag(&mut conn).await.unwrap();
    })
    .await;

    let transactions = [
        "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "COMMIT",
    ];
    assert_eq!(unprepared, transactions);
}

/// Seals what one transaction has appended, and tells how far that moved `gauge`. Other tests have
/// transactions open on the same server, and these are waited for too, at no cost here.
async fn seal_next(
    conn: &mut AsyncPgConnection,
    rows: usize,
    gauge: impl AsyncFn(&mut AsyncPgConnection) -> i64,
) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let before = gauge(conn).await;
        let sealed = seal_pending(conn).await.unwrap();
        let moved = gauge(conn).await - before;
        if sealed == Sealing::Sealed(rows) {
            return moved;
        }
        assert_eq!(sealed, Sealing::Sealed(0));
        assert!(Instant::now() < deadline, "the rows are not sealed");
    }
}
