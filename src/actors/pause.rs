//! When a topic does not fetch: resting after a failure, or waiting for our own database.

use std::time::Duration;

use tokio::time::Instant;

use super::parts::Parts;
use super::topic::Topic;
use crate::metrics::PauseReason;
use crate::readiness::TopicState;
use crate::store::clock;
use crate::store::settings::ANSWER_TIMEOUT;

impl Topic {
    /// Waits out a back-off; `false` when the process drains.
    pub(super) async fn rest(&self, parts: &Parts) -> bool {
        let until = self.state().rest_until.take();
        if let Some(until) = until {
            parts.metrics.fetch_paused(PauseReason::Backoff);
            let rest = tokio::time::sleep_until(until);
            tokio::select! {
                () = rest => {}
                () = self.stopping.cancelled() => {}
            }
        }
        let stopping = self.stopping.is_cancelled();
        if stopping {
            parts.metrics.fetch_paused(PauseReason::Draining);
        }
        !stopping
    }

    /// While our own database is away there is no use in taking tasks; `false` when it still is.
    pub(super) async fn database_answers(&self, parts: &Parts) -> bool {
        if !self.state().database_away {
            return true;
        }
        // A connection alone proves nothing: the server may stand still behind it.
        match parts.chore_pool.ask(ANSWER_TIMEOUT, clock::now).await {
            Ok(_) => {
                let mut state = self.state();
                // The back-off stays until a write has succeeded: a standby also answers this.
                state.database_away = false;
                drop(state);
                parts.readiness.database_answered(Instant::now().into());
                parts.readiness.set_topic(self.name(), TopicState::On);
                tracing::info!(
                    task.topic = self.name(),
                    "the database is back; topic {} goes on",
                    self.name()
                );
                true
            }
            Err(_) => {
                parts.metrics.fetch_paused(PauseReason::Paused);
                self.rest_longer(Duration::ZERO);
                false
            }
        }
    }

    /// Our database is away: no fetch until it answers.
    pub(super) fn pause_for_database(&self, parts: &Parts) {
        let mut state = self.state();
        if !state.database_away {
            state.database_away = true;
            drop(state);
            self.rest_longer(Duration::ZERO);
            parts
                .readiness
                .database_failed("unreachable", Instant::now().into());
            parts
                .readiness
                .set_topic(self.name(), TopicState::Paused("the database is away"));
            tracing::warn!(
                task.topic = self.name(),
                "the database is away; topic {} pauses",
                self.name()
            );
        }
    }

    pub(super) fn rest_longer(&self, least: Duration) {
        let mut state = self.state();
        let rest = state.backoff.next().max(least);
        state.rest_until = Some(Instant::now() + rest);
    }
}
