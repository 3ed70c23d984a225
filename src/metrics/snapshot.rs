//! The series as they are at one moment, for who shows some of them to people.

use std::collections::HashMap;

use super::Metrics;
use super::series::PREFIX;

/// A series, by its name without the common prefix and its labels in order of their names.
type Series = (String, Vec<(String, String)>);

/// Every counter and gauge at one moment.
pub struct Snapshot(HashMap<Series, f64>);

impl Metrics {
    /// Reads every counter and gauge.
    pub fn snapshot(&self) -> Snapshot {
        let _looked = self.look();
        let mut values = HashMap::new();
        for family in self.registry.gather() {
            let Some(name) = family.name().strip_prefix(PREFIX) else {
                continue;
            };
            for metric in family.get_metric() {
                let labels = metric.get_label().iter();
                let mut labels: Vec<_> = labels
                    .map(|label| (label.name().to_owned(), label.value().to_owned()))
                    .collect();
                labels.sort();
                let value = metric.get_gauge().get_value() + metric.get_counter().get_value();
                values.insert((name.to_owned(), labels), value);
            }
        }
        Snapshot(values)
    }
}

impl Snapshot {
    /// One of them, by its name without `phantom_worker_` and its labels in order of their names.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let series = (name.to_owned(), labels.iter().map(owned).collect());
        self.0.get(&series).copied()
    }
}
