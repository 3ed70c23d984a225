//! How a process logs.

use std::io::IsTerminal;

use clap::Args;

use super::faults::{Faults, Raw};
use crate::telemetry::{LogFormat, TelemetrySettings};

/// How to log.
#[derive(Args)]
#[command(next_help_heading = "Logs")]
pub struct TelemetryArgs {
    /// The shape of a log line; without it, `pretty` on a terminal and `json` elsewhere.
    #[arg(long, env = "LOG_FORMAT", value_name = "json|pretty")]
    log_format: Option<Raw>,
    /// What is logged: a level, and levels for single modules after it, such as
    /// `info,phantom_worker::camunda=debug`.
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = LEVEL)]
    log_level: Option<Raw>,
}

// The HTTP servers tell of each thread they start and stop.
const LEVEL: &str = "info,actix_server=warn";

impl TelemetryArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<TelemetrySettings> {
        let format = faults.optional("LOG_FORMAT", &self.log_format, "json", format);
        let level = faults.defaulted("LOG_LEVEL", &self.log_level, LEVEL, level);
        Some(TelemetrySettings {
            format: format?.unwrap_or_else(fitting_format),
            level: level?,
        })
    }
}

/// The format for whoever reads standard error.
fn fitting_format() -> LogFormat {
    match std::io::stderr().is_terminal() {
        true => LogFormat::Pretty,
        false => LogFormat::Json,
    }
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text.trim() {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("is neither json nor pretty".to_owned()),
    }
}

fn level(text: &str) -> Result<String, String> {
    let level = text.trim();
    crate::telemetry::check_level(level)
        .map(|()| level.to_owned())
        .map_err(|_| "is no log level".to_owned())
}
