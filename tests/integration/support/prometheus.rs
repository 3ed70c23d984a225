//! A Prometheus of a story's own, as `deploy/local/up --observe` starts it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::service::Stack;
use super::worker::Worker;

/// The server. Ends with the story.
pub(crate) struct Prometheus {
    url: String,
    _stack: Stack,
}

/// What a query found at one moment: labels and values.
pub(crate) type Found = Vec<(BTreeMap<String, String>, f64)>;

impl Prometheus {
    /// Scrapes these workers, with our rules.
    pub(crate) async fn beside(workers: &[Worker]) -> Self {
        Self::start(vec![("PHANTOM_WORKERS", addresses(workers))]).await
    }

    /// Scrapes these workers, with the rules of this file.
    pub(crate) async fn with_rules(workers: &[Worker], file: &str) -> Self {
        let rules = ("PHANTOM_RULES", file.to_owned());
        Self::start(vec![("PHANTOM_WORKERS", addresses(workers)), rules]).await
    }

    async fn start(environment: Vec<(&'static str, String)>) -> Self {
        let stack = Stack::with_prometheus(environment).await;
        Self {
            url: stack.prometheus_url().await,
            _stack: stack,
        }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a query finds now, or what is wrong with it.
    pub(crate) async fn query(&self, query: &str) -> Result<Found, String> {
        let answer = self.ask("query", &[("query", query)]).await;
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        Ok(match &answer["data"]["result"] {
            // A scalar is an instant and its value.
            Json::Array(pair) if answer["data"]["resultType"] == "scalar" => {
                vec![(BTreeMap::new(), value(&pair[1]))]
            }
            Json::Array(samples) => samples.iter().map(sample).collect(),
            other => panic!("{other} is no result"),
        })
    }

    /// The names of all series that it has scraped.
    pub(crate) async fn names(&self) -> BTreeSet<String> {
        let answer = self.ask("label/__name__/values", &[]).await;
        serde_json::from_value(answer["data"].clone()).unwrap()
    }

    /// The alerting rules that it has loaded.
    pub(crate) async fn rules(&self) -> Vec<Json> {
        let answer = self.ask("rules", &[("type", "alert")]).await;
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        rules.cloned().collect()
    }

    /// The alerts that fire now.
    pub(crate) async fn firing(&self) -> BTreeSet<String> {
        let firing = self.query("ALERTS{alertstate=\"firing\"}").await.unwrap();
        firing
            .into_iter()
            .map(|(mut labels, _)| labels.remove("alertname").unwrap())
            .collect()
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Json {
        let call = reqwest::Client::new()
            .get(format!("{}/api/v1/{path}", self.url))
            .query(parameters);
        call.send().await.unwrap().json().await.unwrap()
    }
}

fn addresses(workers: &[Worker]) -> String {
    let addresses: Vec<_> = workers.iter().map(Worker::ops_address).collect();
    addresses.join(",")
}

fn sample(sample: &Json) -> (BTreeMap<String, String>, f64) {
    let labels = serde_json::from_value(sample["metric"].clone()).unwrap();
    (labels, value(&sample["value"][1]))
}

/// Prometheus writes numbers as text, for the sake of `NaN` and `+Inf`.
fn value(text: &Json) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}
