//! What stands on the page after each event.

use super::*;

const TOPIC: &str = "create-wallet";

fn metrics() -> Metrics {
    Metrics::new(
        &[TOPIC],
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

#[test]
fn a_task_is_counted_and_its_handler_timed() {
    let metrics = metrics();

    metrics.tasks_fetched(TOPIC, 3);
    metrics.task_started(TOPIC, Duration::from_millis(2));
    metrics.task_finished(TOPIC, Outcome::BpmnError, Some(Duration::from_millis(250)));
    metrics.task_finished(TOPIC, Outcome::Unlocked, None);

    assert_line(
        &metrics,
        "phantom_worker_tasks_fetched_total{topic=\"create-wallet\"} 3",
    );
    assert_line(
        &metrics,
        "phantom_worker_task_queue_wait_seconds_bucket{topic=\"create-wallet\",le=\"0.005\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_tasks_finished_total{outcome=\"bpmn_error\",topic=\"create-wallet\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_tasks_finished_total{outcome=\"unlocked\",topic=\"create-wallet\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_task_duration_seconds_count{topic=\"create-wallet\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_task_duration_seconds_sum{topic=\"create-wallet\"} 0.25",
    );
}

#[test]
fn what_goes_wrong_is_counted_by_kind() {
    let metrics = metrics();

    metrics.task_panicked(TOPIC);
    metrics.duplicate_task(TOPIC);
    metrics.fetch_finished(FetchOutcome::Error, Duration::from_secs(2));
    metrics.actor_restarted(ActorKind::Poller, RestartReason::Unresponsive);
    metrics.message_dropped(ActorKind::Audit);
    metrics.mail_finished("wallet_created", MailOutcome::Permanent);
    metrics.engine_message_finished("email_verified", MessageOutcome::NotWaiting);

    assert_line(
        &metrics,
        "phantom_worker_task_panics_total{topic=\"create-wallet\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_duplicate_tasks_total{topic=\"create-wallet\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_fetches_total{outcome=\"error\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_fetch_duration_seconds_sum{outcome=\"error\"} 2",
    );
    assert_line(
        &metrics,
        "phantom_worker_actor_restarts_total{actor=\"poller\",reason=\"unresponsive\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_messages_dropped_total{actor=\"audit\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_mails_total{outcome=\"permanent\",template=\"wallet_created\"} 1",
    );
    assert_line(
        &metrics,
        "phantom_worker_engine_messages_total{outcome=\"not_waiting\",template=\"email_verified\"} 1",
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
fn a_drained_outbox_falls_back_to_zero() {
    let metrics = metrics();
    let depth = OutboxDepth {
        pending: 4,
        retrying: 2,
        dead: 1,
        oldest_pending: Some(1.5e9),
    };

    metrics.set_outbox(Channel::Mail, depth);
    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"retrying\"} 2",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_oldest_pending_timestamp_seconds{channel=\"mail\"} 1500000000",
    );
    metrics.set_outbox(Channel::Mail, OutboxDepth::default());

    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"pending\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"retrying\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_oldest_pending_timestamp_seconds{channel=\"mail\"} 0",
    );
}

#[test]
fn a_topic_shows_its_slots_and_whether_it_is_off() {
    let metrics = metrics();

    metrics.set_task_slots(TOPIC, 8);
    metrics.set_topic_off(TOPIC, true);

    assert_line(
        &metrics,
        "phantom_worker_task_slots{topic=\"create-wallet\"} 8",
    );
    assert_line(
        &metrics,
        "phantom_worker_topic_off{topic=\"create-wallet\"} 1",
    );
    metrics.set_topic_off(TOPIC, false);
    assert_line(
        &metrics,
        "phantom_worker_topic_off{topic=\"create-wallet\"} 0",
    );
}

#[test]
fn twelve_topics_stay_below_the_budget_of_a_thousand_series() {
    let topics = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let metrics = Metrics::new(
        &topics,
        Templates {
            mails: &["m"; 7],
            engine_messages: &["e"; 2],
        },
        Build {
            version: "0",
            revision: "0",
        },
    );

    let series = metrics
        .render()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();

    assert!(series < 1_000, "{series} series");
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
