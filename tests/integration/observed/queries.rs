//! What the dashboards and the alerts ask.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

/// Every query of every panel, with the variables at *all* and a window that holds the whole story.
pub(super) fn of_panels() -> Vec<String> {
    let queries: Vec<_> = dashboards().iter().flat_map(queries_of).collect();
    assert!(queries.len() > 60, "{} queries", queries.len());
    queries
}

/// Every series that a panel or a rule names.
pub(super) fn names() -> BTreeSet<String> {
    let rules = include_str!("../../../deploy/alerts/rules.yaml");
    let mut queries = of_panels();
    queries.push(rules.to_owned());
    let selectors = queries.iter().flat_map(|query| selectors(query));
    selectors
        .map(|selector| selector.split('{').next().unwrap().to_owned())
        .collect()
}

/// The series that a query looks at, with the labels that it asks for.
pub(super) fn selectors(query: &str) -> Vec<String> {
    let mut selectors = Vec::new();
    let mut rest = query;
    while let Some(at) = ["phantom_worker_", "process_"]
        .iter()
        .filter_map(|start| rest.find(start))
        .min()
    {
        rest = &rest[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = end.unwrap_or(rest.len());
        let labels = if rest[name..].starts_with('{') {
            rest.find('}').unwrap() + 1
        } else {
            name
        };
        selectors.push(rest[..labels].to_owned());
        rest = &rest[labels..];
    }
    selectors
}

fn dashboards() -> Vec<Json> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
        .collect()
}

fn queries_of(dashboard: &Json) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    targets
        .map(|target| filled(target["expr"].as_str().unwrap()))
        .collect()
}

fn filled(query: &str) -> String {
    ["$job", "$namespace", "$topic", "$pod"].iter().fold(
        query.replace("$__rate_interval", "10m"),
        |query, variable| query.replace(variable, ".*"),
    )
}
