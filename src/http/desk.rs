//! What the ops port works with.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::runtime::Handle;

use crate::camunda::Client;
use crate::camunda::cockpit::Cockpit;
use crate::metrics::{Build, Metrics};
use crate::readiness::Readiness;
use crate::telemetry::LogLevel;

/// What the ops port works with, beside the probes' and the scraper's own.
pub struct OpsDesk {
    /// What `/metrics` shows, and the status page in part.
    pub metrics: Arc<Metrics>,
    /// What the probes and the status page show.
    pub readiness: Arc<Readiness>,
    /// This start of this process, as its audit rows name it.
    pub replica: String,
    /// Which build this is.
    pub build: Build,
    /// The topics this process serves.
    pub topics: Vec<&'static str>,
    /// Where people look at the engine.
    pub cockpit: Cockpit,
    /// The engine, asked for definitions.
    pub engine: Client,
    /// The multi-thread runtime, where the engine is asked.
    pub runtime: Handle,
    /// Who knows it may change something here; nobody, without one.
    pub admin_token: Option<SecretString>,
    /// What this process logs.
    pub log_level: LogLevel,
    /// Called when somebody has changed the level, with the new one.
    pub on_log_level: Arc<dyn Fn(&str) + Send + Sync>,
}
