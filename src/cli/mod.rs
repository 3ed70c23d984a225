//! The command line: one command, one file.
//!
//! A command reads the settings it needs, does its work, and says what came of it: results on
//! standard output, everything else on standard error, and an exit code that scripts can rely on.

mod audit;
mod check;
mod demo;
mod deploy;
mod import;
mod metrics;
mod migrate;
mod outbox;
mod outcome;
mod plural;
mod purge;
mod run;
mod schema;
mod start;
mod table;
mod terminal;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use self::outcome::{Outcome, SOFTWARE, USAGE};
use crate::telemetry::{self, LogFormat, TelemetrySettings};

/// Supervised workers for Camunda 7 external tasks.
///
/// Takes external tasks from a Camunda 7 engine, does the work in PostgreSQL, answers the engine
/// and sends mail. Every setting is an environment variable and a flag; each command's --help
/// lists those that it reads.
#[derive(Parser)]
#[command(
    name = "phantom-worker",
    version = VERSION.as_str(),
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// With the commit, where the build was told of it.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("PHANTOM_WORKER_REVISION") {
        Some(revision) => format!("{version} ({revision})"),
        None => version.to_owned(),
    }
});

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 64 wrong usage, 70 gave up (start it again), 78 wrong settings";

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Migrate(migrate::Migrate),
    Deploy(deploy::Deploy),
    Start(start::Start),
    Check(check::Check),
    Import(import::Import),
    Metrics(metrics::Metrics),
    Audit(audit::Audit),
    Purge(purge::Purge),
    Outbox(outbox::Outbox),
    Demo(demo::Demo),
}

/// Runs the command that the command line asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return explain(&told),
    };
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing in this process has chosen a provider yet");
    catch_unwind(AssertUnwindSafe(|| cli.command.execute()))
        // The panic hook has told what happened.
        .unwrap_or(ExitCode::from(SOFTWARE))
}

/// A help text, the version, or what is wrong with the command line.
fn explain(told: &clap::Error) -> ExitCode {
    // Whoever does not read it does not miss it.
    let _ = told.print();
    match told.use_stderr() {
        true => ExitCode::from(USAGE),
        false => ExitCode::SUCCESS,
    }
}

impl Command {
    fn execute(&self) -> ExitCode {
        match self {
            Self::Run(run) => run.execute(),
            Self::Migrate(migrate) => once(migrate.execute()),
            Self::Deploy(deploy) => once(deploy.execute()),
            Self::Start(start) => once(start.execute()),
            Self::Check(check) => once(check.execute()),
            Self::Import(import) => once(import.execute()),
            Self::Metrics(metrics) => once(metrics.execute()),
            Self::Audit(audit) => once(audit.execute()),
            Self::Purge(purge) => once(purge.execute()),
            Self::Outbox(outbox) => once(outbox.execute()),
            Self::Demo(demo) => once(demo.execute()),
        }
    }
}

/// Runs a command that does one thing and ends.
fn once(command: impl Future<Output = Outcome>) -> ExitCode {
    let warnings = TelemetrySettings {
        format: LogFormat::Pretty,
        level: "warn".to_owned(),
    };
    telemetry::init(&warnings).expect("this process begins to log only here");
    let runtime = Runtime::new().expect("the system gives threads to a process that just began");
    match runtime.block_on(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
