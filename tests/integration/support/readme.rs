//! What the README tells of a process and its topics.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) const README: &str = include_str!("../../../README.md");

/// The section about one process.
#[derive(Clone, Copy)]
pub(crate) struct Section(&'static str);

/// The row of a topic.
pub(crate) struct TopicRow {
    pub(crate) reads: BTreeSet<&'static str>,
    pub(crate) answers: BTreeSet<&'static str>,
    pub(crate) errors: BTreeSet<&'static str>,
}

impl Section {
    /// The section that shows the picture of this process.
    pub(crate) fn of_process(key: &str) -> Self {
        Self::with(&format!("](bpmn/pictures/{key}.svg)"))
    }

    /// The section whose table has this topic.
    pub(crate) fn of_topic(topic: &str) -> Self {
        Self::with(&format!("\n| `{topic}` | "))
    }

    fn with(mark: &str) -> Self {
        let chapters = README.split("\n## ");
        let mut sections = chapters.flat_map(|chapter| chapter.split("\n### "));
        let section = sections.find(|section| section.contains(mark));
        Self(section.unwrap_or_else(|| panic!("no section has {mark:?}")))
    }

    /// What the rows of its tables are about.
    pub(crate) fn subjects(self) -> BTreeSet<&'static str> {
        self.rows().flat_map(|row| quoted(row[0])).collect()
    }

    pub(crate) fn topics(self) -> BTreeMap<&'static str, TopicRow> {
        let of_topic = |row: Vec<_>| match row[..] {
            [topic, reads, answers, errors] => {
                let told = TopicRow {
                    reads: names(reads),
                    answers: names(answers),
                    errors: names(errors),
                };
                Some((quoted(topic).next()?, told))
            }
            _ => None,
        };
        self.rows().filter_map(of_topic).collect()
    }

    fn rows(self) -> impl Iterator<Item = Vec<&'static str>> {
        let rows = self.0.lines().filter_map(|line| line.strip_prefix("| "));
        rows.map(|row| row.trim_end_matches(" |").split(" | ").collect())
    }
}

/// The names in a cell, without those in the brackets behind a name.
fn names(cell: &'static str) -> BTreeSet<&'static str> {
    let outside = cell.split('(').enumerate().map(|(at, piece)| match at {
        0 => piece,
        _ => piece.split_once(')').map_or("", |(_, rest)| rest),
    });
    outside.flat_map(quoted).collect()
}

fn quoted(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2)
}
