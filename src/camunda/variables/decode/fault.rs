//! What went wrong while an input was read, in names and types alone.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::UnfitVariable;

/// What went wrong, filled in on the way out: the innermost value knows its type, every struct
/// and list around it adds a step of the path.
#[derive(Debug, Default)]
pub(super) struct Fault {
    /// Innermost step first.
    pub(super) path: Vec<String>,
    pub(super) expected: Option<String>,
    pub(super) found: Option<String>,
    /// The type was right, the content was not.
    pub(super) content: bool,
    pub(super) missing: Option<&'static str>,
}

impl Fault {
    pub(super) fn unexpected(expected: String, found: &str) -> Self {
        Self {
            expected: Some(expected),
            found: Some(found.to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn told_by(mut self, expected: impl FnOnce() -> String, found: &str) -> Self {
        if self.found.is_none() && self.missing.is_none() {
            self.expected.get_or_insert_with(expected);
            self.found = Some(match self.content {
                true => format!("{found} with unfitting content"),
                false => found.to_owned(),
            });
        }
        self
    }

    pub(super) fn inside(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    pub(super) fn into_unfit(self) -> UnfitVariable {
        let steps = self
            .path
            .into_iter()
            .rev()
            .chain(self.missing.map(str::to_owned));
        UnfitVariable {
            name: steps.collect::<Vec<_>>().join("."),
            expected: self
                .expected
                .map_or_else(|| "a value".to_owned(), in_plain_words),
            found: self.found.unwrap_or_else(|| "nothing".to_owned()),
        }
    }
}

/// What a reader of Rust calls it is not what an operator corrects in Cockpit.
fn in_plain_words(expected: String) -> String {
    match expected.as_str() {
        "a map" => "a JSON object".to_owned(),
        "a formatted UUID string" => "a UUID".to_owned(),
        structure if structure.starts_with("struct ") => "a JSON object".to_owned(),
        _ => expected,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variable does not fit")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self {
            content: true,
            ..Self::default()
        }
    }

    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            expected: Some(expected.to_string()),
            ..Self::default()
        }
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            expected: Some(expected.to_string()),
            content: true,
            ..Self::default()
        }
    }

    fn invalid_length(_length: usize, expected: &dyn Expected) -> Self {
        Self {
            expected: Some(expected.to_string()),
            content: true,
            ..Self::default()
        }
    }

    fn unknown_variant(_found: &str, expected: &'static [&'static str]) -> Self {
        let expected = format!("one of {}", expected.join(", "));
        Self {
            expected: Some(expected),
            content: true,
            ..Self::default()
        }
    }

    fn unknown_field(_found: &str, expected: &'static [&'static str]) -> Self {
        let expected = format!("no fields but {}", expected.join(", "));
        Self {
            expected: Some(expected),
            content: true,
            ..Self::default()
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Self {
            missing: Some(name),
            ..Self::default()
        }
    }
}
