//! When a child that ended is started again, and when no more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The delay before a first restart; it doubles from there.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// More restarts than this within [`WINDOW`] mean that restarting does not help.
const MOST_RESTARTS: usize = 5;
/// The span in which restarts are counted, and the quiet after which the delay starts over.
const WINDOW: Duration = Duration::from_secs(60);

/// The restarts of one child.
#[derive(Default)]
pub(crate) struct RestartPolicy {
    recent: VecDeque<Instant>,
}

/// What to do about a child that ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Start it again after this delay.
    RestartAfter(Duration),
    /// It ends again and again: somebody above must decide.
    GiveUp,
}

impl RestartPolicy {
    /// Decides about a child that ended at `now`. `spread` in 0.5..1.5 keeps many from restarting
    /// in step.
    pub(crate) fn child_ended(&mut self, now: Instant, spread: f64) -> Decision {
        while self
            .recent
            .front()
            .is_some_and(|first| now.duration_since(*first) > WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= MOST_RESTARTS {
            self.recent.clear();
            return Decision::GiveUp;
        }
        let doublings = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        self.recent.push_back(now);
        let delay = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(doublings));
        Decision::RestartAfter(delay.min(LONGEST_DELAY).mul_f64(spread))
    }
}

/// A factor around one.
pub(crate) fn spread() -> f64 {
    rand::random_range(0.5..1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_and_the_sixth_restart_in_a_minute_is_refused() {
        let mut policy = RestartPolicy::default();
        let start = Instant::now();

        let decisions: Vec<_> = (0..6)
            .map(|second| policy.child_ended(start + Duration::from_secs(second), 1.0))
            .collect();

        let after = |millis| Decision::RestartAfter(Duration::from_millis(millis));
        assert_eq!(
            decisions,
            [
                after(100),
                after(200),
                after(400),
                after(800),
                after(1600),
                Decision::GiveUp
            ]
        );
    }

    #[test]
    fn a_quiet_minute_starts_over() {
        let mut policy = RestartPolicy::default();
        let start = Instant::now();
        for second in 0..5 {
            policy.child_ended(start + Duration::from_secs(second), 1.0);
        }

        let later = policy.child_ended(start + Duration::from_secs(65), 1.0);

        assert_eq!(later, Decision::RestartAfter(Duration::from_millis(100)));
    }
}
