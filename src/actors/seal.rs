//! Seals the audit log behind the tasks' backs: when something was appended, or when the clock says
//! that somebody else may have.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::parts::Parts;
use super::restart::spread;
use crate::metrics::{Collector, CollectorLook};
use crate::store::NoAnswer;
use crate::store::audit_log;
use crate::store::audit_seals::{self, BATCH, Lag, Sealing};
use crate::store::settings::ANSWER_TIMEOUT;

/// Rows are gathered for so long: sealing a few at a time costs as much as sealing many.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How often to look for rows that nobody told of: of another replica, or of one that died.
const IDLE: Duration = Duration::from_secs(5);
/// Who notices that the log cannot be sealed.
const SEALER: &str = "audit";
/// How long the last seal waits before it looks again.
const MOMENT: Duration = Duration::from_millis(50);
/// A file that takes longer is left to itself.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// Seals what can be sealed, tells of it, and says how long until the next look.
pub async fn seal_round(parts: &Arc<Parts>) -> Duration {
    match seal_all(parts).await {
        Ok(end) => {
            note_end_of_outage(parts);
            tell(parts, &end, false).await;
            match end.unsealed {
                0 => IDLE.mul_f64(spread()),
                _ => SOON,
            }
        }
        Err(error) => {
            note_failure(parts, &error);
            IDLE
        }
    }
}

fn note_failure(parts: &Parts, error: &NoAnswer) {
    if parts.sealing_outage.failed(SEALER, Instant::now()) {
        tracing::warn!(error = %error, "could not seal the audit log yet; tries again until it can");
    } else {
        tracing::debug!(error = %error, "could not seal the audit log yet");
    }
}

fn note_end_of_outage(parts: &Parts) {
    if let Some(lasted) = parts.sealing_outage.succeeded(SEALER, Instant::now()) {
        let outage_ms = lasted.as_millis() as u64;
        tracing::info!(outage_ms, "the audit log is sealed again");
    }
}

/// The last seal before leaving. What is there by now, our last words too, has its seal afterwards,
/// unless an older transaction is still open somewhere or the time is up: then another replica
/// seals it. What others add meanwhile is theirs to seal, and not waited for.
pub(super) async fn seal_last(parts: &Arc<Parts>, limit: Duration) {
    let mut end = None;
    let sealed = timeout(limit, async {
        while let Err(error) = seal_what_is_there(parts, &mut end).await {
            tracing::debug!(error = %error, "could not seal the last rows yet");
            sleep(MOMENT).await;
        }
    });
    let is_sealed = sealed.await.is_ok();
    if !is_sealed {
        tracing::warn!("left with rows of the audit log unsealed; the next sealer takes them");
    }
    let Some(end) = end else { return };
    if is_sealed && end.unsealed > 0 {
        let rows = end.unsealed;
        tracing::debug!(
            rows,
            "left rows of the audit log unsealed that others added meanwhile"
        );
    }
    tell(parts, &end, true).await;
}

/// Seals until no row that is there now lacks its seal. `end` is where the chain has come, also
/// when this is cut short.
async fn seal_what_is_there(parts: &Parts, end: &mut Option<Lag>) -> Result<(), NoAnswer> {
    let pool = &parts.chore_pool;
    let last = pool.ask(ANSWER_TIMEOUT, audit_log::last_place).await?;
    while !end.insert(seal_all(parts).await?).place.has_reached(&last) {
        sleep(MOMENT).await;
    }
    Ok(())
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
    let (checkpoints, end) = (Arc::clone(&parts.checkpoints), end.clone());
    let (done, told) = oneshot::channel();
    // A thread of its own and none of the runtime's, which would not end before a file that hangs.
    let thread = thread::Builder::new().name("checkpoints".to_owned());
    let started = thread.spawn(move || {
        checkpoints.tell(&end);
        // Nobody listens any more once the time is up.
        let _ = done.send(());
    });
    if let Err(error) = started {
        tracing::error!(error = %error, "could not start to write the audit checkpoints");
    } else if timeout(FILE_TIMEOUT, told).await.is_err() {
        tracing::error!("the file of the audit checkpoints does not answer");
    }
}
