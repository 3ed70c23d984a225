//! Every series there is, declared once: registration, `phantom-worker metrics` and
//! `grafana/METRICS.md` are all made from this list.
//!
//! A series is counted where its thing ends. Timestamps are given instead of ages, and fall back to
//! 0 when there is nothing to date.

use super::labels::{
    ActorKind, Arbiter, Attempt, AuditOutcome, Channel, Collector, ConnectionState, DatabaseError,
    DeliveryOutcome, EngineCode, EngineOperation, ExtensionOutcome, FetchOutcome, LogLevel,
    MailOutcome, MessageOutcome, OutboxState, Outcome, PauseReason, PoolName, ProcessState,
    RestartReason, Statement, TaskState,
};
use super::series::Kind::{Counter, Gauge, Histogram};
use super::series::Source::{Database, Engine, Process};
use super::series::Unit::{Bytes, Count, Flag, Ratio, Seconds, Timestamp};
use super::series::Values::{BpmnErrors, Closed, EngineMessages, Fixed, Mails, Topics};
use super::series::{Label, Series};

const FETCH: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 30.0, 60.0];
const REQUEST: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The last ones lie around the lock duration, where a slow handler becomes dangerous.
const TASK: &[f64] = &[
    0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const QUEUE: &[f64] = &[0.001, 0.005, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
/// Up to a day: the end of a long outage.
const BACKLOG: &[f64] = &[0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0];
const SHARE: &[f64] = &[0.0, 0.05, 0.1, 0.25, 0.5, 0.75];
const LATENESS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
const MAIL: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const DATABASE: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// `NAME = Type(unit) "name" [label: values] Source "help";`
macro_rules! catalogue {
    ($($id:ident = $kind:expr, $unit:ident, $name:literal, [$($label:ident: $values:expr),*], $source:ident, $about:literal;)+) => {
        $(pub(super) const $id: Series = Series {
            name: concat!("phantom_worker_", $name),
            kind: $kind,
            unit: $unit,
            labels: &[$(Label { name: stringify!($label), values: $values }),*],
            source: $source,
            about: $about,
        };)+

        /// Every series of ours, in the order of the page.
        const OURS: &[Series] = &[$($id),+];
    };
}

catalogue! {
    FETCHES = Counter, Count, "fetches_total",
        [outcome: Closed(FetchOutcome::VALUES)], Process,
        "Calls of fetchAndLock that ended";
    FETCH_DURATION = Histogram(FETCH), Seconds, "fetch_duration_seconds",
        [outcome: Closed(FetchOutcome::VALUES)], Process,
        "How long a fetchAndLock took, the long poll included";
    LAST_SUCCESSFUL_FETCH = Gauge, Timestamp, "last_successful_fetch_timestamp_seconds",
        [], Process,
        "When the engine last answered a fetchAndLock, with tasks or without; 0 before the first";
    FETCH_PAUSED = Counter, Count, "fetch_paused_total",
        [reason: Closed(PauseReason::VALUES)], Process,
        "Polls that were put off: no slot was free, the database was away, a failure was waited out, or the process drains";

    ENGINE_REQUESTS = Counter, Count, "engine_requests_total",
        [operation: Closed(EngineOperation::VALUES), code: Closed(EngineCode::VALUES)], Process,
        "Calls to the engine that ended, by HTTP status or by why there was none";
    ENGINE_REQUEST_DURATION = Histogram(REQUEST), Seconds, "engine_request_duration_seconds",
        [operation: Closed(EngineOperation::VALUES.split_at(1).1)], Process,
        "How long a call to the engine took; fetches have a histogram of their own";
    ENGINE_INFO = Gauge, Flag, "engine_info",
        [product: Fixed("camunda|fork|unknown"), version: Fixed("the engine's")], Engine,
        "1, with the engine's product and version as labels";

    TASKS_FETCHED = Counter, Count, "tasks_fetched_total",
        [topic: Topics], Process,
        "Tasks that this process fetched and locked";
    TASKS_FINISHED = Counter, Count, "tasks_finished_total",
        [topic: Topics, outcome: Closed(Outcome::VALUES)], Process,
        "Tasks that left this process, by how they left it";
    BPMN_ERRORS = Counter, Count, "bpmn_errors_total",
        [topic: Topics, code: BpmnErrors], Process,
        "Business errors that the engine took, by code";
    TASK_ATTEMPTS = Counter, Count, "task_attempts_total",
        [topic: Topics, attempt: Closed(Attempt::VALUES)], Process,
        "Runs of handlers, by whether the task had failed before";
    TASK_PANICS = Counter, Count, "task_panics_total",
        [topic: Topics], Process,
        "Panics of handlers, each caught and answered as a failure";
    DUPLICATE_TASKS = Counter, Count, "duplicate_tasks_total",
        [topic: Topics], Process,
        "Tasks whose effect was recorded before and whose recorded answer was given again";
    TASK_DURATION = Histogram(TASK), Seconds, "task_duration_seconds",
        [topic: Topics], Process,
        "From the start of a handler to its result";
    TASK_QUEUE_WAIT = Histogram(QUEUE), Seconds, "task_queue_wait_seconds",
        [topic: Topics], Process,
        "From the fetch of a task to the start of its handler";
    TASK_SCHEDULE_TO_START = Histogram(BACKLOG), Seconds, "task_schedule_to_start_seconds",
        [topic: Topics], Process,
        "From the task's creation at the engine to the start of its handler, first attempts only; by the engine's clock up to the fetch";
    LOCK_REMAINING = Histogram(SHARE), Ratio, "lock_remaining_ratio",
        [topic: Topics], Process,
        "The share of the lock that was left when a task's result was there to be sent; 0 for a lock that had run out or was lost";
    LOCK_EXTENSIONS = Counter, Count, "lock_extensions_total",
        [topic: Topics, outcome: Closed(ExtensionOutcome::VALUES)], Process,
        "Heartbeats that kept locks alive, counted when their task ends";
    TASKS_IN_FLIGHT = Gauge, Count, "tasks_in_flight",
        [topic: Topics], Process,
        "Tasks that hold a slot of this process";
    TASK_SLOTS = Gauge, Count, "task_slots",
        [topic: Topics], Process,
        "The most tasks that this process works on at once";
    TASK_LAST_FINISHED = Gauge, Timestamp, "task_last_finished_timestamp_seconds",
        [topic: Topics], Process,
        "When a task last left this process; 0 before the first";
    TOPIC_LOCK_DURATION = Gauge, Seconds, "topic_lock_duration_seconds",
        [topic: Topics], Process,
        "How long the engine holds a task for this process between two heartbeats, as configured";
    TOPIC_OFF = Gauge, Flag, "topic_off",
        [topic: Topics], Process,
        "1 while the topic is off because its actors were restarted too often";
    REPORTS_IN_FLIGHT = Gauge, Count, "reports_in_flight",
        [], Process,
        "Answers on their way to the engine, over all topics";

    STATE = Gauge, Flag, "state",
        [state: Closed(ProcessState::VALUES)], Process,
        "1 for the state that this process is in, 0 for the others";
    ACTOR_UP = Gauge, Flag, "actor_up",
        [actor: Closed(ActorKind::VALUES)], Process,
        "1 while every actor of the kind is at work, as seen by who watches it";
    ACTOR_RESTARTS = Counter, Count, "actor_restarts_total",
        [actor: Closed(ActorKind::VALUES), reason: Closed(RestartReason::VALUES)], Process,
        "Actors replaced by their supervisor";
    MESSAGES_DROPPED = Counter, Count, "messages_dropped_total",
        [actor: Closed(ActorKind::VALUES)], Process,
        "Messages dropped because the actor they were for was away or full";
    EVENT_LOOP_LAG = Histogram(LATENESS), Seconds, "event_loop_lag_seconds",
        [arbiter: Closed(Arbiter::VALUES)], Process,
        "How late a timer of the thread of all actors fired";

    AUDIT_EVENTS = Counter, Count, "audit_events_total",
        [outcome: Closed(AuditOutcome::VALUES)], Process,
        "Audit rows of tasks and actors: committed, or not taken by the database and tried again";
    AUDIT_UNSEALED = Gauge, Count, "audit_unsealed_rows",
        [], Database,
        "Audit rows that are not in the hash chain yet";
    AUDIT_OLDEST_UNSEALED = Gauge, Timestamp, "audit_oldest_unsealed_timestamp_seconds",
        [], Database,
        "When the oldest of them was written; 0 when there is none";
    OUTBOX_MESSAGES = Gauge, Count, "outbox_messages",
        [channel: Closed(Channel::VALUES), state: Closed(OutboxState::VALUES)], Database,
        "Messages in the outbox";
    OUTBOX_OLDEST_PENDING = Gauge, Timestamp, "outbox_oldest_pending_timestamp_seconds",
        [channel: Closed(Channel::VALUES)], Database,
        "When the oldest message still to be delivered was queued; 0 when there is none";
    OUTBOX_DELIVERIES = Counter, Count, "outbox_deliveries_total",
        [channel: Closed(Channel::VALUES), outcome: Closed(DeliveryOutcome::VALUES)], Process,
        "Attempts to deliver a message of the outbox";
    MAILS = Counter, Count, "mails_total",
        [template: Mails, outcome: Closed(MailOutcome::VALUES)], Process,
        "Attempts to send a mail, by what the mail server made of them";
    MAIL_SEND_DURATION = Histogram(MAIL), Seconds, "mail_send_duration_seconds",
        [], Process,
        "How long an attempt to send a mail took";
    ENGINE_MESSAGES = Counter, Count, "engine_messages_total",
        [template: EngineMessages, outcome: Closed(MessageOutcome::VALUES)], Process,
        "Attempts to tell a process instance a message, by what came of them";

    ENGINE_TASKS = Gauge, Count, "engine_tasks",
        [topic: Topics, state: Closed(TaskState::VALUES)], Engine,
        "Tasks at the engine, each in one state";
    ENGINE_OLDEST_AVAILABLE = Gauge, Timestamp, "engine_oldest_available_task_timestamp_seconds",
        [topic: Topics], Engine,
        "When the oldest task that waits for a worker was created; 0 when there is none";
    COLLECTOR_DURATION = Gauge, Seconds, "collector_duration_seconds",
        [collector: Closed(Collector::VALUES)], Database,
        "How long the last reading of the figures that all replicas share took";
    COLLECTOR_LAST_SUCCESS = Gauge, Timestamp, "collector_last_success_timestamp_seconds",
        [collector: Closed(Collector::VALUES)], Database,
        "When the figures that all replicas share were last read; 0 for never";
    COLLECTOR_ERRORS = Counter, Count, "collector_errors_total",
        [collector: Closed(Collector::VALUES)], Process,
        "Readings by this process that failed; the figures stay as they were";

    DB_POOL_CONNECTIONS = Gauge, Count, "db_pool_connections",
        [pool: Closed(PoolName::VALUES), state: Closed(ConnectionState::VALUES)], Process,
        "Open connections to the database";
    DB_POOL_CONNECTIONS_MAX = Gauge, Count, "db_pool_connections_max",
        [pool: Closed(PoolName::VALUES)], Process,
        "The most connections that the pool opens";
    DB_POOL_WAITING = Gauge, Count, "db_pool_waiting",
        [pool: Closed(PoolName::VALUES)], Process,
        "Who waits for a connection of the pool";
    DB_POOL_WAIT = Histogram(DATABASE), Seconds, "db_pool_wait_seconds",
        [pool: Closed(PoolName::VALUES)], Process,
        "How long it took to get a connection from the pool";
    DB_QUERY_DURATION = Histogram(DATABASE), Seconds, "db_query_duration_seconds",
        [operation: Closed(Statement::VALUES)], Process,
        "From sending a statement to its answer, the wait behind others on its connection included";
    DB_ERRORS = Counter, Count, "db_errors_total",
        [reason: Closed(DatabaseError::VALUES)], Process,
        "What went wrong with the database; most of it is tried again";

    LOG_EVENTS = Counter, Count, "log_events_total",
        [level: Closed(LogLevel::VALUES)], Process,
        "Log lines, by level";
    BUILD_INFO = Gauge, Flag, "build_info",
        [version: Fixed("this build's"), revision: Fixed("its commit")], Process,
        "1, with the version and the commit of this build as labels";
}

/// What the client library's own collector tells of the process, on Linux alone.
const OF_THE_LIBRARY: &[Series] = &[
    of_the_library(
        "process_cpu_seconds_total",
        Counter,
        Seconds,
        "Total user and system CPU time spent in seconds.",
    ),
    of_the_library(
        "process_max_fds",
        Gauge,
        Count,
        "Maximum number of open file descriptors.",
    ),
    of_the_library(
        "process_open_fds",
        Gauge,
        Count,
        "Number of open file descriptors.",
    ),
    of_the_library(
        "process_resident_memory_bytes",
        Gauge,
        Bytes,
        "Resident memory size in bytes.",
    ),
    of_the_library(
        "process_start_time_seconds",
        Gauge,
        Timestamp,
        "Start time of the process since unix epoch in seconds.",
    ),
    of_the_library(
        "process_threads",
        Gauge,
        Count,
        "Number of OS threads in the process.",
    ),
    of_the_library(
        "process_virtual_memory_bytes",
        Gauge,
        Bytes,
        "Virtual memory size in bytes.",
    ),
];

const fn of_the_library(
    name: &'static str,
    kind: super::series::Kind,
    unit: super::series::Unit,
    about: &'static str,
) -> Series {
    Series {
        name,
        kind,
        unit,
        labels: &[],
        source: Process,
        about,
    }
}

/// Every series that `/metrics` shows.
pub fn catalogue() -> impl Iterator<Item = &'static Series> {
    OURS.iter().chain(OF_THE_LIBRARY)
}
