//! The status page, the way to Cockpit and the log level, at the ops port.

use std::time::{Duration, SystemTime};

use super::stand::{
    Answer, LOOPBACK, TOPIC, Worker, ask, ask_with, get, healthy, parts, read_answer, send,
    settings,
};
use super::*;
use crate::metrics::Channel;
use crate::readiness::TaskFailure;

const ID: &str = "8e67aa52-e734-11f1-a58b-02fc00000001";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn page(worker: &Worker, path: &str) -> Answer {
    let lines = "Host: worker\r\nAccept: text/html,application/xhtml+xml\r\n";
    ask_with(worker.ops, "GET", path, lines)
}

fn failure() -> TaskFailure {
    TaskFailure {
        at: SystemTime::UNIX_EPOCH,
        topic: TOPIC,
        task_id: "17".to_owned(),
        process_instance_id: ID.to_owned(),
        retries: 2,
        error: "not <this> time".to_owned(),
    }
}

#[test]
fn the_status_tells_of_topics_actors_outbox_and_failures() {
    let worker = Worker::healthy();
    let now = Instant::now();
    worker.metrics.set_topic(TOPIC, 8, Duration::from_secs(10));
    let _busy = worker.metrics.task_in_flight(TOPIC);
    let poller = ("topic_poller", Some(TOPIC));
    worker.readiness.actor_started(poller, now);
    worker.readiness.actor_ended(poller, "panicked");
    worker.readiness.task_failed(failure());

    let status = get(worker.ops, "/status").json();

    assert_eq!(status["status"], "ok");
    assert_eq!(status["replica"], stand::REPLICA);
    assert_eq!(status["log_level"], "info");
    let topic = &status["topics"][0];
    assert_eq!(topic["topic"], TOPIC);
    assert_eq!(
        (&topic["slots"], &topic["in_flight"]),
        (&8.into(), &1.into())
    );
    assert_eq!(topic["last_failure"]["error"], "not <this> time");
    let actor = &status["actors"][0];
    assert_eq!(actor["actor"], "topic_poller");
    assert_eq!(
        (&actor["up"], &actor["restarts"]),
        (&false.into(), &1.into())
    );
    assert_eq!(actor["last_restart_because"], "panicked");
    let lanes = status["outbox"].as_array().unwrap();
    assert_eq!(lanes.len(), Channel::ALL.len());
    let failed = &status["failures"][0];
    assert_eq!(failed["at"], "1970-01-01T00:00:00Z");
    let cockpit = "http://localhost:8080/camunda/app/cockpit/default/";
    assert_eq!(
        failed["cockpit_url"],
        format!("{cockpit}#/process-instance/{ID}/runtime")
    );
}

#[test]
fn a_browser_gets_a_page_that_refreshes_itself_until_it_is_told_not_to() {
    let worker = Worker::healthy();
    worker.readiness.task_failed(failure());

    let live = page(&worker, "/status");
    let still = page(&worker, "/status?refresh=off");

    assert_eq!(live.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(live.header("refresh"), "5");
    assert_eq!(live.header("vary"), "accept");
    assert!(live.header("content-security-policy").contains("style-src"));
    assert!(live.body.contains("At work"));
    assert!(
        live.body.contains("not &#60;this&#62; time"),
        "{}",
        live.body
    );
    assert!(
        live.body
            .contains(&format!("#/process-instance/{ID}/runtime"))
    );
    assert_eq!(still.header("refresh"), "");
}

#[test]
fn a_worker_that_is_not_ready_still_shows_its_status() {
    let worker = Worker::start(Limits::default(), Readiness::new(&[TOPIC], Instant::now()));

    let answer = page(&worker, "/status");

    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("Not at work"), "{}", answer.body);
}

#[test]
fn an_instance_leads_to_its_page_in_cockpit() {
    let worker = Worker::healthy();

    let answer = get(worker.ops, &format!("/go/instance/{ID}"));

    assert_eq!(answer.status, 302);
    let cockpit = "http://localhost:8080/camunda/app/cockpit/default/";
    assert_eq!(
        answer.header("location"),
        format!("{cockpit}#/process-instance/{ID}/runtime")
    );
}

#[test]
fn what_is_no_id_leads_nowhere() {
    let worker = Worker::healthy();

    for id in [
        "%0d%0aSet-Cookie:x",
        "%3Cscript%3E",
        "a%2Fb",
        &"1".repeat(256),
    ] {
        for kind in ["instance", "definition"] {
            let answer = get(worker.ops, &format!("/go/{kind}/{id}"));
            assert_eq!(answer.status, 400, "{kind}/{id}: {}", answer.body);
        }
    }
}

#[test]
fn an_engine_that_is_away_is_named_and_so_is_a_missing_setting() {
    let worker = Worker::healthy();
    let mut lost = parts(healthy());
    lost.ops.cockpit = crate::camunda::cockpit::Cockpit::default();
    let lost = Worker::with(Limits::default(), settings(LOOPBACK, LOOPBACK), lost);

    let away = get(worker.ops, "/go/definition/kyc-validation-process");
    let nowhere = get(lost.ops, &format!("/go/instance/{ID}"));

    assert_eq!(away.status, 502, "{}", away.body);
    assert_eq!(nowhere.status, 404);
    assert!(nowhere.body.contains("COCKPIT_URL"), "{}", nowhere.body);
}

fn put_level(worker: &Worker, token: &str, level: &str) -> Answer {
    read_answer(send(
        worker.ops,
        &format!(
            "PUT /log-level HTTP/1.1\r\nHost: worker\r\nAuthorization: {token}\r\n\
             Content-Length: {}\r\n\r\n{level}",
            level.len()
        ),
    ))
}

/// A worker with an administrator, and the levels it was told of.
fn administered() -> (Worker, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let mut parts = parts(healthy());
    parts.ops.admin_token = Some(TOKEN.into());
    parts.ops.on_log_level = Arc::new(move |level| tell.send(level.to_owned()).unwrap());
    let worker = Worker::with(Limits::default(), settings(LOOPBACK, LOOPBACK), parts);
    (worker, told)
}

#[test]
fn who_knows_the_token_changes_the_level_of_this_replica() {
    let (worker, told) = administered();

    let changed = put_level(&worker, &format!("Bearer {TOKEN}"), "debug\n");

    assert_eq!(changed.status, 200, "{}", changed.body);
    let changed = changed.json();
    assert_eq!(changed["replica"], stand::REPLICA);
    assert_eq!(
        (&changed["before"], &changed["level"]),
        (&"info".into(), &"debug".into())
    );
    assert_eq!(get(worker.ops, "/log-level").json()["level"], "debug");
    assert_eq!(told.try_recv().unwrap(), "debug");
}

#[test]
fn nobody_else_changes_it_and_no_slip_does() {
    let (worker, told) = administered();
    let right = format!("Bearer {TOKEN}");

    for (token, level, status) in [
        ("Bearer wrong", "debug", 401),
        (TOKEN, "debug", 401),
        (right.as_str(), "wran", 400),
        (right.as_str(), "", 400),
    ] {
        let refused = put_level(&worker, token, level);
        assert_eq!(refused.status, status, "{token} {level}: {}", refused.body);
    }
    let closed = put_level(&Worker::healthy(), &right, "debug");

    assert_eq!(closed.status, 403);
    assert!(closed.body.contains("ADMIN_TOKEN"), "{}", closed.body);
    assert_eq!(get(worker.ops, "/log-level").json()["level"], "info");
    assert_eq!(ask(worker.ops, "POST", "/log-level").status, 405);
    assert!(told.try_recv().is_err());
}
