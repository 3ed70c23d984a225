//! The binary as somebody at a terminal runs it: a command, its settings, what it says.

use std::time::Duration;

use assert_cmd::Command;

use super::database::TestDatabase;
use super::engine::Engine;

/// What a command came to.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with these arguments, no environment, and an end after two minutes.
pub(crate) fn phantom_worker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phantom-worker"));
    command
        .env_clear()
        .args(arguments)
        .timeout(Duration::from_secs(120));
    command
}

/// Runs it and keeps what it said.
pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().expect("it ended by itself, in time"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Where a test's database is.
pub(crate) fn database_url(database: &TestDatabase) -> String {
    let server = std::env::var("TEST_DATABASE_URL").expect("the database was made there");
    let mut url = url::Url::parse(&server).expect("the database was made there");
    url.set_path(&database.name);
    url.into()
}

/// Runs a command on the engine of a test, in its tenant.
pub(crate) fn on_engine(engine: &Engine, arguments: &[&str]) -> Said {
    let mut command = phantom_worker(arguments);
    command
        .env("CAMUNDA_REST_URL", engine.url.as_str())
        .env("CAMUNDA_TENANT_IDS", &engine.tenant);
    said(&mut command)
}
