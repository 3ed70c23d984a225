//! `phantom-worker purge`: deletes now what the workers' hourly housekeeping would delete.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::outcome::{Failure, Outcome};
use super::schema::require_schema;
use super::terminal::{complain, say};
use crate::camunda::Client;
use crate::config::{PurgeCommandArgs, PurgeSettings};
use crate::housekeeping::{Ages, Kind, Purge as Housekeeping, Purged, purge_step};
use crate::store::Pool;
use crate::tasks::Origin;

/// Deletes what nobody needs any more, as running workers do once an hour.
///
/// Recorded answers go only when the engine says that their process instance has ended, or has
/// forgotten it; without the engine none of them goes. Dead letters are never deleted: `outbox`
/// shows them. Safe beside running workers and other purges. Each kind that lost rows gets an audit
/// row with their number.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Purge {
    /// Counts what would be deleted, and deletes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: PurgeCommandArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker purge --dry-run
  PURGE_SENT_MESSAGES_AFTER=7d PURGE_COMPLETIONS_AFTER=off phantom-worker purge

Exit codes: 0 purged (with --dry-run: counted), 1 not all of it, 64 usage, 78 settings";

impl Purge {
    pub(super) async fn execute(&self) -> Outcome {
        let PurgeSettings {
            engine,
            engine_id,
            store,
            ages,
        } = self.settings.read()?;
        let engine = Client::new(engine)?;
        let pool = Pool::new(&store, tokio::runtime::Handle::current())?;
        require_schema(&mut *pool.get().await?).await?;
        let purge = Housekeeping {
            engine: &engine,
            engine_id: &engine_id,
            pool: &pool,
            ages,
            origin: Origin {
                engine_id: Some(&engine_id),
                ..Origin::command("purge")
            },
            dry_run: self.dry_run,
        };
        let results = purge_step(&purge).await;
        pool.close();
        results.iter().for_each(|purged| self.tell(purged));
        tell_what_stays(ages);
        match results.iter().any(|purged| purged.trouble.is_some()) {
            true => Err(Failure::Told),
            false => Ok(()),
        }
    }

    fn tell(&self, purged: &Purged) {
        let done = match self.dry_run {
            true => "would be purged",
            false => "purged",
        };
        let Purged {
            kind, rows, age, ..
        } = purged;
        let age = in_words(*age);
        match &purged.trouble {
            None => say(format_args!("{kind}, older than {age}: {rows} {done}")),
            Some(trouble) => complain(format_args!(
                "phantom-worker: {kind}, older than {age}: only {rows} {done}: {trouble}"
            )),
        }
    }
}

fn tell_what_stays(ages: Ages) {
    let off = Kind::ALL
        .into_iter()
        .filter(|kind| ages.of(*kind).is_none());
    off.for_each(|kind| say(format_args!("{kind}: kept, as the setting says")));
}

fn in_words(age: Duration) -> String {
    const DAY: u64 = 86_400;
    match age.as_secs() {
        DAY => "1 day".to_owned(),
        seconds if seconds.is_multiple_of(DAY) => format!("{} days", seconds / DAY),
        _ => SignedDuration::try_from(age)
            .map_or_else(|_| format!("{} s", age.as_secs()), |age| format!("{age:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_days_where_it_is_some() {
        let hours = |hours: u64| in_words(Duration::from_secs(hours * 3600));

        assert_eq!(hours(24), "1 day");
        assert_eq!(hours(90 * 24), "90 days");
        assert_eq!(hours(36), "36h");
    }
}
