//! The audit log proves itself: sealed under load, whole after a crash, and whoever bends it is
//! found by `audit verify`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use phantom_worker::tasks::Registry;
use uuid::Uuid;

use crate::support::command::{Said, phantom_worker, said};
use crate::support::crowd::Crowd;
use crate::support::service::Stack;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::{World, until};

const PATIENCE: Duration = Duration::from_secs(120);

/// Two files of checkpoints that end with the story.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("phantom-audit-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn verify(database_url: &str, checkpoints: &[&str]) -> Said {
    verify_with_input(database_url, checkpoints, String::new()).await
}

async fn verify_with_input(database_url: &str, checkpoints: &[&str], input: String) -> Said {
    let mut command = phantom_worker(&["audit", "verify"]);
    command.env("DATABASE_URL", database_url).write_stdin(input);
    for file in checkpoints {
        command.args(["--checkpoint", file]);
    }
    tokio::task::spawn_blocking(move || said(&mut command))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_and_a_drain_under_load_leave_a_whole_chain_and_no_row_unsealed() {
    // On a server of its own: a row is sealed once every older transaction of the server has ended.
    let stack = Stack::with_unsafe_postgres().await;
    let world = World::on_database(&stack).await;
    let url = stack.database_url().await;
    let folder = Folder::new();
    let (dying, lasting) = (folder.file("dying"), folder.file("lasting"));
    let settings = world.worker().set("DATABASE_URL", &url);
    let crowd = Crowd::start(&world, 100).await;
    let mut first = settings
        .clone()
        .set("AUDIT_CHECKPOINT_FILE", &dying)
        .start()
        .await;
    let mut second = settings
        .set("AUDIT_CHECKPOINT_FILE", &lasting)
        .start()
        .await;

    until("the chain grows under load", async || {
        (world.count("audit_seals").await > 20).then_some(())
    })
    .await;
    first.kill();
    crowd.ended(&world, PATIENCE).await;
    until("nothing waits for its seal", async || {
        let unsealed = second.series("phantom_worker_audit_unsealed_rows").await;
        (unsealed == 0.0).then_some(())
    })
    .await;
    let oldest = "phantom_worker_audit_oldest_unsealed_timestamp_seconds";
    assert_eq!(second.series(oldest).await, 0.0);
    assert_eq!(second.stop().await.code(), Some(0));

    let (rows, seals) = (
        world.count("audit_log").await,
        world.count("audit_seals").await,
    );
    assert!(rows > 100, "{rows} rows");
    assert_eq!(seals, rows, "after the drain");
    assert!(second.lines_about("\"target\":\"audit\"") >= 2);
    let files: &[&str] = match fs::exists(&dying).unwrap() {
        true => &[&dying, &lasting],
        false => &[&lasting],
    };
    let whole = verify(&url, files).await;
    assert_eq!(whole.code, 0, "{}", whole.stdout);
    let counts = format!("the chain is whole: {rows} seals, 0 rows unsealed");
    assert!(whole.stdout.starts_with(&counts), "{}", whole.stdout);
    let last = fs::read_to_string(&lasting).unwrap();
    let told = format!("{{\"seal_seq\":{rows},");
    assert!(last.lines().last().unwrap().starts_with(&told), "{last}");
}

#[test]
fn a_drain_does_not_wait_for_the_seals_of_rows_that_came_after_its_own() {
    on_a_system(async {
        let stack = Stack::with_unsafe_postgres().await;
        let world = World::on_database(&stack).await;
        let tree = TreeBuilder::new(&world, Registry::default()).start();
        // Comes after all others, and is never sealed.
        world
            .database
            .run(
                "INSERT INTO audit_log (xid, occurred_at, origin, action, subject_kind, subject_id, outcome) \
                 VALUES ('9000000000000000000', now(), 'test', 'seen', 'thing', '1', 'ok')",
            )
            .await;
        let began = Instant::now();

        tree.drain().await;

        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        let waiting = "audit_log WHERE id NOT IN (SELECT audit_id FROM audit_seals)";
        assert_eq!(world.count(waiting).await, 1, "its own are all sealed");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_file_that_hangs_keeps_no_worker_from_leaving() {
    let world = World::new().await;
    let folder = Folder::new();
    // Whoever opens it waits for a writer, who never comes.
    let pipe = folder.file("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut worker = world
        .worker()
        .set("AUDIT_CHECKPOINT_FILE", &pipe)
        .start()
        .await;
    until("there is a chain to tell of", async || {
        (world.count("audit_seals").await > 0).then_some(())
    })
    .await;

    assert_eq!(worker.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bent_is_named_and_fails_the_command() {
    let stack = Stack::with_unsafe_postgres().await;
    let world = World::on_database(&stack).await;
    let url = stack.database_url().await;
    let folder = Folder::new();
    let file = folder.file("checkpoints");
    let mut worker = world
        .worker()
        .set("DATABASE_URL", &url)
        .set("AUDIT_CHECKPOINT_FILE", &file)
        .start()
        .await;
    let crowd = Crowd::start(&world, 10).await;
    crowd.ended(&world, PATIENCE).await;
    assert_eq!(worker.stop().await.code(), Some(0));
    let end = world.count("audit_seals").await;
    assert_eq!(verify(&url, &[&file]).await.code, 0);

    let id = world
        .database
        .text("SELECT audit_id::text AS text FROM audit_seals WHERE seal_seq = 5")
        .await;
    let alter = |outcome: &str| format!("UPDATE audit_log SET outcome = {outcome} WHERE id = {id}");
    world.database.run(&alter("outcome || ' '")).await;
    let altered = verify(&url, &[]).await;
    world.database.run(&alter("trim(outcome)")).await;
    let restored = verify(&url, &[&file]).await;
    for table in ["audit_seals", "audit_log"] {
        let column = if table == "audit_log" {
            "id"
        } else {
            "audit_id"
        };
        let cut = format!(
            "DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM audit_log ORDER BY xid, id LIMIT 5)"
        );
        world.database.run(&cut).await;
    }
    let unseen = verify(&url, &[]).await;
    let cut = verify(&url, &[&file]).await;
    let read = fs::read_to_string(&file).unwrap();
    let of_input = verify_with_input(&url, &["-"], read.clone()).await;
    let of_nothing = verify_with_input(&url, &["-"], "\n".to_owned()).await;
    let read_twice = verify_with_input(&url, &["-", "-"], read).await;

    assert_eq!((altered.code, restored.code), (1, 0), "{}", restored.stdout);
    let named = format!("seal 5: row {id} was altered, or the time of its seal\n");
    assert_eq!(altered.stdout, named);
    assert!(
        altered
            .stderr
            .starts_with("the chain is broken: 1 finding; "),
        "{}",
        altered.stderr
    );
    assert_eq!(unseen.code, 0, "a cut tail leaves a whole chain");
    assert_eq!(cut.code, 1);
    let told = format!("there was a seal {end}, and the chain ends at 5; the tail was cut");
    assert!(cut.stdout.contains(&told), "{}", cut.stdout);
    let by_another_name = cut.stdout.replace(&file, "standard input");
    assert_eq!((of_input.code, of_input.stdout), (1, by_another_name));
    for nothing in [of_nothing, read_twice] {
        assert_eq!((nothing.code, nothing.stdout.as_str()), (1, ""));
        let told = "there is no checkpoint in standard input";
        assert!(nothing.stderr.contains(told), "{}", nothing.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_nobody_can_look_at_shows_by_the_age_of_the_last_look() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let looked = r#"phantom_worker_collector_last_success_timestamp_seconds{collector="audit"}"#;
    let failed = r#"phantom_worker_collector_errors_total{collector="audit"}"#;
    let more_than = async |series: &str, before: f64| {
        until(&format!("{series} grows"), async || {
            (worker.series(series).await > before).then_some(())
        })
        .await;
    };
    more_than(looked, 0.0).await;

    let rename = |from, to| format!("ALTER TABLE {from} RENAME TO {to}");
    let failures = worker.series(failed).await;
    world.database.run(&rename("audit_seals", "away")).await;
    more_than(failed, failures).await;
    let last = worker.series(looked).await;
    more_than(failed, worker.series(failed).await).await;

    assert_eq!(worker.series(looked).await, last);
    world.database.run(&rename("away", "audit_seals")).await;
    more_than(looked, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_checkpoints_that_is_not_there_is_no_broken_chain() {
    let world = World::new().await;

    let said = verify(&world.database_url(), &["/no/such/file"]).await;

    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("reading /no/such/file"),
        "{}",
        said.stderr
    );
}
