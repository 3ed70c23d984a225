//! What a replica has locked at the engine, and what becomes of it.

use std::time::Duration;

use phantom_worker::camunda::model::TaskState;
use serde_json::Value as Json;

use super::World;
use super::patience::within;
use super::worker::Worker;

impl Worker {
    /// How it calls itself: like no other start of any replica.
    pub(crate) async fn replica_name(&self) -> String {
        let (_, page) = self.get("/status").await.unwrap();
        let page: Json = serde_json::from_str(&page).unwrap();
        page["replica"].as_str().unwrap().to_owned()
    }
}

impl World {
    /// The tasks that this replica has locked.
    pub(crate) async fn held_by(&self, replica: &str) -> Vec<TaskState> {
        // A worker id ends like the name of its replica: with what is random of this start.
        let random = replica.rsplit(':').next().unwrap();
        let locked = self.engine.locked_tasks().await;
        let locked = locked
            .into_iter()
            .map(|task| serde_json::from_value::<TaskState>(task).unwrap());
        let is_its = |task: &TaskState| task.worker_id.as_ref().unwrap().ends_with(random);
        locked.filter(is_its).collect()
    }

    /// Waits until somebody has done these tasks.
    pub(crate) async fn made_good(&self, held: &[TaskState], patience: Duration) {
        assert!(!held.is_empty(), "it held no task when it was lost");
        within(patience, "what it held is done", async || {
            for task in held {
                let found = self.engine.client.find_task(&task.id).await;
                if found.unwrap().is_some() {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }
}
