//! Waiting for what must come, with a deadline.

use std::time::Duration;

use tokio::time::{Instant, interval};

/// How long a story waits for what must come. Generous: it is reached only when the story fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time; `what` says what was waited for.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask).await
}

/// [`until`], with a deadline of the story's own.
pub(crate) async fn within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    let mut rounds = interval(Duration::from_millis(50));
    loop {
        rounds.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {patience:?} in vain: {what}"
        );
    }
}
