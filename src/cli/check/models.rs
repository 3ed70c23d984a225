//! The models: those of this version against the handlers, and those at the engine against both.

use super::engine::NO_ENGINE;
use super::report::{Look, Miss, given};
use crate::camunda::Client;
use crate::camunda::bpmn::{self, Mismatch};
use crate::camunda::model::DefinitionInfo;
use crate::cli::plural::count;
use crate::processes::{self, BUILT_IN, BuiltIn};
use crate::topics;

pub(super) async fn built_in() -> Look<()> {
    processes::check_built_in(&topics::catalogue())?;
    let models = count(BUILT_IN.len(), "model");
    Ok((format!("{models} compared with the handlers, all fit"), ()))
}

pub(super) async fn deployed(engine: Option<&Client>, tenants: &[String]) -> Look<()> {
    let engine = given(engine, NO_ENGINE)?;
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for model in BUILT_IN {
        let definitions = engine.definitions(model.key, true).await?;
        if definitions.is_empty() {
            wrong.push(format!(
                "{} is not deployed, or not ours to read; `phantom-worker deploy` brings it",
                model.key
            ));
        }
        for definition in of_tenants(&definitions, tenants) {
            match look(engine, model, definition).await? {
                Ok(found) => good.push(found),
                Err(mismatches) => wrong.extend(mismatches),
            }
        }
    }
    match wrong.is_empty() {
        true => Ok((good.join("\n"), ())),
        false => Err(Miss::several(wrong.join("\n"), wrong.len())),
    }
}

/// With tenants, the engine lists only theirs; without, everybody's.
fn of_tenants<'a>(
    definitions: &'a [DefinitionInfo],
    tenants: &'a [String],
) -> impl Iterator<Item = &'a DefinitionInfo> {
    definitions.iter().filter(move |definition| {
        tenants.is_empty() || definition.tenant_id.iter().any(|id| tenants.contains(id))
    })
}

/// What is to be said about one deployed model: its state, or why it does not fit.
async fn look(
    engine: &Client,
    model: &BuiltIn,
    definition: &DefinitionInfo,
) -> anyhow::Result<Result<String, Vec<String>>> {
    let xml = engine.definition_xml(&definition.id).await?;
    let name = match &definition.tenant_id {
        Some(tenant) => format!("{} version {} of {tenant}", model.key, definition.version),
        None => format!("{} version {}", model.key, definition.version),
    };
    let contracts = processes::contracts(&topics::catalogue());
    let mismatches: Vec<_> = bpmn::compare(&bpmn::parse(&name, &xml)?, &contracts)
        .into_iter()
        // Other topics have models of their own.
        .filter(|mismatch| !matches!(mismatch, Mismatch::NoModel { .. }))
        .map(|mismatch| mismatch.to_string())
        .collect();
    Ok(match (mismatches.is_empty(), xml == model.xml) {
        (true, true) => Ok(format!("{name} is the built-in one")),
        (true, false) => Ok(format!("{name} fits, and is not the built-in one")),
        (false, _) => Err(mismatches),
    })
}
