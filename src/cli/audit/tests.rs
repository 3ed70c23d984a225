//! A superuser bends the audit log in every way there is, and is found out.

mod bend;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::DateTime;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use self::bend::{Bend, Bent};
use super::chain::{Checked, check};
use super::finding::Finding;
use super::witness;
use crate::store::audit_seals::{self, Checkpoint, Lag, digest};
use crate::store::testing::{TestDatabase, database};

const ROWS: i64 = 120;
/// Checkpoints were told after so many rows each.
const EVERY: i64 = 25;
/// Rows that one transaction wrote.
const PER_TRANSACTION: i64 = 5;
const UNSEALED: usize = 3;

/// A sealed log, and what left the database meanwhile.
struct Log {
    database: TestDatabase,
    file: PathBuf,
}

impl Log {
    async fn new() -> Self {
        let database = database().await;
        let mut conn = database.pool.get().await.unwrap();
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for first in (1..=ROWS).step_by(PER_TRANSACTION as usize) {
            let last = first + PER_TRANSACTION - 1;
            conn.batch_execute(&rows(first, last)).await.unwrap();
            let end = seal_all(&mut conn).await;
            if end.seal_seq % EVERY == 0 {
                let hash = end.hash.unwrap();
                let at = DateTime::UNIX_EPOCH;
                checkpoints.push(Checkpoint::after(
                    checkpoints.last(),
                    end.seal_seq,
                    &hash,
                    at,
                ));
            }
        }
        let unsealed = rows(ROWS + 1, ROWS + UNSEALED as i64);
        conn.batch_execute(&unsealed).await.unwrap();
        let file = std::env::temp_dir().join(format!("phantom-checkpoints-{}", Uuid::new_v4()));
        let lines: String = checkpoints.iter().map(|each| each.line() + "\n").collect();
        fs::write(&file, lines).unwrap();
        Self { database, file }
    }

    fn lines(&self) -> Vec<witness::Line> {
        witness::read(std::slice::from_ref(&self.file)).unwrap()
    }
}

