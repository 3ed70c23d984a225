//! What lines hold, in both formats.

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
    for (field, value) in [
        ("task.topic", "create-wallet"),
        ("task.id", "t-1"),
        ("task.process_instance", "p-1"),
        ("task.business_key", "b-1"),
        ("task.activity", "CreateWallet"),
        ("operation", "complete"),
    ] {
        assert_eq!(line[field], value, "{field}");
        assert_eq!(lines.matches(&format!("\"{field}\":")).count(), 1);
    }
    assert_eq!(line["task.attempt"], 2);
    assert_eq!(line["message"], "completed task t-1");
    assert_eq!(line["duration_ms"], 12);
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "phantom_worker::telemetry::tests");
    assert!(line.as_object().unwrap().values().all(|it| !it.is_object()));
}

#[test]
fn the_inner_of_two_fields_of_a_name_stands_and_none_takes_the_place_of_the_lines_own() {
    let lines = logged(LogFormat::Json, "info", || {
        let _outer = info_span!("outer", step = 1, tries = 1, level = "mine").entered();
        let _inner = info_span!("inner", step = 2).entered();
        let _bare = info_span!("bare").entered();
        info!(tries = 3, target = "mine", "a \"quoted\"\nline");
    });

    let fields: Vec<(String, Value)> = serde_json::from_str::<serde_json::Map<_, _>>(&lines)
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name != "timestamp")
        .collect();
    let expected = [
        ("level", Value::from("INFO")),
        ("message", Value::from("a \"quoted\"\nline")),
        ("step", Value::from(2)),
        ("target", Value::from("phantom_worker::telemetry::tests")),
        ("tries", Value::from(3)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(fields, expected);
    assert_eq!(lines.matches('\n').count(), 1);
    assert!(lines.starts_with("{\"timestamp\":"), "{lines}");
}

#[test]
fn a_field_recorded_later_is_on_the_lines_after_it() {
    let lines = logged(LogFormat::Json, "info", || {
        let span = info_span!("task", outcome = tracing::field::Empty).entered();
        span.record("outcome", "completed");
        info!("reported");
    });

    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["outcome"], "completed");
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
fn security_events_and_checkpoints_are_logged_unless_told_otherwise_by_name() {
    let log = || {
        info!(target: "security", "account locked");
        info!(target: "audit", "checkpoint");
    };
    let lines = |level| logged(LogFormat::Json, level, log).lines().count();

    let levels = [
        "error",
        "info,security_x=off,auditor=off",
        "info,security=off",
        "info,security=off,audit=off",
    ];
    assert_eq!(levels.map(lines), [2, 2, 1, 0]);
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
            .starts_with("src/telemetry/tests.rs:")
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
    let (subscriber, _) = subscriber(&settings, false, move || writer.clone()).unwrap();
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
