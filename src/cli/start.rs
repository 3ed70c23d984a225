//! `phantom-worker start`: starts an instance of a process, and shows its way.

mod follow;
mod variables;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use clap::Args;

use super::outcome::{Failure, Outcome};
use super::terminal::say;
use crate::camunda::model::Start as Request;
use crate::camunda::{Client, EngineError};
use crate::config::{StartArgs, StartSettings};

/// Starts an instance of a process.
///
/// The variables are one JSON object. Each value gets the engine's type that fits it: text is
/// String, true and false are Boolean, whole numbers are Integer or Long, other numbers Double,
/// null is Null, lists and objects are Json. To choose the type, write
/// {"type": "Date", "value": "2026-03-01T09:30:00.000+0200"}.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Start {
    /// The id of the process, as its model has it; the newest version is started.
    process_id: String,
    /// The variables, as a JSON object; @FILE reads them from a file, @- from standard input,
    /// where nobody sees them among the machine's processes.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    variables: String,
    /// The business key of the instance.
    #[arg(long, value_name = "KEY")]
    business_key: Option<String>,
    /// Shows the instance's way until it ends, then its variables.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    settings: StartArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker start wallet-creation-process --follow --variables @request.json
  phantom-worker start wallet-creation-process --business-key order-4711 --variables '{
    \"merchant_id\": \"0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47\",
    \"request_data\": {\"first_name\": \"Naledi\", \"last_name\": \"Moeng\", \"email\": \"n@shop.example\",
                     \"phone_number\": \"71234567\", \"national_id\": \"123415678\",
                     \"date_of_birth\": \"1990-05-17\"}}'

Exit codes: 0 started (with --follow: ended at an end event), 1 not, 64 usage, 78 settings";

impl Start {
    pub(super) async fn execute(&self) -> Outcome {
        let StartSettings { engine, cockpit } = self.settings.read()?;
        let variables = self.read_variables()?;
        let variables = variables::parse(&variables).map_err(Failure::Usage)?;
        let engine = Client::new(engine)?;
        let request = Request {
            key: self.process_id.clone(),
            business_key: self.business_key.clone(),
            variables,
        };
        let instance = match engine.start(&request).await {
            Ok(instance) => instance,
            Err(error) => return Err(self.explain(&engine, error).await.into()),
        };
        say(format_args!("started {}", instance.id));
        if let Some(page) = cockpit.instance(instance.id.as_str()) {
            say(page);
        }
        if self.follow {
            follow::follow(&engine, &instance.id).await?;
        }
        Ok(())
    }

    /// Says which processes could be started where there is none of this name.
    async fn explain(&self, engine: &Client, error: EngineError) -> anyhow::Error {
        let is_unknown = matches!(&error, EngineError::Refused(answer) if answer.status == 404);
        let error = anyhow::Error::from(error).context(format!("starting {}", self.process_id));
        if !is_unknown {
            return error;
        }
        match engine.process_keys().await {
            Ok(keys) => anyhow::anyhow!("{} is not there; {}", self.process_id, in_words(&keys)),
            // What went wrong first is what matters.
            Err(_) => error,
        }
    }

    fn read_variables(&self) -> anyhow::Result<String> {
        match self.variables.strip_prefix('@') {
            None => Ok(self.variables.clone()),
            Some("-") => {
                std::io::read_to_string(std::io::stdin()).context("reading standard input")
            }
            Some(path) => {
                std::fs::read_to_string(Path::new(path)).with_context(|| format!("reading {path}"))
            }
        }
    }
}

fn in_words(keys: &BTreeSet<String>) -> String {
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    match keys.as_slice() {
        [] => "nothing is deployed that we may see; `phantom-worker deploy` brings the built-in \
               models"
            .to_owned(),
        keys => format!("what is deployed: {}", keys.join(", ")),
    }
}
