//! Growing waits with jitter, for a peer that does not answer.

use std::time::Duration;

use super::restart::spread;

/// Waits that double from half a second to 20 s, each ± 50 %: a peer that comes back is noticed
/// within half a minute.
#[derive(Default)]
pub(super) struct Backoff {
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(20);

impl Backoff {
    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = FIRST
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(spread())
    }

    /// The peer answered.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_comes_back_is_asked_within_half_a_minute() {
        let mut backoff = Backoff::default();

        let longest = (0..1000).map(|_| backoff.next()).max();

        assert!(longest <= Some(Duration::from_secs(30)), "{longest:?}");
    }
}
