//! Models to the engine, instances started, messages sent.

use reqwest::multipart::{Form, Part};
use serde::Serialize;

use super::Client;
use crate::camunda::error::{EngineError, Position};
use crate::camunda::model::{
    Deployed, Deployment, Message, ModelFault, ProcessInstance, Refusal, Start,
};
use crate::camunda::text::parse_json;
use crate::camunda::variables::Variables;

/// Why nothing was deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The engine cannot read a model.
    #[error("the engine cannot read the models")]
    Models(Vec<ModelFault>),
    /// The call failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Client {
    /// Deploys the files that have changed since the last deployment of that name and source.
    ///
    /// # Errors
    /// [`DeployError::Models`] with every fault the engine found; then nothing was deployed.
    pub async fn deploy(&self, deployment: &Deployment) -> Result<Deployed, DeployError> {
        let mut form = Form::new()
            .text("deployment-name", deployment.name.clone())
            .text("deployment-source", deployment.source.clone())
            .text("enable-duplicate-filtering", "true")
            .text("deploy-changed-only", "true");
        if let Some(tenant) = deployment.tenant.as_deref().or(self.home_tenant()) {
            form = form.text("tenant-id", tenant.to_owned());
        }
        for file in &deployment.files {
            let part = Part::bytes(file.content.clone()).file_name(file.name.clone());
            form = form.part(file.name.clone(), part);
        }
        let call = self.post(&["deployment", "create"]).form(form);
        let position = call.position;
        let answered = call.send().await?;
        match answered.status {
            200..=299 => Ok(answered.json()?),
            status => Err(refusal(&self.0.server, position, status, answered.body)),
        }
    }

    /// Starts an instance of a process's newest version, in the client's first tenant.
    ///
    /// # Errors
    /// `Refused` with 404 for an unknown process, or one that this user may not see.
    pub async fn start(&self, start: &Start) -> Result<ProcessInstance, EngineError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            business_key: Option<&'a str>,
            variables: &'a Variables,
        }
        let key = start.key.as_str();
        let call = match self.home_tenant() {
            Some(tenant) => self.post(&[
                "process-definition",
                "key",
                key,
                "tenant-id",
                tenant,
                "start",
            ]),
            None => self.post(&["process-definition", "key", key, "start"]),
        };
        let business_key = start.business_key.as_deref();
        call.body(&Body {
            business_key,
            variables: &start.variables,
        })?
        .json()
        .await
    }

    /// Tells a waiting instance a message.
    ///
    /// # Errors
    /// `Refused` with 400 when it does not wait for it: too early, suspended, told before, ended.
    pub async fn correlate(&self, message: &Message) -> Result<(), EngineError> {
        // No tenant: the engine refuses one beside an instance's id.
        self.post(&["message"]).body(message)?.success().await
    }

    /// Where our own deployments and instances belong.
    fn home_tenant(&self) -> Option<&str> {
        self.tenant_ids().first().map(String::as_str)
    }
}

/// The faults of the models when the answer lists some.
fn refusal(server: &str, position: Position, status: u16, body: Vec<u8>) -> DeployError {
    match parse_json::<Refusal>(body.clone()).map(Refusal::faults) {
        Ok(faults) if !faults.is_empty() => DeployError::Models(faults),
        _ => EngineError::from_answer(server, position, status, body).into(),
    }
}
