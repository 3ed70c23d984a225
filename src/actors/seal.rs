//! Seals the audit log behind the tasks' backs: when something was appended, or when the clock says
//! that somebody else may have.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::parts::Parts;
use super::restart::spread;
use crate::metrics::{Collector, CollectorLook};
use crate::store::NoAnswer;
use crate::store::audit_seals::{self, BATCH, Lag, Sealing};
use crate::store::settings::ANSWER_TIMEOUT;

/// Rows are gathered for so long: sealing a few at a time costs as much as sealing many.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How often to look for rows that nobody told of: of another replica, or of one that died.
const IDLE: Duration = Duration::from_secs(5);
/// How long the last seal waits before it looks again.
const MOMENT: Duration = Duration::from_millis(50);
/// A file that takes longer is left to itself.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// Seals what can be sealed, tells of it, and says how long until the next look.
pub async fn seal_round(parts: &Arc<Parts>) -> Duration {
    match seal_all(parts).await {
        Ok(end) => {
            tell(parts, &end, false).await;
            match end.unsealed {
                0 => IDLE.mul_f64(spread()),
                _ => SOON,
            }
        }
        Err(error) => {
            tracing::warn!(error = %error, "could not seal the audit log yet");
            IDLE
        }
    }
}

/// The last seal before leaving. What was just committed has its seal too, unless an older
/// transaction is still open somewhere or the time is up: then another replica seals it.
pub(super) async fn seal_last(parts: &Arc<Parts>, limit: Duration) {
    let until = Instant::now() + limit;
    let mut end = None;
    let sealed = timeout_at(until, async {
        while end.as_ref().is_none_or(|end: &Lag| end.unsealed > 0) {
            match seal_all(parts).await {
                Ok(lag) => end = Some(lag),
                Err(error) => tracing::debug!(error = %error, "could not seal the last rows yet"),
            }
            if end.as_ref().is_none_or(|end| end.unsealed > 0) {
                sleep(MOMENT).await;
            }
        }
    });
    if sealed.await.is_err() {
        tracing::warn!("left with rows of the audit log unsealed; the next sealer takes them");
    }
    if let Some(end) = end {
        tell(parts, &end, true).await;
    }
}

/// Seals batch after batch, and tells where the chain ends then.
async fn seal_all(parts: &Parts) -> Result<Lag, NoAnswer> {
    let before = look(parts).await?;
    if before.unsealed == 0 {
        return Ok(before);
    }
    let seal = async |conn: &mut AsyncPgConnection| audit_seals::seal_pending(conn).await;
    while parts.chore_pool.ask(ANSWER_TIMEOUT, seal).await? == Sealing::Sealed(BATCH) {}
    look(parts).await
}

/// Looks at the chain, and tells of it. A lag that nobody can see must not look like none.
async fn look(parts: &Parts) -> Result<Lag, NoAnswer> {
    let began = Instant::now();
    let looked = parts.chore_pool.ask(ANSWER_TIMEOUT, audit_seals::lag).await;
    match &looked {
        Ok(lag) => {
            parts.metrics.set_audit_lag(lag.unsealed, lag.oldest);
            let look = CollectorLook {
                took: began.elapsed(),
                taken_at: lag.now.timestamp_millis() as f64 / 1000.0,
            };
            parts.metrics.collected(Collector::Audit, look);
        }
        Err(_) => parts.metrics.collector_failed(Collector::Audit),
    }
    looked
}

async fn tell(parts: &Arc<Parts>, end: &Lag, leaving: bool) {
    if !parts.checkpoints.is_due(end, leaving) {
        return;
    }
    let (parts, end) = (Arc::clone(parts), end.clone());
    let told = spawn_blocking(move || parts.checkpoints.tell(&end));
    if timeout(FILE_TIMEOUT, told).await.is_err() {
        tracing::error!("the file of the audit checkpoints does not answer");
    }
}
