//! The commands on a real engine and a real database, by their exit codes and what they say.

use std::fs;
use std::path::PathBuf;

use phantom_worker::processes::BUILT_IN;
use uuid::Uuid;

use crate::support::World;
use crate::support::command::{Said, database_url, on_engine, phantom_worker, said};
use crate::support::database::{TestDatabase, database};
use crate::support::engine::empty_tenant;

const MODEL: &str = include_str!("../../bpmn/wallet-creation-process.bpmn");

fn migrate(database: &TestDatabase, arguments: &[&str]) -> Said {
    let mut command = phantom_worker(&[&["migrate"], arguments].concat());
    said(command.env("DATABASE_URL", database_url(database)))
}

async fn without_schema() -> TestDatabase {
    let database = database().await;
    database.run("DROP SCHEMA public CASCADE").await;
    database.run("CREATE SCHEMA public").await;
    database
}

/// A folder with one file, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("models-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        fs::write(path.join(name), content).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_can_be_looked_at_first_and_are_applied_once() {
    let database = without_schema().await;

    let dry = migrate(&database, &["--dry-run"]);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let tables_after_dry = database.count(tables).await;
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| migrate(&database, &[]));
        (migrate(&database, &[]), other.join().unwrap())
    });
    let again = migrate(&database, &[]);

    assert!(dry.stdout.starts_with("would apply "), "{}", dry.stderr);
    assert_eq!(tables_after_dry, 0);
    assert_eq!(
        (one.code, other.code),
        (0, 0),
        "{} {}",
        one.stderr,
        other.stderr
    );
    let applied = dry.stdout.replace("would apply", "applied");
    let mut both = [one.stdout, other.stdout];
    both.sort();
    assert_eq!(both, [applied, "the schema is up to date\n".to_owned()]);
    assert_eq!(again.stdout, "the schema is up to date\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_have_a_database_url_of_their_own() {
    let database = without_schema().await;
    let mut command = phantom_worker(&["migrate"]);
    command
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .env("MIGRATE_DATABASE_URL", database_url(&database));

    let said = said(&mut command);

    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_deployed_once_until_it_changes() {
    let engine = empty_tenant();
    let changed = MODEL.replace(
        "name=\"Wallet creation\"",
        "name=\"Wallet creation, changed\"",
    );
    let changed = Folder::with("wallet-creation-process.bpmn", &changed);

    let first = on_engine(&engine, &["deploy"]);
    let second = on_engine(&engine, &["deploy"]);
    let third = on_engine(&engine, &["deploy", "--dir", changed.0.to_str().unwrap()]);

    let line = |key: &str, state: &str| format!("{key}.bpmn: {key} version {state}\n");
    let each = |state: &str| -> String {
        let models = BUILT_IN.iter();
        models.map(|model| line(model.key, state)).collect()
    };
    assert_eq!(first.stdout, each("1 new"), "{}", first.stderr);
    assert_eq!(second.stdout, each("1 unchanged"), "{}", second.stderr);
    let one = line("wallet-creation-process", "2 new");
    assert_eq!(third.stdout, one, "{}", third.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_engine_cannot_read_is_told_with_its_place() {
    let engine = empty_tenant();
    let line = MODEL
        .lines()
        .position(|line| line.contains("camunda:topic=\"create-wallet\""));
    let broken = MODEL.replace(" camunda:topic=\"create-wallet\"", "");
    let folder = Folder::with("broken.bpmn", &broken);

    let said = on_engine(&engine, &["deploy", "--dir", folder.0.to_str().unwrap()]);

    assert_eq!(said.code, 1);
    let place = format!("broken.bpmn:{}:", line.unwrap() + 1);
    assert!(said.stderr.starts_with(&place), "{}", said.stderr);
    assert!(
        said.stderr
            .ends_with("the engine cannot read the models; nothing was deployed\n")
    );
}

#[test]
fn a_file_that_is_no_model_is_told_with_its_place_beside_the_others() {
    let engine = empty_tenant();
    let folder = Folder::with("broken.bpmn", "<broken");
    fs::write(folder.0.join("other.bpmn"), "<a>\n</b>").unwrap();

    let said = on_engine(&engine, &["deploy", "--dir", folder.0.to_str().unwrap()]);

    assert_eq!(said.code, 1);
    let lines: Vec<_> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", said.stderr);
    assert!(lines[0].starts_with("broken.bpmn:1:8: not well-formed: "));
    assert!(lines[1].starts_with("other.bpmn:2:1: not well-formed: "));
    assert!(lines[2].ends_with("nothing was deployed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_the_engine_leaves_out_is_a_failure() {
    let engine = empty_tenant();
    let left_out = MODEL.replace("isExecutable=\"true\"", "isExecutable=\"false\"");
    let folder = Folder::with("left-out.bpmn", &left_out);

    let said = on_engine(&engine, &["deploy", "--dir", folder.0.to_str().unwrap()]);

    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .contains("left-out.bpmn: wallet-creation-process was not deployed"),
        "{}",
        said.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn following_ends_with_an_incident() {
    let world = World::new().await;
    let _worker = world.worker().start().await;

    let said = on_engine(
        &world.engine,
        &[
            "start",
            "wallet-creation-process",
            "--follow",
            "--variables",
            "{\"merchant_id\": 5}",
        ],
    );

    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .contains("validate_wallet_request waits for an operator: "),
        "{}",
        said.stderr
    );
}

/// `check` with a worker's settings.
fn check(world: &World, others: &[(&str, &str)]) -> Said {
    let mut command = phantom_worker(&["check"]);
    command
        .envs(world.worker().environment())
        .envs(others.iter().copied());
    said(&mut command)
}

/// The verdict on one thing.
fn verdict(said: &Said, what: &str) -> char {
    let line = said
        .stdout
        .lines()
        .find(|line| line.contains(&format!(" {what} ")));
    let line = line.unwrap_or_else(|| panic!("{what}: {}", said.stdout));
    line.chars().next().unwrap()
}

const LOOKED_AT: [&str; 9] = [
    "settings",
    "database",
    "migrations",
    "durability",
    "engine",
    "permissions",
    "mail server",
    "built-in models",
    "deployed models",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_good_parts_is_good() {
    let world = World::new().await;

    let said = check(&world, &[("TRUSTED_PROXIES", "192.0.2.0/24")]);

    assert_eq!(said.code, 0, "{}", said.stdout);
    assert!(
        LOOKED_AT.iter().all(|what| verdict(&said, what) == '✓'),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("Camunda 7.24"), "{}", said.stdout);
    assert!(said.stdout.ends_with("all is good\n"));
    assert!(!said.stdout.contains('\u{1b}'), "colours are for terminals");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_nobody_named_is_worth_a_look_and_a_line_of_the_start() {
    let world = World::new().await;

    let said = check(&world, &[]);
    let worker = world.worker().start().await;

    assert_eq!(said.code, 0, "{}", said.stdout);
    assert_eq!(verdict(&said, "public port"), '!');
    let last = "nothing is wrong; 1 thing is worth a look\n";
    assert!(said.stdout.ends_with(last), "{}", said.stdout);
    assert_eq!(worker.lines_about("TRUSTED_PROXIES is not set"), 1);
    assert!(said.stdout.contains("TRUSTED_PROXIES is not set"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_the_rest_when_a_part_is_away() {
    let world = World::new().await;

    let said = check(
        &world,
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
            ("SMTP_URL", "smtp://127.0.0.1:1"),
        ],
    );

    assert_eq!(said.code, 1, "{}", said.stdout);
    let verdicts: String = LOOKED_AT.iter().map(|what| verdict(&said, what)).collect();
    assert_eq!(verdicts, "✓✗--✓✓✗✓✓", "{}", said.stdout);
    for server in [
        "the database at 127.0.0.1:1: ",
        "the mail server at 127.0.0.1:1: ",
    ] {
        assert!(said.stdout.contains(server), "{}", said.stdout);
    }
    assert!(said.stdout.ends_with("2 things are wrong\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_setting_and_each_missing_model_counts_for_itself() {
    let world = World::new().await;

    let said = check(
        &world,
        &[
            ("LOG_LEVEL", "wran"),
            ("HTTP_BIND", "localhost"),
            ("CAMUNDA_TENANT_IDS", "nobody-deployed-here"),
        ],
    );

    assert!(
        said.stdout
            .contains("5 models compared with the handlers, all fit\n")
    );
    assert!(
        said.stdout.ends_with("\n7 things are wrong\n"),
        "{}",
        said.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_models_that_do_not_fit_and_wrong_settings() {
    let world = World::new().await;
    let unfit = MODEL.replace("errorCode=\"WALLET_EXISTS\"", "errorCode=\"WALLET_THERE\"");
    world
        .engine
        .deploy("wallet-creation-process.bpmn", &unfit)
        .await;

    let said = check(&world, &[("LOG_LEVEL", "wran")]);

    assert_eq!(said.code, 78, "{}", said.stdout);
    let verdicts: String = LOOKED_AT.iter().map(|what| verdict(&said, what)).collect();
    assert_eq!(verdicts, "✗✓✓✓✓✓✓✓✗", "{}", said.stdout);
    assert!(said.stdout.contains("LOG_LEVEL is no log level"));
    assert!(
        said.stdout
            .contains("may throw WALLET_EXISTS and nothing catches it")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_what_is_not_there_yet() {
    let world = World::new().await;
    world.database.run("DROP SCHEMA public CASCADE").await;
    world.database.run("CREATE SCHEMA public").await;

    let said = check(&world, &[("CAMUNDA_TENANT_IDS", "nobody-deployed-here")]);

    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(
        said.stdout
            .contains("`phantom-worker migrate` applies what is missing"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout
            .contains("is not deployed, or not ours to read; `phantom-worker deploy` brings it")
    );
}
