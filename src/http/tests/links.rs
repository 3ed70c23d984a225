//! The page behind a link: who sees what, and what it changes.

use std::thread;

use super::door::Door;
use super::stand::{Answer, Worker, ask, get};
use crate::http::rates::Allowances;

/// Made up, but in the shape of a token of ours.
const UNKNOWN: &str =
    "/verify-email/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const THANKS: &str = "/verify-email/thanks";

#[test]
fn looking_shows_the_button_and_changes_nothing() {
    let door = Door::open();
    let link = door.verification();

    let page = get(door.address, &link.path);

    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<form method=\"post\">"),
        "{}",
        page.body
    );
    assert!(!door.is_confirmed(&link));
}

#[test]
fn the_button_confirms_and_leads_to_the_page_of_thanks() {
    let door = Door::open();
    let link = door.verification();

    let answer = ask(door.address, "POST", &link.path);

    assert_eq!(
        (answer.status, answer.header("location"), &*answer.body),
        (303, "thanks", "")
    );
    assert!(door.is_confirmed(&link));
    assert_eq!(door.wakes(), 1, "the sender of messages was woken");
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'email_verified'";
    assert_eq!(door.count(audited), 1);
    assert_eq!(door.count("SELECT count(*) FROM outbox"), 1);
}

#[test]
fn a_second_press_changes_nothing() {
    let door = Door::open();
    let link = door.verification();

    let presses = [0; 2].map(|_| ask(door.address, "POST", &link.path).status);

    assert_eq!(presses, [303, 410]);
    assert_eq!(door.wakes(), 1);
    assert_eq!(door.count("SELECT count(*) FROM outbox"), 1);
}

#[test]
fn a_hundred_presses_at_once_confirm_once() {
    let door = Door::open();
    let link = door.verification();

    let presses = press_at_once(&door, &link.path);

    let of = |status| presses.iter().filter(|&&each| each == status).count();
    assert_eq!((of(303), of(410)), (1, 99), "{presses:?}");
    assert_eq!(door.wakes(), 1);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'email_verified'";
    assert_eq!(door.count(audited), 1);
    assert_eq!(door.count("SELECT count(*) FROM outbox"), 1);
}

#[test]
fn a_hundred_presses_at_once_confirm_once_within_the_usual_limits() {
    let door = Door::with(Allowances::USUAL, "192.0.2.0/24");
    let link = door.verification();

    let presses = press_at_once(&door, &link.path);

    let of = |status| presses.iter().filter(|&&each| each == status).count();
    assert_eq!(of(303), 1, "{presses:?}");
    assert_eq!(of(303) + of(410) + of(429), 100, "{presses:?}");
    assert!(of(429) >= 80, "{presses:?}");
    assert!(door.is_confirmed(&link));
}

fn press_at_once(door: &Door, path: &str) -> Vec<u16> {
    thread::scope(|scope| {
        let press = || ask(door.address, "POST", path).status;
        let presses: Vec<_> = (0..100).map(|_| scope.spawn(press)).collect();
        presses
            .into_iter()
            .map(|each| each.join().unwrap())
            .collect()
    })
}

#[test]
fn a_thousand_looks_change_nothing() {
    let door = Door::open();
    let link = door.verification();

    let looks = look_a_thousand_times(&door, &link.path);

    assert!(looks.iter().all(|status| *status == 200), "{looks:?}");
    assert!(!door.is_confirmed(&link));
    assert_eq!(door.count("SELECT count(*) FROM audit_log"), 0);
    assert_eq!(ask(door.address, "POST", &link.path).status, 303);
    assert!(door.is_confirmed(&link));
}

#[test]
fn a_thousand_looks_of_scanners_leave_the_link_to_its_owner() {
    let door = Door::with(Allowances::USUAL, "192.0.2.0/24");
    let link = door.verification();

    let looks = look_a_thousand_times(&door, &link.path);

    let known = |status: &u16| matches!(status, 200 | 429);
    assert!(looks.iter().all(known), "{looks:?}");
    assert!(!door.is_confirmed(&link));
    // From the scanners' own address.
    assert_eq!(ask(door.address, "POST", &link.path).status, 303);
    assert!(door.is_confirmed(&link));
}

fn look_a_thousand_times(door: &Door, path: &str) -> Vec<u16> {
    let methods = ["GET", "HEAD"].into_iter().cycle();
    let looks = methods.take(1_000);
    looks
        .map(|method| ask(door.address, method, path).status)
        .collect()
}

#[test]
fn links_that_confirm_nothing_cannot_be_told_apart() {
    let door = Door::open();
    let forged = door.verification().forged();
    let paths = [
        UNKNOWN.to_owned(),
        forged,
        door.used().path,
        door.expired().path,
        door.superseded().path,
        "/verify-email/x".to_owned(),
        "/verify-email/%00%ff%2e%2e%2f".to_owned(),
        format!("/verify-email/{}", "a".repeat(4_000)),
    ];
    let reference = get(door.address, UNKNOWN);
    assert_eq!(reference.status, 410);
    assert!(reference.body.contains("Have you just confirmed"));

    for path in paths {
        for (method, body) in [
            ("GET", &*reference.body),
            ("POST", &reference.body),
            ("HEAD", ""),
        ] {
            let answer = ask(door.address, method, &path);

            assert_eq!(answer.head, reference.head, "{method} {path}");
            assert_eq!(answer.body, body, "{method} {path}");
        }
    }
    assert_eq!(
        door.count("SELECT count(*) FROM users WHERE verified_email IS NOT NULL"),
        0
    );
}

#[test]
fn head_answers_like_get_without_a_body() {
    let door = Door::open();

    for path in [&*door.verification().path, THANKS, "/elsewhere"] {
        let (head, get) = (ask(door.address, "HEAD", path), get(door.address, path));

        assert_eq!((head.head, &*head.body), (get.head, ""), "{path}");
    }
}

#[test]
fn the_page_of_thanks_is_there_for_everybody_and_changes_nothing() {
    let door = Door::open();

    let answers = [0; 2].map(|_| get(door.address, THANKS));

    let [one, other] = answers.map(|Answer { status, body, .. }| (status, body));
    assert_eq!(one, other);
    assert_eq!(one.0, 200);
    assert!(one.1.contains("is confirmed"));
}

#[test]
fn a_database_that_is_away_is_told_kindly_with_the_time_to_come_back() {
    let worker = Worker::healthy();

    for method in ["GET", "POST"] {
        let answer = ask(worker.public, method, UNKNOWN);

        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, "30"),
            "{method}"
        );
        assert!(answer.body.contains("We will be right back"));
    }
    assert_eq!(get(worker.public, THANKS).status, 200);
}

#[test]
fn a_press_waits_for_the_customers_row_and_keeps_no_other_link_waiting() {
    let door = Door::open();
    let (held, free) = (door.verification(), door.verification());
    let holder = door.hold(&held);

    let pressed = thread::scope(|scope| {
        let press = scope.spawn(|| ask(door.address, "POST", &held.path).status);
        while door.count("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
            thread::yield_now();
        }
        assert_eq!(get(door.address, &free.path).status, 200);
        holder.let_go();
        press.join().unwrap()
    });

    assert_eq!(pressed, 303);
}
