//! Housekeeping of the running workers, once an hour among all of them.
//!
//! Begun by the MetricsActor, the one actor that nobody waits for, and done as a chore on the
//! multi-thread runtime: it takes a connection for one short transaction at a time from the chores'
//! pool and none from the tasks. No actor's loop holds it, so a drain, a restart or a panic ends it
//! like any chore; what was not done is done in the next round, by whichever replica comes first.

use diesel_async::AsyncPgConnection;

use super::parts::Parts;
use crate::housekeeping::{Purge, Purged, Trouble, purge_step};
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::{NoAnswer, housekeeping};
use crate::tasks::Origin;

/// Purges, unless another replica did so in this hour or the drain begins.
pub(super) async fn keep_house(parts: &Parts) {
    parts.unless_draining(keep_house_in_turn(parts)).await;
}

async fn keep_house_in_turn(parts: &Parts) {
    match begin_round(parts).await {
        Ok(true) => purge_step(&purge(parts)).await.iter().for_each(tell),
        Ok(false) => tracing::debug!("another replica keeps house"),
        Err(error) => {
            tracing::warn!(%error, "could not begin to purge, the next round tries again");
        }
    }
}

async fn begin_round(parts: &Parts) -> Result<bool, NoAnswer> {
    let every = parts.settings.housekeeping.every;
    let begin = async |conn: &mut AsyncPgConnection| {
        housekeeping::begin_round(conn, &parts.engine_id, every).await
    };
    parts.chore_pool.ask(ANSWER_TIMEOUT, begin).await
}

fn purge(parts: &Parts) -> Purge<'_> {
    Purge {
        engine: &parts.engine,
        engine_id: &parts.engine_id,
        pool: &parts.chore_pool,
        ages: parts.settings.housekeeping.ages,
        origin: Origin {
            name: "housekeeping",
            worker_id: Some(&parts.instance),
            engine_id: Some(&parts.engine_id),
            task_id: None,
            process_instance_id: None,
        },
        dry_run: false,
    }
}

fn tell(purged: &Purged) {
    let (kind, rows) = (purged.kind, purged.rows);
    if rows > 0 {
        tracing::info!(rows, "{kind}: {rows} purged");
    }
    match &purged.trouble {
        None => {}
        Some(Trouble::Busy) => tracing::debug!("{kind}: another purge is under way"),
        Some(trouble) => tracing::warn!(
            error = %trouble,
            "{kind}: could not purge to the end, the next round tries again"
        ),
    }
}
