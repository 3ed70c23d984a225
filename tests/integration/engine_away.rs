//! An engine that goes away, breaks off its answers, or does not let us in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use phantom_worker::topics;

use crate::support::crowd::Crowd;
use crate::support::engine::Engine;
use crate::support::engine_proxy::{Call, EngineProxy};
use crate::support::patience::within;
use crate::support::service::Stack;
use crate::support::wallets::Applicant;
use crate::support::worker::Worker;
use crate::support::{World, until};

/// How soon polls go on after the engine has come back.
const RESUMED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_restarted_or_killed_under_load_costs_nothing() {
    let stack = Stack::with_engine().await;
    let mut world = World::new().await;
    world.engine = Engine::new_at(&stack.engine_url().await).await;
    let worker = world.worker().start().await;

    for ends in ["stop", "kill"] {
        let crowd = Crowd::start(&world, 100).await;
        let before = world.answered_tasks().await;
        until("the worker is in the middle of them", async || {
            (world.answered_tasks().await > before).then_some(())
        })
        .await;

        stack.does("engine", ends).await;
        until("the worker tells of it", async || {
            let (status, body) = worker.get("/readyz").await?;
            // No other replica could do better, so it stays ready.
            assert_eq!(status, 200, "{body}");
            body.contains("away: unreachable").then_some(())
        })
        .await;
        stack.does("engine", "start").await;
        let back = Instant::now();
        let polls = worker.fetches().await;
        until("polls go on", async || {
            (worker.fetches().await > polls).then_some(())
        })
        .await;

        assert!(
            back.elapsed() <= RESUMED,
            "polls went on after {:?}",
            back.elapsed()
        );
        crowd.ended(&world, Duration::from_secs(60)).await;
        crowd.assert_ends(&world).await;
        world.engine.assert_unharmed().await;
        assert_told_once(&worker).await;
        assert_eq!(worker.get("/livez").await.unwrap().0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_complete_that_is_lost_is_no_second_effect() {
    let world = World::new().await;
    let mut cut = 0;
    let proxy = EngineProxy::cutting(&world.engine.url, move |path, answer| {
        let loses = path.ends_with("/complete") && answer.starts_with("HTTP/1.1 204") && cut < 10;
        cut += usize::from(loses);
        loses
    });
    let crowd = Crowd::start(&world, 10).await;
    let worker = world
        .worker()
        .set("CAMUNDA_REST_URL", proxy.url())
        .start()
        .await;

    crowd.ended(&world, Duration::from_secs(60)).await;

    crowd.assert_exactly_once(&world).await;
    let lost: Vec<_> = failed(proxy.calls("/complete"));
    assert_eq!(lost.len(), 10);
    let answered = usize::try_from(world.answered_tasks().await).unwrap();
    until("every task is known to have been reported", async || {
        let completed = worker
            .sum(
                "phantom_worker_tasks_finished_total",
                "outcome=\"completed\"",
            )
            .await;
        let thrown = worker
            .sum(
                "phantom_worker_tasks_finished_total",
                "outcome=\"bpmn_error\"",
            )
            .await;
        (completed + thrown == answered as f64).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_fetch_that_was_cut_off_are_found_and_done_before_their_locks_run_out() {
    const LOCK: Duration = Duration::from_secs(60);
    let world = World::new().await;
    let mut cut = 0;
    let proxy = EngineProxy::cutting(&world.engine.url, move |path, answer| {
        let brings_tasks = path.ends_with("/fetchAndLock") && answer.contains("\"topicName\"");
        let loses = brings_tasks && cut < 2;
        cut += usize::from(loses);
        loses
    });
    let crowd = Crowd::start(&world, 10).await;

    let _worker = world
        .worker()
        .set("CAMUNDA_REST_URL", proxy.url())
        .set("CAMUNDA_CLIENT_LOCK_DURATION", LOCK.as_millis().to_string())
        .start()
        .await;
    let took = crowd.ended(&world, 2 * LOCK).await;

    assert_eq!(failed(proxy.calls("/fetchAndLock")).len(), 2);
    // Each cut costs at most a rest, and a poll that the engine still holds.
    assert!(took <= Duration::from_secs(20), "it took {took:?}");
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_not_hammered_and_right_ones_go_on() {
    const REST: Duration = Duration::from_secs(5);
    let world = World::new().await;
    let lets_nobody_in = Arc::new(AtomicBool::new(true));
    let refuses = Arc::clone(&lets_nobody_in);
    let proxy = EngineProxy::refusing(&world.engine.url, move |_| {
        refuses.load(Ordering::Relaxed).then_some(401)
    });
    let merchant = world.merchant().await;
    let instance = world.request_wallet(merchant, &Applicant::new()).await;

    let worker = world
        .worker()
        .set("CAMUNDA_REST_URL", proxy.url())
        .start()
        .await;
    let refusals = |topic: &str| -> Vec<_> {
        failed(proxy.calls("/fetchAndLock"))
            .into_iter()
            .filter(|call| call.body.contains(&format!("\"{topic}\"")))
            .map(|call| call.at)
            .collect()
    };
    until("each topic was refused twice", async || {
        let twice = |topic: &&str| refusals(topic).len() >= 2;
        topics::names().iter().all(twice).then_some(())
    })
    .await;
    let (status, body) = worker.get("/readyz").await.unwrap();
    lets_nobody_in.store(false, Ordering::Relaxed);
    world.engine.ended(&instance).await;

    assert_eq!(status, 200);
    assert!(body.contains("away: unauthorised"), "{body}");
    for topic in topics::names() {
        let tries = refusals(topic);
        for pair in tries.windows(2) {
            let rest = pair[1] - pair[0];
            assert!(rest >= REST, "{topic} was tried again after {rest:?}");
        }
    }
    within(REST, "it is well again", async || {
        let (_, body) = worker.get("/readyz").await?;
        (!body.contains("unauthorised")).then_some(())
    })
    .await;
}

fn failed(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().filter(|call| call.failed).collect()
}

impl Worker {
    /// How many polls were answered by the engine.
    async fn fetches(&self) -> f64 {
        let answered = ["tasks", "empty"].map(|outcome| format!("outcome=\"{outcome}\""));
        let mut sum = 0.0;
        for outcome in answered {
            sum += self.sum("phantom_worker_fetches_total", &outcome).await;
        }
        sum
    }
}

/// An outage is told at its beginning, once a minute, and at its end, however many topics notice.
/// The engine may answer a topic in between, so there may be more than one.
async fn assert_told_once(worker: &Worker) {
    let told = |level: &str, words: &str| {
        let lines = worker.log();
        let of_level = lines.lines().filter(|line| line.contains(level));
        of_level.filter(|line| line.contains(words)).count()
    };
    until("the end is told", async || {
        let ended = told("INFO", "the engine answers again");
        let begun = told("WARN", "could not fetch tasks");
        (ended > 0 && begun >= ended).then_some(())
    })
    .await;
    let failed = told("", "could not fetch tasks");
    assert!(
        told("WARN", "could not fetch tasks") * 2 <= failed,
        "each of {failed} failures was told"
    );
}
