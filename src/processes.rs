//! The BPMN models built into the binary, whether models and handlers fit, and whether we may work on
//! them at the engine.

use crate::camunda::bpmn::{self, Mismatch, ModelError, ProcessModel, TopicContract};
use crate::camunda::model::Resource;
use crate::camunda::{Client, EngineError};
use crate::tasks::{Registration, Registry};

/// A model as it lies in `bpmn/`.
pub struct BuiltIn {
    /// The file's name, which the engine keeps as the resource's.
    pub file: &'static str,
    /// The process's id.
    pub key: &'static str,
    /// Its content.
    pub xml: &'static str,
}

macro_rules! built_in {
    ($($key:literal),+ $(,)?) => {
        &[$(BuiltIn {
            file: concat!($key, ".bpmn"),
            key: $key,
            xml: include_str!(concat!("../bpmn/", $key, ".bpmn")),
        }),+]
    };
}

/// Every model of this version.
pub const BUILT_IN: &[BuiltIn] = built_in![
    "wallet-creation-process",
    "kyc-validation-process",
    "merchant-approval-process",
    "suspicious-activity-process",
    "email-verification-process",
];

/// What the handlers promise to the models.
pub fn contracts(registry: &Registry) -> Vec<TopicContract<'static>> {
    registry
        .iter()
        .map(|registration| contract(registration))
        .collect()
}

fn contract(registration: &Registration) -> TopicContract<'static> {
    TopicContract {
        topic: registration.topic,
        errors: registration.errors,
    }
}

/// Why the models of this binary cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A file is no BPMN.
    #[error(transparent)]
    Unreadable(#[from] ModelError),
    /// Models and handlers differ.
    #[error("models and handlers do not fit:\n{}", list(.0))]
    Mismatched(Vec<Mismatch>),
}

fn list(mismatches: &[Mismatch]) -> String {
    let lines: Vec<_> = mismatches
        .iter()
        .map(|mismatch| format!("  {mismatch}"))
        .collect();
    lines.join("\n")
}

/// Holds the built-in models against the handlers, both ways.
///
/// # Errors
/// Everything in which they differ.
pub fn check_built_in(registry: &Registry) -> Result<(), Unfit> {
    let mismatches = bpmn::compare(&parse_built_in()?, &contracts(registry));
    if mismatches.is_empty() {
        Ok(())
    } else {
        Err(Unfit::Mismatched(mismatches))
    }
}

fn parse_built_in() -> Result<Vec<ProcessModel>, ModelError> {
    let mut processes = Vec::new();
    for model in BUILT_IN {
        processes.extend(bpmn::parse(model.file, model.xml)?);
    }
    Ok(processes)
}

/// What the client's user lacks to work on a process. Nobody is asked about without a user: then the
/// engine lets everybody do everything.
///
/// # Errors
/// When the engine cannot be asked.
pub async fn missing_permissions(
    engine: &Client,
    process: &str,
) -> Result<Vec<String>, EngineError> {
    if !engine.has_credentials() {
        return Ok(Vec::new());
    }
    let on_process = async |permission: &str| {
        engine
            .is_authorised(permission, Resource::ProcessDefinition, process)
            .await
    };
    let on_instances = async |permission: &str| {
        engine
            .is_authorised(permission, Resource::ProcessInstance, "*")
            .await
    };
    let mut missing = Vec::new();
    // Without these two the engine gives no tasks and says nothing about it.
    for (of_process, of_instances) in [("READ_INSTANCE", "READ"), ("UPDATE_INSTANCE", "UPDATE")] {
        if !on_process(of_process).await? && !on_instances(of_instances).await? {
            missing.push(format!("{of_process} on the process definition {process}"));
        }
    }
    if !on_process("READ").await? {
        missing.push(format!("READ on the process definition {process}"));
    }
    Ok(missing)
}

/// Looks what stands at the engine in the way of the topics.
pub struct Lookout<'a> {
    engine: &'a Client,
    registry: Vec<&'a Registration>,
    asks_for_permissions: bool,
}

