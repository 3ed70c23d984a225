//! Process instances as a careless caller or an operator makes them, and what they leave behind.

use std::time::Duration;

use phantom_worker::camunda::model::{FetchRequest, FetchTopic, LockedTask, Sorting};
use phantom_worker::tasks::Registration;
use serde_json::{Value as Json, json};

use super::engine::Engine;
use super::until;

impl Engine {
    /// Starts an instance with a body that is sent as it is written, for what no typed variable
    /// could hold. The instance's id, or the status with which the engine refuses it.
    pub(crate) async fn start_as_written(&self, key: &str, body: String) -> Result<String, u16> {
        let tenant = &self.tenant;
        let path = format!("process-definition/key/{key}/tenant-id/{tenant}/start");
        let answer = self.post_text(&path, body).await;
        let status = answer.status();
        if !status.is_success() {
            return Err(status.as_u16());
        }
        let instance: Json = answer.json().await.unwrap();
        Ok(instance["id"].as_str().unwrap().to_owned())
    }

    /// Starts an instance in the middle of its model; the variables are typed as the engine reads
    /// them.
    pub(crate) async fn start_before(&self, key: &str, activity: &str, variables: Json) -> String {
        let body = json!({
            "variables": variables,
            "startInstructions": [{"type": "startBeforeActivity", "activityId": activity}],
        });
        self.start_as_written(key, body.to_string()).await.unwrap()
    }

    /// Has an instance stand still, or go on.
    pub(crate) async fn suspend(&self, instance: &str, suspended: bool) {
        let path = format!("process-instance/{instance}/suspended");
        self.put(&path, json!({ "suspended": suspended })).await;
    }

    /// The engine's types of an instance's variables, by name.
    pub(crate) async fn types(&self, instance: &str) -> Json {
        let path = format!(
            "history/variable-instance?processInstanceId={instance}&deserializeValues=false"
        );
        let rows = self.get(&path).await;
        let named = rows.as_array().unwrap().iter().map(|row| {
            (
                row["name"].as_str().unwrap().to_owned(),
                row["type"].clone(),
            )
        });
        Json::Object(named.collect())
    }

    /// An answer that is no JSON.
    pub(crate) async fn get_text(&self, path: &str) -> String {
        let engine = self.url.as_str().trim_end_matches('/');
        let answer = reqwest::get(format!("{engine}/{path}")).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Waits until the instance has a task of that topic, which nobody has to be working on.
    pub(crate) async fn task_of(&self, instance: &str, topic: &str) -> Json {
        let path = format!("external-task?processInstanceId={instance}&topicName={topic}");
        until(
            &format!("instance {instance} waits for {topic}"),
            async || self.get(&path).await.as_array().unwrap().first().cloned(),
        )
        .await
    }

    /// Locks a number of tasks in another worker's name, once they are all there.
    pub(crate) async fn lock(
        &self,
        registration: &Registration,
        worker_id: &str,
        lock: Duration,
        count: usize,
    ) -> Vec<LockedTask> {
        let names = registration.variables.iter().map(|name| (*name).to_owned());
        let request = FetchRequest {
            worker_id: worker_id.to_owned(),
            max_tasks: u32::try_from(count).unwrap(),
            async_response_timeout: Duration::from_secs(1),
            sorting: Sorting::None,
            topics: vec![FetchTopic {
                topic: registration.topic.to_owned(),
                lock_duration: lock,
                variables: names.collect(),
            }],
        };
        let mut locked = Vec::new();
        until(
            &format!("{count} tasks of {}", registration.topic),
            async || {
                locked.extend(self.client.fetch_and_lock(&request).await.unwrap());
                (locked.len() >= count).then_some(())
            },
        )
        .await;
        locked
    }
}
