//! Every series that `/metrics` shows: its name, help text, labels and buckets, in one registry.
//!
//! What there is stands in the [`catalogue()`], and every label there has a closed set of values: a
//! topic, code or template that is known at compile time, or a variant of an enum. Ids, addresses
//! and error texts never become labels. Each known label set starts at 0.
//!
//! Figures touched as things happen belong to this process: sum them over replicas. Figures read
//! from the engine or the database are the same in every replica, and their help text says so:
//! take the maximum. What is cheap to look at (the pools, the phase) is read when somebody scrapes.

mod catalogue;
mod database;
mod engine;
mod labels;
mod maker;
mod outbox;
mod page;
mod process;
mod series;
mod shared;
mod snapshot;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Registry, TextEncoder};

use maker::Maker;

pub use catalogue::catalogue;
pub use labels::{
    ActorKind, Arbiter, Attempt, AuditOutcome, Channel, Collector, ConnectionState, DatabaseError,
    DeliveryOutcome, EngineCode, EngineOperation, ExtensionOutcome, FetchOutcome, LogLevel,
    MailOutcome, MessageOutcome, OutboxState, Outcome, PauseReason, PoolName, ProcessState,
    RestartReason, Statement, TaskState,
};
pub use page::{markdown, to_json};
pub use process::{Build, PoolLook};
pub use series::{Kind, Label, Series, Source, Unit, Values};
pub use shared::{CollectorLook, OutboxDepth, TopicDepth};
pub use snapshot::Snapshot;
pub use tasks::{Finished, InFlight, Run};

/// The series of this process.
pub struct Metrics {
    registry: Registry,
    tasks: tasks::Tasks,
    engine: engine::Engine,
    outbox: outbox::Outbox,
    shared: shared::Shared,
    database: database::Database,
    process: process::Process,
    watched: Mutex<Vec<Watched>>,
}

/// Looks at something and sets its series.
type Watched = Box<dyn Fn(&Metrics) + Send + Sync>;

/// A topic and the business errors it declares.
#[derive(Clone, Copy)]
pub struct TopicLabels {
    /// The topic.
    pub name: &'static str,
    /// The BPMN error codes that it may throw.
    pub errors: &'static [&'static str],
}

/// What this build can send, by the names in the outbox.
#[derive(Clone, Copy)]
pub struct Templates {
    /// The mails.
    pub mails: &'static [&'static str],
    /// The messages to process instances.
    pub engine_messages: &'static [&'static str],
}

impl Metrics {
    /// Registers every series and sets each known label set to 0.
    pub fn new(topics: &[TopicLabels], templates: Templates, build: Build) -> Self {
        let make = Maker::new(topics, templates);
        make.process();
        Self {
            tasks: tasks::Tasks::new(&make),
            engine: engine::Engine::new(&make),
            outbox: outbox::Outbox::new(&make),
            shared: shared::Shared::new(&make),
            database: database::Database::new(&make),
            process: process::Process::new(&make, build),
            watched: Mutex::default(),
            registry: make.into_registry(),
        }
    }

    /// Has `look` set its series each time before the page is made: for what is cheap to look at
    /// and would be stale otherwise.
    pub fn watch(&self, look: impl Fn(&Self) + Send + Sync + 'static) {
        // Nothing is left half-done by a panic elsewhere.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.push(Box::new(look));
    }

    /// Has everything that is watched looked at. Held over a reading, so that two at once do not
    /// count the same thing twice.
    fn look(&self) -> MutexGuard<'_, Vec<Watched>> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for look in watched.iter() {
            look(self);
        }
        watched
    }

    /// The page that Prometheus reads, in text format 0.0.4.
    pub fn render(&self) -> String {
        let _looked = self.look();
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect(
                "the registry gathers named, filled families only, and a string takes every line",
            )
    }
}

/// Now, as a timestamp series gives it.
fn unix_time() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |since| since.as_secs_f64())
}
