//! Whom the bench measures, and how one of them is started and ended.

use std::fmt;
use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use chrono::{DateTime, Utc};
use phantom_worker::topics;
use serde::Serialize;

use super::stand::Stand;
use super::{ceiling, ours, peer};

/// Whom the bench measures.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rival {
    /// The bare client, without variables.
    Ceiling,
    /// The tuned JavaScript client, without variables.
    JavaScript,
    /// Our tree around a handler that does nothing but its transaction, without variables.
    Ours,
    /// The bare client, with the variables that [`Rival::Worker`] reads and writes.
    CeilingWithVariables,
    /// The same, with a parked poll for each of the worker's other topics too.
    CeilingOnAllTopics,
    /// The worker itself, release build, on `validate-wallet-request`.
    Worker,
}

/// Where a rival works: one tenant, one topic.
pub(crate) struct Place {
    /// The engine's REST interface, or a proxy before it.
    pub(crate) engine: String,
    /// Our database, or a proxy before it.
    pub(crate) database: String,
    pub(crate) tenant: String,
    pub(crate) topic: &'static str,
}

impl Rival {
    /// The topic of its tasks.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Worker | Self::CeilingWithVariables | Self::CeilingOnAllTopics => {
                "validate-wallet-request"
            }
            Self::Ceiling | Self::JavaScript | Self::Ours => ours::TOPIC,
        }
    }

    /// It writes to our database with each task.
    pub(crate) fn has_transactions(self) -> bool {
        matches!(self, Self::Ours | Self::Worker)
    }

    /// The worker's topics that have no tasks here.
    fn idle_topics(self) -> Vec<&'static str> {
        let mut topics = topics::names();
        topics.retain(|topic| *topic != self.topic());
        topics
    }

    /// Starts it; it begins to fetch at once.
    pub(crate) fn start(
        self,
        stand: &Stand,
        place: &Place,
        pause: Duration,
    ) -> anyhow::Result<Running> {
        self.start_replica(stand, place, pause, 1)
    }

    /// [`Self::start`], as one of several that work side by side.
    pub(crate) fn start_replica(
        self,
        stand: &Stand,
        place: &Place,
        pause: Duration,
        replica: usize,
    ) -> anyhow::Result<Running> {
        let mut command = match self {
            Self::Ceiling => ceiling::command(place, pause, false, &[])?,
            Self::CeilingWithVariables => ceiling::command(place, pause, true, &[])?,
            Self::CeilingOnAllTopics => ceiling::command(place, pause, true, &self.idle_topics())?,
            Self::JavaScript => peer::command(stand, place, pause),
            Self::Ours => ours::tree_command(stand, place, pause)?,
            Self::Worker => ours::worker_command(stand, place),
        };
        let log = stand.log_of(self, replica);
        let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let started_at = SystemTime::now().into();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {self}"))?;
        Ok(Running {
            rival: self,
            child,
            started_at,
            log,
        })
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ceiling => "ceiling",
            Self::JavaScript => "js",
            Self::Ours => "ours",
            Self::CeilingWithVariables => "ceiling, variables",
            Self::CeilingOnAllTopics => "ceiling, topics",
            Self::Worker => "worker, validate",
        })
    }
}

/// A rival at work.
pub(crate) struct Running {
    rival: Rival,
    child: Child,
    /// When its process was asked for.
    pub(crate) started_at: DateTime<Utc>,
    log: std::path::PathBuf,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// None of the rivals leaves by itself.
    pub(crate) fn ensure_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                anyhow::bail!("{} has left ({status}): {}", self.rival, self.log.display())
            }
        }
    }
}

impl Drop for Running {
    /// Killed, not drained: a drain waits for the poll in flight, and what a dead poll might still
    /// lock is in a tenant that nobody uses any more.
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
