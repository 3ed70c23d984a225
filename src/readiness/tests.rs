//! Each probe at a chosen instant.

use super::*;

const TOPIC: &str = "create-wallet";

fn at_work(now: Instant) -> Readiness {
    Readiness::at_work(&[TOPIC], now)
}

#[track_caller]
fn assert_check(report: &Report, name: &str, status: Status, detail: &str) {
    let check = report
        .checks
        .iter()
        .find(|check| check.name == name)
        .unwrap();
    assert_eq!((check.status, check.detail.as_str()), (status, detail));
}

#[test]
fn a_beat_keeps_the_process_alive_for_fifteen_seconds() {
    let now = Instant::now();
    let readiness = Readiness::new(&[], now);

    assert_eq!(readiness.livez(now + BEAT_LIMIT).status, Status::Ok);
    let late = now + BEAT_LIMIT + Duration::from_millis(1);
    assert_eq!(readiness.livez(late).status, Status::Unavailable);
    assert_eq!(readiness.livez(late).checks[0].age_ms, Some(15_001));
    readiness.beat(late);
    assert_eq!(readiness.livez(late).status, Status::Ok);
}

#[test]
fn the_start_lasts_until_the_migrations_are_there() {
    let readiness = Readiness::new(&[], Instant::now());

    assert_eq!(readiness.startupz().status, Status::Unavailable);
    readiness.migrations_applied();
    assert_eq!(readiness.startupz().status, Status::Ok);
}

#[test]
fn only_a_running_process_is_ready() {
    let now = Instant::now();
    let readiness = at_work(now);

    for (phase, status) in [
        (Phase::Starting, Status::Unavailable),
        (Phase::Running, Status::Ok),
        (Phase::Draining, Status::Unavailable),
    ] {
        readiness.set_phase(phase, now);
        assert_eq!(readiness.readyz(now).status, status, "{phase:?}");
    }
}

#[test]
fn without_a_database_nothing_is_ready_and_the_check_says_since_when() {
    let now = Instant::now();
    let readiness = at_work(now);
    let later = now + Duration::from_secs(3);

    readiness.database_failed("pool_timeout", later);

    let report = readiness.readyz(later);
    assert_eq!(report.status, Status::Unavailable);
    assert_check(
        &report,
        "database",
        Status::Unavailable,
        "away: pool_timeout",
    );
    assert_eq!(report.checks[1].age_ms, Some(3_000));
    readiness.database_answered(later);
    assert_eq!(readiness.readyz(later).status, Status::Ok);
}

#[test]
fn a_database_that_was_never_asked_is_not_ready() {
    let now = Instant::now();
    let readiness = Readiness::new(&[], now);
    readiness.set_phase(Phase::Running, now);

    let report = readiness.readyz(now);

    assert_check(&report, "database", Status::Unavailable, "not asked yet");
}

#[test]
fn an_old_look_at_the_database_is_no_proof() {
    let now = Instant::now();
    let readiness = at_work(now);

    assert_eq!(readiness.readyz(now + LOOK_LIMIT).status, Status::Ok);
    let late = now + LOOK_LIMIT + Duration::from_millis(1);
    assert_eq!(readiness.readyz(late).status, Status::Degraded);
}

#[test]
fn an_engine_that_is_away_degrades_and_no_more() {
    let now = Instant::now();
    let readiness = at_work(now);

    readiness.engine_failed("unreachable", now);

    let report = readiness.readyz(now);
    assert_eq!(report.status, Status::Degraded);
    assert_check(&report, "engine", Status::Degraded, "away: unreachable");
}

#[test]
fn a_topic_that_is_off_paused_or_misfit_degrades_and_no_more() {
    let now = Instant::now();
    let readiness = at_work(now);
    let name = format!("topic {TOPIC}");

    readiness.set_topic(TOPIC, TopicState::Off { since: now });
    let report = readiness.readyz(now);
    assert_eq!(report.status, Status::Degraded);
    assert_check(
        &report,
        &name,
        Status::Degraded,
        "off: its actors were restarted too often",
    );

    readiness.set_topic(TOPIC, TopicState::Paused("database away"));
    assert_check(
        &readiness.readyz(now),
        &name,
        Status::Degraded,
        "paused: database away",
    );

    readiness.set_topic(TOPIC, TopicState::On);
    readiness.set_obstacle(TOPIC, Some("X is not caught".to_owned()));
    let report = readiness.readyz(now);
    assert_check(&report, &name, Status::Degraded, "X is not caught");

    readiness.set_obstacle(TOPIC, None);
    assert_eq!(readiness.readyz(now).status, Status::Ok);
}

#[test]
fn a_topic_that_comes_back_keeps_its_misfit() {
    let now = Instant::now();
    let readiness = at_work(now);
    readiness.set_obstacle(TOPIC, Some("X is not caught".to_owned()));

    readiness.set_topic(TOPIC, TopicState::Off { since: now });
    readiness.set_topic(TOPIC, TopicState::On);

    assert_eq!(readiness.readyz(now).status, Status::Degraded);
}

#[test]
fn a_panic_elsewhere_does_not_silence_the_probes() {
    let now = Instant::now();
    let readiness = at_work(now);

    let panicked = std::thread::scope(|scope| {
        let holder = || {
            let _held = readiness.0.lock();
            panic!("while holding the lock")
        };
        scope.spawn(holder).join().is_err()
    });

    assert!(panicked);
    assert_eq!(readiness.readyz(now).status, Status::Ok);
}

#[test]
fn a_report_is_json_with_a_line_for_each_check() {
    let now = Instant::now();
    let report = Readiness::new(&[], now).startupz();

    let json = serde_json::to_string(&report).unwrap();

    assert_eq!(
        json,
        r#"{"status":"unavailable","checks":[{"name":"migrations","status":"unavailable","detail":"waiting for `phantom-worker migrate`"}]}"#
    );
}
