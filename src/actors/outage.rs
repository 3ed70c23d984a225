//! Tells of a peer's outage once: when it begins, once a minute while it lasts, when it is over.
//!
//! Every topic notices an outage for itself, again and again, and so does the sealer of the audit
//! log. Each of them saying so each time would bury what else there is to read.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often an outage that lasts is told again.
const REMINDER: Duration = Duration::from_secs(60);

/// The outage of one peer, if there is one.
#[derive(Default)]
pub(crate) struct Outage(Mutex<Option<Under>>);

/// An outage under way.
struct Under {
    since: Instant,
    told: Instant,
    /// Who has failed and not succeeded since.
    witnesses: BTreeSet<&'static str>,
}

impl Outage {
    /// The call of a topic, or of whoever it is, failed; whether that is worth a line.
    pub(super) fn failed(&self, witness: &'static str, now: Instant) -> bool {
        let mut under = self.under();
        let known = under.is_some();
        let under = under.get_or_insert_with(|| Under {
            since: now,
            told: now,
            witnesses: BTreeSet::new(),
        });
        under.witnesses.insert(witness);
        let is_due = !known || now.duration_since(under.told) >= REMINDER;
        if is_due {
            under.told = now;
        }
        is_due
    }

    /// The call of one of them succeeded; how long the outage lasted, if this was its end for all of them.
    pub(super) fn succeeded(&self, witness: &'static str, now: Instant) -> Option<Duration> {
        let mut outage = self.under();
        let under = outage.as_mut()?;
        under.witnesses.remove(witness);
        if !under.witnesses.is_empty() {
            return None;
        }
        outage.take().map(|under| now.duration_since(under.since))
    }

    fn under(&self) -> MutexGuard<'_, Option<Under>> {
        // Each statement leaves the outage whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_of_all_topics_is_told_once_once_a_minute_and_once_at_its_end() {
        let outage = Outage::default();
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);

        let lines = (0..90)
            .flat_map(|second| ["a", "b", "c"].map(|topic| (second, topic)))
            .filter(|(second, topic)| outage.failed(topic, at(*second)))
            .collect::<Vec<_>>();

        assert_eq!(lines, [(0, "a"), (60, "a")]);
        assert_eq!(outage.succeeded("a", at(90)), None);
        assert_eq!(outage.succeeded("b", at(91)), None);
        assert_eq!(outage.succeeded("c", at(95)), Some(Duration::from_secs(95)));
        assert_eq!(outage.succeeded("a", at(96)), None);
        assert!(outage.failed("a", at(97)));
    }
}
