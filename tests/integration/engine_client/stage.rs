//! A tenant of its own on the real engine, with two small models, for one story.

use std::time::Duration;

use phantom_worker::camunda::Client;
use phantom_worker::camunda::client::EngineSettings;
use phantom_worker::camunda::model::{
    Deployed, Deployment, DeploymentFile, FetchRequest, FetchTopic, LockedTask, ProcessInstance,
    Sorting, Start,
};
use phantom_worker::camunda::variables::Variables;
use serde_json::{Value as Json, json};
use url::Url;
use uuid::Uuid;

/// The topic of the model's one task.
pub(super) const TOPIC: &str = "check-client";
/// How long a story waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// A lock that no story outlives.
pub(super) const LONG: Duration = Duration::from_secs(300);
/// A lock that has run out when the fetch is answered.
pub(super) const SPENT: Duration = Duration::from_millis(1);

/// Task → gateway → end `done` · end `refused`; the code TAKEN leads to end `taken`.
pub(super) const TASK_MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="client">
  <bpmn:error id="Taken" name="taken" errorCode="TAKEN"/>
  <bpmn:process id="task-process" isExecutable="true" camunda:historyTimeToLive="P1D">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="check"/>
    <bpmn:serviceTask id="check" camunda:type="external" camunda:topic="check-client">
      <bpmn:extensionElements><camunda:properties>
        <camunda:property name="retries" value="R3/PT10S"/>
      </camunda:properties></bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:boundaryEvent id="caught" attachedToRef="check">
      <bpmn:errorEventDefinition errorRef="Taken" camunda:errorCodeVariable="error_code"
        camunda:errorMessageVariable="error_message"/>
    </bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f2" sourceRef="caught" targetRef="taken"/>
    <bpmn:endEvent id="taken"/>
    <bpmn:sequenceFlow id="f3" sourceRef="check" targetRef="ready"/>
    <bpmn:exclusiveGateway id="ready" default="f5"/>
    <bpmn:sequenceFlow id="f4" sourceRef="ready" targetRef="done">
      <bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">${ok}</bpmn:conditionExpression>
    </bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="f5" sourceRef="ready" targetRef="refused"/>
    <bpmn:endEvent id="done"/>
    <bpmn:endEvent id="refused"/>
  </bpmn:process>
</bpmn:definitions>
"#;

/// An instance that waits for the message `told`.
pub(super) const MESSAGE_MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="client">
  <bpmn:message id="Told" name="told"/>
  <bpmn:process id="message-process" isExecutable="true" camunda:historyTimeToLive="P1D">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="wait"/>
    <bpmn:receiveTask id="wait" messageRef="Told"/>
    <bpmn:sequenceFlow id="f2" sourceRef="wait" targetRef="heard"/>
    <bpmn:endEvent id="heard"/>
  </bpmn:process>
</bpmn:definitions>
"#;

/// One story's own corner of the engine.
pub(super) struct Stage {
    pub(super) client: Client,
    url: Url,
    tenant: String,
}

impl Stage {
    /// A new tenant with both models in it.
    pub(super) async fn new() -> Self {
        let stage = Self::empty();
        stage.deploy(TASK_MODEL).await;
        stage.deploy_file("message.bpmn", MESSAGE_MODEL).await;
        stage
    }

