//! Callers that are slow, large or endless, and handlers that fail them.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};

use super::stand::{PATIENCE, Worker, get, healthy, is_open, read_answer, send};
use crate::http::limits::Limits;
use crate::http::rates::Allowances;

/// As short as actix's coarse clock allows.
pub(super) const SHORT: Limits = Limits {
    head: Duration::from_secs(1),
    body: Duration::from_millis(300),
    disconnect: Duration::from_secs(1),
    rates: Allowances::USUAL,
};

#[test]
fn a_slow_head_is_given_up() {
    let worker = Worker::start(SHORT, healthy());

    let answer = read_answer(send(
        worker.ops,
        "GET /livez HTTP/1.1\r\nHost: w\r\nX-Slow: ",
    ));

    assert_eq!(answer.status, 408);
}

#[test]
fn a_slow_body_is_given_up() {
    let worker = Worker::start(SHORT, healthy());

    for address in [worker.ops, worker.public] {
        for body in [
            "Content-Length: 9\r\n\r\nslo",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nslo",
        ] {
            let answer = read_answer(send(
                address,
                &format!("POST / HTTP/1.1\r\nHost: w\r\n{body}"),
            ));

            assert_eq!(answer.status, 408, "{body}");
        }
    }
}

#[test]
fn a_body_that_never_ends_loses_its_connection() {
    let worker = Worker::start(SHORT, healthy());
    let mut stream = send(
        worker.ops,
        "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let start = Instant::now();

    // Reading is what paces the drip; it ends when the server has closed its side.
    let mut answer = Vec::new();
    while let Err(nothing_yet) = stream.read_to_end(&mut answer) {
        if !matches!(
            nothing_yet.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut
        ) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the connection is still open");
        let _ = stream.write_all(b"1\r\na\r\n");
    }

    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408 "));
}

#[test]
fn a_large_body_is_refused() {
    let worker = Worker::healthy();
    let fill = "x".repeat(5_000);

    let sized = format!("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 300000\r\n\r\n{fill}");
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n{fill}\r\n"
    );

    assert_eq!(read_answer(send(worker.public, &sized)).status, 413);
    assert_eq!(read_answer(send(worker.public, &chunked)).status, 413);
}

#[test]
fn probes_answer_at_once_beside_hundreds_of_slow_callers() {
    let worker = Worker::healthy();
    let head = "GET /livez HTTP/1.1\r\nHost: w\r\nX-Slow: ";
    let body = "POST /livez HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nslo";
    let slow: Vec<_> = (0..150)
        .flat_map(|_| [send(worker.ops, head), send(worker.ops, body)])
        .collect();

    let start = Instant::now();
    let status = get(worker.ops, "/livez").status;

    assert_eq!(status, 200);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "took {:?}",
        start.elapsed()
    );
    assert!(
        slow.iter().all(is_open),
        "the slow callers were still there"
    );
}

#[test]
fn a_connection_carries_one_request() {
    let worker = Worker::healthy();

    let answer = get(worker.ops, "/livez");

    assert_eq!(answer.header("connection"), "close");
}

#[test]
fn a_panic_in_a_handler_is_answered_with_500() {
    let worker = panicking();

    let answer = get(worker.ops, "/panics");
    let next = get(worker.ops, "/elsewhere");

    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "internal server error\n")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(next.status, 404, "the server lives on");
}

/// A worker with a handler that panics, on both ports.
pub(super) fn panicking() -> Worker {
    async fn panics() -> HttpResponse {
        panic!("secret of a customer")
    }
    Worker::with_routes(|app| {
        app.route("/panics", web::get().to(panics));
    })
}

#[test]
fn a_handler_gets_the_whole_body() {
    async fn echo(body: web::Bytes) -> HttpResponse {
        HttpResponse::Ok().body(body)
    }
    let worker = Worker::with_routes(|app| {
        app.route("/echo", web::post().to(echo));
    });

    let mut stream = send(
        worker.ops,
        "POST /echo HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nfirst",
    );
    stream.write_all(b"last").unwrap();

    assert_eq!(read_answer(stream).body, "firstlast");
}
