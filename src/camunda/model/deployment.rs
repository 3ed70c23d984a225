//! Deployments: files to the engine, definitions and faults from it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::null_as_empty;

/// Files to be deployed together. Name and source are kept constant over releases: the engine
/// compares by them, and by the tenant, when it looks for what has changed.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The deployment's name.
    pub name: String,
    /// Who deploys.
    pub source: String,
    /// The files; those that did not change since the last deployment are left out.
    pub files: Vec<DeploymentFile>,
    /// The tenant; none is the client's.
    pub tenant: Option<String>,
}

/// One file of a deployment.
#[derive(Debug, Clone)]
pub struct DeploymentFile {
    /// Its name, whose ending tells the engine what it is: `.bpmn`.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// What came of a deployment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// The deployment; an older one when nothing changed.
    pub id: String,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// The new definitions; none when nothing changed, nor for a process that is not executable.
    #[serde(
        default,
        rename = "deployedProcessDefinitions",
        deserialize_with = "null_as_empty"
    )]
    by_id: BTreeMap<String, DefinitionInfo>,
}

impl Deployed {
    /// The new definitions; none when nothing changed, nor for a process that is not executable.
    pub fn definitions(&self) -> impl Iterator<Item = &DefinitionInfo> {
        self.by_id.values()
    }
}

/// One version of a process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionInfo {
    /// The version's own id.
    pub id: String,
    /// The process's id in the model.
    pub key: String,
    /// Its version, from 1.
    pub version: u32,
    /// The file it came from.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub resource: String,
    /// The deployment it came with.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub deployment_id: String,
    /// Whether no instance of it can be started.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub suspended: bool,
    /// The tenant, where the engine has tenants.
    #[serde(default)]
    pub tenant_id: Option<String>,
}

/// What the engine finds wrong with a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFault {
    /// The file.
    pub file: String,
    /// Where in it, from 1; 0 when the engine does not say.
    pub line: u32,
    /// Where in the line, from 1; 0 when the engine does not say.
    pub column: u32,
    /// The engine's words.
    pub message: String,
}

impl std::fmt::Display for ModelFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(formatter, "{file}:{line}:{column}: {message}")
    }
}

/// The engine's answer to models that it cannot read. Only message, line and column are the same
/// in all engines.
#[derive(Deserialize)]
pub(crate) struct Refusal {
    #[serde(default, deserialize_with = "null_as_empty")]
    details: BTreeMap<String, Faults>,
}

#[derive(Deserialize, Default)]
struct Faults {
    #[serde(default, deserialize_with = "null_as_empty")]
    errors: Vec<Fault>,
}

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(default, deserialize_with = "null_as_empty")]
    message: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    line: u32,
    #[serde(default, deserialize_with = "null_as_empty")]
    column: u32,
}

impl Refusal {
    pub(crate) fn faults(self) -> Vec<ModelFault> {
        let in_file = |(file, faults): (String, Faults)| {
            faults.errors.into_iter().map(
                move |Fault {
                          message,
                          line,
                          column,
                      }| ModelFault {
                    file: file.clone(),
                    line,
                    column,
                    message,
                },
            )
        };
        self.details.into_iter().flat_map(in_file).collect()
    }
}
