//! Logs: one line per event, as JSON for machines or as text for people.
//!
//! Every line carries the fields of all spans around it, so that a line written deep inside a
//! task's life names its topic, task, process instance, business key, activity and attempt.
//! Both formats go to stderr, because stdout belongs to what a command prints as its result, and
//! a container's log holds both streams anyway. Colours appear only on a terminal.
//!
//! A panic is logged with its place and thread. Its message is kept out unless it is a literal of
//! the source: a formatted one may quote the data that it failed on.

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
    /// One JSON object, the event's fields at its top, the spans around it in `span` and `spans`.
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
}

/// Logs from now on, panics included. A process does this once, before its first thread.
///
/// # Errors
/// When the level cannot be read, or when logging was set up before.
pub fn init(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let colours = io::stderr().is_terminal();
    let subscriber = subscriber(settings, colours, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
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
) -> Result<impl Subscriber + Send + Sync, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter(&settings.level)?;
    Ok(tracing_subscriber::registry()
        .with(filter)
        .with(lines(settings.format, colours, writer)))
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
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(true)
            .boxed(),
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
    let level = match level.split(',').any(|part| part.starts_with(SECURITY)) {
        true => level.to_owned(),
        // A quiet worker still tells the security team what happened, unless it is told not to.
        false => format!("{level},{SECURITY}=info"),
    };
    EnvFilter::builder()
        .parse(&level)
        .map_err(|source| refused(Some(source)))
}

/// The target of security events, for a log collector.
const SECURITY: &str = "security";

/// The wall clock in UTC, to the millisecond.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        let now = DateTime::<Utc>::from(SystemTime::now());
        line.write_str(&now.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::panic::catch_unwind;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{info, info_span};

    use super::*;

    #[test]
    fn a_json_line_carries_the_fields_of_every_span_around_it() {
        let lines = logged(LogFormat::Json, "info", || {
            let task = info_span!(
                "task",
                task.topic = "create-wallet",
                task.id = "t-1",
                task.process_instance = "p-1",
                task.business_key = "b-1",
                task.activity = "CreateWallet",
                task.attempt = 2,
            );
            let _task = task.entered();
            let _report = info_span!("report", operation = "complete").entered();
            info!(duration_ms = 12, "completed task t-1");
        });

        let line: Value = serde_json::from_str(&lines).unwrap();
        let task = &line["spans"][0];
        for (field, value) in [
            ("name", "task"),
            ("task.topic", "create-wallet"),
            ("task.id", "t-1"),
            ("task.process_instance", "p-1"),
            ("task.business_key", "b-1"),
            ("task.activity", "CreateWallet"),
        ] {
            assert_eq!(task[field], value, "{field}");
        }
        assert_eq!(task["task.attempt"], 2);
        assert_eq!(line["span"]["name"], "report");
        assert_eq!(line["message"], "completed task t-1");
        assert_eq!(line["duration_ms"], 12);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], "phantom_worker::telemetry::tests");
    }

    #[test]
    fn a_field_recorded_later_is_on_the_lines_after_it() {
        let lines = logged(LogFormat::Json, "info", || {
            let span = info_span!("task", outcome = tracing::field::Empty).entered();
            span.record("outcome", "completed");
            info!("reported");
        });

        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["span"]["outcome"], "completed");
    }

    #[test]
    fn the_time_stamp_is_utc_to_the_millisecond() {
        let lines = logged(LogFormat::Json, "info", || info!("now"));

        let line: Value = serde_json::from_str(&lines).unwrap();
        let stamp = line["timestamp"].as_str().unwrap();
        let time = DateTime::parse_from_rfc3339(stamp).unwrap();
        assert_eq!(
            time.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true),
            stamp
        );
        let age = DateTime::<Utc>::from(SystemTime::now()) - time.to_utc();
        assert!(age.num_seconds().abs() < 60, "{stamp} is not now");
    }

    #[test]
    fn a_pretty_line_carries_the_spans_too_and_no_colours_off_a_terminal() {
        let lines = logged(LogFormat::Pretty, "info", || {
            let _task = info_span!("task", task.topic = "create-wallet", task.id = "t-1").entered();
            info!("completed");
        });

        let rest = lines.split_once("Z ").unwrap().1.trim_start();
        assert_eq!(
            rest,
            "INFO task{task.topic=\"create-wallet\" task.id=\"t-1\"}: \
             phantom_worker::telemetry::tests: completed\n"
        );
    }

    #[test]
    fn the_level_chooses_what_is_logged_by_module() {
        let log = || {
            info!(target: "chatty", "hidden");
            tracing::debug!(target: "watched::part", "shown");
        };

        let lines = logged(LogFormat::Pretty, "warn,watched=debug", log);

        assert!(
            lines.contains("shown") && !lines.contains("hidden"),
            "{lines}"
        );
    }

    #[test]
    fn security_events_are_logged_unless_told_otherwise_by_name() {
        let log = || info!(target: SECURITY, "security event account_locked");

        assert!(logged(LogFormat::Json, "error", log).contains("account_locked"));
        assert_eq!(logged(LogFormat::Json, "info,security=off", log), "");
    }

    #[test]
    fn a_level_that_cannot_be_read_is_refused() {
        for level in [
            "wran",
            "",
            "info,",
            "info, hyper=trace",
            "info,hyper",
            "info,hyper=lots",
            "[task{=debug",
        ] {
            let error = filter(level).err().map(|error| error.to_string());

            let expected = format!(
                "`{level}` is no log level; write for example `info` or `info,phantom_worker::camunda=debug`"
            );
            assert_eq!(error, Some(expected));
        }
        for level in [
            "info",
            "WARN",
            "off",
            "info,hyper=trace",
            "info,[task{task.id}]=debug",
        ] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn a_panic_is_logged_without_what_was_formatted_into_it() {
        let name = String::from("Thabo Mokoena");

        let lines = panics_logged(|| panic!("customer {name} is broken"));

        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(
            line["panic.location"]
                .as_str()
                .unwrap()
                .starts_with("src/telemetry.rs:")
        );
        assert!(
            line["panic.thread"]
                .as_str()
                .unwrap()
                .contains("a_panic_is_logged")
        );
        assert!(
            !lines.contains("customer") && !lines.contains("Thabo"),
            "{lines}"
        );
    }

    #[test]
    fn a_panic_with_a_literal_is_logged_with_it() {
        let lines = panics_logged(|| panic!("the semaphore is closed"));

        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["panic.message"], "the semaphore is closed");
    }

    fn logged(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let page = Page::default();
        let settings = TelemetrySettings {
            format,
            level: level.to_owned(),
        };
        let writer = page.clone();
        let subscriber = subscriber(&settings, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// The hook belongs to the whole process, so the panics of other tests go on to the one before.
    fn panics_logged(panics: impl Fn() + Send + Sync + std::panic::RefUnwindSafe) -> String {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap();
        let before = Arc::new(panic::take_hook());
        let (me, others) = (thread::current().id(), Arc::clone(&before));
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == me {
                log_panic(info)
            } else {
                others(info)
            }
        }));
        let lines = logged(LogFormat::Json, "error", || {
            catch_unwind(&panics).unwrap_err();
        });
        panic::set_hook(Box::new(move |info| before(info)));
        lines
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
