//! Leaving on SIGTERM: with nothing in hand, nothing lost and nothing spent.

use std::time::{Duration, Instant};

use phantom_worker::topics;

use crate::support::crowd::Crowd;
use crate::support::engine_proxy::EngineProxy;
use crate::support::proxy::{Network, Proxy};
use crate::support::wallets::Applicant;
use crate::support::worker::{Worker, WorkerBuilder};
use crate::support::world::{address_of, through};
use crate::support::{World, until};

/// What an orchestrator grants: the poll, the drain's deadline, and ten seconds.
const GRACE: Duration = Duration::from_secs(5 + 20 + 10);
/// The same without a task to drain.
const IDLE_GRACE: Duration = Duration::from_secs(5 + 10);
/// Well below what a worker grants its database for a connection, which is five seconds.
const NO_CONNECTION: Duration = Duration::from_secs(4);
const FULL_PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_leaves_no_lock_and_a_peer_goes_on() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let mut worker = world.worker().start().await;
    crowd.half_way(&world).await;

    let began = Instant::now();
    worker.signal("TERM");
    let mut readyz = Vec::new();
    let status = until("the worker exits", async || {
        readyz.extend(worker.get("/readyz").await.map(|(status, _)| status));
        worker.find_exit()
    })
    .await;
    let took = began.elapsed();

    assert_eq!(status.code(), Some(0));
    assert!(took <= GRACE, "the stop took {took:?}");
    assert_eq!(readyz.last(), Some(&503), "while it drained: {readyz:?}");
    assert!(
        world.engine.locked_tasks().await.is_empty(),
        "locks are left"
    );
    assert!(
        world.engine.failures().await.is_empty(),
        "retries were spent"
    );
    assert!(
        world.engine.unfinished().await.unwrap() > 0,
        "nothing was left for a peer"
    );
    assert_eq!(drain_events(&world).await, "drained");

    let _peer = world.worker().start().await;
    crowd.ended(&world, FULL_PATIENCE).await;
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_given_nothing_leaves_within_its_poll() {
    let world = World::new().await;
    let mut worker = world.worker().start().await;

    let began = Instant::now();
    worker.signal("INT");
    let status = worker.exited().await;

    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() <= IDLE_GRACE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_breaks_while_the_worker_leaves_leaves_no_lock() {
    let world = World::new().await;
    let merchant = world.merchant().await;
    let proxy = EngineProxy::cutting(&world.engine.url, |path, answer| {
        path.ends_with("/fetchAndLock") && answer.contains("\"topicName\"")
    });
    let mut worker = parking(&world, &proxy).start().await;
    until_it_polls(&proxy).await;

    worker.signal("TERM");
    until_it_drains(&worker).await;
    world.request_wallet(merchant, &Applicant::new()).await;
    let status = worker.exited().await;

    assert_eq!(status.code(), Some(0));
    let broken = proxy.calls("/fetchAndLock").into_iter();
    assert_eq!(broken.filter(|call| call.failed).count(), 1);
    let left = world.engine.locked_tasks().await;
    assert!(left.is_empty(), "{left:?}\n{}", worker.log());
}

/// What lay idle at the cut is dead, and nobody has told the worker: only the polls' time-outs tell
/// it, for the proxy goes on to acknowledge what is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_without_a_word_while_the_worker_leaves_leaves_no_lock() {
    let world = World::new().await;
    let merchant = world.merchant().await;
    let proxy = Proxy::to(address_of(world.engine.url.as_str()));
    let mut worker = world
        .worker()
        .set(
            "CAMUNDA_REST_URL",
            through(world.engine.url.as_str(), &proxy),
        )
        // What is left locked is so for longer than the worker takes to leave.
        .set("CAMUNDA_CLIENT_LOCK_DURATION", "60000")
        // The polls that this wallet leaves parked outlast what is done before the cut.
        .set("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", "20000")
        .start()
        .await;
    let done = world.request_wallet(merchant, &Applicant::new()).await;
    world.engine.ended(&done).await;

    worker.signal("TERM");
    until_it_drains(&worker).await;
    proxy.set(Network::Silent);
    world.request_wallet(merchant, &Applicant::new()).await;
    until("the engine has locked a task for a poll", async || {
        (!world.engine.locked_tasks().await.is_empty()).then_some(())
    })
    .await;
    proxy.set(Network::Up);
    let status = worker.exited().await;

    assert_eq!(status.code(), Some(0));
    let left = world.engine.locked_tasks().await;
    assert!(left.is_empty(), "{left:?}\n{}", worker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_comes_while_the_worker_leaves_is_given_back() {
    let world = World::new().await;
    let merchant = world.merchant().await;
    let proxy = EngineProxy::refusing(&world.engine.url, |_| None);
    let mut worker = parking(&world, &proxy).start().await;
    until_it_polls(&proxy).await;

    worker.signal("TERM");
    until_it_drains(&worker).await;
    world.request_wallet(merchant, &Applicant::new()).await;
    let status = worker.exited().await;

    assert_eq!(status.code(), Some(0));
    let left = world.engine.locked_tasks().await;
    assert!(left.is_empty(), "{left:?}\n{}", worker.log());
    assert_eq!(proxy.calls("/unlock").len(), 1, "tasks given back");
    assert_eq!(world.answered_tasks().await, 0, "tasks begun");
}

/// A worker whose polls last until there is a task, and what it leaves locked is so for longer than it
/// takes to leave.
fn parking(world: &World, proxy: &EngineProxy) -> WorkerBuilder {
    let worker = world.worker().set("CAMUNDA_REST_URL", proxy.url());
    worker
        .set("CAMUNDA_CLIENT_LOCK_DURATION", "60000")
        .set("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", "20000")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_worker_at_once() {
    let world = World::new().await;
    let mut worker = world.worker().start().await;
    // Polls are parked at the engine, and a drain would wait for them.
    until_polls_are_parked(&worker).await;

    worker.signal("TERM");
    until_it_drains(&worker).await;
    let began = Instant::now();
    let status = worker.stop().await;

    assert_eq!(status.code(), Some(1));
    let left = worker.lines_about("a second signal: left at once, with no task in hand");
    assert_eq!(left, 1, "{}", worker.log());
    assert!(
        began.elapsed() <= Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_waits_for_its_database_can_be_stopped() {
    let world = World::new().await;

    // Who is refused has nothing to wait for, and takes what the machine takes.
    let refused = stop_without_database(&world, Network::Refusing).await;
    let silent = stop_without_database(&world, Network::Silent).await;

    assert!(
        silent <= refused + NO_CONNECTION,
        "{silent:?} with a database that is silent, {refused:?} with one that is not there"
    );
}

/// How long a worker takes to leave before it has got through to its database.
async fn stop_without_database(world: &World, network: Network) -> Duration {
    let proxy = Proxy::to(world.database_address());
    proxy.set(network);
    let mut worker = world
        .worker()
        .set("DATABASE_URL", world.database_url_through(&proxy))
        .spawn();
    until("it has begun and waits", async || {
        (worker.get("/startupz").await?.0 == 503).then_some(())
    })
    .await;
    assert_eq!(worker.get("/livez").await.unwrap().0, 200);

    let began = Instant::now();
    let status = worker.stop().await;

    assert_eq!(status.code(), Some(0), "{network:?}");
    began.elapsed()
}

/// A poll for the topic that a wallet begins with is on its way, and no stop takes it back.
async fn until_it_polls(proxy: &EngineProxy) {
    until("a poll is under way", async || {
        let is_its = |body: &String| body.contains("\"validate-wallet-request\"");
        proxy
            .begun("/fetchAndLock")
            .iter()
            .any(is_its)
            .then_some(())
    })
    .await;
}

async fn until_polls_are_parked(worker: &Worker) {
    let topics = topics::names().len() as f64;
    // All topics begin to poll together, so as many answers are the first of each, and tell that its
    // next poll is on its way.
    until("polls are under way", async || {
        let polls = worker
            .series("phantom_worker_fetches_total{outcome=\"empty\"}")
            .await;
        (polls >= topics).then_some(())
    })
    .await;
}

async fn until_it_drains(worker: &Worker) {
    until("it drains", async || {
        (worker.get("/readyz").await?.0 == 503).then_some(())
    })
    .await;
}

async fn drain_events(world: &World) -> String {
    let query = "SELECT outcome AS text FROM audit_log WHERE action = 'worker_drained'";
    world.database.text(query).await
}
