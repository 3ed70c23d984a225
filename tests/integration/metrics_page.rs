//! The page of a busy worker, held against the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use phantom_worker::metrics::{Kind, Series, Values, catalogue};
use phantom_worker::topics;

use crate::support::crowd::Crowd;
use crate::support::{World, until};

const MOST_SERIES: usize = 1_500;

/// One line of the page.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_worker_shows_the_catalogue_and_nothing_else() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let crowd = Crowd::start(&world, 20).await;
    crowd.ended(&world, Duration::from_secs(60)).await;
    until("the figures of the engine are read", async || {
        let read = r#"phantom_worker_collector_last_success_timestamp_seconds{collector="engine"}"#;
        (worker.series(read).await > 0.0).then_some(())
    })
    .await;

    let sent = r#"phantom_worker_engine_requests_total{code="204",operation="complete"}"#;
    until("each completion is counted on both sides", async || {
        let finished = worker
            .sum(
                "phantom_worker_tasks_finished_total",
                "outcome=\"completed\"",
            )
            .await;
        (finished > 0.0 && worker.series(sent).await == finished).then_some(())
    })
    .await;

    let (status, page) = worker.get("/metrics").await.unwrap();

    assert_eq!(status, 200);
    assert_eq!(families(&page), declared());
    let samples: Vec<_> = page.lines().filter_map(sample).collect();
    assert!(samples.len() <= MOST_SERIES, "{} series", samples.len());
    for sample in &samples {
        let series = series_of(sample);
        assert_labels(series, sample);
        assert!(
            sample.value >= 0.0 || series.kind == Kind::Gauge,
            "{} is below zero",
            sample.name
        );
    }
    for worked in [
        "phantom_worker_tasks_fetched_total",
        "phantom_worker_tasks_finished_total",
        "phantom_worker_task_attempts_total",
        "phantom_worker_task_duration_seconds_count",
        "phantom_worker_task_queue_wait_seconds_count",
        "phantom_worker_task_schedule_to_start_seconds_count",
        "phantom_worker_lock_remaining_ratio_count",
        "phantom_worker_task_last_finished_timestamp_seconds",
        "phantom_worker_last_successful_fetch_timestamp_seconds",
        "phantom_worker_engine_requests_total",
        "phantom_worker_engine_request_duration_seconds_count",
        "phantom_worker_audit_events_total",
        "phantom_worker_event_loop_lag_seconds_count",
        "phantom_worker_db_pool_connections",
        "phantom_worker_db_pool_wait_seconds_count",
        "phantom_worker_db_query_duration_seconds_count",
        "phantom_worker_log_events_total",
        "phantom_worker_build_info",
        "phantom_worker_engine_info",
        "phantom_worker_task_slots",
        "phantom_worker_topic_lock_duration_seconds",
    ] {
        assert!(sum(&samples, worked, &[]) > 0.0, "{worked} stayed 0");
    }
    assert_eq!(sum(&samples, "phantom_worker_state", &[]) as i64, 1);
    let running = [("state", "running")];
    assert_eq!(sum(&samples, "phantom_worker_state", &running) as i64, 1);
    let down: Vec<_> = samples
        .iter()
        .filter(|sample| sample.name == "phantom_worker_actor_up" && sample.value < 1.0)
        .map(|sample| &sample.labels)
        .collect();
    assert!(down.is_empty(), "not up: {down:?}");
}

/// What the page says of each family: type and HELP.
fn families(page: &str) -> BTreeMap<&str, (&str, String)> {
    let mut found = BTreeMap::<_, (&str, String)>::new();
    for line in page.lines() {
        if let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|line| line.split_once(' '))
        {
            found.entry(name).or_default().1 = help.to_owned();
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '))
        {
            found.entry(name).or_default().0 = kind;
        }
    }
    found
}

fn declared() -> BTreeMap<&'static str, (&'static str, String)> {
    catalogue()
        .map(|series| (series.name, (series.kind.as_str(), series.help())))
        .collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels
        .trim_end_matches('}')
        .split("\",")
        .filter_map(|label| label.split_once("=\""))
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
    Some(Sample {
        name: name.to_owned(),
        labels: labels.collect(),
        value: value.parse().unwrap(),
    })
}

fn series_of(sample: &Sample) -> &'static Series {
    let mut declared = catalogue();
    let is_of = |series: &&Series| match series.kind {
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|part| sample.name.strip_suffix(part) == Some(series.name)),
        Kind::Counter | Kind::Gauge => sample.name == series.name,
    };
    declared
        .find(is_of)
        .unwrap_or_else(|| panic!("{} is in no catalogue", sample.name))
}

/// The labels are those declared, each with a value of its closed set.
fn assert_labels(series: &Series, sample: &Sample) {
    let mut names: BTreeSet<_> = sample.labels.keys().map(String::as_str).collect();
    names.remove("le");
    let declared: BTreeSet<_> = series.labels.iter().map(|label| label.name).collect();
    assert_eq!(names, declared, "{}", sample.name);
    for label in series.labels {
        let value = sample.labels[label.name].as_str();
        let is_known = match label.values {
            Values::Closed(values) => values.contains(&value),
            Values::Topics => topics::names().contains(&value),
            Values::BpmnErrors => topics::catalogue()
                .iter()
                .any(|topic| topic.errors.contains(&value)),
            Values::Mails | Values::EngineMessages => value
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_'),
            Values::Fixed(_) => !value.is_empty(),
        };
        assert!(is_known, "{}: {} is {value}", sample.name, label.name);
    }
}

fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |sample: &&Sample| {
        sample.name == name
            && labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|is| is == value))
    };
    samples.iter().filter(has).map(|sample| sample.value).sum()
}
