//! A task from fetch to answer.

use chrono::{DateTime, Utc};
use phantom_worker::camunda::model::{IncidentFilter, TaskFilter};
use phantom_worker::camunda::variables::{Value, Variables};
use serde_json::json;

use super::stage::{LONG, Stage, TOPIC};
use super::{failure, ok, taken, variables};

#[tokio::test]
async fn every_type_of_variable_comes_back_as_it_was_sent() {
    let stage = Stage::new().await;
    let instant: DateTime<Utc> = "2024-02-29T23:59:59.007Z".parse().unwrap();
    let sent = variables([
        ("boolean", Value::Boolean(true)),
        ("short", Value::Short(i16::MIN)),
        ("integer", Value::Integer(i32::MAX)),
        ("long", Value::Long(9_007_199_254_740_993)),
        ("double", Value::Double(0.1)),
        (
            "string",
            Value::String("Ünï \"quoted\" \\ud800 \u{1} 😀".into()),
        ),
        ("full", Value::String("x".repeat(4000))),
        ("emoji", Value::String("😀".repeat(2000))),
        ("date", Value::Date(instant)),
        (
            "json",
            Value::Json(format!(r#"{{"long": "{}"}}"#, "y".repeat(100_000))),
        ),
        ("bytes", Value::Bytes((0..=255).collect())),
        (
            "object",
            Value::Object {
                object_type_name: "com.acme.Unknown".into(),
                serialization_format: "application/json".into(),
                value: r#"{"a": 1}"#.into(),
            },
        ),
        ("null", Value::Null),
    ]);
    let instance = stage.start("task-process", sent.clone()).await;

    let task = stage.fetch_one("w", LONG).await;

    let different: Vec<_> = sent
        .iter()
        .filter(|(name, value)| task.variables.get(name) != Some(value))
        .collect();
    let names: Vec<_> = different.iter().map(|(name, _)| name).collect();
    assert!(
        names.is_empty() && task.variables.len() == sent.len(),
        "differ: {names:?}"
    );

    stage
        .client
        .complete(&task.id, "w", &ok(true))
        .await
        .unwrap();
    let history = stage
        .client
        .history_variables(instance.id.as_str())
        .await
        .unwrap();
    let date = history
        .iter()
        .find(|variable| variable.name == "date")
        .unwrap();
    assert!(date.value == Value::Date(instant));
    assert_eq!(history.len(), sent.len() + 1);
}

#[tokio::test]
async fn a_task_is_told_in_full_and_its_instance_ends_where_the_answer_leads() {
    let stage = Stage::new().await;
    let instance = stage.start("task-process", Variables::new()).await;

    let task = stage.fetch_one("w", LONG).await;

    assert_eq!(
        (
            task.topic_name.as_str(),
            task.activity_id.as_str(),
            task.worker_id.as_str()
        ),
        (TOPIC, "check", "w")
    );
    assert_eq!(task.process_instance_id, instance.id.as_str());
    assert_eq!(task.process_definition_key, "task-process");
    assert_eq!(task.business_key.as_deref(), Some("order-7"));
    assert_eq!(task.tenant_id.as_deref(), Some(stage.tenant()));
    assert_eq!(
        task.extension_properties["retries"].as_deref(),
        Some("R3/PT10S")
    );
    assert_eq!(task.retries, None);
    let locked_for = task.lock_expiration_time.unwrap() - task.create_time.unwrap();
    assert!(locked_for.num_seconds() >= 300);

    let id = instance.id.as_str();
    assert!(stage.client.process_instance(id).await.unwrap().is_some());
    stage
        .client
        .complete(&task.id, "w", &ok(false))
        .await
        .unwrap();

    assert!(stage.client.process_instance(id).await.unwrap().is_none());
    let ended = stage
        .client
        .history_process_instance(id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (ended.state.as_str(), ended.end_time.is_some()),
        ("COMPLETED", true)
    );
    assert_eq!(stage.ends(id).await, ["refused"]);
}

#[tokio::test]
async fn a_bpmn_error_takes_the_path_of_its_code() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", LONG).await;

    stage
        .client
        .bpmn_error(&task.id, "w", &taken())
        .await
        .unwrap();

    let instance = task.process_instance_id;
    assert_eq!(stage.ends(&instance).await, ["taken"]);
    let history = stage.client.history_variables(&instance).await.unwrap();
    let code = history
        .iter()
        .find(|variable| variable.name == "error_code")
        .unwrap();
    assert!(code.value == Value::String("TAKEN".into()));
}

#[tokio::test]
async fn a_failure_comes_back_with_its_words_and_the_last_one_is_an_incident() {
    let stage = Stage::new().await;
    let task = stage.locked_task("w", LONG).await;
    let of_instance = IncidentFilter {
        process_instance_id: Some(task.process_instance_id.clone()),
        ..IncidentFilter::default()
    };

    stage
        .client
        .failure(&task.id, "w", &failure(2))
        .await
        .unwrap();
    let again = stage.fetch_one("w", LONG).await;

    assert_eq!(
        (again.id.clone(), again.retries),
        (task.id.clone(), Some(2))
    );
    assert_eq!(again.error_message.as_deref(), Some("no\\nluck"));
    assert_eq!(again.error_details.as_deref(), Some("line 1\nline 2"));
    assert_eq!(stage.client.count_incidents(&of_instance).await.unwrap(), 0);

    stage
        .client
        .failure(&task.id, "w", &failure(0))
        .await
        .unwrap();

    let incidents = stage.client.incidents(&of_instance).await.unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].incident_type, "failedExternalTask");
    assert_eq!(
        incidents[0].configuration.as_deref(),
        Some(task.id.as_str())
    );
    assert_eq!(stage.client.count_incidents(&of_instance).await.unwrap(), 1);
    let given_up = TaskFilter {
        no_retries_left: true,
        ..TaskFilter::default()
    };
    assert_eq!(stage.client.count_tasks(&given_up).await.unwrap(), 1);

    let path = format!("/external-task/{}/retries", task.id);
    stage
        .operate(reqwest::Method::PUT, &path, json!({"retries": 1}))
        .await;
    assert_eq!(stage.fetch_one("v", LONG).await.id, task.id);
}
