//! The catalogue as a page for readers and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::catalogue::catalogue;
use super::series::{Kind, Label, Series};

const HEAD: &str = "\
# Metrics

Every series that `/metrics` on `HTTP_BIND` shows. This page is `phantom-worker metrics --markdown`, \
and a test holds it to that.

*each its own*: the figure belongs to one process; sum it over replicas. *max, never sum*: read from \
the engine or the database by one replica and shown by all; take the maximum. Counters and gauges \
start at 0, timestamps of things that never were are 0, and every label has a closed set of values.

| series | type | unit | labels | replicas | help |
| --- | --- | --- | --- | --- | --- |
";

/// The page beside the dashboards.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for series in catalogue() {
        let labels: Vec<_> = series.labels.iter().map(label).collect();
        let (name, unit) = (series.name, series.unit.as_str());
        let replicas = series.source.over_replicas();
        let row = [kind(series).as_str(), unit, &labels.join("<br>"), replicas].join(" | ");
        writeln!(page, "| `{name}` | {row} | {} |", series.about)
            .expect("a string takes every line");
    }
    page
}

fn kind(series: &Series) -> String {
    match series.kind {
        Kind::Histogram(buckets) => format!("histogram: {}", numbers(buckets)),
        kind => kind.as_str().to_owned(),
    }
}

fn numbers(buckets: &[f64]) -> String {
    let buckets: Vec<_> = buckets.iter().map(ToString::to_string).collect();
    buckets.join(" ")
}

/// A bar would end the cell.
fn label(label: &Label) -> String {
    let values = label.values.describe().replace('|', ", ");
    format!("`{}`: {values}", label.name)
}

/// The catalogue for programs.
#[must_use]
pub fn to_json() -> Value {
    catalogue().map(entry).collect()
}

fn entry(series: &Series) -> Value {
    let labels: Vec<_> = series
        .labels
        .iter()
        .map(|label| json!({ "name": label.name, "values": label.values.describe() }))
        .collect();
    let buckets = match series.kind {
        Kind::Histogram(buckets) => json!(buckets),
        Kind::Counter | Kind::Gauge => Value::Null,
    };
    json!({
        "name": series.name,
        "type": series.kind.as_str(),
        "unit": series.unit.as_str(),
        "labels": labels,
        "buckets": buckets,
        "over_replicas": series.source.over_replicas(),
        "help": series.help(),
    })
}
