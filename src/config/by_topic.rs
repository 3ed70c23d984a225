//! Values for single topics: `create-wallet=16,notify-wallet-creation=4`.

use std::collections::BTreeMap;

/// Reads `topic=value,topic=value`. A value may hold commas itself, as retries do: a part without
/// an equals sign belongs to the value before it.
pub(super) fn by_topic<T>(
    text: &str,
    topics: &[&'static str],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, String> {
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (topic, value) in entries(text)? {
        match parse(&value) {
            _ if !topics.contains(&topic.as_str()) => {
                problems.push(format!("{topic:?} is no topic of {}", topics.join(", ")));
            }
            Err(problem) => problems.push(format!("the value for {topic} {problem}")),
            Ok(value) => {
                if values.insert(topic.clone(), value).is_some() {
                    problems.push(format!("{topic} is there twice"));
                }
            }
        }
    }
    match problems.is_empty() {
        true => Ok(values),
        false => Err(format!("is wrong: {}", problems.join("; "))),
    }
}

fn entries(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        match (part.split_once('='), entries.last_mut()) {
            (Some((topic, value)), _) => {
                entries.push((topic.trim().to_owned(), value.trim().to_owned()));
            }
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(part.trim());
            }
            (None, None) => return Err("does not start with a topic and =".to_owned()),
        }
    }
    Ok(entries)
}
