//! The verdicts, one line each, told as they are found.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::cli::outcome::{Failure, Outcome};
use crate::cli::terminal::{Paint, say};
use crate::config::{Faults, WorkSettings};

/// The most time for one thing.
const WITHIN: Duration = Duration::from_secs(20);

/// What was found where all is good, and what the next looks need of it.
pub(super) type Look<T> = Result<(String, T), Miss>;

/// Why there is nothing good to tell.
pub(super) enum Miss {
    /// It could not be looked at, for this reason, which has a verdict of its own.
    Skipped(&'static str),
    /// It is wrong, in so many ways.
    Wrong(anyhow::Error, usize),
}

impl Miss {
    /// A line each for so many things that are wrong.
    pub(super) fn several(lines: String, things: usize) -> Self {
        Self::Wrong(anyhow::Error::msg(lines), things)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Miss {
    fn from(error: E) -> Self {
        Self::Wrong(error.into(), 1)
    }
}

/// What a look builds upon.
pub(super) fn given<T>(part: Option<T>, otherwise: &'static str) -> Result<T, Miss> {
    part.ok_or(Miss::Skipped(otherwise))
}

/// The verdicts so far.
pub(super) struct Report {
    paint: Paint,
    doubtful: usize,
    wrong: usize,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            paint: Paint::for_stdout(),
            doubtful: 0,
            wrong: 0,
        }
    }

    pub(super) fn settings(&mut self, faults: &Faults, work: Option<&WorkSettings>) {
        let look = match (faults.is_empty(), work) {
            (true, Some(work)) => Ok(format!(
                "{} topics; a stop takes at most {} s",
                work.topics.len(),
                work.grace().as_secs()
            )),
            _ => Err(Miss::several(faults.to_string(), faults.len())),
        };
        self.tell("settings", Duration::ZERO, look);
    }

    /// Tells of something that is allowed, and perhaps not meant.
    pub(super) fn doubt(&mut self, what: &str, why: &str) {
        self.doubtful += 1;
        let verdict = self.paint.doubtful("!");
        line(&verdict, what, Duration::ZERO, why);
    }

    /// Looks at something within a time, and tells what was found.
    pub(super) async fn look<T>(
        &mut self,
        what: &str,
        look: impl Future<Output = Look<T>>,
    ) -> Option<T> {
        let began = Instant::now();
        let look = timeout(WITHIN, look).await.unwrap_or_else(|_| {
            let within = WITHIN.as_secs();
            Err(anyhow::anyhow!("no answer within {within} s").into())
        });
        let (found, value) = match look {
            Ok((found, value)) => (Ok(found), Some(value)),
            Err(miss) => (Err(miss), None),
        };
        self.tell(what, began.elapsed(), found);
        value
    }

    fn tell(&mut self, what: &str, took: Duration, found: Result<String, Miss>) {
        let (verdict, found) = match found {
            Ok(found) => (self.paint.good("\u{2713}"), found),
            Err(Miss::Skipped(why)) => (self.paint.faint("-"), format!("not looked at: {why}")),
            Err(Miss::Wrong(error, things)) => {
                self.wrong += things;
                (self.paint.bad("\u{2717}"), format!("{error:#}"))
            }
        };
        line(&verdict, what, took, &found);
    }

    pub(super) fn conclude(self, faults: Faults) -> Outcome {
        let count = match (self.wrong, self.doubtful) {
            (0, 0) => "all is good".to_owned(),
            (0, 1) => "nothing is wrong; 1 thing is worth a look".to_owned(),
            (0, doubtful) => format!("nothing is wrong; {doubtful} things are worth a look"),
            (1, _) => "1 thing is wrong".to_owned(),
            (wrong, _) => format!("{wrong} things are wrong"),
        };
        say(count);
        match (faults.is_empty(), self.wrong) {
            (true, 0) => Ok(()),
            (true, _) => Err(Failure::Told),
            (false, _) => Err(Failure::ToldSettings),
        }
    }
}

fn line(verdict: &str, what: &str, took: Duration, found: &str) {
    let took = format!("{} ms", took.as_millis());
    // What is found may have several lines: they stay in their column.
    let found = found.replace('\n', &format!("\n{:30}", ""));
    say(format_args!("{verdict} {what:<17} {took:>8}  {found}"));
}
