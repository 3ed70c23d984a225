//! After how long what nobody needs any more is deleted.

use std::time::Duration;

use clap::Args;

use super::defaults;
use super::faults::{Faults, Raw};
use super::parse;
use super::work::EngineIdArgs;
use super::{EngineArgs, StoreArgs, alone};
use crate::camunda::client::EngineSettings;
use crate::housekeeping::Ages;
use crate::store::StoreSettings;

/// What is deleted when.
#[derive(Args)]
#[command(next_help_heading = "Housekeeping")]
pub struct PurgeArgs {
    /// How long after the end of a process instance the recorded answers to its tasks are deleted,
    /// or `off`. As long as the oldest backup that the engine may be restored from.
    #[arg(long, env = "PURGE_COMPLETIONS_AFTER", value_name = "DURATION",
          default_value = defaults::PURGE_COMPLETIONS_AFTER)]
    purge_completions_after: Option<Raw>,
    /// How long after it was sent a message is deleted from the outbox, or `off`. A process that
    /// is repeated later sends it again.
    #[arg(long, env = "PURGE_SENT_MESSAGES_AFTER", value_name = "DURATION",
          default_value = defaults::PURGE_SENT_MESSAGES_AFTER)]
    purge_sent_messages_after: Option<Raw>,
    /// How long after its last delivery a task that was never heard of again is forgotten, or
    /// `off`.
    #[arg(long, env = "PURGE_DELIVERIES_AFTER", value_name = "DURATION",
          default_value = defaults::PURGE_DELIVERIES_AFTER)]
    purge_deliveries_after: Option<Raw>,
    /// How long after it was rejected or fulfilled a wallet request loses its personal data, or
    /// `off`.
    #[arg(long, env = "PURGE_PERSONAL_DATA_AFTER", value_name = "DURATION",
          default_value = defaults::PURGE_PERSONAL_DATA_AFTER)]
    purge_personal_data_after: Option<Raw>,
}

impl PurgeArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<Ages> {
        let completions = faults.defaulted(
            "PURGE_COMPLETIONS_AFTER",
            &self.purge_completions_after,
            defaults::PURGE_COMPLETIONS_AFTER,
            age,
        );
        let sent_messages = faults.defaulted(
            "PURGE_SENT_MESSAGES_AFTER",
            &self.purge_sent_messages_after,
            defaults::PURGE_SENT_MESSAGES_AFTER,
            age,
        );
        let deliveries = faults.defaulted(
            "PURGE_DELIVERIES_AFTER",
            &self.purge_deliveries_after,
            defaults::PURGE_DELIVERIES_AFTER,
            age,
        );
        let personal_data = faults.defaulted(
            "PURGE_PERSONAL_DATA_AFTER",
            &self.purge_personal_data_after,
            defaults::PURGE_PERSONAL_DATA_AFTER,
            age,
        );
        Some(Ages {
            completions: completions?,
            sent_messages: sent_messages?,
            deliveries: deliveries?,
            personal_data: personal_data?,
        })
    }
}

/// Below it is surely a slip of the hand.
const LEAST: Duration = Duration::from_secs(3600);
/// A hundred years.
const MOST: Duration = Duration::from_secs(36_525 * 86_400);

fn age(text: &str) -> Result<Option<Duration>, String> {
    if text.trim().eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    parse::calendar_duration(text)
        .filter(|age| (LEAST..=MOST).contains(age))
        .map(Some)
        .ok_or_else(|| "is neither off nor a duration with its unit, from 1h to 36525d".to_owned())
}

/// What a purge on demand needs.
#[derive(Args)]
pub struct PurgeCommandArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    engine_id: EngineIdArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    ages: PurgeArgs,
}

/// What a purge on demand needs, checked. It holds secrets, so it has no `Debug`.
pub struct PurgeSettings {
    /// The engine.
    pub engine: EngineSettings,
    /// The name of this engine in our database.
    pub engine_id: String,
    /// Our own database.
    pub store: StoreSettings,
    /// What is deleted when.
    pub ages: Ages,
}

impl PurgeCommandArgs {
    /// Reads the settings of a purge.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self) -> Result<PurgeSettings, Faults> {
        alone(|faults| {
            let engine = self.engine.read(faults);
            let engine_id = self.engine_id.read(faults);
            let store = self.store.read(faults);
            let ages = self.ages.read(faults);
            Some(PurgeSettings {
                engine: engine?,
                engine_id: engine_id?,
                store: store?,
                ages: ages?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_days_or_hours_or_off() {
        let days = |days: u64| Ok(Some(Duration::from_secs(days * 86_400)));

        assert_eq!(age("90d"), days(90));
        assert_eq!(age(" P90D "), days(90));
        assert_eq!(age("2 weeks"), days(14));
        assert_eq!(age("36h"), Ok(Some(Duration::from_secs(36 * 3600))));
        assert_eq!(age("Off"), Ok(None));
        for text in [
            "90", "0", "59m", "-90d", "3 months", "101y", "1000000d", "never",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
