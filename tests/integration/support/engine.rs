//! A tenant of its own on the real engine.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use phantom_worker::camunda::Client;
use phantom_worker::camunda::client::{Credentials, EngineSettings};
use phantom_worker::camunda::model::{Deployment, DeploymentFile, Start};
use phantom_worker::camunda::variables::{Value, Variables};
use phantom_worker::processes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde_json::Value as Json;
use url::Url;
use uuid::Uuid;

use super::until;

/// One story's corner of the engine.
pub(crate) struct Engine {
    pub(crate) url: Url,
    pub(crate) tenant: String,
    pub(crate) client: Client,
    http: reqwest::Client,
}

/// The user and the password of the local stack's engine.
pub(crate) const ADMINISTRATOR: (&str, &str) = ("demo", "demo");

/// How an instance ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The end event's id.
    pub(crate) at: String,
    /// The variables it left behind.
    pub(crate) variables: Json,
}

impl Engine {
    /// A new tenant of the engine at `TEST_ENGINE_URL`, with the built-in models deployed.
    pub(crate) async fn new() -> Self {
        Self::new_at(&shared_url()).await
    }

    /// A new tenant of the engine at `url`, with the built-in models deployed.
    pub(crate) async fn new_at(url: &str) -> Self {
        let engine = Self::at(url, &format!("story-{}", Uuid::new_v4()));
        for model in processes::BUILT_IN {
            engine.deploy(model.file, model.xml).await;
        }
        engine
    }

    /// A tenant of the engine at `url`.
    pub(crate) fn at(url: &str, tenant: &str) -> Self {
        Self::seen_by(None, url, tenant)
    }

    /// A tenant of the engine at `url`, which asks for users, as its administrator sees it.
    pub(crate) fn administered(url: &str, tenant: &str) -> Self {
        Self::seen_by(Some(ADMINISTRATOR), url, tenant)
    }

