//! What an operator reads of a worker that does its work: no alarm, and each cause by its name.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::engine::variables;
use crate::support::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_start_loses_no_message() {
    let world = World::new().await;
    let worker = world.worker().start().await;

    let started = "audit_log WHERE action = 'worker_started'";
    until("the start is written down", async || {
        (world.count(started).await == 1).then_some(())
    })
    .await;

    let dropped = worker
        .sum("phantom_worker_messages_dropped_total", "")
        .await;
    assert_eq!(dropped, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_task_names_its_topic_at_the_top_and_the_code_of_its_error() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let input = json!({
        "user_id": Uuid::new_v4().to_string(),
        "event_data": {"type": "multiple_failed_logins"},
    });

    let process = "suspicious-activity-process";
    let instance = world.engine.start(process, variables(input)).await;
    world.engine.ended(&instance).await;
    let line = until("the end is logged", async || {
        let log = worker.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut ended = lines.filter(|line: &Json| line["outcome"] == "bpmn_error");
        ended.next()
    })
    .await;

    assert_eq!(line["error_code"], "USER_NOT_FOUND");
    assert_eq!(line["task.topic"], "handle-suspicious-activity");
    assert_eq!(line["process.instance"], instance.as_str());
}
