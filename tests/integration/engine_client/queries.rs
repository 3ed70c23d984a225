//! Deployments, messages, counts and what is not there.

use std::time::Duration;

use phantom_worker::camunda::bpmn;
use phantom_worker::camunda::client::DeployError;
use phantom_worker::camunda::error::EngineError;
use phantom_worker::camunda::model::{Deployed, Message, Resource, TaskFilter, TaskId};
use phantom_worker::camunda::variables::{Value, Variables};

use super::stage::{LONG, PATIENCE, Stage, TASK_MODEL, TOPIC};
use super::{ok, variables};

#[tokio::test]
async fn tasks_are_counted_by_what_can_be_done_with_them() {
    let stage = Stage::new().await;
    let count = async |filter: TaskFilter| stage.client.count_tasks(&filter).await.unwrap();
    let locked = || TaskFilter {
        locked: true,
        worker_id: Some("w".into()),
        ..Default::default()
    };
    for _ in 0..3 {
        stage.start("task-process", Variables::new()).await;
    }
    assert_eq!(count(TaskFilter::backlog(TOPIC)).await, 3);

    let tasks = stage.fetch("w", LONG, PATIENCE / 4).await;

    assert_eq!(tasks.len(), 3);
    assert_eq!(
        (
            count(TaskFilter::backlog(TOPIC)).await,
            count(locked()).await
        ),
        (0, 3)
    );
    stage.client.unlock(&tasks[0].id).await.unwrap();
    assert_eq!(
        (
            count(TaskFilter::backlog(TOPIC)).await,
            count(locked()).await
        ),
        (1, 2)
    );
    assert_eq!(count(TaskFilter::backlog("another")).await, 0);
    let suspended = || TaskFilter {
        suspended: true,
        ..Default::default()
    };
    assert_eq!(count(suspended()).await, 0);
    stage.suspend(&tasks[0].process_instance_id, true).await;
    assert_eq!(
        (
            count(TaskFilter::backlog(TOPIC)).await,
            count(suspended()).await
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn only_what_changed_is_deployed_again() {
    let stage = Stage::empty();

    let first = stage.deploy(TASK_MODEL).await;
    let same = stage.deploy(TASK_MODEL).await;
    let changed = stage.deploy(&TASK_MODEL.replace("PT10S", "PT20S")).await;

    let versions = |deployed: &Deployed| {
        let one = deployed
            .definitions()
            .map(|d| (d.key.clone(), d.version, d.resource.clone()));
        one.collect::<Vec<_>>()
    };
    assert_eq!(
        versions(&first),
        [("task-process".into(), 1, "task.bpmn".into())]
    );
    assert_eq!((versions(&same), &same.id), (vec![], &first.id));
    assert_eq!(
        versions(&changed),
        [("task-process".into(), 2, "task.bpmn".into())]
    );

    let all = stage
        .client
        .definitions("task-process", false)
        .await
        .unwrap();
    let latest = stage
        .client
        .definitions("task-process", true)
        .await
        .unwrap();
    assert_eq!(
        all.iter()
            .map(|definition| definition.version)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(latest, all[..1]);
    let xml = stage.client.definition_xml(&latest[0].id).await.unwrap();
    let model = bpmn::parse(&latest[0].id, &xml).unwrap().remove(0);
    assert!(model.catches("check", "TAKEN") && !model.catches("check", "OTHER"));
}

#[tokio::test]
async fn a_broken_model_is_refused_with_the_place() {
    let stage = Stage::empty();
    let broken = TASK_MODEL.replace(r#" camunda:topic="check-client""#, "");

    match stage
        .client
        .deploy(&stage.deployment("task.bpmn", &broken))
        .await
    {
        Err(DeployError::Models(faults)) => {
            assert_eq!((faults[0].file.as_str(), faults[0].line), ("task.bpmn", 9));
        }
        _ => panic!("the engine takes no external task without a topic"),
    }
    assert!(
        stage
            .client
            .definitions("task-process", true)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_message_reaches_its_instance_alone_and_once() {
    let stage = Stage::new().await;
    let key = || variables([("string", Value::String("v-1".into()))]);
    let meant = stage.start("message-process", key()).await;
    let other = stage.start("message-process", key()).await;
    let message = Message {
        message_name: "told".into(),
        process_instance_id: meant.id.clone(),
        correlation_keys: key(),
        process_variables: ok(true),
    };
    let wrong_key = Message {
        correlation_keys: variables([("string", Value::String("v-2".into()))]),
        ..message.clone()
    };

    let refused = stage.client.correlate(&wrong_key).await;
    stage.client.correlate(&message).await.unwrap();
    let again = stage.client.correlate(&message).await;

    for answer in [refused, again] {
        assert!(
            matches!(&answer, Err(EngineError::Refused(a)) if a.status == 400),
            "{answer:?}"
        );
    }
    assert_eq!(stage.ends(meant.id.as_str()).await, ["heard"]);
    assert!(stage.ends(other.id.as_str()).await.is_empty());
    let history = stage
        .client
        .history_variables(meant.id.as_str())
        .await
        .unwrap();
    assert!(
        history
            .iter()
            .any(|v| v.name == "ok" && v.value == Value::Boolean(true))
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let stage = Stage::empty();
    let client = &stage.client;

    assert!(
        client
            .find_task(&TaskId::new("no such"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(client.process_instance("no-such").await.unwrap().is_none());
    assert!(
        client
            .history_process_instance("no-such")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        client
            .definitions("no-such", true)
            .await
            .unwrap()
            .is_empty()
    );
    let xml = client.definition_xml("no-such").await;
    assert!(matches!(xml, Err(EngineError::Refused(_))), "{xml:?}");
    assert!(stage.fetch("w", LONG, Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn the_engine_tells_its_version_and_that_it_asks_for_no_user() {
    let stage = Stage::empty();

    let version = stage.client.version().await.unwrap();
    let asked = stage
        .client
        .is_authorised("READ_INSTANCE", Resource::ProcessDefinition, "any")
        .await;

    assert!(version.starts_with("7.24."), "{version}");
    assert!(
        matches!(asked, Err(EngineError::Unauthorised(_))),
        "{asked:?}"
    );
}
