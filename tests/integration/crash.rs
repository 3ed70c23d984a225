//! Workers that die in the middle of their work, and what is left of it: everything, once.

use std::time::{Duration, Instant};

use crate::support::World;
use crate::support::crowd::Crowd;

/// What a lost worker costs beyond the work itself: the lock and the poll of the worker's defaults,
/// and ten seconds more.
const RECOVERY: Duration = Duration::from_secs(10 + 5 + 10);
/// For work that no machine should take so long for.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_starts_again_and_everything_was_done_once() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let started = Instant::now();
    let mut killed = world.worker().start().await;
    crowd.half_way(&world).await;
    let before_the_kill = started.elapsed();

    killed.kill();
    let began = Instant::now();
    let locked = world.engine.locked_tasks().await.len();
    let _worker = world.worker().start().await;
    crowd.ended(&world, PATIENCE).await;

    assert!(locked > 0, "the worker held no task when it was killed");
    assert_recovered(began.elapsed(), before_the_kill);
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_replica_held_is_done_by_the_other() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    let started = Instant::now();
    let (mut killed, survivor) = (world.worker().start().await, world.worker().start().await);
    crowd.half_way(&world).await;
    let before_the_kill = started.elapsed();

    killed.kill();
    let began = Instant::now();
    crowd.ended(&world, PATIENCE).await;

    assert_recovered(began.elapsed(), before_the_kill);
    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
    assert_eq!(survivor.get("/readyz").await.unwrap().0, 200);
}

/// Of some five hundred tasks two hundred were answered before the kill, by twice as many workers at
/// most, so on the same machine the others take up to three times as long, and the recovery.
fn assert_recovered(after_the_kill: Duration, before_the_kill: Duration) {
    assert!(
        after_the_kill <= 3 * before_the_kill + RECOVERY,
        "the last instance ended {after_the_kill:?} after the kill; before it were {before_the_kill:?}"
    );
}
