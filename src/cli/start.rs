//! `phantom-worker start`: starts an instance of a process, and shows its way.

mod follow;
mod variables;

use std::path::Path;

use anyhow::Context;
use clap::Args;

use super::outcome::Outcome;
use super::terminal::say;
use crate::camunda::Client;
use crate::camunda::model::Start as Request;
use crate::config::EngineArgs;

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
    settings: EngineArgs,
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
        let settings = self.settings.read_alone()?;
        let variables = variables::parse(&self.read_variables()?)?;
        let engine = Client::new(settings)?;
        let request = Request {
            key: self.process_id.clone(),
            business_key: self.business_key.clone(),
            variables,
        };
        let instance = engine
            .start(&request)
            .await
            .with_context(|| format!("starting {}", self.process_id))?;
        say(format_args!("started {}", instance.id));
        if self.follow {
            follow::follow(&engine, &instance.id).await?;
        }
        Ok(())
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
