//! The tree: who watches whom, and how tasks move through it.
//!
//! An actor is a thin shell on the main arbiter and never works there: what takes time is a plain
//! `async fn` (`fetch`, `life`, [`notification::Lanes::send_due`], [`metrics::refresh`],
//! [`seal::seal_round`]) spawned on the multi-thread runtime. What must survive a restart is outside
//! the actors, in a [`Topic`] per topic.
//!
//! ```text
//! Supervisor
//! ├── MetricsActor
//! ├── AuditActor
//! ├── NotificationActor
//! └── per topic: TopicPoller, HandlerPool ── HandlerActor × slots
//! ```
//! This room knows the engine, the database and the mail server, and nothing of wallets.

pub mod audit;
mod backoff;
mod checkpoints;
mod delivery;
pub mod directory;
pub mod drain;
mod exit;
mod fetch;
mod figures;
mod handler;
mod housekeeping;
mod life;
pub mod messages;
pub mod metrics;
mod models;
pub mod notification;
mod outage;
pub mod parts;
mod pause;
pub mod poller;
pub mod pool;
mod report;
mod restart;
pub mod seal;
pub mod supervisor;
mod sweep;
mod topic;

pub use directory::{Address, Directory};
pub use drain::{Drained, drain};
pub use notification::TEMPLATES;
pub use parts::{Ingredients, Parts, TreeSettings};
pub use supervisor::{ChildId, Supervisor, TreeExit};
pub use topic::{Topic, TopicSettings};
