//! The catalogue against the page, and against the rules of Prometheus.

use std::collections::BTreeMap;

use super::metrics;
use crate::metrics::*;

/// The families of a page: name, type, HELP.
fn families(page: &str) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::<String, (String, String)>::new();
    for line in page.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some("#"), Some(what), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let family = found.entry(name.to_owned()).or_default();
        match what {
            "TYPE" => rest.clone_into(&mut family.0),
            _ => rest.clone_into(&mut family.1),
        }
    }
    found
}

#[test]
fn the_page_shows_the_catalogue_and_nothing_else() {
    let shown = families(&metrics().render());

    let declared: BTreeMap<_, _> = catalogue()
        .map(|series| {
            let told = (series.kind.as_str().to_owned(), series.help());
            (series.name.to_owned(), told)
        })
        .collect();
    assert_eq!(shown, declared);
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    for Series {
        name, kind, unit, ..
    } in catalogue()
    {
        let counts = *kind == Kind::Counter;
        assert_eq!(
            name.ends_with("_total"),
            counts,
            "{name}: _total is for counters"
        );
        let stem = name.trim_end_matches("_total");
        let suffix = match unit {
            Unit::Seconds => "_seconds",
            Unit::Timestamp if stem == "process_start_time_seconds" => "_seconds",
            Unit::Timestamp => "_timestamp_seconds",
            Unit::Ratio => "_ratio",
            Unit::Bytes => "_bytes",
            Unit::Count | Unit::Flag => "",
        };
        assert!(stem.ends_with(suffix), "{name}: its unit is {unit:?}");
        let allowed = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(
            name.chars().all(allowed),
            "{name}: lower case and underscores"
        );
    }
}

#[test]
fn labels_never_carry_what_a_target_has() {
    for Series { name, labels, .. } in catalogue() {
        for label in *labels {
            assert!(
                !["instance", "job", "pod", "namespace", "le", "quantile"].contains(&label.name),
                "{name} has the label {}",
                label.name
            );
        }
    }
}

#[test]
fn twelve_topics_stay_below_the_budget_of_fifteen_hundred_series() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let topics = names.map(|name| TopicLabels {
        name,
        errors: &["ONE", "TWO"],
    });
    let metrics = Metrics::new(
        &topics,
        Templates {
            mails: &["a", "b", "c", "d", "e", "f", "g"],
            engine_messages: &["a", "b"],
        },
        Build {
            version: "0",
            revision: "0",
        },
    );

    let series = metrics
        .render()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();

    assert!(series <= 1_500, "{series} series");
}
