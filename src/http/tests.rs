//! The servers on real sockets, spoken to byte by byte, so that a test can be as slow, as rude or
//! as silent as a stranger.

mod door;
mod front;
mod links;
mod ops;
mod rude;
mod stand;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::join;

use super::bind;
use super::limits::Limits;
use crate::readiness::{BEAT_LIMIT, Readiness};
use stand::{
    LOOPBACK, TOPIC, Worker, ask, block_on, bound, get, healthy, multi_thread, multi_thread_system,
    parts, settings,
};

const PROBES: [&str; 3] = ["/livez", "/readyz", "/startupz"];

#[test]
fn a_running_worker_passes_every_probe_and_names_each_check() {
    let worker = Worker::healthy();

    for probe in PROBES {
        let answer = get(worker.ops, probe);

        assert_eq!(answer.status, 200, "{probe}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["status"], "ok");
    }
    let checks = get(worker.ops, "/readyz").json()["checks"].clone();
    let names: Vec<_> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["name"])
        .collect();
    assert_eq!(
        names,
        [
            "phase",
            "database",
            "engine",
            "topic validate-wallet-request"
        ]
    );
}

#[test]
fn a_starting_worker_is_alive_but_neither_started_nor_ready() {
    let worker = Worker::start(Limits::default(), Readiness::new(&[TOPIC], Instant::now()));

    assert_eq!(get(worker.ops, "/livez").status, 200);
    assert_eq!(get(worker.ops, "/startupz").status, 503);
    let ready = get(worker.ops, "/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["checks"][0]["detail"], "starting");
}

#[test]
fn a_degraded_worker_stays_ready() {
    let worker = Worker::healthy();

    worker
        .readiness
        .engine_failed("unreachable", Instant::now());

    let ready = get(worker.ops, "/readyz");
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (200, &"degraded".into())
    );
}

#[test]
fn a_stale_beat_fails_livez_only() {
    let worker = Worker::healthy();

    let stale = Instant::now()
        .checked_sub(BEAT_LIMIT + Duration::from_secs(1))
        .unwrap();
    worker.readiness.beat(stale);

    assert_eq!(get(worker.ops, "/livez").status, 503);
    assert_eq!(get(worker.ops, "/readyz").status, 200);
    assert_eq!(get(worker.ops, "/startupz").status, 200);
}

#[test]
fn probes_answer_while_the_main_arbiter_is_blocked() {
    let (servers, readiness) = bound(Limits::default(), healthy());
    let address = servers.ops_address();
    let handle = servers.handle();
    let (blocked, wait_for_block) = mpsc::channel();
    let (release, wait_for_release) = mpsc::channel::<()>();
    let main = thread::spawn(move || {
        let block = async move {
            blocked.send(()).unwrap();
            let _ = wait_for_release.recv();
            handle.stop(false).await;
        };
        multi_thread_system().block_on(async { join!(servers.serve(), block).0 })
    });
    wait_for_block.recv().unwrap();

    let fresh = get(address, "/livez").status;
    readiness.beat(Instant::now().checked_sub(BEAT_LIMIT * 2).unwrap());
    let stale = get(address, "/livez").status;

    assert_eq!((fresh, stale), (200, 503));
    drop(release);
    main.join().unwrap().unwrap();
}

#[test]
fn the_metrics_page_is_text_for_prometheus() {
    let worker = Worker::healthy();

    worker.metrics.tasks_fetched(TOPIC, 1);

    let page = get(worker.ops, "/metrics");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        page.body.contains(
            "\nphantom_worker_tasks_fetched_total{topic=\"validate-wallet-request\"} 1\n"
        )
    );
}

#[test]
fn head_answers_like_get_without_a_body() {
    let worker = Worker::healthy();

    for path in PROBES.into_iter().chain(["/metrics"]) {
        let answer = ask(worker.ops, "HEAD", path);

        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body, "", "{path}");
        assert_eq!(
            answer.header("content-type"),
            get(worker.ops, path).header("content-type")
        );
    }
}

#[test]
fn other_methods_are_told_which_are_allowed() {
    let worker = Worker::healthy();

    for path in PROBES.into_iter().chain(["/metrics"]) {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = ask(worker.ops, method, path);

            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, "GET, HEAD"),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn unknown_paths_are_404_on_both_ports() {
    let worker = Worker::healthy();

    let ops = get(worker.ops, "/");
    let public = get(worker.public, "/verify-email");

    assert_eq!(
        (ops.status, ops.header("content-type")),
        (404, "text/plain; charset=utf-8")
    );
    assert!(ops.body.contains("/readyz"));
    assert_eq!(
        (public.status, public.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert_eq!(public.header("referrer-policy"), "no-referrer");
    assert!(public.body.contains("This page does not exist"));
}

#[test]
fn the_public_port_shows_nothing_of_the_ops_port() {
    let worker = Worker::healthy();

    for path in PROBES
        .into_iter()
        .chain(["/metrics", "//metrics", "/metrics/", "/../metrics"])
    {
        assert_eq!(get(worker.public, path).status, 404, "{path}");
    }
}

#[test]
fn no_answer_tells_what_software_gave_it() {
    let worker = Worker::healthy();

    for answer in [
        get(worker.ops, "/livez"),
        get(worker.ops, "/"),
        get(worker.public, "/"),
    ] {
        assert!(!answer.headers.contains_key("server"));
        assert!(!answer.headers.contains_key("x-powered-by"));
    }
}

#[test]
fn a_taken_port_is_named_with_its_setting_and_a_way_out() {
    let squatter = TcpListener::bind(LOOPBACK).unwrap();
    let taken = squatter.local_addr().unwrap();
    let bind_at = |ops_bind, public_bind| {
        bind(settings(ops_bind, public_bind), parts(healthy()))
            .err()
            .unwrap()
            .to_string()
    };
    let rest = format!(
        "cannot listen on {taken}; another process has this port: stop it, or set another port"
    );

    assert_eq!(bind_at(taken, LOOPBACK), format!("HTTP_BIND: {rest}"));
    assert_eq!(
        bind_at(LOOPBACK, taken),
        format!("PUBLIC_HTTP_BIND: {rest}")
    );
}

#[test]
fn a_foreign_address_is_named_with_its_setting_and_a_way_out() {
    // TEST-NET-1 of RFC 5737, which no machine has.
    let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();

    let error = bind(settings(foreign, LOOPBACK), parts(healthy()))
        .err()
        .unwrap();

    assert_eq!(
        error.to_string(),
        "HTTP_BIND: cannot listen on 192.0.2.1:0; this machine has no such address: \
         set 0.0.0.0 or an address of its own"
    );
}

#[test]
fn a_stopped_server_has_left_its_ports() {
    let mut worker = Worker::healthy();

    worker.stop(true);

    for address in [worker.ops, worker.public] {
        assert_eq!(
            TcpStream::connect(address).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }
}

#[test]
fn servers_run_on_a_plain_tokio_runtime_too() {
    let (servers, _readiness) = bound(Limits::default(), healthy());
    let (address, handle) = (servers.ops_address(), servers.handle());
    let runtime = thread::spawn(move || multi_thread().block_on(servers.serve()));

    let status = get(address, "/livez").status;

    assert_eq!(status, 200);
    block_on(handle.stop(true));
    runtime.join().unwrap().unwrap();
}
