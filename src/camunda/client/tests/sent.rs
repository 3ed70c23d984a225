//! What goes over the wire.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wiremock::matchers::{basic_auth, body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::DeployError;
use super::super::scripted::client;
use super::{answering, task};
use crate::camunda::error::EngineError;
use crate::camunda::model::{
    BpmnError, Deployment, DeploymentFile, Failure, IncidentFilter, Message, ProcessInstanceId,
    Resource, Start, TaskFilter, TaskId,
};
use crate::camunda::variables::{Value, Variables};

/// The path of [`task`].
const TASK_PATH: &str = "/engine-rest/external-task/a%2Fb%20%3F";

/// An engine that expects exactly this call, once.
async fn expecting(verb: &str, to: &str, body: Json) -> MockServer {
    let engine = MockServer::start().await;
    Mock::given(method(verb))
        .and(path(to))
        .and(body_json(body))
        .and(header("content-type", "application/json"))
        .and(basic_auth("demo", "s3cret"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&engine)
        .await;
    engine
}

#[tokio::test]
async fn a_completion_carries_typed_variables() {
    let body = json!({"workerId": "w", "variables": {"ok": {"type": "Boolean", "value": true}}});
    let engine = expecting("POST", &format!("{TASK_PATH}/complete"), body).await;
    let mut variables = Variables::new();
    variables.insert("ok", Value::Boolean(true)).unwrap();

    client(&engine)
        .complete(&task(), "w", &variables)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failure_always_says_how_many_tries_are_left() {
    let body = json!({"workerId": "w", "errorMessage": "m", "errorDetails": "d",
                      "retries": 0, "retryTimeout": 0});
    let engine = expecting("POST", &format!("{TASK_PATH}/failure"), body).await;
    let failure = Failure {
        message: "m".into(),
        advice: None,
        details: "d".into(),
        retries: 0,
        retry_timeout: Duration::ZERO,
    };

    client(&engine)
        .failure(&task(), "w", &failure)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_bpmn_error_carries_code_and_message_alone() {
    let body = json!({"workerId": "w", "errorCode": "WALLET_EXISTS", "errorMessage": "m"});
    let engine = expecting("POST", &format!("{TASK_PATH}/bpmnError"), body).await;
    let error = BpmnError {
        code: "WALLET_EXISTS".into(),
        message: "m".into(),
    };

    client(&engine)
        .bpmn_error(&task(), "w", &error)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_extension_is_in_milliseconds() {
    let body = json!({"workerId": "w", "newDuration": 10_000});
    let engine = expecting("POST", &format!("{TASK_PATH}/extendLock"), body).await;

    client(&engine)
        .extend_lock(&task(), "w", Duration::from_secs(10))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_variable_that_was_only_read_is_not_sent() {
    let engine = answering(ResponseTemplate::new(204)).await;
    let client = client(&engine);
    let read: Variables = serde_json::from_value(json!({"x": {"value": {"a": 1}}})).unwrap();

    let error = client.complete(&task(), "w", &read).await.unwrap_err();

    assert!(matches!(error, EngineError::Unwritable(_)));
    assert!(!error.is_transient());
    assert_eq!(client.calls(), 0);
}

#[tokio::test]
async fn all_pages_of_our_locks_are_read() {
    let engine = MockServer::start().await;
    let page = |request: &Request| {
        let query: std::collections::HashMap<_, _> = request.url.query_pairs().collect();
        let number = |name: &str| query[name].parse::<usize>().unwrap();
        let (from, size) = (number("firstResult"), number("maxResults"));
        let ids = from..(from + size).min(700);
        let tasks: Vec<_> = ids.map(|n| json!({"id": n.to_string()})).collect();
        ResponseTemplate::new(200).set_body_json(tasks)
    };
    Mock::given(method("GET"))
        .and(path("/engine-rest/external-task"))
        .and(query_param("workerId", "host:a b"))
        .and(query_param("locked", "true"))
        .respond_with(page)
        .expect(2)
        .mount(&engine)
        .await;

    let held = client(&engine).locked_by("host:a b").await.unwrap();

    assert_eq!(held.len(), 700);
    assert_eq!(held.last(), Some(&TaskId::new("699")));
}

#[tokio::test]
async fn counts_are_filtered_by_tenant() {
    let engine = MockServer::start().await;
    for (what, key, value) in [
        ("external-task", "topicName", "t"),
        (
            "incident",
            "processDefinitionKeyIn",
            "wallet-creation-process",
        ),
    ] {
        Mock::given(path(format!("/engine-rest/{what}/count")))
            .and(query_param(key, value))
            .and(query_param("tenantIdIn", "bank,shop"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"count": 3})))
            .mount(&engine)
            .await;
    }
    let incidents = IncidentFilter {
        process_definition_key: Some("wallet-creation-process".into()),
        ..IncidentFilter::default()
    };

    assert_eq!(
        client(&engine)
            .count_tasks(&TaskFilter::backlog("t"))
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        client(&engine).count_incidents(&incidents).await.unwrap(),
        3
    );
}

#[tokio::test]
async fn what_starts_belongs_to_the_first_tenant() {
    let engine = MockServer::start().await;
    Mock::given(path(
        "/engine-rest/process-definition/key/p/tenant-id/bank/start",
    ))
    .and(body_json(json!({"businessKey": "b", "variables": {}})))
    .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "i", "links": []})))
    .mount(&engine)
    .await;
    let start = Start {
        key: "p".into(),
        business_key: Some("b".into()),
        variables: Variables::new(),
    };

    let instance = client(&engine).start(&start).await.unwrap();

    assert_eq!(instance.id.as_str(), "i");
}