    fn seen_by(user: Option<(&str, &str)>, url: &str, tenant: &str) -> Self {
        // A second installation fails and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(url).expect("the engine's address is a URL");
        let mut settings = settings(url.clone(), tenant);
        settings.credentials = user.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: password.to_owned().into(),
        });
        Self {
            client: Client::new(settings).unwrap(),
            http: http(user),
            tenant: tenant.to_owned(),
            url,
        }
    }

    pub(crate) async fn deploy(&self, file: &str, xml: &str) {
        let deployment = Deployment {
            name: "story".into(),
            source: "story".into(),
            tenant: Some(self.tenant.clone()),
            files: vec![DeploymentFile {
                name: file.into(),
                content: xml.into(),
            }],
        };
        self.client.deploy(&deployment).await.unwrap();
    }

    /// Starts an instance and gives its id.
    pub(crate) async fn start(&self, key: &str, variables: Variables) -> String {
        let start = Start {
            key: key.into(),
            business_key: Some(format!("story-{}", Uuid::new_v4())),
            variables,
        };
        self.client.start(&start).await.unwrap().id.to_string()
    }

    /// Waits for an instance's end.
    pub(crate) async fn ended(&self, instance: &str) -> Ended {
        until(&format!("instance {instance} ends"), async || {
            self.find_end(instance).await
        })
        .await
    }

    /// How an instance ended, if it has.
    pub(crate) async fn find_end(&self, instance: &str) -> Option<Ended> {
        let history = self
            .get(&format!("history/process-instance/{instance}"))
            .await;
        if history["state"] == "ACTIVE" || history["state"] == "SUSPENDED" {
            return None;
        }
        let activities = self
            .get(&format!(
                "history/activity-instance?processInstanceId={instance}"
            ))
            .await;
        let end = activities
            .as_array()
            .unwrap()
            .iter()
            .find(|activity| {
                activity["activityType"]
                    .as_str()
                    .unwrap()
                    .ends_with("EndEvent")
            })
            .map_or("nowhere", |activity| {
                activity["activityId"].as_str().unwrap()
            });
        Some(Ended {
            at: end.to_owned(),
            variables: self.variables(instance).await,
        })
    }

    /// The instance's variables, by name.
    pub(crate) async fn variables(&self, instance: &str) -> Json {
        let path = format!(
            "history/variable-instance?processInstanceId={instance}&deserializeValues=false"
        );
        let rows = self.get(&path).await;
        let named = rows.as_array().unwrap().iter().map(|row| {
            let value = match row["type"].as_str() {
                // What a caller wrote need not be JSON.
                Some("Json") => serde_json::from_str(row["value"].as_str().unwrap_or_default())
                    .unwrap_or_else(|_| row["value"].clone()),
                _ => row["value"].clone(),
            };
            (row["name"].as_str().unwrap().to_owned(), value)
        });
        Json::Object(named.collect())
    }

    /// Waits for the one incident of an instance and gives its message.
    pub(crate) async fn incident(&self, instance: &str) -> String {
        until(
            &format!("instance {instance} has an incident"),
            async || {
                let incidents = self
                    .get(&format!("incident?processInstanceId={instance}"))
                    .await;
                let first = incidents.as_array().unwrap().first()?;
                Some(first["incidentMessage"].as_str().unwrap().to_owned())
            },
        )
        .await
    }

    /// The external tasks of this tenant that are locked by anybody.
    pub(crate) async fn locked_tasks(&self) -> Vec<Json> {
        let tasks = self
            .get(&format!(
                "external-task?locked=true&tenantIdIn={}",
                self.tenant
            ))
            .await;
        tasks.as_array().unwrap().clone()
    }

    /// The incidents of this tenant.
    pub(crate) async fn incidents(&self) -> Vec<Json> {
        let incidents = self
            .get(&format!("incident?tenantIdIn={}", self.tenant))
            .await;
        incidents.as_array().unwrap().clone()
    }

    /// Each failure that a worker of this tenant reported.
    pub(crate) async fn failures(&self) -> Vec<Json> {
        let path = format!(
            "history/external-task-log?failureLog=true&tenantIdIn={}",
            self.tenant
        );
        self.get(&path).await.as_array().unwrap().clone()
    }

    /// How many instances of this tenant have not ended. `None` while the engine is away.
    pub(crate) async fn unfinished(&self) -> Option<u64> {
        let path = format!(
            "history/process-instance/count?unfinished=true&tenantIdIn={}",
            self.tenant
        );
        self.find(&path).await?["count"].as_u64()
    }

    /// The end event of each instance of this tenant that has ended.
    pub(crate) async fn ends(&self) -> BTreeMap<String, String> {
        let path = format!(
            "history/activity-instance?activityType=noneEndEvent&tenantIdIn={}",
            self.tenant
        );
        let text = |event: &Json, field: &str| event[field].as_str().unwrap().to_owned();
        let events = self.get(&path).await;
        let events = events.as_array().unwrap().iter();
        events
            .map(|event| (text(event, "processInstanceId"), text(event, "activityId")))
            .collect()
    }

    /// No outage is a failure, and none leaves a lock behind.
    pub(crate) async fn assert_unharmed(&self) {
        assert_eq!(self.incidents().await.len(), 0, "incidents");
        assert_eq!(self.failures().await.len(), 0, "failures reported");
        assert_eq!(self.locked_tasks().await.len(), 0, "locks left");
    }

    pub(crate) async fn get(&self, path: &str) -> Json {
        let answer = self.http.get(self.address(path)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// [`Self::get`], of an engine that may be away.
    pub(crate) async fn find(&self, path: &str) -> Option<Json> {
        let answer = self.http.get(self.address(path)).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    pub(crate) async fn post(&self, path: &str, body: Json) {
        let call = self.http.post(self.address(path)).json(&body);
        call.send().await.unwrap().error_for_status().unwrap();
    }

    /// Sends JSON as it is written, which may be none.
    pub(super) async fn post_text(&self, path: &str, body: String) -> reqwest::Response {
        let call = self.http.post(self.address(path)).body(body);
        let call = call.header(CONTENT_TYPE, "application/json");
        call.send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Json) {
        let call = self.http.put(self.address(path)).json(&body);
        call.send().await.unwrap().error_for_status().unwrap();
    }

    pub(crate) async fn delete(&self, path: &str) {
        let call = self.http.delete(self.address(path));
        call.send().await.unwrap().error_for_status().unwrap();
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }
}

/// The engine that all stories share.
pub(crate) fn shared_url() -> String {
    std::env::var("TEST_ENGINE_URL").expect(
        "TEST_ENGINE_URL must name a Camunda 7.24 engine's REST interface, \
         such as http://localhost:8080/engine-rest; tests/run starts one",
    )
}

fn http(user: Option<(&str, &str)>) -> reqwest::Client {
    let mut headers = HeaderMap::new();
    if let Some((user, password)) = user {
        let basic = STANDARD.encode(format!("{user}:{password}"));
        headers.insert(AUTHORIZATION, format!("Basic {basic}").parse().unwrap());
    }
    let client = reqwest::Client::builder().default_headers(headers);
    client.build().unwrap()
}

fn settings(url: Url, tenant: &str) -> EngineSettings {
    EngineSettings {
        url,
        credentials: None,
        tenant_ids: vec![tenant.to_owned()],
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(30),
        ca_file: None,
    }
}

/// Typed variables of JSON literals: texts, Booleans, and Json for what is nested.
pub(crate) fn variables(json: Json) -> Variables {
    let Json::Object(fields) = json else {
        panic!("variables have names")
    };
    let mut variables = Variables::new();
    for (name, value) in fields {
        let value = match value {
            Json::String(text) => Value::String(text),
            Json::Bool(flag) => Value::Boolean(flag),
            Json::Null => Value::Null,
            nested => Value::Json(nested.to_string()),
        };
        variables.insert(name, value).unwrap();
    }
    variables
}

/// A tenant without any model.
pub(crate) fn empty_tenant() -> Engine {
    Engine::at(&shared_url(), &format!("story-{}", Uuid::new_v4()))
}
