//! The defaults that hang together, in one place: whoever changes one rereads the others.
//!
//! Texts, because `--help` shows them and the settings are parsed from them: what an operator
//! reads is what happens. The time-outs of a database connection stand in `store::settings`.

use std::time::Duration;

/// Milliseconds. Long enough for a hiccup of the engine, short enough that another replica soon
/// takes over from one that died. Refused below twice the poll.
pub(super) const LOCK_DURATION: &str = "10000";
/// Milliseconds. A poll parked at the engine delays a drain and the engine's own stop by as much.
pub(super) const ASYNC_RESPONSE_TIMEOUT: &str = "5000";
/// A shorter poll would only be asked for again and again.
pub(super) const MIN_ASYNC_RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The engine refuses to wait longer.
pub(super) const MAX_ASYNC_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// A lock shorter than this many polls may be gone before its task arrives.
pub(super) const MIN_LOCK_IN_POLLS: u32 = 2;
/// A handler may work this many locks long; its lease is kept alive meanwhile.
pub(super) const HANDLER_LIMIT_IN_LOCKS: u32 = 5;

/// Tasks of one topic at work at once.
pub(super) const SLOTS: &str = "8";
/// Connections of one process: two for the actors' chores, two for the pages behind the links, the
/// others for tasks, which wait for one inside their leases, so fewer than slots are enough.
pub(super) const POOL_SIZE: &str = "12";
/// Reports on the way to the engine at once, about four for each of its cores.
pub(super) const MAX_REPORTS: &str = "16";
/// As `tasks::RetryPolicy::default`.
pub(super) const RETRIES: &str = "R3/PT10S,PT1M,PT10M";

/// How long the work at hand may take once a stop was asked for.
pub(super) const DRAIN_DEADLINE: &str = "20s";
/// What a stop may take beyond the poll and the drain: the last writes and the servers' stop.
pub(super) const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Longer than an engine's backups are kept: restored from one, it hands out old tasks again.
pub(super) const PURGE_COMPLETIONS_AFTER: &str = "90d";
/// While a message is there, what asks for it again does not send it again.
pub(super) const PURGE_SENT_MESSAGES_AFTER: &str = "30d";
/// A task that was not delivered again for so long is gone.
pub(super) const PURGE_DELIVERIES_AFTER: &str = "7d";
/// The customer's own rows keep what the bank needs.
pub(super) const PURGE_PERSONAL_DATA_AFTER: &str = "30d";

/// To the engine.
pub(super) const ENGINE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of one call to the engine, beyond what a poll is meant to wait.
pub(super) const ENGINE_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
