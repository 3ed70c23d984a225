//! `phantom-worker run`: the worker itself.

use std::process::ExitCode;

use clap::Args;

use super::outcome::Failure;
use crate::config::{RunArgs, RunSettings};
use crate::telemetry::LogLevel;
use crate::{app, telemetry, topics};

/// Works on tasks until it is told to stop.
///
/// Starts a poller and its slots for each topic, sends mails, and serves probes and metrics.
/// SIGTERM or SIGINT begins a drain: nothing new is fetched, the work at hand is finished and
/// reported, what was not begun goes back to the engine. A second signal cuts that short. Grant a
/// stop CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT + DRAIN_DEADLINE + 10 s before killing.
///
/// Any number of workers may run side by side. Five settings are required, each is marked so;
/// all others have a default that works.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    settings: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  DATABASE_URL=postgres://worker@localhost/worker SMTP_URL=smtp://localhost:1025 \\
  MAIL_FROM='Phantom Wallets <wallets@bank.example>' PUBLIC_BASE_URL=http://localhost:8088 \\
  TOKEN_KEY=$(openssl rand -hex 32) phantom-worker run

Exit codes: 0 drained, 1 drained but left tasks in hand, 64 usage, 70 gave up (start it again),
78 settings, or a database or models that do not fit";

impl Run {
    pub(super) fn execute(&self) -> ExitCode {
        match self.read() {
            Ok((settings, log_level)) => app::run(settings, log_level),
            Err(failure) => failure.report(),
        }
    }

    /// Reads the settings and begins to log.
    fn read(&self) -> Result<(RunSettings, LogLevel), Failure> {
        let settings = self.settings.read(&topics::names())?;
        let log_level = telemetry::init(&settings.telemetry)?;
        Ok((settings, log_level))
    }
}