    /// A new tenant with nothing in it.
    pub(super) fn empty() -> Self {
        // A second installation fails and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = std::env::var("TEST_ENGINE_URL").expect(
            "TEST_ENGINE_URL must name a Camunda 7.24 engine's REST interface, \
             such as http://localhost:8080/engine-rest",
        );
        let url = Url::parse(&url).expect("TEST_ENGINE_URL is no URL");
        let tenant = format!("client-{}", Uuid::new_v4());
        Self {
            client: client_at(url.clone(), &tenant),
            url,
            tenant,
        }
    }

    /// A client of the same tenant at another path of the engine.
    pub(super) fn client_below(&self, path: &str) -> Client {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .expect("the engine's address has a path")
            .pop_if_empty()
            .push(path);
        client_at(url, &self.tenant)
    }

    pub(super) async fn deploy(&self, model: &str) -> Deployed {
        self.deploy_file("task.bpmn", model).await
    }

    async fn deploy_file(&self, name: &str, model: &str) -> Deployed {
        self.client
            .deploy(&self.deployment(name, model))
            .await
            .expect("the model is deployed")
    }

    pub(super) fn deployment(&self, name: &str, model: &str) -> Deployment {
        let file = DeploymentFile {
            name: name.into(),
            content: model.into(),
        };
        // A name for each file: deploying one is no change of the other.
        Deployment {
            name: format!("engine-client {name}"),
            source: "tests".into(),
            files: vec![file],
            tenant: None,
        }
    }

    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    pub(super) async fn start(&self, key: &str, variables: Variables) -> ProcessInstance {
        let business_key = Some("order-7".to_owned());
        let start = Start {
            key: key.into(),
            business_key,
            variables,
        };
        self.client.start(&start).await.expect("an instance starts")
    }

    /// A started instance's task, locked by `worker`.
    pub(super) async fn locked_task(&self, worker: &str, lock: Duration) -> LockedTask {
        self.start("task-process", Variables::new()).await;
        self.fetch_one(worker, lock).await
    }

    /// The one task there is, as soon as it can be had.
    pub(super) async fn fetch_one(&self, worker: &str, lock: Duration) -> LockedTask {
        let wait = Duration::from_secs(1);
        let fetched = async {
            loop {
                let tasks = self.fetch(worker, lock, wait).await;
                if let Some(task) = tasks.into_iter().next() {
                    return task;
                }
            }
        };
        tokio::time::timeout(PATIENCE, fetched)
            .await
            .expect("a task comes")
    }

    pub(super) async fn fetch(
        &self,
        worker: &str,
        lock: Duration,
        wait: Duration,
    ) -> Vec<LockedTask> {
        self.client
            .fetch_and_lock(&request(worker, lock, wait))
            .await
            .expect("a fetch is answered")
    }

    /// What an operator does to an instance or a task.
    pub(super) async fn operate(&self, method: reqwest::Method, path: &str, body: Json) {
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        let body = body.to_string();
        let request = reqwest::Client::new().request(method, url);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.expect("the engine answers");
        assert!(
            answer.status().is_success(),
            "{} for {path}",
            answer.status()
        );
    }

    pub(super) async fn suspend(&self, instance: &str, suspended: bool) {
        let path = format!("/process-instance/{instance}/suspended");
        self.operate(
            reqwest::Method::PUT,
            &path,
            json!({ "suspended": suspended }),
        )
        .await;
    }

    pub(super) async fn delete(&self, instance: &str) {
        let path = format!("/process-instance/{instance}");
        self.operate(reqwest::Method::DELETE, &path, json!({}))
            .await;
    }

    /// The events at which an instance has ended.
    pub(super) async fn ends(&self, instance: &str) -> Vec<String> {
        let steps = self
            .client
            .history_activities(instance)
            .await
            .expect("the history is read");
        let ends = steps.into_iter().filter(|step| step.is_end_event());
        ends.map(|step| step.activity_id).collect()
    }
}

/// All variables of up to five tasks.
pub(super) fn request(worker: &str, lock: Duration, wait: Duration) -> FetchRequest {
    const NAMES: [&str; 14] = [
        "boolean", "short", "integer", "long", "double", "string", "date", "json", "bytes",
        "object", "null", "full", "emoji", "ok",
    ];
    FetchRequest {
        worker_id: worker.into(),
        max_tasks: 5,
        async_response_timeout: wait,
        sorting: Sorting::CreateTime,
        topics: vec![FetchTopic {
            topic: TOPIC.into(),
            lock_duration: lock,
            variables: NAMES.map(String::from).to_vec(),
        }],
    }
}

fn client_at(url: Url, tenant: &str) -> Client {
    let settings = EngineSettings {
        url,
        credentials: None,
        tenant_ids: vec![tenant.to_owned()],
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        ca_file: None,
    };
    Client::new(settings).expect("the settings make a client")
}
