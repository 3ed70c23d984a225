//! Reads settings without stopping at the first fault.
//!
//! clap takes every value as it comes; here each is looked at, and what is wrong with it is noted
//! as one line: the variable, what is wrong, an example. The value itself is repeated only where
//! it cannot be a secret, not even by a slip of the hand.

use std::ffi::OsString;
use std::fmt;
use std::fs;

use secrecy::SecretString;

use super::parse::unreadable;

/// A setting as it came from the environment or a flag. It may be a secret, so it has no `Debug`.
#[derive(Clone)]
pub struct Raw(OsString);

impl From<OsString> for Raw {
    fn from(value: OsString) -> Self {
        Self(value)
    }
}

/// A secret, given itself or by the name of a file that holds it.
#[derive(Clone, Copy)]
pub(super) struct RawSecret<'a> {
    pub(super) value: &'a Option<Raw>,
    pub(super) file: &'a Option<Raw>,
}

/// One thing that is wrong with the settings.
struct Fault {
    variable: String,
    problem: String,
    /// None where the remedy is in the problem.
    example: Option<&'static str>,
}

/// Everything that is wrong with the settings.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl fmt::Display for Faults {
    /// One line each, in the order in which `--help` lists the settings.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            let end = if position + 1 < self.0.len() {
                "\n"
            } else {
                ""
            };
            write!(formatter, "{} {}", fault.variable, fault.problem)?;
            if let Some(example) = fault.example {
                write!(formatter, "; for example {example}")?;
            }
            formatter.write_str(end)?;
        }
        Ok(())
    }
}

impl Faults {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the settings are good.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a fault.
    pub(super) fn add(
        &mut self,
        variable: impl Into<String>,
        problem: impl Into<String>,
        example: &'static str,
    ) {
        self.0.push(Fault {
            variable: variable.into(),
            problem: problem.into(),
            example: Some(example),
        });
    }

    /// Notes a fault that says itself what to do.
    fn add_plain(&mut self, variable: &str, problem: String) {
        self.0.push(Fault {
            variable: variable.to_owned(),
            problem,
            example: None,
        });
    }

    /// A setting that must be there.
    pub(super) fn required<T>(
        &mut self,
        variable: &'static str,
        raw: &Option<Raw>,
        example: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.text(variable, raw, example) {
            Some(Some(text)) => self.parsed(variable, example, parse(&text)),
            Some(None) => self.missing(variable, example),
            None => None,
        }
    }

    /// A setting that may be left out; `Some(None)` when it was.
    pub(super) fn optional<T>(
        &mut self,
        variable: &'static str,
        raw: &Option<Raw>,
        example: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.text(variable, raw, example)? {
            Some(text) => self.parsed(variable, example, parse(&text)).map(Some),
            None => Some(None),
        }
    }

    /// A setting with a default, which is its own example.
    pub(super) fn defaulted<T>(
        &mut self,
        variable: &'static str,
        raw: &Option<Raw>,
        default: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(variable, raw, default)?;
        let parsed = parse(text.as_deref().unwrap_or(default));
        self.parsed(variable, default, parsed)
    }

    /// A secret that must be there.
    pub(super) fn required_secret<T>(
        &mut self,
        variable: &'static str,
        raw: RawSecret<'_>,
        example: &'static str,
        parse: impl FnOnce(SecretString) -> Result<T, String>,
    ) -> Option<T> {
        match self.optional_secret(variable, raw, example, parse)? {
            Some(parsed) => Some(parsed),
            None => self.missing(variable, example),
        }
    }

    /// A secret that may be left out; `Some(None)` when it was.
    pub(super) fn optional_secret<T>(
        &mut self,
        variable: &'static str,
        raw: RawSecret<'_>,
        example: &'static str,
        parse: impl FnOnce(SecretString) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let value = self.text(variable, raw.value, example);
        let file_variable = format!("{variable}_FILE");
        let file = self.text(&file_variable, raw.file, FILE_EXAMPLE);
        let secret = match (value?, file?) {
            (Some(_), Some(_)) => {
                let problem = format!("is set, and {file_variable} too: unset one of them");
                self.add_plain(variable, problem);
                return None;
            }
            (Some(secret), None) => secret,
            (None, Some(path)) => self.read_file(file_variable, &path)?,
            (None, None) => return Some(None),
        };
        let parsed = parse(SecretString::from(secret));
        self.parsed(variable, example, parsed).map(Some)
    }

