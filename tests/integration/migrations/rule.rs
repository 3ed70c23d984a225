//! What a migration may do while the version before is at work: a migration, its marks, and what it
//! does that no mark excuses, told as a person would.

use std::fs;
use std::path::Path;

use super::faults::{Effect, Fault, faults};
use super::sql::{Part, Script};

/// A migration as it lies in its folder.
pub(crate) struct Migration {
    pub(crate) name: String,
    pub(crate) up: String,
    pub(crate) is_transactional: bool,
}

impl Migration {
    pub(crate) fn read(folder: &Path) -> Self {
        let metadata = fs::read_to_string(folder.join("metadata.toml")).ok();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            up: fs::read_to_string(folder.join("up.sql")).unwrap(),
            // With a file that does not say so, there is no transaction.
            is_transactional: metadata
                .is_none_or(|text| text.contains("run_in_transaction = true")),
        }
    }

    /// Everything in which it breaks the rule, as of this version of the product.
    pub(crate) fn trespasses(&self, product: &str) -> Vec<String> {
        let script = match Script::read(&self.up) {
            Ok(script) => script,
            Err(fault) => return vec![format!("PostgreSQL cannot read it: {fault}")],
        };
        let faults = faults(&script.parts);
        let marks: Vec<_> = script
            .comments
            .iter()
            .filter_map(|each| mark(each))
            .collect();

        let is_excused = |fault: &&Fault| marks.iter().any(|(mark, _)| *mark == fault.effect);
        let mut told: Vec<_> = faults
            .iter()
            .filter(|fault| !is_excused(fault))
            .map(Fault::to_string)
            .collect();
        told.extend(untrue_marks(&marks, &faults, product));
        told.extend(self.transaction(&script.parts).map(str::to_owned));
        told
    }

    /// Outside of a transaction is an index built concurrently, and nothing else.
    fn transaction(&self, parts: &[Part]) -> Option<&'static str> {
        let is_concurrent = parts.iter().any(|part| part.is_concurrent);
        match (is_concurrent, self.is_transactional) {
            (true, true) => Some("CONCURRENTLY needs run_in_transaction = false"),
            (false, false) => Some("only CONCURRENTLY may run outside of a transaction"),
            (true, false) if parts.len() > 1 => {
                Some("several statements are one transaction: CONCURRENTLY must stand alone")
            }
            _ => None,
        }
    }
}

/// What a comment such as `contract: since 0.2.0` excuses, and the reason that it gives.
fn mark(comment: &str) -> Option<(Effect, &str)> {
    let (mark, reason) = comment.split_once(": ")?;
    let effect = Effect::ALL
        .into_iter()
        .find(|effect| effect.mark() == Some(mark));
    Some((effect?, reason))
}

/// Marks that excuse nothing, or say nothing true.
fn untrue_marks(marks: &[(Effect, &str)], faults: &[Fault], product: &str) -> Vec<String> {
    let untrue = |(effect, reason): &(Effect, &str)| {
        let mark = effect.mark()?;
        if faults.iter().all(|fault| fault.effect != *effect) {
            return Some(format!("there is nothing that `{mark}` excuses"));
        }
        let since = reason.strip_prefix("since ").and_then(version);
        let is_true =
            *effect != Effect::Breaks || since.is_some_and(|it| Some(it) < release(product));
        (!is_true).then(|| format!("`{reason}` is no version before {product}"))
    };
    marks.iter().filter_map(untrue).collect()
}

/// The release that a version is, or, as `0.3.0-rc.1`, is to become.
fn release(product: &str) -> Option<[u32; 3]> {
    version(product.split(['-', '+']).next()?)
}

/// The three numbers of a version.
fn version(text: &str) -> Option<[u32; 3]> {
    let parts: Vec<_> = text
        .trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect();
    parts
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .try_into()
        .ok()
}
