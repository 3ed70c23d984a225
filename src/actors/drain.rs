//! Leaving without leaving anything behind.
//!
//! Works on the plain parts and not on the supervisor, so that it also serves a process whose
//! supervisor is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::audit::{Happened, write_journal};
use super::parts::Parts;
use super::seal;

/// How the drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Tasks still held at the deadline; their locks run out by themselves.
    pub orphans: usize,
}

/// The engine is given so much more than a poll's length to answer it.
const POLL_MARGIN: Duration = Duration::from_secs(2);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Stops fetching, lets the tasks in hand come to their end, gives back what was not started.
/// `deadline` bounds the tasks; the polls in flight are waited for before.
pub async fn drain(parts: &Arc<Parts>, deadline: Duration) -> Drained {
    parts.start_draining();
    // A poll is never cancelled: the engine would go on to lock tasks for nobody.
    let longest_poll = parts.topics.iter().map(|topic| topic.settings.poll).max();
    let until = Instant::now() + longest_poll.unwrap_or_default() + POLL_MARGIN + deadline;
    for topic in &parts.topics {
        // The answer of a poll whose poller is gone: dropping it gives its tasks back.
        drop(tokio::time::timeout_at(until.into(), topic.take_unread_poll()).await);
    }
    let finished = tokio::time::timeout_at(until.into(), all_done(&parts.lives)).await;
    let orphans = parts.topics.iter().map(|topic| topic.in_flight()).sum();
    if finished.is_err() {
        tracing::warn!(orphans, "the drain's deadline has come");
    }
    let leftovers = parts.topics.iter().map(|topic| async {
        topic.sweep_before_leaving(parts).await;
        topic.write_down_settled(parts).await;
    });
    drop(tokio::time::timeout(LAST_WORDS, join_all(leftovers)).await);
    // A mail that still waits for its server keeps its claim and is sent by another replica.
    drop(tokio::time::timeout(LAST_WORDS, all_done(&parts.chores)).await);
    // A database that took no last words takes no seals either; another replica makes them.
    if say_last_words(parts, orphans).await {
        seal::seal_last(parts, LAST_WORDS).await;
    }
    Drained { orphans }
}

async fn all_done(tracker: &TaskTracker) {
    tracker.close();
    tracker.wait().await;
}

/// Tells whether the database took them.
async fn say_last_words(parts: &Parts, orphans: usize) -> bool {
    let outcome = if orphans == 0 { "drained" } else { "orphans" };
    let mut event = Happened::now("worker_drained", "worker", &parts.instance, outcome);
    event.detail = serde_json::json!({ "orphans": orphans });
    parts.note(event);
    // Not by the actor, which may be gone: what it is writing just now is among the chores.
    let written = tokio::time::timeout(LAST_WORDS, write_journal(parts)).await;
    let is_written = matches!(written, Ok(true));
    if !is_written {
        tracing::warn!("the last audit events were not written");
    }
    is_written
}
