//! Three replicas as the manifests run them, with the defaults for lock, poll and drain: rolled under
//! load, robbed of one, and sharing a backlog.

mod excuses;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, join3};
use phantom_worker::camunda::model::TaskState;
use serde_json::Value as Json;
use tokio::time::{MissedTickBehavior, interval};

use self::excuses::is_excused;
use crate::support::crowd::Crowd;
use crate::support::engine_proxy::EngineProxy;
use crate::support::patience::within;
use crate::support::worker::{Worker, WorkerBuilder};
use crate::support::{World, until};

/// In the order in which they go: the oldest first.
type Replicas = VecDeque<Worker>;

const POLL: Duration = Duration::from_secs(5);
const LOCK: Duration = Duration::from_secs(10);
/// The poll, the drain's deadline, and ten seconds.
const GRACE: Duration = Duration::from_secs(5 + 20 + 10);
/// Until what a lost replica held is done.
const RECOVERY: Duration = LOCK
    .saturating_add(POLL)
    .saturating_add(Duration::from_secs(10));
/// How often the flow is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// For everything after the load has come.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing_and_never_stops_the_flow() {
    let world = World::new().await;
    let waiting = Crowd::start(&world, 100).await;
    let replicas = three_of(&world.worker()).await;
    waiting.half_way(&world).await;

    let is_rolled = AtomicBool::new(false);
    let rolling = async {
        let rolled = roll(&world, replicas).await;
        is_rolled.store(true, Ordering::Relaxed);
        rolled
    };
    let is_over = || is_rolled.load(Ordering::Relaxed);
    let coming = Crowd::start_until(&world, is_over);
    let silence = longest_silence(&world, is_over);
    let (rolled, coming, silence) = join3(rolling, coming, silence).await;
    let crowd = waiting.and(coming);
    crowd.ended(&world, PATIENCE).await;

    crowd.assert_exactly_once(&world).await;
    let times: Vec<_> = crowd.message_ids().await.into_values().collect();
    assert!(
        times.iter().all(|times| *times == 1),
        "mails came twice: {times:?}"
    );
    // Whatever waits is in an answer within one poll of any replica that is ready.
    assert!(silence <= POLL, "no task was finished for {silence:?}");
    for replica in &rolled {
        assert_eq!(replica.get("/readyz").await.unwrap().0, 200);
    }
}

async fn three_of(worker: &WorkerBuilder) -> Replicas {
    join_all([worker.start(), worker.start(), worker.start()])
        .await
        .into()
}

/// As a Deployment with maxSurge 1 and maxUnavailable 0 does: one more, and when that is ready, one
/// less; until all are new.
async fn roll(world: &World, mut replicas: Replicas) -> Replicas {
    for _ in 0..replicas.len() {
        replicas.push_back(world.worker().start().await);
        let leaving = replicas.pop_front().unwrap();
        leave(world, leaving, &replicas).await;
    }
    replicas
}

/// While one leaves, within its grace time, others are ready at every moment and finish tasks.
async fn leave(world: &World, mut leaving: Worker, others: &Replicas) {
    let (answered, name) = (world.answered_tasks().await, leaving.replica_name().await);

    leaving.signal("TERM");
    let status = within(GRACE, "the replica has left", async || {
        let looks = others.iter().map(|other| other.get("/readyz"));
        let looks = join_all(looks).await;
        let is_ready = |look: &Option<(u16, String)>| matches!(look, Some((200, _)));
        assert!(looks.iter().any(is_ready), "none is ready: {looks:?}");
        leaving.find_exit()
    })
    .await;

    assert_eq!(status.code(), Some(0), "{}", leaving.log());
    let log = leaving.log();
    let mut left = world.held_by(&name).await;
    left.retain(|lock| !is_excused(lock, &log));
    assert!(left.is_empty(), "it left locks: {left:?}\n{log}");
    until("the others have finished tasks", async || {
        (world.answered_tasks().await > answered).then_some(())
    })
    .await;
}

/// The longest time without a finished task, until it is over. A look that comes late counts as one in
/// time: then the machine stood still, and not the flow.
async fn longest_silence(world: &World, is_over: impl Fn() -> bool) -> Duration {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut answered, mut silence, mut longest) = (0, Duration::ZERO, Duration::ZERO);
    while !is_over() {
        looks.tick().await;
        let now = world.answered_tasks().await;
        silence = if now > answered {
            Duration::ZERO
        } else {
            silence + LOOK
        };
        longest = longest.max(silence);
        answered = now;
    }
    longest
}

impl World {
    /// The tasks whose changes this replica committed, each once.
    async fn done_by(&self, replica: &str) -> Vec<String> {
        let random = replica.rsplit(':').next().unwrap();
        let query = format!(
            "SELECT task_id AS text FROM audit_log WHERE task_id IS NOT NULL \
             AND worker_id LIKE '%:{random}' GROUP BY task_id ORDER BY task_id COLLATE \"C\""
        );
        let ids = self.database.text(&query).await;
        ids.lines().map(str::to_owned).collect()
    }

