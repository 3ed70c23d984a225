//! What stands on the page after each event.

use std::time::Duration;

use super::*;

mod rules;
mod shared;

const TOPIC: &str = "create-wallet";

fn metrics() -> Metrics {
    let topic = TopicLabels {
        name: TOPIC,
        errors: &["WALLET_EXISTS"],
    };
    Metrics::new(
        &[topic],
        Templates {
            mails: &["wallet_created"],
            engine_messages: &["email_verified"],
        },
        Build {
            version: "1.2.3",
            revision: "abc",
        },
    )
}

#[track_caller]
fn assert_line(metrics: &Metrics, line: &str) {
    let page = metrics.render();
    let name = line.split(['{', ' ']).next().unwrap();
    let found: Vec<_> = page
        .lines()
        .filter(|shown| shown.starts_with(name))
        .collect();
    assert!(
        found.contains(&line),
        "not `{line}` but:\n{}",
        found.join("\n")
    );
}

/// The value of the first series of this name.
#[track_caller]
fn value(metrics: &Metrics, name: &str) -> f64 {
    let page = metrics.render();
    let line = page.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn every_known_label_set_starts_at_zero() {
    let metrics = metrics();

    for outcome in Outcome::ALL {
        let outcome = outcome.as_str();
        assert_line(
            &metrics,
            &format!(
                "phantom_worker_tasks_finished_total{{outcome=\"{outcome}\",topic=\"{TOPIC}\"}} 0"
            ),
        );
    }
    assert_line(
        &metrics,
        "phantom_worker_fetches_total{outcome=\"rejected\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_task_duration_seconds_count{topic=\"create-wallet\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_actor_restarts_total{actor=\"handler\",reason=\"panicked\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_mails_total{outcome=\"sent\",template=\"wallet_created\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_engine_messages_total{outcome=\"correlated\",template=\"email_verified\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"engine_message\",state=\"dead\"} 0",
    );
    assert_line(&metrics, "phantom_worker_reports_in_flight 0");
    assert_line(
        &metrics,
        "phantom_worker_build_info{revision=\"abc\",version=\"1.2.3\"} 1",
    );
}

/// A task that completed at its first try.
fn completed() -> Finished {
    Finished {
        topic: TOPIC,
        outcome: Outcome::Completed,
        run: Some(Run {
            attempt: Attempt::First,
            scheduled: Some(Duration::from_secs(3)),
            waited: Duration::from_millis(2),
            ran: Some(Duration::from_millis(250)),
            bpmn_error: None,
            repeated: false,
            panicked: false,
        }),
        lock_left: Some(0.5),
        extensions: [
            (ExtensionOutcome::Ok, 2),
            (ExtensionOutcome::Lost, 0),
            (ExtensionOutcome::Error, 1),
        ],
    }
}

fn run_of(change: impl FnOnce(&mut Run)) -> Finished {
    let mut finished = completed();
    change(finished.run.as_mut().unwrap());
    finished
}

#[test]
fn a_task_is_counted_and_its_handler_timed() {
    let metrics = metrics();

    metrics.tasks_fetched(TOPIC, 3);
    metrics.task_finished(&completed());

    for line in [
        "phantom_worker_tasks_fetched_total{topic=\"create-wallet\"} 3",
        "phantom_worker_tasks_finished_total{outcome=\"completed\",topic=\"create-wallet\"} 1",
        "phantom_worker_task_attempts_total{attempt=\"first\",topic=\"create-wallet\"} 1",
        "phantom_worker_task_queue_wait_seconds_bucket{topic=\"create-wallet\",le=\"0.005\"} 1",
        "phantom_worker_task_duration_seconds_sum{topic=\"create-wallet\"} 0.25",
        "phantom_worker_task_schedule_to_start_seconds_sum{topic=\"create-wallet\"} 3.002",
        "phantom_worker_lock_remaining_ratio_sum{topic=\"create-wallet\"} 0.5",
        "phantom_worker_lock_extensions_total{outcome=\"ok\",topic=\"create-wallet\"} 2",
        "phantom_worker_lock_extensions_total{outcome=\"error\",topic=\"create-wallet\"} 1",
    ] {
        assert_line(&metrics, line);
    }
    assert!(
        value(
            &metrics,
            "phantom_worker_task_last_finished_timestamp_seconds"
        ) > 1.7e9
    );
}

#[test]
fn a_task_that_was_given_back_has_no_run() {
    let metrics = metrics();

    metrics.task_finished(&Finished {
        outcome: Outcome::Unlocked,
        run: None,
        lock_left: None,
        ..completed()
    });

    for line in [
        "phantom_worker_tasks_finished_total{outcome=\"unlocked\",topic=\"create-wallet\"} 1",
        "phantom_worker_task_duration_seconds_count{topic=\"create-wallet\"} 0",
        "phantom_worker_lock_remaining_ratio_count{topic=\"create-wallet\"} 0",
        "phantom_worker_task_attempts_total{attempt=\"first\",topic=\"create-wallet\"} 0",
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
fn only_a_first_attempt_tells_how_long_tasks_wait_at_the_engine() {
    let metrics = metrics();

    metrics.task_finished(&run_of(|run| run.attempt = Attempt::Retry));
    metrics.task_finished(&run_of(|run| run.scheduled = None));

    for line in [
        "phantom_worker_task_schedule_to_start_seconds_count{topic=\"create-wallet\"} 0",
        "phantom_worker_task_attempts_total{attempt=\"retry\",topic=\"create-wallet\"} 1",
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
fn what_goes_wrong_is_counted_by_kind() {
    let metrics = metrics();

    metrics.task_finished(&run_of(|run| {
        run.panicked = true;
        run.repeated = true;
        run.bpmn_error = Some("WALLET_EXISTS");
    }));
    metrics.fetch_finished(FetchOutcome::Error, Duration::from_secs(2));
    metrics.fetch_paused(PauseReason::Backoff);
    metrics.engine_called(
        EngineOperation::Complete,
        EngineCode::of_status(503),
        Duration::from_secs(1),
    );
    metrics.actor_restarted(ActorKind::Poller, RestartReason::Unresponsive);
    metrics.message_dropped(ActorKind::Audit);
    metrics.mail_finished("wallet_created", MailOutcome::Permanent, Duration::ZERO);
    metrics.engine_message_finished("email_verified", MessageOutcome::NotWaiting);
    metrics.message_tried(Channel::Mail, DeliveryOutcome::Dead);
    metrics.audit_rows(AuditOutcome::Failed, 2);
    metrics.collector_failed(Collector::Engine);
    metrics.database_failed(DatabaseError::Constraint);

    for line in [
        "phantom_worker_task_panics_total{topic=\"create-wallet\"} 1",
        "phantom_worker_duplicate_tasks_total{topic=\"create-wallet\"} 1",
        "phantom_worker_bpmn_errors_total{code=\"WALLET_EXISTS\",topic=\"create-wallet\"} 1",
        "phantom_worker_fetches_total{outcome=\"error\"} 1",
        "phantom_worker_fetch_duration_seconds_sum{outcome=\"error\"} 2",
        "phantom_worker_last_successful_fetch_timestamp_seconds 0",
        "phantom_worker_fetch_paused_total{reason=\"backoff\"} 1",
        "phantom_worker_engine_requests_total{code=\"503\",operation=\"complete\"} 1",
        "phantom_worker_engine_request_duration_seconds_sum{operation=\"complete\"} 1",
        "phantom_worker_actor_restarts_total{actor=\"poller\",reason=\"unresponsive\"} 1",
        "phantom_worker_messages_dropped_total{actor=\"audit\"} 1",
        "phantom_worker_mails_total{outcome=\"permanent\",template=\"wallet_created\"} 1",
        "phantom_worker_mail_send_duration_seconds_count 1",
        "phantom_worker_engine_messages_total{outcome=\"not_waiting\",template=\"email_verified\"} 1",
        "phantom_worker_outbox_deliveries_total{channel=\"mail\",outcome=\"dead\"} 1",
        "phantom_worker_audit_events_total{outcome=\"failed\"} 2",
        "phantom_worker_collector_errors_total{collector=\"engine\"} 1",
        "phantom_worker_db_errors_total{reason=\"constraint\"} 1",
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
fn an_answered_fetch_dates_the_last_success() {
    let metrics = metrics();

    metrics.fetch_finished(FetchOutcome::Empty, Duration::from_secs(5));

    assert!(
        value(
            &metrics,
            "phantom_worker_last_successful_fetch_timestamp_seconds"
        ) > 1.7e9
    );
}

#[test]
fn what_is_in_flight_counts_itself_out() {
    let metrics = metrics();

    let held = (metrics.task_in_flight(TOPIC), metrics.report_in_flight());
    assert_line(
        &metrics,
        "phantom_worker_tasks_in_flight{topic=\"create-wallet\"} 1",
    );
    assert_line(&metrics, "phantom_worker_reports_in_flight 1");
    drop(held);

    assert_line(
        &metrics,
        "phantom_worker_tasks_in_flight{topic=\"create-wallet\"} 0",
    );
    assert_line(&metrics, "phantom_worker_reports_in_flight 0");
}

#[test]
fn a_sealed_audit_log_falls_back_to_zero() {
    let metrics = metrics();
    assert_line(&metrics, "phantom_worker_audit_unsealed_rows 0");

    metrics.set_audit_lag(3, Some(1_800_000_000.5));
    assert_line(&metrics, "phantom_worker_audit_unsealed_rows 3");
    assert_line(
        &metrics,
        "phantom_worker_audit_oldest_unsealed_timestamp_seconds 1800000000.5",
    );

    metrics.set_audit_lag(0, None);
    assert_line(&metrics, "phantom_worker_audit_unsealed_rows 0");
    assert_line(
        &metrics,
        "phantom_worker_audit_oldest_unsealed_timestamp_seconds 0",
    );
}

#[test]
fn a_topic_shows_its_slots_and_whether_it_is_off() {
    let metrics = metrics();

    metrics.set_topic(TOPIC, 8, Duration::from_secs(10));
    metrics.set_topic_off(TOPIC, true);

    for line in [
        "phantom_worker_task_slots{topic=\"create-wallet\"} 8",
        "phantom_worker_topic_lock_duration_seconds{topic=\"create-wallet\"} 10",
        "phantom_worker_topic_off{topic=\"create-wallet\"} 1",
    ] {
        assert_line(&metrics, line);
    }
    metrics.set_topic_off(TOPIC, false);
    assert_line(
        &metrics,
        "phantom_worker_topic_off{topic=\"create-wallet\"} 0",
    );
}

#[test]
fn the_engine_is_told_by_one_series_alone() {
    let metrics = metrics();

    metrics.set_engine_version("7.23.0");
    metrics.set_engine_version("7.24.0");

    let page = metrics.render();
    let told: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("phantom_worker_engine_info"))
        .collect();
    assert_eq!(
        told,
        ["phantom_worker_engine_info{product=\"camunda\",version=\"7.24.0\"} 1"]
    );
}

#[test]
fn a_scrape_looks_at_what_is_cheap_to_look_at() {
    let metrics = metrics();
    metrics.watch(|metrics| {
        metrics.set_state(ProcessState::Running);
        metrics.set_log_events(LogLevel::Warn, 4);
        let look = PoolLook {
            max: 8,
            open: 5,
            idle: 2,
            waiting: 1,
        };
        metrics.set_pool(PoolName::Tasks, look);
    });

    // A second one must not count the same lines again.
    drop(metrics.render());

    for line in [
        "phantom_worker_state{state=\"running\"} 1",
        "phantom_worker_state{state=\"starting\"} 0",
        "phantom_worker_log_events_total{level=\"warn\"} 4",
        "phantom_worker_db_pool_connections{pool=\"tasks\",state=\"used\"} 3",
        "phantom_worker_db_pool_connections{pool=\"tasks\",state=\"idle\"} 2",
        "phantom_worker_db_pool_connections_max{pool=\"tasks\"} 8",
        "phantom_worker_db_pool_waiting{pool=\"tasks\"} 1",
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_tells_of_itself() {
    assert!(
        metrics()
            .render()
            .contains("\nprocess_resident_memory_bytes ")
    );
}
