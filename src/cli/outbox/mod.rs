//! `phantom-worker outbox`: what waits in the outbox, and what is to become of its dead letters.
//!
//! Shows neither recipients nor parameters: they are personal data, and no decision needs them.

mod letters;
mod list;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use self::letters::Verdict;
use super::outcome::Outcome;
use crate::config::StoreArgs;
use crate::store::Pool;
use crate::store::outbox::letters::State;

/// Shows what waits in the outbox, and decides about its dead letters.
///
/// A dead letter is a mail or a message to a process instance that was refused for good, or tried
/// in vain for days. It stays until somebody decides: `retry` once the cause is gone, `drop` if
/// nobody is to get it any more. Both are written to the audit log.
#[derive(Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct Outbox {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 nothing was changed, 64 usage, 78 settings";

#[derive(Subcommand)]
enum Command {
    List(List),
    Retry(Retry),
    Drop(Drop),
}

/// Shows the messages that are not sent, oldest first.
///
/// Their keys and ids name no person; `last error` is what the mail server or the engine answered
/// to the last try.
#[derive(Args)]
#[command(after_long_help = LIST_EXAMPLES)]
struct List {
    /// Only those in this state: never tried, tried in vain and to be tried again, or dead.
    #[arg(long, value_enum)]
    state: Option<Wanted>,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    settings: StoreArgs,
}

const LIST_EXAMPLES: &str = "\
Examples:
  phantom-worker outbox list --state dead
  phantom-worker outbox list --json --limit 1000 | jq -r '.[].last_error' | sort | uniq -c

Exit codes: 0 listed, 1 failed, 64 usage, 78 settings";

/// A state as the command line names it.
#[derive(Clone, Copy, ValueEnum)]
enum Wanted {
    Pending,
    Retrying,
    Dead,
}

/// Lets dead letters be tried again.
///
/// A running worker takes them up within ten seconds and tries as often as with a new message. A
/// mail keeps its Message-ID, so a mailbox that has it already can tell. With an id that is unknown
/// or not dead nothing is changed.
#[derive(Args)]
#[command(after_long_help = RETRY_EXAMPLES)]
struct Retry {
    /// The letters.
    #[arg(value_name = "ID", required_unless_present = "all_dead")]
    ids: Vec<Uuid>,
    /// All dead letters.
    #[arg(long, conflicts_with = "ids")]
    all_dead: bool,
    #[command(flatten)]
    settings: StoreArgs,
}

const RETRY_EXAMPLES: &str = "\
Examples:
  phantom-worker outbox retry 0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47
  phantom-worker outbox retry --all-dead

Exit codes: 0 they are tried again, 1 nothing was changed, 64 usage, 78 settings";

/// Deletes dead letters that nobody is to get any more.
///
/// What is left of a letter is its audit row, with its key and the reason. A process that is
/// repeated later may queue it anew. With an id that is unknown or not dead nothing is changed.
#[derive(Args)]
#[command(after_long_help = DROP_EXAMPLES)]
struct Drop {
    /// The letters.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Uuid>,
    /// Why, for the audit log, where it stays for good: name no person.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    settings: StoreArgs,
}

const DROP_EXAMPLES: &str = "\
Examples:
  phantom-worker outbox drop 0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47 --reason 'mailbox closed, case 4711'

Exit codes: 0 they are gone, 1 nothing was changed, 64 usage, 78 settings";

impl Outbox {
    pub(super) async fn execute(&self) -> Outcome {
        match &self.command {
            Command::List(list) => {
                let pool = open(&list.settings)?;
                list::list(&pool, list.state.map(State::from), list.limit, list.json).await?;
                pool.close();
                Ok(())
            }
            Command::Retry(retry) if retry.all_dead => {
                letters::retry_all(&open(&retry.settings)?).await
            }
            Command::Retry(retry) => {
                letters::settle(&open(&retry.settings)?, &retry.ids, Verdict::Retry).await
            }
            Command::Drop(drop) => {
                let verdict = Verdict::Drop {
                    reason: &drop.reason,
                };
                letters::settle(&open(&drop.settings)?, &drop.ids, verdict).await
            }
        }
    }
}

fn open(settings: &StoreArgs) -> Result<Pool, super::outcome::Failure> {
    let settings = settings.read_alone()?;
    Ok(Pool::new(&settings, tokio::runtime::Handle::current())?)
}

impl From<Wanted> for State {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Pending => Self::Pending,
            Wanted::Retrying => Self::Retrying,
            Wanted::Dead => Self::Dead,
        }
    }
}

/// The longest reason.
const REASON: usize = 500;

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON || text.chars().any(char::is_control) {
        return Err(format!("is not one line of 1 to {REASON} characters"));
    }
    Ok(text.to_owned())
}