impl<'a> Lookout<'a> {
    /// For the topics that are served.
    pub fn new(engine: &'a Client, registry: Vec<&'a Registration>) -> Self {
        Self {
            engine,
            registry,
            asks_for_permissions: true,
        }
    }

    /// What stands in the way of each topic of a built-in model, if anything does: a permission that
    /// is missing, or a newest deployed version, of any tenant, that does not fit the topic's handler.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn obstacles(
        &mut self,
        model: &BuiltIn,
    ) -> Result<Vec<(&'static str, Option<String>)>, EngineError> {
        let contracts = contracts_of(model, &self.registry);
        let obstacle = match self.lacking(model).await {
            Ok(None) => mismatch(self.engine, model, &contracts).await?,
            // What may not be read looks as if it were not there.
            Ok(lacking) => lacking,
            // It takes our other calls all the same, so it knows no users: a proxy before it does.
            Err(EngineError::Unauthorised(_)) => {
                let obstacle = mismatch(self.engine, model, &contracts).await?;
                self.asks_for_permissions = false;
                tracing::info!(
                    "the engine does not know who CAMUNDA_USER is, so nobody's permissions are looked at"
                );
                obstacle
            }
            Err(error) => return Err(error),
        };
        let topics = contracts.iter().map(|contract| contract.topic);
        Ok(topics.map(|topic| (topic, obstacle.clone())).collect())
    }

    async fn lacking(&self, model: &BuiltIn) -> Result<Option<String>, EngineError> {
        if !self.asks_for_permissions {
            return Ok(None);
        }
        let missing = missing_permissions(self.engine, model.key).await?;
        Ok((!missing.is_empty()).then(|| format!("CAMUNDA_USER lacks {}", missing.join(", "))))
    }
}

async fn mismatch(
    engine: &Client,
    model: &BuiltIn,
    contracts: &[TopicContract<'static>],
) -> Result<Option<String>, EngineError> {
    let definitions = engine.definitions(model.key, true).await?;
    if definitions.is_empty() {
        let key = model.key;
        return Ok(Some(format!(
            "{key} is not deployed, or not ours to read; `phantom-worker deploy` brings it"
        )));
    }
    let mut faults = Vec::new();
    for definition in definitions {
        let xml = engine.definition_xml(&definition.id).await?;
        match bpmn::parse(&definition.id, &xml) {
            Ok(deployed) => {
                let mismatches = bpmn::compare(&deployed, contracts);
                faults.extend(mismatches.iter().map(ToString::to_string));
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok((!faults.is_empty()).then(|| format!("the model does not fit: {}", faults.join("; "))))
}

/// The promises of the handlers that this model asks for.
fn contracts_of(model: &BuiltIn, registry: &[&Registration]) -> Vec<TopicContract<'static>> {
    let asked = bpmn::parse(model.file, model.xml).unwrap_or_default();
    let is_asked_for = |registration: &&&Registration| {
        let mut tasks = asked.iter().flat_map(|process| &process.tasks);
        tasks.any(|task| task.topic == registration.topic)
    };
    let concerned = registry.iter().filter(is_asked_for);
    concerned
        .map(|registration| contract(registration))
        .collect()
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{path, path_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::camunda::client::scripted;

    #[tokio::test]
    async fn an_engine_that_knows_no_users_is_asked_about_them_once_and_its_models_are_looked_at() {
        let engine = MockServer::start().await;
        Mock::given(path("/engine-rest/authorization/check"))
            .respond_with(ResponseTemplate::new(401))
            .expect(1)
            .mount(&engine)
            .await;
        Mock::given(path_regex("/engine-rest/process-definition.*"))
            .respond_with(ResponseTemplate::new(200).set_body_json(Vec::<()>::new()))
            .expect(2)
            .mount(&engine)
            .await;
        let client = scripted::client(&engine);
        let mut lookout = Lookout::new(&client, Vec::new());

        for _ in 0..2 {
            lookout.obstacles(&BUILT_IN[0]).await.unwrap();
        }
    }
}