    /// The content of a secret's file. The path is not repeated: it may be the secret itself, put
    /// into the wrong variable.
    fn read_file(&mut self, variable: String, path: &str) -> Option<String> {
        let problem = match fs::read_to_string(path) {
            Ok(content) if content.trim().is_empty() => "names an empty file".to_owned(),
            Ok(content) => return Some(content.trim_end_matches(['\r', '\n']).to_owned()),
            Err(fault) => unreadable(&fault),
        };
        self.add(variable, problem, FILE_EXAMPLE);
        None
    }

    /// The text of a setting; what is empty counts as left out, as compose files like to have it.
    fn text(
        &mut self,
        variable: &str,
        raw: &Option<Raw>,
        example: &'static str,
    ) -> Option<Option<String>> {
        match raw.as_ref().map(|raw| raw.0.to_str()) {
            None => Some(None),
            Some(Some(text)) if text.trim().is_empty() => Some(None),
            Some(Some(text)) => Some(Some(text.to_owned())),
            Some(None) => {
                self.add(variable, "is not UTF-8", example);
                None
            }
        }
    }

    fn parsed<T>(
        &mut self,
        variable: &'static str,
        example: &'static str,
        parsed: Result<T, String>,
    ) -> Option<T> {
        parsed
            .map_err(|problem| self.add(variable, problem, example))
            .ok()
    }

    fn missing<T>(&mut self, variable: &'static str, example: &'static str) -> Option<T> {
        self.add(variable, "is missing", example);
        None
    }
}

const FILE_EXAMPLE: &str = "/run/secrets/phantom-worker/secret";

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Option<Raw> {
        Some(Raw(text.into()))
    }

    fn number(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| "is no number".to_owned())
    }

    #[test]
    fn every_fault_is_one_line_and_none_hides_another() {
        let mut faults = Faults::default();

        faults.required("A", &None, "1", number);
        faults.required("B", &raw("x"), "2", number);
        faults.optional("C", &raw("y"), "3", number);
        faults.defaulted("D", &raw("z"), "4", number);

        assert_eq!(
            faults.to_string(),
            "A is missing; for example 1\nB is no number; for example 2\n\
             C is no number; for example 3\nD is no number; for example 4"
        );
    }

    #[test]
    fn what_is_empty_counts_as_left_out() {
        let mut faults = Faults::default();

        assert_eq!(faults.optional("A", &raw(" "), "1", number), Some(None));
        assert_eq!(faults.defaulted("B", &raw(""), "7", number), Some(7));
        assert_eq!(faults.required("C", &raw(""), "1", number), None);

        assert_eq!(faults.to_string(), "C is missing; for example 1");
    }

    #[test]
    fn a_secrets_file_is_never_named() {
        let mut faults = Faults::default();
        let secret = RawSecret {
            value: &None,
            file: &raw("hunter2"),
        };

        let read = faults.required_secret("KEY", secret, "…", |_| Ok(()));

        assert!(read.is_none());
        assert_eq!(
            faults.to_string(),
            format!(
                "KEY_FILE names a file that is not there; \
                 for example {FILE_EXAMPLE}"
            )
        );
    }

    #[test]
    fn a_secret_is_given_once() {
        let mut faults = Faults::default();
        let secret = RawSecret {
            value: &raw("hunter2"),
            file: &raw("/a"),
        };

        faults.required_secret("KEY", secret, "…", |_| Ok(()));

        assert_eq!(
            faults.to_string(),
            "KEY is set, and KEY_FILE too: unset one of them"
        );
    }
}
