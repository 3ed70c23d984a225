//! Locks that are lost, kept or left behind.

use std::time::Duration;

use phantom_worker::camunda::error::EngineError;
use phantom_worker::camunda::lease::Lease;
use phantom_worker::camunda::model::LockedTask;
use phantom_worker::camunda::variables::Variables;
use tokio::time::{Instant, timeout};

use super::stage::{LONG, PATIENCE, SPENT, Stage, request};
use super::{failure, ok, taken};

/// The answers to the four calls that a worker makes about a task it holds.
async fn reports(stage: &Stage, task: &LockedTask, worker: &str) -> [Result<(), EngineError>; 4] {
    let (client, id) = (&stage.client, &task.id);
    [
        client.extend_lock(id, worker, LONG).await,
        client.failure(id, worker, &failure(2)).await,
        client.bpmn_error(id, worker, &taken()).await,
        client.complete(id, worker, &ok(true)).await,
    ]
}

#[tokio::test]
async fn a_task_that_another_worker_has_is_not_ours() {
    let stage = Stage::new().await;
    let task = stage.locked_task("a", SPENT).await;
    assert_eq!(stage.fetch_one("b", LONG).await.id, task.id);

    for answer in reports(&stage, &task, "a").await {
        assert!(matches!(answer, Err(EngineError::NotOurs(_))), "{answer:?}");
    }

    stage
        .client
        .complete(&task.id, "b", &ok(true))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_expired_lock_cannot_be_extended_but_the_task_can_be_completed() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", SPENT).await;

    let extended = stage.client.extend_lock(&task.id, "w", LONG).await;

    assert!(
        matches!(extended, Err(EngineError::NotOurs(_))),
        "{extended:?}"
    );
    stage
        .client
        .complete(&task.id, "w", &ok(true))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_task_that_is_finished_or_deleted_is_gone() {
    let stage = Stage::new().await;
    let finished = stage.locked_task("w", LONG).await;
    stage
        .client
        .complete(&finished.id, "w", &ok(true))
        .await
        .unwrap();
    let deleted = stage.locked_task("w", LONG).await;
    stage.delete(&deleted.process_instance_id).await;

    for task in [finished, deleted] {
        for answer in reports(&stage, &task, "w").await {
            assert!(matches!(answer, Err(EngineError::Gone(_))), "{answer:?}");
        }
        let unlocked = stage.client.unlock(&task.id).await;
        assert!(
            matches!(unlocked, Err(EngineError::Refused(_))),
            "{unlocked:?}"
        );
        assert!(stage.client.find_task(&task.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_wrong_path_is_no_lost_task() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", LONG).await;

    let answer = stage
        .client_below("nowhere")
        .complete(&task.id, "w", &ok(true))
        .await;

    assert!(matches!(answer, Err(EngineError::Refused(_))), "{answer:?}");
    assert!(stage.client.find_task(&task.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_suspended_instance_keeps_its_task_from_us() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", LONG).await;
    stage.suspend(&task.process_instance_id, true).await;

    for answer in reports(&stage, &task, "w").await {
        assert!(matches!(answer, Err(EngineError::NotOurs(_))), "{answer:?}");
    }
    assert!(
        stage
            .client
            .find_task(&task.id)
            .await
            .unwrap()
            .unwrap()
            .suspended
    );

    stage.suspend(&task.process_instance_id, false).await;
    stage
        .client
        .complete(&task.id, "w", &ok(true))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_model_that_cannot_move_on_answers_500_and_keeps_the_task_ours() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", LONG).await;

    let answer = stage
        .client
        .complete(&task.id, "w", &Variables::new())
        .await
        .unwrap_err();

    assert!(answer.is_transient(), "{answer}");
    assert_eq!(answer.answer().map(|answer| answer.status), Some(500));
    let state = stage.client.find_task(&task.id).await.unwrap().unwrap();
    assert_eq!(
        (state.worker_id.as_deref(), state.retries),
        (Some("w"), None)
    );
}

#[tokio::test]
async fn a_broken_poll_takes_a_task_that_a_sweep_finds() {
    let stage = Stage::new().await;
    let poll = request("dead", LONG, Duration::from_secs(10));
    let broken = timeout(Duration::from_secs(1), stage.client.fetch_and_lock(&poll)).await;
    assert!(broken.is_err(), "there was nothing to fetch");
    stage.start("task-process", Variables::new()).await;

    let held = async {
        loop {
            let held = stage.client.locked_by("dead").await.unwrap();
            if !held.is_empty() {
                return held;
            }
        }
    };
    let held = timeout(PATIENCE, held)
        .await
        .expect("the dead poll locks the task");
    for task in &held {
        stage.client.unlock(task).await.unwrap();
    }

    assert_eq!(held, [stage.fetch_one("living", LONG).await.id]);
    assert!(stage.client.locked_by("dead").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lease_keeps_the_task_from_others_beyond_its_first_lock() {
    let stage = Stage::new().await;
    stage.start("task-process", Variables::new()).await;
    let (sent_at, lock) = (Instant::now(), Duration::from_secs(3));
    let task = stage.fetch_one("w", lock).await;
    let (client, id) = (stage.client.clone(), task.id.clone());
    let mut lease = Lease::new(client, id, "w".into(), sent_at, Instant::now(), lock);
    let first_end = task.lock_expiration_time.unwrap();

    let rivals = async {
        let mut stolen = 0;
        loop {
            stolen += stage
                .fetch("rival", lock, Duration::from_millis(500))
                .await
                .len();
            let state = stage.client.find_task(&task.id).await.unwrap().unwrap();
            if state.lock_expiration_time.unwrap() > first_end + lock {
                return stolen;
            }
        }
    };

    assert_eq!(timeout(PATIENCE, lease.hold(rivals)).await.unwrap(), Ok(0));
    stage
        .client
        .complete(&task.id, "w", &ok(true))
        .await
        .unwrap();
}
