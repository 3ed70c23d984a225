//! Questions to the engine.
//!
//! Without the right to read, the engine answers as if there were nothing: 404, empty lists and
//! counts of zero. [`Client::is_authorised`] tells the two apart.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Client;
use crate::camunda::error::EngineError;
use crate::camunda::model::{
    DefinitionInfo, HistoricActivity, HistoricProcessInstance, HistoricVariable, Incident,
    IncidentFilter, ProcessInstance, Resource, TaskFilter, TaskId, TaskState,
};

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// How many entries of a list are asked for at once.
const PAGE: usize = 500;

impl Client {
    /// A task as it stands; none when it is gone.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn find_task(&self, task: &TaskId) -> Result<Option<TaskState>, EngineError> {
        self.get(&["external-task", task.as_str()]).find().await
    }

    /// Every task this worker holds, also those that a broken fetch locked.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn locked_by(&self, worker_id: &str) -> Result<Vec<TaskId>, EngineError> {
        let mut held = Vec::new();
        loop {
            let (from, size) = (held.len().to_string(), PAGE.to_string());
            let query = [
                ("workerId", worker_id),
                ("locked", "true"),
                ("sortBy", "id"),
                ("sortOrder", "asc"),
                ("firstResult", &from),
                ("maxResults", &size),
            ];
            let page: Vec<TaskState> = self.get(&["external-task"]).query(&query).json().await?;
            let is_last = page.len() < PAGE;
            held.extend(page.into_iter().map(|state| state.id));
            if is_last {
                return Ok(held);
            }
        }
    }

    /// How many tasks there are of that kind, in the client's tenants.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, EngineError> {
        self.count("external-task", filter).await
    }

    /// The task of that kind that was created first, in the client's tenants.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn oldest_task(&self, filter: &TaskFilter) -> Result<Option<TaskState>, EngineError> {
        let first = [
            ("sortBy", "createTime"),
            ("sortOrder", "asc"),
            ("maxResults", "1"),
        ];
        let call = self
            .get(&["external-task"])
            .query(filter)
            .query(&self.tenant_query())
            .query(&first);
        let found: Vec<TaskState> = call.json().await?;
        Ok(found.into_iter().next())
    }

    /// The incidents of that kind, in the client's tenants.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        self.get(&["incident"])
            .query(filter)
            .query(&self.tenant_query())
            .json()
            .await
    }

    /// How many incidents there are of that kind, in the client's tenants.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn count_incidents(&self, filter: &IncidentFilter) -> Result<u64, EngineError> {
        self.count("incident", filter).await
    }

    /// A process instance that has not ended; none when it has, or is not to be seen.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn process_instance(
        &self,
        instance: &str,
    ) -> Result<Option<ProcessInstance>, EngineError> {
        self.get(&["process-instance", instance]).find().await
    }

    /// A process instance, ended or not.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn history_process_instance(
        &self,
        instance: &str,
    ) -> Result<Option<HistoricProcessInstance>, EngineError> {
        self.get(&["history", "process-instance", instance])
            .find()
            .await
    }

    /// Those of these process instances that have not ended and are to be seen, of whatever tenant.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn running_instances(
        &self,
        instances: &[&str],
    ) -> Result<Vec<ProcessInstance>, EngineError> {
        self.list_instances(&["process-instance"], instances).await
    }

    /// Those of these process instances, ended or not, that the engine remembers and that are to be
    /// seen, of whatever tenant.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn history_process_instances(
        &self,
        instances: &[&str],
    ) -> Result<Vec<HistoricProcessInstance>, EngineError> {
        self.list_instances(&["history", "process-instance"], instances)
            .await
    }

    async fn list_instances<T: DeserializeOwned>(
        &self,
        path: &[&str],
        instances: &[&str],
    ) -> Result<Vec<T>, EngineError> {
        let mut found = Vec::new();
        // An empty list of ids would not filter at all.
        for ids in instances.chunks(PAGE) {
            let limit = [("firstResult", 0), ("maxResults", PAGE)];
            let filter = serde_json::json!({ "processInstanceIds": ids });
            let call = self.post(path).query(&limit).body(&filter)?;
            found.extend(call.json::<Vec<T>>().await?);
        }
        Ok(found)
    }

    /// The steps of an instance so far, in the order in which they began.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn history_activities(
        &self,
        instance: &str,
    ) -> Result<Vec<HistoricActivity>, EngineError> {
        let query = [
            ("processInstanceId", instance),
            ("sortBy", "startTime"),
            ("sortOrder", "asc"),
        ];
        self.get(&["history", "activity-instance"])
            .query(&query)
            .json()
            .await
    }

    /// The variables of an instance with their last values.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn history_variables(
        &self,
        instance: &str,
    ) -> Result<Vec<HistoricVariable>, EngineError> {
        let query = [
            ("processInstanceId", instance),
            ("deserializeValues", "false"),
        ];
        self.get(&["history", "variable-instance"])
            .query(&query)
            .json()
            .await
    }

    /// The model of one version of a process.
    ///
    /// # Errors
    /// `Refused` with 404 for an unknown version, or one that this user may not see.
    pub async fn definition_xml(&self, definition: &str) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Xml {
            #[serde(rename = "bpmn20Xml")]
            xml: String,
        }
        let found: Xml = self
            .get(&["process-definition", definition, "xml"])
            .json()
            .await?;
        Ok(found.xml)
    }

    /// The versions of a process in the client's tenants, newest first, or only the newest of
    /// each tenant.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn definitions(
        &self,
        key: &str,
        only_latest: bool,
    ) -> Result<Vec<DefinitionInfo>, EngineError> {
        let mut query = vec![("key", key), ("sortBy", "version"), ("sortOrder", "desc")];
        if only_latest {
            query.push(("latestVersion", "true"));
        }
        let call = self
            .get(&["process-definition"])
            .query(&query)
            .query(&self.tenant_query());
        call.json().await
    }

    /// The ids of all deployed processes, in the client's tenants.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn process_keys(&self) -> Result<BTreeSet<String>, EngineError> {
        let definitions: Vec<DefinitionInfo> = self
            .get(&["process-definition"])
            .query(&[("latestVersion", "true")])
            .query(&self.tenant_query())
            .json()
            .await?;
        Ok(definitions
            .into_iter()
            .map(|definition| definition.key)
            .collect())
    }

    /// The engine's version; needs a user where users are asked for.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn version(&self) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let found: Version = self.get(&["version"]).json().await?;
        Ok(found.version)
    }

    /// Whether this client's own user has a permission, such as `READ_INSTANCE` on the process
    /// definition `wallet-creation-process`. Without credentials there is no user to ask about.
    ///
    /// # Errors
    /// `Refused` for a permission that this kind of resource does not have.
    pub async fn is_authorised(
        &self,
        permission: &str,
        resource: Resource,
        id: &str,
    ) -> Result<bool, EngineError> {
        #[derive(Deserialize)]
        struct Check {
            authorized: bool,
        }
        let query = [
            ("permissionName", permission),
            ("resourceName", resource.name()),
            ("resourceType", resource.number()),
            ("resourceId", id),
        ];
        let check: Check = self
            .get(&["authorization", "check"])
            .query(&query)
            .json()
            .await?;
        Ok(check.authorized)
    }

    /// Whether this client's user is sure to see the instances of a process, of every tenant.
    /// Without credentials the engine shows everybody everything. A user sees the tenants it belongs
    /// to, and no permission tells which; who works for some of them may not see the others.
    ///
    /// # Errors
    /// When the engine gives no answer.
    pub async fn sees_instances_of(&self, process: &str) -> Result<bool, EngineError> {
        if !self.has_credentials() {
            return Ok(true);
        }
        Ok(self.tenant_ids().is_empty()
            && (self
                .is_authorised("READ_INSTANCE", Resource::ProcessDefinition, process)
                .await?
                || self
                    .is_authorised("READ", Resource::ProcessInstance, "*")
                    .await?))
    }

    async fn count<F: Serialize>(&self, what: &str, filter: &F) -> Result<u64, EngineError> {
        let call = self
            .get(&[what, "count"])
            .query(filter)
            .query(&self.tenant_query());
        let found: Count = call.json().await?;
        Ok(found.count)
    }
}
