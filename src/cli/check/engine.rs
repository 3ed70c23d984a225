//! The engine: there, of a kind we know, and open to us.

use super::report::{Look, given};
use crate::camunda::Client;
use crate::camunda::client::EngineSettings;
use crate::processes::{self, BUILT_IN};

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
        missing.extend(processes::missing_permissions(engine, process.key).await?);
    }
    match missing.is_empty() {
        true => Ok((
            "to read and answer the tasks of every process".to_owned(),
            (),
        )),
        false => Err(anyhow::anyhow!("CAMUNDA_USER lacks {}", missing.join(", ")).into()),
    }
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
