//! `phantom-worker audit`: proves that the audit log is what it was.

mod chain;
mod finding;
#[cfg(test)]
mod tests;
mod witness;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use self::chain::Checked;
use super::outcome::{Failure, Outcome};
use super::plural::count;
use super::schema::require_schema;
use super::terminal::{complain, progress_of_lines, say};
use crate::config::StoreArgs;
use crate::store::Pool;
use crate::store::audit_seals::hex;

/// Proves that the audit log is what it was.
#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(Verify),
}

/// Walks the hash chain over the audit log, and says exactly where it is broken.
///
/// Finds rows that were altered, removed, put in later or moved, and seals likewise, while workers
/// go on. An end that was cut off, or a chain that was made anew as a whole, is whole in itself:
/// only checkpoints from before, kept outside of the database, give it away.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
struct Verify {
    /// A file of checkpoints, as AUDIT_CHECKPOINT_FILE or the log has them, or `-` for standard
    /// input; again for more files, the oldest first.
    ///
    /// A line whose `previous` is null begins a run: it is from a process that found no line to
    /// follow, and must match the chain like any other.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    #[command(flatten)]
    settings: StoreArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker audit verify --checkpoint /var/lib/phantom-worker/checkpoints.jsonl
  jq -r '.\"audit.checkpoint\" // empty' worker.log | phantom-worker audit verify --checkpoint -

Exit codes: 0 the chain is whole, 1 it is broken or could not be looked at, 64 usage, 78 settings";

/// More findings than this are counted and not listed: whoever broke so much broke everything.
const MOST_TOLD: usize = 100;

impl Audit {
    pub(super) async fn execute(&self) -> Outcome {
        match &self.command {
            Command::Verify(verify) => verify.execute().await,
        }
    }
}

impl Verify {
    async fn execute(&self) -> Outcome {
        let settings = self.settings.read_alone()?;
        let began = Instant::now();
        let lines = witness::read(&self.checkpoint)?;
        let pool = Pool::new(&settings, tokio::runtime::Handle::current())?;
        let checked = check(&pool, &lines).await;
        pool.close();
        report(&checked?, lines.len(), began)
    }
}

async fn check(pool: &Pool, lines: &[witness::Line]) -> anyhow::Result<Checked> {
    let mut conn = pool.get().await?;
    require_schema(&mut conn).await?;
    let bar = |what, length| -> ProgressBar { progress_of_lines(what, length) };
    chain::check(&mut conn, lines, &bar)
        .await
        .context("reading the audit log")
}

fn report(checked: &Checked, checkpoints: usize, began: Instant) -> Outcome {
    let findings = &checked.findings;
    findings.iter().take(MOST_TOLD).for_each(say);
    if findings.len() > MOST_TOLD {
        say(format_args!("… and {} more", findings.len() - MOST_TOLD));
    }
    let seconds = began.elapsed().as_secs_f64();
    let Checked {
        seals, unsealed, ..
    } = checked;
    let seen = format!("{seals} seals, {unsealed} rows unsealed, {checkpoints} checkpoints");
    if findings.is_empty() {
        say(format_args!("the chain is whole: {seen} ({seconds:.1} s)"));
        say(format_args!("it ends with {}", hex(&checked.head)));
        return Ok(());
    }
    complain(format_args!(
        "the chain is broken: {}; {seen} ({seconds:.1} s)",
        count(findings.len(), "finding")
    ));
    Err(Failure::Told)
}
