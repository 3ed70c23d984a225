//! Our own database away for half a minute, under load: the work stops, costs nothing, and goes on.

use std::time::{Duration, Instant};

use crate::support::crowd::Crowd;
use crate::support::patience::within;
use crate::support::proxy::{Network, Proxy};
use crate::support::service::Stack;
use crate::support::worker::Worker;
use crate::support::{World, until};

const OUTAGE: Duration = Duration::from_secs(30);
/// How soon `/readyz` tells of the outage, and of its end.
const NOTICED: Duration = Duration::from_secs(5);
const RECOVERED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_stopped_and_comes_back_costs_nothing() {
    let stack = Stack::with_postgres().await;
    let world = World::on_database(&stack).await;
    let crowd = Crowd::start(&world, 100).await;
    let worker = world
        .worker()
        .set("DATABASE_URL", stack.database_url().await)
        .set("ALLOW_UNSAFE_DATABASE", "false")
        .start()
        .await;
    crowd.half_way(&world).await;

    stack.does("postgres", "stop").await;
    endure(&worker, OUTAGE).await;
    assert_given_back(&world, &worker).await;
    stack.does("postgres", "start").await;

    assert_goes_on(&world, &worker, &crowd).await;
    assert_told_once_of_the_seals(&worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_and_comes_back_costs_nothing() {
    let stack = Stack::with_postgres().await;
    let world = World::on_database(&stack).await;
    let crowd = Crowd::start(&world, 100).await;
    let worker = world
        .worker()
        .set("DATABASE_URL", stack.database_url().await)
        .start()
        .await;
    crowd.half_way(&world).await;

    // What was being committed when it died is known to nobody but the database.
    stack.does("postgres", "kill").await;
    stack.does("postgres", "start").await;

    assert_goes_on(&world, &worker, &crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_costs_nothing() {
    let world = World::new().await;
    let proxy = Proxy::to(world.database_address());
    let crowd = Crowd::start(&world, 100).await;
    let worker = world
        .worker()
        .set("DATABASE_URL", world.database_url_through(&proxy))
        // The outage is longer than a handler may take, which is five locks.
        .set("CAMUNDA_CLIENT_LOCK_DURATION", "4000")
        .set("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", "2000")
        .start()
        .await;
    crowd.half_way(&world).await;

    proxy.set(Network::Silent);
    endure(&worker, OUTAGE).await;
    assert_given_back(&world, &worker).await;
    proxy.set(Network::Up);

    assert_goes_on(&world, &worker, &crowd).await;
}

/// Looks at the worker while its database is away.
async fn endure(worker: &Worker, outage: Duration) {
    let began = Instant::now();
    within(outage + NOTICED, "the outage is over", async || {
        let (livez, _) = worker.get("/livez").await.unwrap();
        assert_eq!(livez, 200, "{:?} into the outage", began.elapsed());
        let (readyz, body) = worker.get("/readyz").await.unwrap();
        if began.elapsed() > NOTICED {
            assert_eq!(readyz, 503, "{:?} into the outage: {body}", began.elapsed());
        }
        (began.elapsed() > outage).then_some(())
    })
    .await;
}

/// Nothing is held for a database that is away, and nothing was said of failure.
async fn assert_given_back(world: &World, worker: &Worker) {
    let paused = worker.lines_about("the database is away; topic");
    assert!(paused > 0, "no topic paused");
    let unlocked = worker
        .sum(
            "phantom_worker_tasks_finished_total",
            "outcome=\"unlocked\"",
        )
        .await;
    assert!(unlocked > 0.0, "no task was given back");
    let locked = world.engine.locked_tasks().await;
    assert!(locked.is_empty(), "{} tasks are locked", locked.len());
    assert!(
        world.engine.failures().await.is_empty(),
        "retries were spent"
    );
}

/// The sealer tries again every few seconds.
async fn assert_told_once_of_the_seals(worker: &Worker) {
    until("the end is told", async || {
        (worker.lines_about("the audit log is sealed again") == 1).then_some(())
    })
    .await;
    let failed = worker.lines_about("could not seal the audit log yet");
    let told = worker.lines_about("could not seal the audit log yet; tries again");
    assert!(failed > 2, "{failed} failures are too few to tell");
    assert_eq!(told, 1, "of {failed} failures");
}

async fn assert_goes_on(world: &World, worker: &Worker, crowd: &Crowd) {
    within(RECOVERED, "it is ready again", async || {
        (worker.get("/readyz").await?.0 == 200).then_some(())
    })
    .await;
    crowd.ended(world, Duration::from_secs(60)).await;
    until("every topic that paused goes on", async || {
        let paused = worker.lines_about("the database is away; topic");
        let resumed = worker.lines_about("the database is back; topic");
        (paused == resumed).then_some(())
    })
    .await;
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(world).await;
}
