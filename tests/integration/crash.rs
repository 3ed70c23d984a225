//! Workers that die in the middle of their work, and what is left of it: everything, once.

use std::time::{Duration, Instant};

use crate::support::World;
use crate::support::crowd::Crowd;

/// The lock and the poll of the worker's defaults, and ten seconds more.
const RECOVERY: Duration = Duration::from_secs(10 + 5 + 10);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_starts_again_and_everything_was_done_once() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let mut killed = world.worker().start().await;
    crowd.half_way(&world).await;

    killed.kill();
    let began = Instant::now();
    let locked = world.engine.locked_tasks().await.len();
    let _worker = world.worker().start().await;
    crowd
        .ended(&world, RECOVERY + Duration::from_secs(30))
        .await;
    let recovery = began.elapsed();

    assert!(locked > 0, "the worker held no task when it was killed");
    assert!(
        recovery <= RECOVERY,
        "the last instance ended {recovery:?} after the kill"
    );
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_replica_held_is_done_by_the_other() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let (mut killed, survivor) = (world.worker().start().await, world.worker().start().await);
    crowd.half_way(&world).await;

    killed.kill();
    let began = Instant::now();
    crowd
        .ended(&world, RECOVERY + Duration::from_secs(30))
        .await;
    let recovery = began.elapsed();

    assert!(
        recovery <= RECOVERY,
        "the last instance ended {recovery:?} after the kill"
    );
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
    assert_eq!(survivor.get("/readyz").await.unwrap().0, 200);
}