/// Other tests have transactions open on the same server, and these are waited for too.
async fn seal_all(conn: &mut AsyncPgConnection) -> Lag {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        audit_seals::seal_pending(conn).await.unwrap();
        let end = audit_seals::lag(conn).await.unwrap();
        if end.unsealed == 0 {
            return end;
        }
        assert!(
            Instant::now() < deadline,
            "sealing does not come to its end"
        );
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Rows whose ids are their numbers, with and without what may be left out.
fn rows(from: i64, to: i64) -> String {
    format!(
        "INSERT INTO audit_log (occurred_at, origin, worker_id, task_id, process_instance_id, \
         action, subject_kind, subject_id, outcome, detail) \
         SELECT now(), 'create-wallet', CASE n % 2 WHEN 0 THEN 'worker' END, 't-' || n, \
         CASE n % 3 WHEN 0 THEN 'p-' || n END, 'wallet_created', 'wallet', 'w-' || n, 'approved', '{{}}' \
         FROM generate_series({from}, {to}) AS n"
    )
}

async fn look(conn: &mut AsyncPgConnection, lines: &[witness::Line]) -> Checked {
    check(conn, lines, &|_, _| ProgressBar::hidden())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_log_is_whole_and_its_unsealed_rows_are_counted() {
    let log = Log::new().await;
    let mut conn = log.database.pool.get().await.unwrap();

    let checked = look(&mut conn, &log.lines()).await;

    assert_eq!(checked.findings, []);
    assert_eq!((checked.seals, checked.unsealed), (ROWS, UNSEALED));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_is_whole() {
    let database = database().await;
    let mut conn = database.pool.get().await.unwrap();

    let checked = look(&mut conn, &[]).await;

    assert_eq!(
        (checked.findings.len(), checked.seals, checked.unsealed),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_random_tamperings_are_found_and_located() {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let log = Log::new().await;
    let lines = log.lines();
    let mut conn = log.database.pool.get().await.unwrap();
    for round in 0..200 {
        // Each way in its turn, the place by chance.
        let Bent {
            bend,
            statements,
            expected,
            witnessed,
        } = Bend::nth(round).at_random(&mut random);
        conn.batch_execute(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica; {statements}"
        ))
        .await
        .unwrap_or_else(|error| panic!("seed {seed}, {bend:?}: {statements}: {error}"));

        let alone = look(&mut conn, &[]).await.findings;
        let with_checkpoints = look(&mut conn, &lines).await.findings;
        conn.batch_execute("ROLLBACK").await.unwrap();

        let told = format!("seed {seed}, {bend:?}: {statements}");
        assert_eq!(sorted(alone), sorted(expected), "{told}");
        let seen = with_checkpoints.iter().filter_map(told_of);
        assert_eq!(seen.collect::<Vec<_>>(), witnessed, "{told}");
    }
    assert_eq!(
        look(&mut conn, &lines).await.findings,
        [],
        "all was taken back"
    );
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| format!("{finding:?}"));
    findings
}

/// What only the checkpoints could tell: the seal, and up to where the chain is as it was.
fn told_of(finding: &Finding) -> Option<(i64, i64)> {
    match finding {
        Finding::TailCut { seal_seq, end, .. } => Some((*seal_seq, *end)),
        Finding::Rewritten {
            seal_seq, after, ..
        } => Some((*seal_seq, *after)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_that_were_bent_themselves_are_found_too() {
    let log = Log::new().await;
    let mut conn = log.database.pool.get().await.unwrap();
    let text = fs::read_to_string(&log.file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let place = |line: usize| format!("{} line {line}", log.file.display());

    fs::write(&log.file, [lines[0], lines[2], lines[3]].join("\n")).unwrap();
    let removed = look(&mut conn, &log.lines()).await.findings;
    let altered = lines[1].replace("\"rows\":25", "\"rows\":26");
    fs::write(
        &log.file,
        [lines[0], &altered, lines[2], "{\"seal_"].join("\n"),
    )
    .unwrap();
    let altered = look(&mut conn, &log.lines()).await.findings;
    // The file of before was rotated away.
    fs::write(&log.file, lines[2..].join("\n")).unwrap();
    let rotated = look(&mut conn, &log.lines()).await.findings;
    fs::write(&log.file, format!("\n \n{}\n", lines[2..].join("\n\n"))).unwrap();
    let spaced = look(&mut conn, &log.lines()).await.findings;

    let unchained = |line| Finding::CheckpointUnchained { place: place(line) };
    assert_eq!(removed, [unchained(2)]);
    let unreadable = Finding::CheckpointUnreadable { place: place(4) };
    assert_eq!(altered, [unchained(3), unreadable]);
    assert_eq!(rotated, []);
    assert_eq!(spaced, [], "blank lines are none");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_two_processes_and_a_restart_in_one_file_are_whole() {
    let log = Log::new().await;
    let mut conn = log.database.pool.get().await.unwrap();
    let text = fs::read_to_string(&log.file).unwrap();
    let told: Vec<_> = text.lines().map(parsed).collect();
    let alone = |checkpoint: &Checkpoint| Checkpoint {
        previous: None,
        rows: checkpoint.seal_seq,
        ..checkpoint.clone()
    };
    let other = alone(&told[1]);
    let others_next = Checkpoint {
        previous: Some(digest(&other.line())),
        ..told[2].clone()
    };
    let restarted = alone(&told[3]);
    let mixed = [
        &told[0],
        &other,
        &told[1],
        &others_next,
        &told[2],
        &restarted,
    ];
    fs::write(&log.file, mixed.map(Checkpoint::line).join("\n")).unwrap();
    let honest = look(&mut conn, &log.lines()).await.findings;

    // What begins a run is held against the chain like any other line.
    let forged = Checkpoint {
        hash: told[0].hash.clone(),
        ..restarted
    };
    fs::write(&log.file, [told[0].line(), forged.line()].join("\n")).unwrap();
    let bent = look(&mut conn, &log.lines()).await.findings;

    assert_eq!(honest, []);
    let seen: Vec<_> = bent.iter().map(told_of).collect();
    assert_eq!(seen, [Some((forged.seal_seq, EVERY))]);
}

fn parsed(line: &str) -> Checkpoint {
    Checkpoint::parse(line).unwrap()
}

#[test]
fn each_finding_names_its_place_in_words() {
    let at = |finding: Finding| finding.to_string();

    assert_eq!(
        at(Finding::RowAltered {
            seal_seq: 7,
            id: Some(9)
        }),
        "seal 7: row 9 was altered, or the time of its seal"
    );
    assert_eq!(
        at(Finding::SealsMissing { from: 3, to: 3 }),
        "seal 3: is missing"
    );
    assert_eq!(
        at(Finding::SealsMissing { from: 3, to: 5 }),
        "seals 3 to 5: are missing"
    );
    assert_eq!(
        at(Finding::Swapped {
            seal_seq: 7,
            id: Some(9),
            belongs_at: 4
        }),
        "seal 7: the order was changed; row 9 belongs to seal 4"
    );
}
