//! phantom-worker: supervised workers for Camunda 7 external tasks.
//!
//! It takes external tasks from a Camunda 7 engine (or Operaton, or CIB seven), does the work in
//! PostgreSQL, answers the engine and sends mail. Every task's effect happens exactly once, every
//! answer reaches the engine, no part's failure takes another part down, and every change can be
//! proved afterwards.
//!
//! # The way of a task
//! ```text
//! engine
//!   │ fetchAndLock, long poll, maxTasks ≤ free permits
//!   ▼
//! TopicPoller ── Run { task } ──▶ HandlerPool ──▶ HandlerActor ── spawns the task's life, which owns
//!                                                                  permit · lease · report, and in between
//!                                                                  tasks::execute, ONE transaction:
//!                                                                  1 claim the completion row
//!                                                                  2 handle: change + audit row + outbox row
//!                                                                  3 the answer into the row, COMMIT
//!                                                         report to the engine, stamp reported_at
//!                                                         then tell metrics, notification and audit
//! ```
//! One direction; only the permit comes back. What must not be lost is in the database before
//! anybody is told, so a lost message between actors costs a delay and never an effect.
//!
//! # The rooms
//! `cli` parses and calls `app`, which puts the parts together. `actors` supervise and move tasks;
//! `tasks` knows what a topic is and how one task runs; `wallets` and `security` decide and change.
//! `housekeeping` deletes what nobody needs any more, for the worker and for the command.
//! `camunda`, `store`, `mail`, `links`, `metrics`, `readiness` and `telemetry` are leaves that know
//! nothing of the rest.

pub mod actors;
pub mod app;
pub mod camunda;
pub mod cli;
pub mod config;
pub mod housekeeping;
pub mod http;
pub mod links;
pub mod mail;
pub mod metrics;
pub mod processes;
pub mod readiness;
pub mod security;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod topics;
pub mod wallets;

/// What the README shows in Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
