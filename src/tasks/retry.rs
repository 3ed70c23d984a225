//! How often a failed task is tried again, and after what waits.

use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::temporal::SpanParser;

/// The retries after a task's first attempt and the wait before each.
///
/// Written as in Camunda's own retry time cycles: `R3/PT10S,PT1M,PT10M` is three retries, after
/// ten seconds, one minute and ten minutes; the last wait stands for all that follow it. The count
/// may be left out where there is one wait a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    retries: u32,
    waits: Vec<Duration>,
}

/// The extension property that sets the policy in the model.
pub const RETRIES_PROPERTY: &str = "retries";

/// What a failed attempt means for the task.
#[derive(Debug, PartialEq, Eq)]
pub struct NextAttempt {
    /// The retries left; 0 makes an incident.
    pub retries: u32,
    /// How long the engine keeps the task back.
    pub wait: Duration,
}

impl RetryPolicy {
    /// What follows a failed attempt. `left` is what the engine gave with the task: nothing before
    /// the first failure.
    pub fn after_failure(&self, left: Option<i32>) -> NextAttempt {
        let retries = match left {
            None => self.retries,
            // An operator may set any number; this attempt has used one.
            Some(left) => u32::try_from(left.saturating_sub(1)).unwrap_or(0),
        };
        let used = self.retries.saturating_sub(retries) as usize;
        let wait = match retries {
            0 => Duration::ZERO,
            _ => self.waits[used.min(self.waits.len() - 1)],
        };
        NextAttempt { retries, wait }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 3,
            waits: [10, 60, 600].map(Duration::from_secs).to_vec(),
        }
    }
}

/// Why a text is no retry policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is no retry policy such as R3/PT10S,PT1M,PT10M: {why}")]
pub struct InvalidRetryPolicy {
    text: String,
    why: &'static str,
}

impl FromStr for RetryPolicy {
    type Err = InvalidRetryPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| InvalidRetryPolicy {
            text: text.chars().take(60).collect(),
            why,
        };
        let (count, waits) = match text.trim().split_once('/') {
            Some((count, waits)) => (Some(count), waits),
            None => (None, text.trim()),
        };
        let waits = waits
            .split(',')
            .map(parse_wait)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| invalid("a wait is not an ISO 8601 duration of at most a day"))?;
        let retries = match count {
            None => u32::try_from(waits.len()).ok(),
            Some(count) => count.strip_prefix('R').and_then(|count| count.parse().ok()),
        }
        .filter(|retries| *retries <= 100)
        .ok_or_else(|| invalid("the count is not R and a number up to 100"))?;
        Ok(Self { retries, waits })
    }
}

fn parse_wait(text: &str) -> Option<Duration> {
    // Not `FromStr`, which also reads what people write: the engine takes ISO 8601 alone.
    let wait = SpanParser::new()
        .parse_unsigned_duration(text.trim())
        .ok()?;
    (wait <= Duration::from_secs(86_400)).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> RetryPolicy {
        text.parse().unwrap()
    }

    fn seconds(policy: &RetryPolicy, left: Option<i32>) -> (u32, u64) {
        let next = policy.after_failure(left);
        (next.retries, next.wait.as_secs())
    }

    #[test]
    fn waits_grow_until_the_last_retry_is_used() {
        let policy = policy("R3/PT10S,PT1M,PT10M");

        assert_eq!(seconds(&policy, None), (3, 10));
        assert_eq!(seconds(&policy, Some(3)), (2, 60));
        assert_eq!(seconds(&policy, Some(2)), (1, 600));
        assert_eq!(seconds(&policy, Some(1)), (0, 0));
    }

    #[test]
    fn an_operator_may_set_more_retries_than_the_policy_has() {
        assert_eq!(seconds(&policy("R1/PT5S"), Some(10)), (9, 5));
    }

    #[test]
    fn a_list_of_waits_counts_itself_and_r0_never_retries() {
        assert_eq!(policy("PT1S,PT2S"), policy("R2/PT1S,PT2S"));
        assert_eq!(seconds(&policy("R0/PT1S"), None), (0, 0));
    }

    #[test]
    fn what_is_no_policy_is_told_so() {
        for text in [
            "",
            "R3",
            "3/PT1S",
            "R3/10s",
            "R-1/PT1S",
            "R3/PT-1S",
            "R101/PT1S",
            "R1/P9D",
        ] {
            assert!(text.parse::<RetryPolicy>().is_err(), "{text}");
        }
    }
}
