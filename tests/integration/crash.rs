//! Workers that die in the middle of their work, and what is left of it: everything, once.

use std::time::{Duration, Instant};

use futures_util::future::join;

use crate::support::World;
use crate::support::crowd::Crowd;
use crate::support::worker::WorkerBuilder;

/// Until what a lost worker held is done: the lock and the poll of the worker's defaults, and ten
/// seconds more.
const RECOVERY: Duration = Duration::from_secs(10 + 5 + 10);
/// For work that no machine should take so long for.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_starts_again_and_everything_was_done_once() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let started = Instant::now();
    let worker = oldest_first(&world);
    let mut killed = worker.start().await;
    let name = killed.replica_name().await;
    crowd.half_way(&world).await;
    let patience = RECOVERY + started.elapsed();

    killed.kill();
    let held = world.held_by(&name).await;
    let ((), _restarted) = join(world.made_good(&held, patience), worker.start()).await;
    crowd.ended(&world, PATIENCE).await;

    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_replica_held_is_done_by_the_other() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let started = Instant::now();
    let worker = oldest_first(&world);
    let (mut killed, survivor) = (worker.start().await, worker.start().await);
    let name = killed.replica_name().await;
    crowd.half_way(&world).await;
    let patience = RECOVERY + started.elapsed();

    killed.kill();
    let held = world.held_by(&name).await;
    world.made_good(&held, patience).await;
    crowd.ended(&world, PATIENCE).await;

    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
    assert_eq!(survivor.get("/readyz").await.unwrap().0, 200);
}

/// What a lost worker held is then not at the end of everything else that waits.
fn oldest_first(world: &World) -> WorkerBuilder {
    world.worker().set("CAMUNDA_CLIENT_SORTING", "create-time")
}
