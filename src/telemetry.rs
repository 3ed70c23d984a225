//! Logs: one line per event, as JSON for machines or as text for people.
//!
//! Every line carries the fields of all spans around it, so that a line written deep inside a
//! task's life names its topic, task, process instance, business key, activity and attempt. In
//! JSON they stand beside the event's own, at the top.
//! Both formats go to stderr, because stdout belongs to what a command prints as its result, and
//! a container's log holds both streams anyway. Colours appear only on a terminal.
//!
//! A panic is logged with its place and thread. Its message is kept out unless it is a literal of
//! the source: a formatted one may quote the data that it failed on.

mod count;
mod level;
mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::thread;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use self::count::Counting;
use self::line::FlatJson;

pub use self::count::logged;
pub use self::level::LogLevel;

/// How this process logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TelemetrySettings {
    /// The shape of a line.
    pub format: LogFormat,
    /// What is logged: a level, and levels for single modules after it
    /// (`info,phantom_worker::camunda=debug`).
    pub level: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// One flat JSON object: the event's fields and those of the spans around it.
    Json,
    /// One line of text.
    Pretty,
}

/// Why logging could not begin.
#[derive(thiserror::Error, Debug)]
pub enum TelemetryError {
    /// The wanted level cannot be read.
    #[error(
        "`{level}` is no log level; write for example `info` or `info,phantom_worker::camunda=debug`"
    )]
    Level {
        /// What was given.
        level: String,
        /// What the filter's parser found, when it found it.
        source: Option<ParseError>,
    },
    /// Something in this process logs already.
    #[error("logging was set up already")]
    SetUpAlready(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Whatever logged before does not any more.
    #[error("nothing logs here any more")]
    Gone(#[source] reload::Error),
}

/// Logs from now on, panics included. A process does this once, before its first thread.
///
/// # Errors
/// When the level cannot be read, or when logging was set up before.
pub fn init(settings: &TelemetrySettings) -> Result<LogLevel, TelemetryError> {
    let colours = io::stderr().is_terminal();
    let (subscriber, level) = subscriber(settings, colours, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)?;
    panic::set_hook(Box::new(log_panic));
    Ok(level)
}

/// Whether this can be the level of the settings.
///
/// # Errors
/// When it cannot be read.
pub fn check_level(level: &str) -> Result<(), TelemetryError> {
    filter(level).map(drop)
}

fn subscriber<W>(
    settings: &TelemetrySettings,
    colours: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync, LogLevel), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(&settings.level)?);
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(Counting)
        .with(lines(settings.format, colours, writer));
    Ok((subscriber, LogLevel::new(handle, &settings.level)))
}

fn lines<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_timer(Clock)
        .with_writer(writer);
    match format {
        LogFormat::Json => layer.json().event_format(FlatJson).boxed(),
        // Left alone on a terminal, the layer still obeys NO_COLOR.
        LogFormat::Pretty if colours => layer.boxed(),
        LogFormat::Pretty => layer.with_ansi(false).boxed(),
    }
}

/// Reads the level, strictly: a lone word that is no level would be taken for the name of a
/// module, and a slip like `wran` would silence everything else.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let refused = |source| TelemetryError::Level {
        level: level.to_owned(),
        source,
    };
    let is_slip = |part: &str| {
        part.is_empty() || (!part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err())
    };
    if level.split(',').any(is_slip) {
        return Err(refused(None));
    }
    // A quiet worker still tells who watches what happened, unless it is told not to.
    let names = |target: &str| {
        let mut parts = level.split(',').map(|part| part.split('=').next());
        parts.any(|part| part.is_some_and(|part| part.trim() == target))
    };
    let unnamed = ALWAYS_ON.into_iter().filter(|target| !names(target));
    let level = unnamed.fold(level.to_owned(), |all, name| all + "," + name + "=info");
    EnvFilter::builder()
        .parse(&level)
        .map_err(|source| refused(Some(source)))
}

/// The targets of security events and of the audit log's checkpoints, for a log collector.
const ALWAYS_ON: [&str; 2] = ["security", "audit"];

/// The wall clock in UTC, to the millisecond.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        line.write_str(&now())
    }
}

fn now() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    // Only a literal arrives as `&'static str`; whatever was formatted arrives as a `String`.
    let message = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(
        panic.location = place,
        panic.thread = thread,
        panic.message = message,
        "thread {thread} panicked at {place}"
    );
}
