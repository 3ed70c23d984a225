//! Two versions side by side: the one before at work on the schema of the one to come, while that is
//! made and after a rollback. The one before is this binary; the one to come adds migrations.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use diesel_migrations::FileBasedMigrations;
use futures_util::future::join;
use phantom_worker::store::migrations::{self, MigrationFailure};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::migrations::{Migration, shipped};
use crate::support::crowd::Crowd;
use crate::support::patience::within;
use crate::support::worker::Worker;
use crate::support::{World, until};

const PATIENCE: Duration = Duration::from_secs(90);
/// What ordinary work waits for a lock, and so a migration.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const VERSION: &str = env!("CARGO_PKG_VERSION");
const CONCURRENTLY: &str = "run_in_transaction = false\n";

/// Expanding migrations of a version to come: name, statement, metadata.
const TO_COME: &[(&str, &str, &str)] = &[
    (
        "2999-01-01-000001_add_columns",
        "ALTER TABLE wallets ADD COLUMN nickname text, ADD COLUMN tier text NOT NULL DEFAULT 'basic';",
        "",
    ),
    (
        "2999-01-01-000002_add_taken_at",
        "ALTER TABLE task_completions ADD COLUMN taken_at timestamptz NOT NULL DEFAULT now();",
        "",
    ),
    (
        "2999-01-01-000003_add_priority",
        "ALTER TABLE outbox ADD COLUMN priority integer NOT NULL DEFAULT 0;",
        "",
    ),
    (
        "2999-01-01-000004_add_trace_id",
        "ALTER TABLE audit_log ADD COLUMN trace_id text;",
        "",
    ),
    (
        "2999-01-01-000005_create_loyalty",
        "CREATE TABLE loyalty (wallet_id text PRIMARY KEY REFERENCES wallets (wallet_id), \
         points integer NOT NULL);",
        "",
    ),
    (
        "2999-01-01-000006_widen_status",
        "-- widens: nobody writes the new one before the roll-out has ended\n\
         ALTER TABLE wallets DROP CONSTRAINT wallets_status_check, \
         ADD CONSTRAINT wallets_status_check \
         CHECK (status IN ('active', 'suspended', 'closed', 'dormant')) NOT VALID;",
        "",
    ),
    (
        "2999-01-01-000007_validate_status",
        "ALTER TABLE wallets VALIDATE CONSTRAINT wallets_status_check;",
        "",
    ),
    INDEX_TO_COME,
];
const INDEX_TO_COME: (&str, &str, &str) = (
    "2999-01-01-000008_index_wallets",
    "CREATE INDEX CONCURRENTLY wallets_created_at_idx ON wallets (created_at);",
    CONCURRENTLY,
);

/// What the schema keeps of a migration's name.
fn version_of(migration: &str) -> String {
    let (version, _) = migration.split_once('_').unwrap();
    version.replace('-', "")
}

/// Migrations in a folder of their own, gone with the story.
struct Folder(PathBuf);

