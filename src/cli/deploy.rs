//! `phantom-worker deploy`: brings models to the engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::outcome::{Failure, Outcome};
use super::terminal::{complain, say};
use crate::camunda::bpmn::{self, ProcessModel};
use crate::camunda::client::DeployError;
use crate::camunda::model::{Deployed, Deployment, DeploymentFile};
use crate::camunda::{Client, EngineError};
use crate::config::EngineArgs;
use crate::processes::BUILT_IN;

/// Brings the models of the processes to the engine.
///
/// Deploys the models that are built into this binary, or those of a folder. The engine makes a
/// new version of a process only where its file has changed; running instances keep the version
/// they began with. What cannot be read, here or by the engine, is told with file, line and column,
/// and then nothing is deployed.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Deploy {
    /// Deploys the .bpmn files of this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    settings: EngineArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker deploy
  phantom-worker deploy --dir bpmn --camunda-tenant-ids retail

Exit codes: 0 every process is there, 1 one is not, 64 usage, 78 settings";

/// Kept over all releases: the engine finds what has changed by them.
const NAME: &str = "phantom-worker";

impl Deploy {
    pub(super) async fn execute(&self) -> Outcome {
        let settings = self.settings.read_alone()?;
        let tenant = settings.tenant_ids.first().cloned();
        let files = match &self.dir {
            Some(dir) => read_folder(dir)?,
            None => built_in(),
        };
        let processes = parse_all(&files)?;
        let engine = Client::new(settings)?;
        let deployed = deploy(&engine, files).await?;
        let mut all_there = true;
        for process in &processes {
            all_there &= tell(&engine, tenant.as_deref(), &deployed, process).await?;
        }
        match all_there {
            true => Ok(()),
            false => Err(Failure::Told),
        }
    }
}

fn built_in() -> Vec<DeploymentFile> {
    let file = |model: &crate::processes::BuiltIn| DeploymentFile {
        name: model.file.to_owned(),
        content: model.xml.into(),
    };
    BUILT_IN.iter().map(file).collect()
}

fn read_folder(dir: &Path) -> anyhow::Result<Vec<DeploymentFile>> {
    let reading = || format!("reading {}", dir.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.extension().is_none_or(|extension| extension != "bpmn") {
            continue;
        }
        let content =
            std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        files.push(DeploymentFile { name, content });
    }
    if files.is_empty() {
        bail!("there is no .bpmn file in {}", dir.display());
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// Reads every file, or tells of each that cannot be read.
fn parse_all(files: &[DeploymentFile]) -> Result<Vec<ProcessModel>, Failure> {
    let mut processes = Vec::new();
    let mut all_read = true;
    for file in files {
        match parse(file) {
            Ok(found) => processes.extend(found),
            Err(fault) => {
                all_read = false;
                complain(format_args!("{fault:#}"));
            }
        }
    }
    if !all_read {
        complain("phantom-worker: not all files are models; nothing was deployed");
        return Err(Failure::Told);
    }
    Ok(processes)
}

fn parse(file: &DeploymentFile) -> anyhow::Result<Vec<ProcessModel>> {
    let xml = std::str::from_utf8(&file.content)
        .with_context(|| format!("{} is not UTF-8", file.name))?;
    Ok(bpmn::parse(&file.name, xml)?)
}

async fn deploy(engine: &Client, files: Vec<DeploymentFile>) -> Result<Deployed, Failure> {
    let deployment = Deployment {
        name: NAME.to_owned(),
        source: NAME.to_owned(),
        files,
        tenant: None,
    };
    match engine.deploy(&deployment).await {
        Ok(deployed) => Ok(deployed),
        Err(DeployError::Models(faults)) => {
            faults.iter().for_each(complain);
            complain("phantom-worker: the engine cannot read the models; nothing was deployed");
            Err(Failure::Told)
        }
        Err(error) => Err(anyhow::Error::from(error).context("deploying").into()),
    }
}

/// Says what became of a process, and whether the engine has it.
async fn tell(
    engine: &Client,
    tenant: Option<&str>,
    deployed: &Deployed,
    process: &ProcessModel,
) -> Result<bool, EngineError> {
    let ProcessModel { file, id, .. } = process;
    let new = deployed
        .definitions()
        .find(|definition| definition.key == *id);
    if let Some(definition) = new {
        say(format_args!(
            "{file}: {id} version {} new",
            definition.version
        ));
        return Ok(true);
    }
    let latest = engine.definitions(id, true).await?;
    let present = latest
        .iter()
        .find(|definition| definition.tenant_id.as_deref() == tenant)
        // The engine also answers 200 for a process that it leaves out, while an older version
        // may well be there.
        .filter(|_| process.executable);
    match present {
        Some(definition) => {
            say(format_args!(
                "{file}: {id} version {} unchanged",
                definition.version
            ));
            Ok(true)
        }
        // Neither new nor to be seen: what is executable is only left out if it was there before.
        None if process.executable => {
            complain(format_args!(
                "{file}: the engine does not show {id}: CAMUNDA_USER lacks READ on the process \
                 definition, or somebody deleted it and left its deployment"
            ));
            Ok(false)
        }
        None => {
            complain(format_args!(
                "{file}: {id} was not deployed: the engine takes only processes with \
                 isExecutable=\"true\""
            ));
            Ok(false)
        }
    }
}