    /// Whether the answer of any of these tasks is committed.
    async fn are_any_answered(&self, tasks: &[TaskState]) -> bool {
        let ids: Vec<_> = tasks.iter().map(|task| task.id.as_str()).collect();
        let among = format!(
            "task_completions WHERE answer IS NOT NULL AND task_id = ANY('{{{}}}')",
            ids.join(",")
        );
        self.count(&among).await > 0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_replica_of_three_held_is_made_good_within_the_bound() {
    let world = World::new().await;
    let crowd = Crowd::start(&world, 200).await;
    // The oldest first: what it held is then not at the end of everything else that waits.
    let worker = world.worker().set("CAMUNDA_CLIENT_SORTING", "create-time");
    let is_mute = Arc::new(AtomicBool::new(false));
    let muted = Arc::clone(&is_mute);
    let proxy = EngineProxy::refusing(&world.engine.url, move |path| {
        (path.ends_with("/complete") && muted.load(Ordering::Relaxed)).then_some(503)
    });
    let losing = worker.clone().set("CAMUNDA_REST_URL", proxy.url());
    let started = Instant::now();
    let (mut lost, second, third) = join3(losing.start(), worker.start(), worker.start()).await;
    let mut replicas = Replicas::from([second, third]);
    crowd.half_way(&world).await;
    is_mute.store(true, Ordering::Relaxed);
    let held = stop_with_an_answer_untold(&world, &lost).await;
    // What it held waits for the locks, and among everything else that is to be done.
    let patience = RECOVERY + started.elapsed();
    lost.kill();
    // A Deployment makes good for it at once.
    let ((), replacement) = join(world.made_good(&held, patience), worker.start()).await;
    crowd.ended(&world, PATIENCE).await;

    world.let_claims_run_out().await;
    crowd.assert_exactly_once(&world).await;
    replicas.push_back(replacement);
    let repeated = sum(&replicas, "phantom_worker_duplicate_tasks_total", "topic=").await;
    assert!(
        repeated > 0.0,
        "the answer that was not told was not given again"
    );
    for replica in &replicas {
        assert_eq!(replica.get("/readyz").await.unwrap().0, 200);
    }
}

/// Stops a replica whose answers nobody hears, and gives what it has locked: some of that is
/// answered, as nobody but the database knows.
async fn stop_with_an_answer_untold(world: &World, mute: &Worker) -> Vec<TaskState> {
    let name = mute.replica_name().await;
    until("it holds an answer that is not told", async || {
        // Looked at while it stands still: what it holds then, it cannot finish.
        mute.signal("STOP");
        let held = world.held_by(&name).await;
        let is_answered = world.are_any_answered(&held).await;
        if !is_answered {
            mute.signal("CONT");
        }
        is_answered.then_some(held)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_share_a_backlog_without_taking_a_task_twice() {
    let world = World::new().await;
    // However slow the machine is, no lock runs out: only the drawing of lots is looked at.
    let patient = world.worker().set("CAMUNDA_CLIENT_LOCK_DURATION", "60000");
    // All are there before the first task is.
    let replicas = three_of(&patient).await;
    let crowd = Crowd::start(&world, 100).await;

    crowd.ended(&world, PATIENCE).await;

    let answered = world.answered_tasks().await;
    until("every answer is told", async || {
        let ended: usize = replicas
            .iter()
            .map(|replica| ended_tasks(replica).len())
            .sum();
        (i64::try_from(ended).unwrap() >= answered).then_some(())
    })
    .await;
    for replica in &replicas {
        let (ended, name) = (ended_tasks(replica), replica.replica_name().await);
        assert!(
            !ended.is_empty(),
            "{name} had nothing to do:\n{}",
            replica.log()
        );
        // What it could not begin it gave back, and says nothing of.
        assert_eq!(
            ended,
            world.done_by(&name).await,
            "begun and done by {name}"
        );
    }
    crowd.assert_exactly_once(&world).await;
}

/// The tasks that a replica began and came to the end of, whatever that was, as its log tells.
fn ended_tasks(replica: &Worker) -> Vec<String> {
    let log = replica.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let ended = lines.filter(|line| line["outcome"].is_string());
    let mut ended: Vec<_> = ended
        .filter_map(|line| Some(line["task.id"].as_str()?.to_owned()))
        .collect();
    ended.sort();
    ended
}

/// A series over all labels but this one, of all replicas together.
async fn sum(replicas: &Replicas, series: &str, label: &str) -> f64 {
    let mut sum = 0.0;
    for replica in replicas {
        sum += replica.sum(series, label).await;
    }
    sum
}
