//! Sealing on a real PostgreSQL: with late committers, several sealers and one that dies.

mod cost;
mod encoding;

use std::time::{Duration, Instant};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::*;
use crate::store::Pool;
use crate::store::testing::{TestDatabase, database};

/// The chain as PostgreSQL computes it, without a line of ours.
const COMPUTED_BY_POSTGRESQL: &str = r"
    WITH linked AS (
        SELECT s.seal_seq, s.hash,
               coalesce(lag(s.hash) OVER (ORDER BY s.seal_seq), sha256('phantom-worker audit chain')) AS previous,
               s.sealed_at, l.*
        FROM audit_seals s JOIN audit_log l ON l.id = s.audit_id
    ), encoded AS (
        SELECT seal_seq, hash, ARRAY[
            'phantom-worker audit seal 1'::bytea, int8send(seal_seq), timestamptz_send(sealed_at), previous,
            int8send(id), convert_to(xid::text, 'UTF8'), timestamptz_send(occurred_at),
            convert_to(origin, 'UTF8'), convert_to(worker_id, 'UTF8'), convert_to(task_id, 'UTF8'),
            convert_to(process_instance_id, 'UTF8'), convert_to(action, 'UTF8'), convert_to(subject_kind, 'UTF8'),
            convert_to(subject_id, 'UTF8'), convert_to(outcome, 'UTF8'), convert_to(detail, 'UTF8')
        ] AS fields
        FROM linked
    )
    SELECT count(*) FROM encoded
    WHERE hash = sha256((
        SELECT string_agg(coalesce('\x01'::bytea || int8send(octet_length(f)) || f, '\x00'), '' ORDER BY n)
        FROM unnest(fields) WITH ORDINALITY AS each (f, n)
    ))";