impl Folder {
    fn of(migrations: &[(&str, &str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("migrations-{}", Uuid::new_v4()));
        for (name, up, metadata) in migrations {
            let one = folder.join(name);
            fs::create_dir_all(&one).unwrap();
            fs::write(one.join("up.sql"), up).unwrap();
            fs::write(one.join("down.sql"), "SELECT 1;").unwrap();
            if !metadata.is_empty() {
                fs::write(one.join("metadata.toml"), metadata).unwrap();
            }
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    /// `migrate`, as the version to come runs it.
    async fn migrate(&self, folder: &Folder) -> Result<Vec<String>, MigrationFailure> {
        let source = FileBasedMigrations::from_path(&folder.0).unwrap();
        migrations::apply_from(&self.database.pool, source).await
    }

    /// The schema as the version before one of our migrations has it.
    async fn take_back(&self, migration: &str) {
        let down = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(migration)
            .join("down.sql");
        let mut conn = self.database.pool.get().await.unwrap();
        conn.batch_execute(&fs::read_to_string(down).unwrap())
            .await
            .unwrap();
        let version = version_of(migration);
        let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
        conn.batch_execute(&forget).await.unwrap();
    }

    /// Whether an index is there, whole.
    async fn has_index(&self, index: &str) -> bool {
        let whole = format!("pg_index WHERE indexrelid = to_regclass('{index}') AND indisvalid");
        self.count(&whole).await == 1
    }
}

#[test]
fn what_is_to_come_keeps_to_the_rule() {
    let folder = Folder::of(TO_COME);
    for (name, _, _) in TO_COME {
        let trespasses = Migration::read(&folder.0.join(name)).trespasses(VERSION);
        assert!(trespasses.is_empty(), "{name}: {trespasses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_works_on_while_the_schema_moves_ahead_and_after_a_rollback() {
    let world = World::new().await;
    let folder = Folder::of(TO_COME);
    let crowd = Crowd::start(&world, 100).await;
    let before = world.worker().start().await;
    crowd.half_way(&world).await;

    let mut refusals = 0;
    within(
        PATIENCE,
        "the schema is made, as a Job does that starts again",
        async || {
            let applied = world.migrate(&folder).await;
            refusals += usize::from(applied.is_err());
            applied.ok()
        },
    )
    .await;
    let rolled_back = world.worker().start().await;
    crowd.ended(&world, PATIENCE).await;

    let made = "__diesel_schema_migrations WHERE version LIKE '2999%'";
    assert_eq!(
        world.count(made).await,
        TO_COME.len() as i64,
        "{refusals} tries were refused"
    );
    assert!(world.has_index("wallets_created_at_idx").await);
    crowd.assert_exactly_once(&world).await;
    for worker in [&before, &rolled_back] {
        assert_eq!(worker.get("/readyz").await.unwrap().0, 200);
        assert_eq!(
            worker.lines_about("\"level\":\"ERROR\""),
            0,
            "{}",
            worker.log()
        );
        tells_its_version(worker).await;
    }
    let last = version_of(TO_COME.last().unwrap().0);
    let ahead = format!("the schema is ahead of this version, up to {last}");
    assert_eq!(before.lines_about(&ahead), 0);
    assert_eq!(rolled_back.lines_about(&ahead), 1, "{}", rolled_back.log());
    commands_of_the_older_version_work(&world).await;
}

/// Who looks for replicas of another version finds it in the series, on the page and in the log.
async fn tells_its_version(worker: &Worker) {
    let (_, page) = worker.get("/status").await.unwrap();
    let page: Json = serde_json::from_str(&page).unwrap();
    assert_eq!(page["version"], VERSION);
    let revision = page["revision"].as_str().unwrap();
    let (_, series) = worker.get("/metrics").await.unwrap();
    let info = series
        .lines()
        .find(|line| line.starts_with("phantom_worker_build_info{"))
        .unwrap();
    for label in [
        format!("version=\"{VERSION}\""),
        format!("revision=\"{revision}\""),
    ] {
        assert!(info.contains(&label), "{info}");
    }
    assert!(worker.lines_about(&format!("\"version\":\"{VERSION}\"")) >= 1);
}

async fn commands_of_the_older_version_work(world: &World) {
    let worker = world.worker();
    let run = async |command: &str| {
        let mut command = worker.command(command);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = run.await.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{told}");
        told
    };

    assert_eq!(run("migrate").await, "the schema is up to date\n");
    let told = run("check").await;
    let later = TO_COME.len();
    let ahead = format!("the schema has all of ours, and {later} migrations of a later version");
    assert!(told.contains(&ahead), "{told}");
    run("purge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_takes_no_task_before_its_own_migration_is_there() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 20).await;
    let last = shipped().pop().unwrap().name;
    world.take_back(&last).await;

    let worker = world.worker().spawn();
    until("it waits for its migration", async || {
        let told = format!("1 migration is missing, from {last} on");
        (worker.lines_about(&told) > 0).then_some(())
    })
    .await;
    let probes = [
        worker.get("/livez").await,
        worker.get("/startupz").await,
        worker.get("/readyz").await,
    ];
    let taken = world.engine.locked_tasks().await;
    let migrated = world.worker().command("migrate").output().unwrap();

    assert_eq!(probes.map(|probe| probe.unwrap().0), [200, 503, 503]);
    assert!(taken.is_empty(), "{taken:?}");
    assert_eq!(
        String::from_utf8(migrated.stdout).unwrap(),
        format!("applied {last}\n")
    );
    crowd.ended(&world, PATIENCE).await;
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_its_lock_gives_up_and_is_applied_the_next_time() {
    let world = World::new().await;
    let folder = Folder::of(&TO_COME[..1]);
    let reader = world.hold("LOCK TABLE wallets IN ACCESS SHARE MODE").await;

    let refused = world.migrate(&folder).await;
    let columns = "information_schema.columns WHERE column_name IN ('tier', 'nickname')";
    let half = world.count(columns).await;
    reader.release().await;
    let applied = world.migrate(&folder).await.unwrap();

    assert!(
        matches!(refused, Err(MigrationFailure::Migration(_))),
        "{refused:?}"
    );
    assert_eq!(half, 0, "the migration left a part of itself");
    assert_eq!(applied.len(), 1);
    assert_eq!(world.count(columns).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_beside_the_work_however_long_somebody_is_at_it() {
    let world = World::new().await;
    let folder = Folder::of(&[INDEX_TO_COME]);
    let writer = world.hold("LOCK TABLE wallets IN ROW EXCLUSIVE MODE").await;

    let patient = format!(
        "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
         AND now() - query_start > interval '{} ms'",
        (LOCK_TIMEOUT + Duration::from_millis(500)).as_millis()
    );
    let beside = async {
        until(
            "the index waits for longer than a lock time-out",
            async || (world.count(&patient).await == 1).then_some(()),
        )
        .await;
        // Whoever comes meanwhile is not held up.
        world
            .database
            .run("UPDATE wallets SET status = status")
            .await;
        writer.release().await;
    };
    let (built, ()) = join(world.migrate(&folder), beside).await;

    assert_eq!(built.unwrap().len(), 1);
    assert!(world.has_index("wallets_created_at_idx").await);
    let lock_timeout = "SELECT current_setting('lock_timeout') AS text";
    assert_eq!(world.database.text(lock_timeout).await, "2s");
}
