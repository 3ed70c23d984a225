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
//! # What is seen, and proved
//! Figures that are equal for all replicas (backlog, incidents, outbox) are read by one of them for
//! all and lie in the database, so that more replicas ask no more of the engine. Each replica shows
//! them among its own in `/metrics`, and at a glance on `/status`, a page that asks nobody and so
//! works while everything else is away.
//!
//! Audit rows commit with the change that they tell of, and get their seal a second later: a link of
//! a hash chain, whose checkpoints leave the database. Once an hour housekeeping deletes what nobody
//! needs any more, and never an audit row.
//!
//! # The rooms
//! `cli` parses and calls `app`, which puts the parts together. `actors` supervise and move tasks;
//! `tasks` knows what a topic is and how one task runs; `wallets` and `security` decide and change.
//! `housekeeping` deletes what nobody needs any more, for the worker and for the command.
//! `http` has the probes, the metrics, the status page and the pages behind the links of mails.
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
