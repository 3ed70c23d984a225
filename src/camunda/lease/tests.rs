//! The lease against an engine that answers as scripted, in real time.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::Semaphore;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::camunda::client::scripted::client;

const LOCK: Duration = Duration::from_millis(1500);

/// An engine whose n-th answer (from 0) to a heartbeat is `answers(n)`, and that tells of each.
struct Engine {
    server: MockServer,
    beats: Arc<Semaphore>,
}

impl Engine {
    async fn new(answers: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static) -> Self {
        let (server, beats) = (MockServer::start().await, Arc::new(Semaphore::new(0)));
        let (told, count) = (beats.clone(), AtomicUsize::new(0));
        let respond = move |_: &Request| {
            told.add_permits(1);
            answers(count.fetch_add(1, Ordering::Relaxed))
        };
        Mock::given(any())
            .respond_with(respond)
            .mount(&server)
            .await;
        Self { server, beats }
    }

    /// A lease on a task just fetched.
    fn lease(&self) -> Lease {
        let now = Instant::now();
        Lease::new(
            client(&self.server),
            TaskId::new("t"),
            "w".into(),
            now,
            now,
            LOCK,
        )
    }

    /// Ends when `count` more heartbeats have arrived.
    async fn beats(&self, count: u32) {
        self.beats.acquire_many(count).await.unwrap().forget();
    }

    async fn received(&self) -> usize {
        self.server.received_requests().await.unwrap().len()
    }
}

fn extended() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

fn error(status: u16) -> ResponseTemplate {
    let body = json!({"type": "RestException", "message": "m", "code": 0});
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn short_work_sends_no_heartbeat() {
    let engine = Engine::new(|_| extended()).await;
    let mut lease = engine.lease();

    assert_eq!(lease.hold(async { 5 }).await, Ok(5));

    assert_eq!(engine.received().await, 0);
    assert!(lease.still_held());
}

#[tokio::test]
async fn long_work_outlives_the_first_lock() {
    let engine = Engine::new(|_| extended()).await;
    let mut lease = engine.lease();
    let first_deadline = lease.deadline();

    let work = async {
        engine.beats(4).await;
        Instant::now()
    };
    let ended = lease.hold(work).await.unwrap();

    assert!(ended > first_deadline && lease.still_held());
}

#[tokio::test]
async fn work_for_a_task_that_is_lost_is_dropped() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    for (status, expected) in [(404, LeaseLost::Gone), (400, LeaseLost::NotOurs)] {
        let engine = Engine::new(move |_| error(status)).await;
        let mut lease = engine.lease();
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = SetOnDrop(dropped.clone());

        let result = lease
            .hold(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .await;

        assert_eq!(result, Err(expected));
        assert!(dropped.load(Ordering::Relaxed) && !lease.still_held());
        assert!(!lease.handle().adopt(Instant::now()));
        assert_eq!(lease.hold(pending::<()>()).await, Err(expected));
    }
}

#[tokio::test]
async fn a_sick_engine_is_tried_until_the_deadline() {
    let engine = Engine::new(|n| error([503, 500, 429, 405][n % 4])).await;
    let mut lease = engine.lease();

    let result = lease.hold(pending::<()>()).await;

    assert_eq!(result, Err(LeaseLost::Expired));
    assert!(Instant::now() >= lease.deadline());
    assert!(engine.received().await >= 2);
}

#[tokio::test]
async fn an_engine_that_does_not_answer_costs_no_more_than_the_lock() {
    let engine = Engine::new(|_| extended().set_delay(LOCK * 10)).await;
    let mut lease = engine.lease();

    let result = lease.hold(pending::<()>()).await;

    assert_eq!(result, Err(LeaseLost::Expired));
    assert!(Instant::now() < lease.deadline() + LOCK * 5);
}

#[tokio::test]
async fn one_lost_heartbeat_does_no_harm() {
    let engine = Engine::new(|n| if n == 0 { error(503) } else { extended() }).await;
    let mut lease = engine.lease();

    assert_eq!(lease.hold(engine.beats(3)).await, Ok(()));
}

#[tokio::test]
async fn heartbeats_are_counted_and_what_is_left_of_the_lock_is_told() {
    let engine = Engine::new(|n| match n {
        0 => error(503),
        1 => extended(),
        _ => error(404),
    })
    .await;
    let mut lease = engine.lease();
    assert!(lease.handle().share_left() > 0.9);

    let held = lease.hold(engine.beats(2)).await;
    let left = lease.handle().share_left();
    let lost = lease.hold(pending::<()>()).await;

    assert_eq!((held, lost), (Ok(()), Err(LeaseLost::Gone)));
    assert!((0.0..=1.0).contains(&left), "{left}");
    assert!(lease.handle().share_left() == 0.0);
    let counted = Extensions {
        ok: 1,
        lost: 1,
        failed: 1,
    };
    assert_eq!(lease.handle().extensions(), counted);
}

#[tokio::test]
async fn a_heartbeat_in_flight_is_awaited_when_the_work_ends() {
    let engine = Engine::new(|_| extended().set_delay(LOCK / 6)).await;
    let mut lease = engine.lease();
    let deadline = lease.deadline();

    lease.hold(engine.beats(1)).await.unwrap();

    // Only the heartbeat's answer moves the deadline.
    assert!(lease.deadline() > deadline);
}

#[tokio::test]
async fn finished_work_is_kept_even_when_the_last_heartbeat_finds_the_lock_lost() {
    let engine = Engine::new(|_| error(400).set_delay(LOCK / 6)).await;
    let mut lease = engine.lease();

    assert_eq!(lease.hold(engine.beats(1)).await, Ok(()));

    assert!(!lease.still_held());
}

#[tokio::test]
async fn a_second_delivery_moves_the_deadline() {
    let engine = Engine::new(|_| error(503)).await;
    let mut lease = engine.lease();
    let (handle, later) = (lease.handle(), Instant::now() + LOCK);

    let result = lease
        .hold(async {
            assert!(handle.adopt(later));
            pending::<()>().await;
        })
        .await;

    assert_eq!(result, Err(LeaseLost::Expired));
    assert_eq!(lease.deadline(), later + LOCK);
    assert!(Instant::now() >= later + LOCK);
}

#[tokio::test]
async fn a_refusal_older_than_the_second_delivery_is_no_loss() {
    let answer = |n| {
        if n == 0 {
            error(400).set_delay(LOCK / 6)
        } else {
            extended()
        }
    };
    let engine = Engine::new(answer).await;
    let mut lease = engine.lease();
    let handle = lease.handle();

    let work = async {
        engine.beats(1).await;
        assert!(handle.adopt(Instant::now()));
        engine.beats(1).await;
    };

    assert_eq!(lease.hold(work).await, Ok(()));
    assert!(lease.still_held());
}

#[tokio::test]
async fn a_lease_that_is_gone_adopts_nothing() {
    let engine = Engine::new(|_| extended()).await;
    let handle = engine.lease().handle();

    assert!(!handle.adopt(Instant::now()) && !handle.still_held());
}

#[test]
fn the_first_beat_comes_before_the_deadline() {
    let sent_at = Instant::now();
    let second = Duration::from_secs(1);
    let beat = |received_at| first_beat(received_at, sent_at + second * 9, second * 9);

    let at_once = beat(sent_at);
    assert!(at_once >= sent_at + second * 2 && at_once <= sent_at + second * 3);
    let late = beat(sent_at + second * 8);
    assert!(late > sent_at + second * 8 && late < sent_at + second * 9);
    assert_eq!(beat(sent_at + second * 20), sent_at + second * 20);
}
