//! What strangers try at the public port, and what each answer of it promises.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::door::Door;
use super::rude::{SHORT, panicking};
use super::stand::{
    Answer, LOOPBACK, Worker, ask, ask_with, get, healthy, is_open, parts, read_answer, send,
    settings,
};
use crate::http::limits::Limits;
use crate::http::rates::{Allowance, Allowances};

const FEW: Allowance = Allowance {
    burst: 2,
    each: Duration::from_secs(60),
};
const SOME: Allowance = Allowance {
    burst: 5,
    each: Duration::from_secs(60),
};
const FEW_OF_ALL: Allowances = Allowances {
    looks: FEW,
    confirmations: SOME,
    presses: FEW,
};

#[test]
fn too_many_looks_from_one_address_wait() {
    let door = Door::with(FEW_OF_ALL, "192.0.2.0/24");
    let link = door.verification().path;

    let looks = [0; 3].map(|_| get(door.address, &link));

    assert_eq!(looks.each_ref().map(|look| look.status), [200, 200, 429]);
    let wait: u64 = looks[2].header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(looks[2].body.contains("Please wait a moment"));
    assert_eq!(ask(door.address, "POST", &link).status, 303);
}

#[test]
fn a_stranger_cannot_borrow_another_address() {
    let door = Door::with(FEW_OF_ALL, "192.0.2.0/24");
    let link = door.verification().path;

    let looks = [1, 2, 3].map(|host| {
        let lines = format!(
            "Host: w\r\nX-Forwarded-For: 198.51.100.{host}\r\nForwarded: for=198.51.100.{host}\r\n"
        );
        ask_with(door.address, "GET", &link, &lines).status
    });

    assert_eq!(looks, [200, 200, 429]);
}

#[test]
fn behind_a_proxy_each_customer_has_limits_of_his_own() {
    let door = Door::with(FEW_OF_ALL, "127.0.0.0/8");
    let link = door.verification().path;
    let look = |forwarded: &str| {
        let lines = format!("Host: w\r\nX-Forwarded-For: {forwarded}\r\n");
        ask_with(door.address, "GET", &link, &lines).status
    };

    let one = [0; 3].map(|_| look("198.51.100.1"));
    let other = look("198.51.100.2");
    // What a customer writes comes before what the proxy adds.
    let disguised = look("198.51.100.77, 198.51.100.1");

    assert_eq!((one, other, disguised), ([200, 200, 429], 200, 429));
}

#[test]
fn presses_are_counted_by_link_and_by_address() {
    let door = Door::with(FEW_OF_ALL, "127.0.0.0/8");
    let press = |path: &str, host: u8| {
        let lines = format!("Host: w\r\nX-Forwarded-For: 198.51.100.{host}\r\n");
        ask_with(door.address, "POST", path, &lines).status
    };
    let link = door.verification().path;

    let by_link = [1, 2, 3].map(|host| press(&link, host));
    let by_address: Vec<_> = (0..6)
        .map(|number| press(&format!("/verify-email/{number}"), 9))
        .collect();

    assert_eq!(by_link, [303, 410, 429]);
    assert_eq!(by_address, [410, 410, 410, 410, 410, 429]);
}

#[test]
fn the_host_that_a_caller_names_changes_nothing() {
    let door = Door::open();
    let (open, over) = (door.verification(), door.used());
    let evil = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
                X-Forwarded-Proto: http\r\nX-Original-URL: /metrics\r\n";

    for path in [&*open.path, &over.path, "/verify-email/thanks", "/"] {
        let (honest, spoofed) = (
            get(door.address, path),
            ask_with(door.address, "GET", path, evil),
        );

        assert_eq!((spoofed.head, spoofed.body), (honest.head, honest.body));
    }
    let pressed = ask_with(door.address, "POST", &open.path, evil);
    assert_eq!(
        (pressed.status, pressed.header("location")),
        (303, "thanks")
    );
    assert!(!pressed.head.contains("evil"));
}

#[test]
fn odd_addresses_get_a_page_and_never_an_error() {
    let door = Door::open();
    let long = format!("/verify-email/{}", "%41".repeat(5_000));

    for (path, status) in [
        ("/verify-email/", 404),
        ("/verify-email", 404),
        ("/verify-email/a/b", 404),
        ("/verify-email/%2e%2e/metrics", 404),
        ("/verify-email//thanks", 404),
        ("/VERIFY-EMAIL/thanks", 404),
        ("/verify-email/%", 410),
        ("/verify-email/%zz", 410),
        ("/verify-email/%c3%28", 410),
        ("/verify-email/%0d%0aSet-Cookie:x", 410),
        ("/verify-email/%3Cscript%3E", 410),
        ("/verify-email/'%20OR%201=1--", 410),
        (&long, 410),
    ] {
        let answer = get(door.address, path);

        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.starts_with("<!DOCTYPE html>"), "{path}");
        assert!(!answer.body.contains("<script"), "{path}");
    }
}

#[test]
fn a_token_in_another_spelling_is_the_same_token() {
    let door = Door::open();
    let link = door.verification();
    let (rest, last) = link.path.split_at(link.path.len() - 1);
    let encoded = format!("{rest}%{:02X}", last.as_bytes()[0]);

    assert_eq!(get(door.address, &encoded).status, 200);
    assert_eq!(get(door.address, &format!("{}?a=b", link.path)).status, 200);
}