const SEALS: &str = "SELECT count(*) FROM audit_seals";

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_itself_computes_the_same_chain() {
    let database = database().await;
    append(&database, 30).await;
    database
        .run(
            "INSERT INTO audit_log (occurred_at, origin, worker_id, action, subject_kind, subject_id, outcome, detail) \
             VALUES ('2026-11-23 10:00:00.000001+02', 'x', '', 'seen', 'Ā', '—', E'\\n', '{\"b\":1,\"a\":\"é\"}'), \
                    ('infinity', '', NULL, '', '', '', '', '')",
        )
        .await;

    seal_up_to(&database, 32).await;

    assert_eq!(database.count(COMPUTED_BY_POSTGRESQL).await, 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_committer_is_waited_for_and_finds_its_place() {
    let database = database().await;
    let mut early = database.pool.get().await.unwrap();
    let mut other = database.pool.get().await.unwrap();
    run(&mut early, "BEGIN").await;
    run(&mut early, &row("late")).await;
    run(&mut other, &row("prompt")).await;

    assert_eq!(seal(&database.pool).await, Sealing::Sealed(0));
    let lag = lag(&mut other).await.unwrap();
    assert_eq!((lag.seal_seq, lag.unsealed), (0, 1), "the prompt row waits");
    assert!(lag.oldest.is_some());

    run(&mut early, "COMMIT").await;
    seal_up_to(&database, 2).await;

    let order = "SELECT subject_id AS text FROM audit_seals JOIN audit_log ON id = audit_id ORDER BY seal_seq";
    assert_eq!(database.text(order).await, "late\nprompt");
    assert_eq!(database.count(COMPUTED_BY_POSTGRESQL).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_leaves_no_gap() {
    let database = database().await;
    append(&database, 2).await;
    let mut conn = database.pool.get().await.unwrap();
    run(&mut conn, "BEGIN").await;
    run(&mut conn, &row("never")).await;
    run(&mut conn, "ROLLBACK").await;
    append(&database, 2).await;

    seal_up_to(&database, 4).await;
    assert_eq!(seal(&database.pool).await, Sealing::Sealed(0));

    assert_eq!(database.count(COMPUTED_BY_POSTGRESQL).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sealers_and_writers_make_one_chain() {
    const WRITERS: usize = 6;
    const ROWS: usize = 150;
    let database = database().await;
    let writing =
        (0..WRITERS).map(|writer| write_in_odd_order(database.pool.clone(), writer, ROWS));
    let writing = futures_util::future::join_all(writing);
    let sealing = futures_util::future::join_all((0..3).map(|_| async {
        let all = i64::try_from(WRITERS * ROWS).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while database.count(SEALS).await < all {
            assert!(
                Instant::now() < deadline,
                "sealing does not come to its end"
            );
            seal(&database.pool).await;
        }
    }));

    tokio::join!(writing, sealing);

    let all = i64::try_from(WRITERS * ROWS).unwrap();
    assert_eq!(database.count(COMPUTED_BY_POSTGRESQL).await, all);
    let misplaced = "SELECT count(*) FROM (SELECT (xid, id) < lag((xid, id)) OVER (ORDER BY seal_seq) AS back \
                     FROM audit_seals JOIN audit_log ON id = audit_id) AS chain WHERE back";
    assert_eq!(database.count(misplaced).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_seals_the_others_do_not_wait() {
    let database = database().await;
    append(&database, 1).await;
    let mut sealer = database.pool.get().await.unwrap();
    run(&mut sealer, "BEGIN").await;
    assert!(try_lock(&mut sealer).await.unwrap());

    assert_eq!(seal(&database.pool).await, Sealing::Busy);

    run(&mut sealer, "COMMIT").await;
    seal_up_to(&database, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealer_that_dies_in_a_batch_leaves_nothing_of_it() {
    let database = database().await;
    append(&database, 10).await;
    seal_up_to(&database, 10).await;
    append(&database, 1500).await;
    let mut guard = database.pool.get().await.unwrap();
    run(&mut guard, "BEGIN").await;
    run(&mut guard, "LOCK TABLE audit_seals IN SHARE MODE").await;
    let mut sealer = database.pool.get().await.unwrap();

    let seal_or_die = async {
        // Nothing is sealed while other tests have older transactions open.
        while seal_pending(&mut sealer).await == Ok(Sealing::Sealed(0)) {}
    };
    let kill = async {
        // It has read its rows and is about to write their seals.
        let waiting = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
                       WHERE relation = 'audit_seals'::regclass AND NOT granted";
        let deadline = Instant::now() + Duration::from_secs(60);
        while database.count(waiting).await == 0 {
            assert!(Instant::now() < deadline, "nobody seals");
        }
    };
    tokio::join!(seal_or_die, kill);
    run(&mut guard, "COMMIT").await;

    assert!(sealer.batch_execute("SELECT").await.is_err(), "it is dead");
    assert_eq!(database.count(SEALS).await, 10);
    seal_up_to(&database, 1510).await;
    assert_eq!(database.count(COMPUTED_BY_POSTGRESQL).await, 1510);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_keeps_up_with_writing() {
    const ROWS: usize = 20_000;
    let database = database().await;
    let began = Instant::now();
    // As tasks write: one transaction each, eight at once.
    let writers = (0..8).map(|_| async {
        let mut conn = database.pool.get().await.unwrap();
        for _ in 0..ROWS / 8 {
            run(&mut conn, &row("r")).await;
        }
    });
    futures_util::future::join_all(writers).await;
    let writing = began.elapsed();

    let (mut sealed, mut sealing) = (0, Duration::ZERO);
    let deadline = Instant::now() + Duration::from_secs(60);
    while sealed < ROWS {
        assert!(Instant::now() < deadline, "{sealed} rows are sealed");
        let began = Instant::now();
        // Waiting for the transactions of other tests is no work.
        if let Sealing::Sealed(rows @ 1..) = seal(&database.pool).await {
            sealed += rows;
            sealing += began.elapsed();
        }
    }

    assert!(
        sealing < writing / 2,
        "written in {writing:?}, sealed in {sealing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_somebody_bent_does_not_stop_the_sealer() {
    let database = database().await;
    append(&database, 3).await;
    seal_up_to(&database, 3).await;
    let mut superuser = database.pool.get().await.unwrap();
    run(&mut superuser, "SET session_replication_role = replica").await;
    for (bend, seals) in [
        ("UPDATE audit_log SET xid = '1' WHERE id = 3", 5),
        (
            "DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)",
            7,
        ),
    ] {
        run(&mut superuser, bend).await;
        append(&database, 2).await;

        seal_up_to(&database, seals).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_claims_an_impossible_time_stops_neither_the_look_nor_the_sealer() {
    let database = database().await;
    let mut conn = database.pool.get().await.unwrap();
    for (time, oldest) in [
        ("infinity", f64::INFINITY),
        ("-infinity", f64::NEG_INFINITY),
    ] {
        let row = row("r").replace("clock_timestamp()", &format!("'{time}'"));
        database.run(&row).await;

        assert_eq!(lag(&mut conn).await.unwrap().oldest, Some(oldest));
        seal_up_to(&database, if oldest > 0.0 { 1 } else { 2 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_transaction_to_come_waits_for_ever_and_holds_up_no_other() {
    let database = database().await;
    let forged = row("r").replace("(occurred_at,", "(xid, occurred_at,");
    let forged = forged.replace("(clock_timestamp(),", "('9000000000000000000', now(),");
    database.run(&forged).await;
    append(&database, 2).await;

    seal_up_to(&database, 2).await;

    let mut conn = database.pool.get().await.unwrap();
    let end = lag(&mut conn).await.unwrap();
    assert_eq!((end.seal_seq, end.unsealed), (2, 1), "and the alert rings");
}

/// Transactions that take their numbers early and commit in another order.
async fn write_in_odd_order(pool: Pool, writer: usize, rows: usize) {
    let mut slow = pool.get().await.unwrap();
    let mut fast = pool.get().await.unwrap();
    for round in 0..rows / 3 {
        run(&mut slow, "BEGIN").await;
        run(&mut slow, &row(&format!("{writer}-{round}-slow"))).await;
        run(&mut fast, &row(&format!("{writer}-{round}-fast"))).await;
        run(&mut slow, &row(&format!("{writer}-{round}-slower"))).await;
        run(&mut slow, "COMMIT").await;
    }
}

async fn seal(pool: &Pool) -> Sealing {
    let mut conn = pool.get().await.unwrap();
    seal_pending(&mut conn).await.unwrap()
}

/// Other tests have transactions open on the same server, and these are waited for too.
async fn seal_up_to(database: &TestDatabase, seals: i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        while seal(&database.pool).await == Sealing::Sealed(BATCH) {}
        let there = database.count(SEALS).await;
        if there == seals {
            return;
        }
        assert!(
            there < seals && Instant::now() < deadline,
            "{there} seals instead of {seals}"
        );
    }
}

fn row(subject: &str) -> String {
    format!(
        "INSERT INTO audit_log (occurred_at, origin, worker_id, task_id, process_instance_id, \
         action, subject_kind, subject_id, outcome, detail) \
         VALUES (clock_timestamp(), 'create-wallet', 'w', 't', 'p', 'wallet_created', 'wallet', \
         '{subject}', 'approved', '{{\"request_id\":1}}')"
    )
}

async fn append(database: &TestDatabase, rows: usize) {
    let rows = format!(
        "INSERT INTO audit_log (occurred_at, origin, action, subject_kind, subject_id, outcome) \
         SELECT now(), 'test', 'seen', 'thing', n::text, 'ok' FROM generate_series(1, {rows}) AS n"
    );
    database.run(&rows).await;
}

async fn run(conn: &mut AsyncPgConnection, statement: &str) {
    conn.batch_execute(statement).await.unwrap();
}
