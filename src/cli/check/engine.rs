//! The engine: there, of a kind we know, and open to us.

use super::report::{Look, given};
use crate::camunda::client::EngineSettings;
use crate::camunda::model::Resource;
use crate::camunda::{Client, EngineError};
use crate::processes::BUILT_IN;

/// Why everything that needs the engine is skipped without it.
pub(super) const NO_ENGINE: &str = "there is no way to the engine";

pub(super) async fn connect(settings: Option<EngineSettings>) -> Look<Client> {
    let settings = given(settings, "its settings are wrong")?;
    let engine = Client::new(settings)?;
    let version = engine.version().await?;
    Ok((product(&version), engine))
}

/// All of them speak one interface; only Camunda's versions begin with 7.
fn product(version: &str) -> String {
    match version.split('.').next() {
        Some("7") => format!("Camunda {version}"),
        _ => format!("version {version}, so Operaton or CIB seven"),
    }
}

pub(super) async fn permissions(engine: Option<&Client>) -> Look<()> {
    let engine = given(engine, NO_ENGINE)?;
    if !engine.has_credentials() {
        return Ok((
            "without CAMUNDA_USER there is nobody to ask about".to_owned(),
            (),
        ));
    }
    let mut missing = Vec::new();
    for process in BUILT_IN {
        missing.extend(missing_permissions(engine, process.key).await?);
    }
    match missing.is_empty() {
        true => Ok((
            "to read and answer the tasks of every process".to_owned(),
            (),
        )),
        false => Err(anyhow::anyhow!("CAMUNDA_USER lacks {}", missing.join(", ")).into()),
    }
}

/// Without these the engine gives no tasks and says nothing about it.
async fn missing_permissions(engine: &Client, process: &str) -> Result<Vec<String>, EngineError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_by_its_version() {
        assert_eq!(product("7.24.0"), "Camunda 7.24.0");
        assert_eq!(product("1.0.3"), "version 1.0.3, so Operaton or CIB seven");
    }
}