#[tokio::test]
async fn a_message_names_its_instance_and_no_tenant() {
    let body = json!({
        "messageName": "email-verified", "processInstanceId": "i",
        "correlationKeys": {"verification_id": {"type": "String", "value": "v"}},
        "processVariables": {},
    });
    let engine = expecting("POST", "/engine-rest/message", body).await;
    let mut correlation_keys = Variables::new();
    correlation_keys
        .insert("verification_id", Value::String("v".into()))
        .unwrap();
    let message = Message {
        message_name: "email-verified".into(),
        process_instance_id: ProcessInstanceId::new("i").unwrap(),
        correlation_keys,
        process_variables: Variables::new(),
    };

    client(&engine).correlate(&message).await.unwrap();
}

fn deployment() -> Deployment {
    let file = DeploymentFile {
        name: "a.bpmn".into(),
        content: b"<xml/>".to_vec(),
    };
    Deployment {
        name: "n".into(),
        source: "s".into(),
        files: vec![file],
        tenant: None,
    }
}

#[tokio::test]
async fn a_deployment_lists_its_new_definitions() {
    let answer = json!({"id": "d", "deployedProcessDefinitions": {
        "p:1:x": {"id": "p:1:x", "key": "p", "version": 1, "resource": "a.bpmn", "tenantId": "bank"}}});
    let engine = answering(ResponseTemplate::new(200).set_body_json(answer)).await;

    let deployed = client(&engine).deploy(&deployment()).await.unwrap();

    let keys: Vec<_> = deployed
        .definitions()
        .map(|definition| definition.key.as_str())
        .collect();
    assert_eq!(keys, ["p"]);
    let sent = engine.received_requests().await.unwrap().remove(0).body;
    let sent = String::from_utf8(sent).unwrap();
    for part in [
        "deploy-changed-only",
        "tenant-id",
        "bank",
        r#"filename="a.bpmn""#,
        "<xml/>",
    ] {
        assert!(sent.contains(part), "{part} is missing in {sent}");
    }
}

#[tokio::test]
async fn nothing_new_deploys_nothing() {
    let answer = json!({"id": "d", "deployedProcessDefinitions": null});
    let engine = answering(ResponseTemplate::new(200).set_body_json(answer)).await;

    assert_eq!(
        client(&engine)
            .deploy(&deployment())
            .await
            .unwrap()
            .definitions()
            .count(),
        0
    );
}

#[tokio::test]
async fn faults_in_a_model_come_with_their_place() {
    // The list of ids has a Cyrillic letter in one engine's answer.
    let answer = json!({"type": "ParseException", "message": "m", "code": 0, "details": {"a.bpmn": {
        "errors": [{"message": "no topic", "line": 7, "column": 3, "mainElementId": "x",
                    "\u{435}lementIds": ["x"]}], "warnings": []}}});
    let engine = answering(ResponseTemplate::new(400).set_body_json(answer)).await;

    match client(&engine).deploy(&deployment()).await {
        Err(DeployError::Models(faults)) => {
            assert_eq!(faults[0].to_string(), "a.bpmn:7:3: no topic")
        }
        _ => panic!("the model's faults were expected"),
    }
}

#[tokio::test]
async fn a_deployment_may_be_refused_without_faults() {
    let engine = answering(ResponseTemplate::new(403)).await;

    let refused = client(&engine).deploy(&deployment()).await;

    assert!(matches!(
        refused,
        Err(DeployError::Engine(EngineError::Unauthorised(_)))
    ));
}

#[tokio::test]
async fn a_permission_is_asked_for_by_name_and_number() {
    let engine = MockServer::start().await;
    Mock::given(path("/engine-rest/authorization/check"))
        .and(query_param("permissionName", "READ_INSTANCE"))
        .and(query_param("resourceName", "PROCESS_DEFINITION"))
        .and(query_param("resourceType", "6"))
        .and(query_param("resourceId", "p"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"authorized": true})))
        .mount(&engine)
        .await;
    let client = client(&engine);

    assert!(
        client
            .is_authorised("READ_INSTANCE", Resource::ProcessDefinition, "p")
            .await
            .unwrap()
    );
}
