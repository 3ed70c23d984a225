//! `phantom-worker metrics`: the catalogue of series.

use clap::Args;
use comfy_table::ContentArrangement;

use super::outcome::Outcome;
use super::table;
use super::terminal::say;
use crate::metrics::{self, Series};

/// Lists every series that the worker serves on `/metrics`.
///
/// Needs no worker and no settings: the list is part of this build.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Metrics {
    /// As JSON: name, type, unit, labels with their values, buckets, help.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As the page that lies in `grafana/METRICS.md`.
    #[arg(long)]
    markdown: bool,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker metrics
  phantom-worker metrics --json | jq -r '.[] | select(.type == \"histogram\").name'

Exit codes: 0 always, 64 usage";

impl Metrics {
    pub(super) async fn execute(&self) -> Outcome {
        match (self.json, self.markdown) {
            (true, _) => say(format_args!("{:#}", metrics::to_json())),
            (_, true) => write(&metrics::markdown()),
            _ => say(overview()),
        }
        Ok(())
    }
}

/// The page ends its last line itself.
fn write(page: &str) {
    say(page.trim_end());
}

fn overview() -> comfy_table::Table {
    let mut table = table::empty(&["Series", "Type", "Labels", "Help"]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for series in metrics::catalogue() {
        table.add_row([
            series.name.to_owned(),
            series.kind.as_str().to_owned(),
            labels(series),
            series.help(),
        ]);
    }
    table
}

fn labels(series: &Series) -> String {
    let names: Vec<_> = series.labels.iter().map(|label| label.name).collect();
    names.join(", ")
}
