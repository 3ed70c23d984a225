//! Giving back what a broken fetch left behind.
//!
//! The engine locks tasks for a poll without looking whether anybody still reads its answer, and
//! such locks would have to run out.

use tokio::time::Instant;

use super::parts::Parts;
use super::topic::Topic;
use crate::camunda::TaskId;

impl Topic {
    /// Unlocks what is locked in our name and not known here.
    pub(super) async fn sweep_if_due(&self, parts: &Parts) {
        let now = Instant::now();
        if self.state().sweeps.iter().any(|due| *due <= now) {
            self.sweep(parts, now).await;
        }
    }

    /// The last chance to: what a broken fetch left behind would stay locked until it runs out.
    ///
    /// There is no time for a second try. The fetch that broke condemned the connections of its time,
    /// so this need not wait for one that is as dead.
    pub(super) async fn sweep_before_leaving(&self, parts: &Parts) {
        if !self.state().sweeps.is_empty() {
            self.sweep(parts, Instant::now()).await;
        }
    }

    async fn sweep(&self, parts: &Parts, now: Instant) {
        match parts.engine.locked_by(&self.worker_id).await {
            Ok(locked) => {
                for task_id in locked.iter().filter(|task_id| self.is_unknown(task_id)) {
                    if parts.engine.unlock(task_id).await.is_ok() {
                        tracing::info!(task.id = %task_id, task.topic = self.name(), "unlocked task {task_id}, left behind by a broken fetch");
                    }
                }
                self.state().sweeps.retain(|due| *due > now);
            }
            Err(error) => tracing::debug!(error = %error, "could not look for locks left behind"),
        }
    }

    fn is_unknown(&self, task_id: &TaskId) -> bool {
        let state = self.state();
        !state.in_flight.contains_key(task_id) && !state.kept_back.contains_key(task_id)
    }
}
