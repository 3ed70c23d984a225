//! How often figures are read.

use std::time::Duration;

use clap::Args;

use super::faults::{Faults, Raw};
use super::parse;

/// How to measure.
#[derive(Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricsArgs {
    /// How often the figures that all replicas share are read: the tasks at the engine, the depth
    /// of the outbox. One replica reads for all; after a slow reading it rests longer.
    #[arg(long, env = "METRICS_INTERVAL", value_name = "DURATION", default_value = INTERVAL)]
    metrics_interval: Option<Raw>,
}

const INTERVAL: &str = "15s";
/// More often would only burden the engine: nobody scrapes so fast.
const LEAST: Duration = Duration::from_secs(1);

/// How to measure, checked.
#[derive(Clone, Copy, Debug)]
pub struct MetricsSettings {
    /// Between two readings of the figures that all replicas share.
    pub interval: Duration,
}

impl MetricsArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<MetricsSettings> {
        let interval = faults.defaulted(
            "METRICS_INTERVAL",
            &self.metrics_interval,
            INTERVAL,
            interval,
        );
        Some(MetricsSettings {
            interval: interval?,
        })
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse::duration(text)?;
    match interval < LEAST {
        true => Err("is below a second".to_owned()),
        false => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_second_at_least() {
        assert_eq!(interval("1s"), Ok(LEAST));
        assert_eq!(interval("999ms"), Err("is below a second".to_owned()));
        assert!(interval("15").is_err());
    }
}