#[test]
fn other_methods_are_told_which_are_allowed() {
    let door = Door::open();
    let link = door.verification();

    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let on_link = ask(door.address, method, &link.path);
        let on_thanks = ask(door.address, method, "/verify-email/thanks");

        assert_eq!(
            (on_link.status, on_link.header("allow")),
            (405, "GET, HEAD, POST"),
            "{method}"
        );
        assert_eq!(
            (on_thanks.status, on_thanks.header("allow")),
            (405, "GET, HEAD"),
            "{method}"
        );
    }
    let override_it = "Host: w\r\nX-HTTP-Method-Override: POST\r\n";
    assert_eq!(
        ask_with(door.address, "GET", &link.path, override_it).status,
        200
    );
    assert!(!door.is_confirmed(&link));
}

#[test]
fn every_answer_is_kept_by_nobody_and_lets_nothing_in() {
    let door = Door::open();
    let link = door.verification().path;

    for (answer, status) in [
        (get(door.address, &link), 200),
        (ask(door.address, "POST", &link), 303),
        (get(door.address, &link), 410),
        (get(door.address, "/verify-email/thanks"), 200),
        (get(door.address, "/"), 404),
        (get(Worker::healthy().public, &link), 503),
    ]
    .into_iter()
    .chain(refusals(|worker| worker.public))
    {
        assert_eq!(answer.status, status);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex, nofollow"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {status}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
        let policy = answer.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|each| each == rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(answer.header("set-cookie").is_empty());
    }
}

/// Each way to be refused at one of the two ports.
fn refusals(port: fn(&Worker) -> SocketAddr) -> [(Answer, u16); 5] {
    let (worker, hasty, panicking) = (
        Worker::healthy(),
        Worker::start(SHORT, healthy()),
        panicking(),
    );
    let post = |worker: &Worker, rest: &str| {
        let request = format!("POST / HTTP/1.1\r\nHost: w\r\n{rest}");
        read_answer(send(port(worker), &request))
    };
    let wrong_method = match port(&worker) == worker.ops {
        true => ask(worker.ops, "PUT", "/livez"),
        false => ask(worker.public, "PUT", "/verify-email/thanks"),
    };
    let large = format!("Content-Length: 5000\r\n\r\n{}", "x".repeat(5_000));
    [
        (
            post(&worker, "Transfer-Encoding: chunked\r\n\r\nno number\r\n"),
            400,
        ),
        (wrong_method, 405),
        (post(&hasty, "Content-Length: 9\r\n\r\nslo"), 408),
        (post(&worker, &large), 413),
        (get(port(&panicking), "/panics"), 500),
    ]
}

#[test]
fn a_refusal_is_a_page_for_customers_and_a_line_for_programs() {
    for (page, status) in refusals(|worker| worker.public) {
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_needs_nothing_else(&page, &status.to_string());
        assert!(page.body.contains("open the link in our"), "{status}");
    }
    for (line, status) in refusals(|worker| worker.ops) {
        assert_eq!(
            (line.status, line.header("content-type")),
            (status, "text/plain; charset=utf-8")
        );
        assert_eq!(line.body.lines().count(), 1, "{}", line.body);
        assert_eq!(line.header("cache-control"), "no-store", "{status}");
    }
}

#[test]
fn browsers_are_held_to_https_only_where_customers_come_by_it() {
    let mut parts = parts(healthy());
    parts.public.is_https = false;
    let worker = Worker::with(Limits::default(), settings(LOOPBACK, LOOPBACK), parts);

    assert_eq!(
        get(worker.public, "/").header("strict-transport-security"),
        ""
    );
    assert_eq!(
        get(worker.ops, "/livez").header("strict-transport-security"),
        ""
    );
}

#[test]
fn the_policy_lets_the_pages_own_style_through_and_the_pages_need_nothing_else() {
    let door = Door::open();
    let link = door.verification().path;

    for path in [&*link, "/verify-email/x", "/verify-email/thanks", "/"] {
        assert_needs_nothing_else(&get(door.address, path), path);
    }
}

fn assert_needs_nothing_else(page: &Answer, place: &str) {
    let style = between(&page.body, "<style>", "</style>");
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")),
        "{place}"
    );
    assert_eq!(page.body.matches("<style").count(), 1);
    for foreign in ["<script", "style=", "src=", "href=", "://", "url("] {
        assert!(!page.body.contains(foreign), "{foreign} in {place}");
    }
    let title = between(&page.body, "<title>", "</title>");
    assert!(title.ends_with("– Phantom &#38; Sons"), "{title}");
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn probes_answer_within_100_ms_beside_slow_and_large_bodies() {
    let door = Door::open();
    let link = door.verification().path;
    let slow = format!("POST {link} HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nslo");
    let large = format!(
        "POST {link} HTTP/1.1\r\nHost: w\r\nContent-Length: 300000\r\n\r\n{}",
        "x".repeat(5_000)
    );
    let callers: Vec<_> = (0..150)
        .flat_map(|_| [send(door.address, &slow), send(door.address, &large)])
        .collect();

    let mut times = [0; 11].map(|_| {
        let start = Instant::now();
        assert_eq!(get(door.worker.ops, "/livez").status, 200);
        start.elapsed()
    });
    times.sort();

    // The median: what else the machine does is no fault of the callers.
    assert!(times[5] < Duration::from_millis(100), "{times:?}");
    assert!(
        callers.iter().step_by(2).all(is_open),
        "the slow callers were still there"
    );
}
