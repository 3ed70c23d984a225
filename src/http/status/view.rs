//! What the page and the JSON show, made of the board, the probes and the series.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::http::desk::OpsDesk;
use crate::metrics::{Channel, Snapshot};
use crate::readiness::{ActorState, Board, Place, Report, TaskFailure};

/// This replica at one moment.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) replica: String,
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) at: String,
    pub(super) log_level: String,
    /// The readiness probe.
    #[serde(flatten)]
    pub(super) health: Report,
    pub(super) topics: Vec<Topic>,
    pub(super) outbox: Vec<Outbox>,
    pub(super) actors: Vec<Actor>,
    pub(super) failures: Vec<Failure>,
}

#[derive(Serialize)]
pub(super) struct Topic {
    pub(super) topic: &'static str,
    pub(super) slots: Option<u64>,
    pub(super) in_flight: Option<u64>,
    /// Tasks that wait in the engine.
    pub(super) backlog: Option<u64>,
    /// How long the oldest of them has waited.
    pub(super) oldest_task_seconds: Option<u64>,
    /// Tasks with an incident.
    pub(super) incidents: Option<u64>,
    pub(super) last_failure: Option<Failure>,
}

#[derive(Serialize)]
pub(super) struct Outbox {
    pub(super) channel: &'static str,
    pub(super) pending: Option<u64>,
    pub(super) retrying: Option<u64>,
    pub(super) dead: Option<u64>,
    pub(super) oldest_pending_seconds: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Actor {
    pub(super) actor: &'static str,
    pub(super) topic: Option<&'static str>,
    pub(super) up: bool,
    pub(super) restarts: u64,
    pub(super) last_restart_because: Option<&'static str>,
    /// Since it was started or last answered its supervisor.
    pub(super) last_sign_seconds: Option<u64>,
}

#[derive(Serialize, Clone)]
pub(super) struct Failure {
    pub(super) at: String,
    pub(super) topic: &'static str,
    pub(super) task_id: String,
    pub(super) process_instance_id: String,
    pub(super) retries_left: u32,
    pub(super) error: String,
    pub(super) cockpit_url: Option<String>,
}

impl View {
    pub(super) fn of(desk: &OpsDesk, now: Instant, clock: SystemTime) -> Self {
        let (board, series) = (desk.readiness.board(), desk.metrics.snapshot());
        let failure = |failed: &TaskFailure| Failure {
            at: written(failed.at),
            topic: failed.topic,
            task_id: failed.task_id.clone(),
            process_instance_id: failed.process_instance_id.clone(),
            retries_left: failed.retries,
            error: failed.error.clone(),
            cockpit_url: desk.cockpit.instance(&failed.process_instance_id),
        };
        let figures = Figures {
            series: &series,
            clock,
        };
        Self {
            replica: desk.replica.clone(),
            version: desk.build.version,
            revision: desk.build.revision,
            at: written(clock),
            log_level: desk.log_level.now(),
            health: desk.readiness.readyz(now),
            topics: desk
                .topics
                .iter()
                .map(|topic| figures.topic(topic, board.last_failures.get(topic).map(failure)))
                .collect(),
            outbox: Channel::ALL
                .iter()
                .map(|channel| figures.outbox(channel.as_str()))
                .collect(),
            actors: actors(&board, now),
            failures: board.failures.iter().map(failure).collect(),
        }
    }
}

/// Reads the series.
struct Figures<'a> {
    series: &'a Snapshot,
    clock: SystemTime,
}

impl Figures<'_> {
    fn topic(&self, topic: &'static str, last_failure: Option<Failure>) -> Topic {
        let of = |name| self.count(name, &[("topic", topic)]);
        let waiting = |state| self.count("engine_tasks", &[("state", state), ("topic", topic)]);
        let oldest = "engine_oldest_available_task_timestamp_seconds";
        Topic {
            topic,
            slots: of("task_slots"),
            in_flight: of("tasks_in_flight"),
            backlog: waiting("available"),
            oldest_task_seconds: self.age(oldest, &[("topic", topic)]),
            incidents: waiting("exhausted"),
            last_failure,
        }
    }

    fn outbox(&self, channel: &'static str) -> Outbox {
        let of = |state| self.count("outbox_messages", &[("channel", channel), ("state", state)]);
        let oldest = "outbox_oldest_pending_timestamp_seconds";
        Outbox {
            channel,
            pending: of("pending"),
            retrying: of("retrying"),
            dead: of("dead"),
            oldest_pending_seconds: self.age(oldest, &[("channel", channel)]),
        }
    }

    fn count(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        self.series.value(name, labels).map(|value| value as u64)
    }

    /// How long ago a timestamp was, of which 0 says that there is nothing.
    fn age(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        let at = self.series.value(name, labels).filter(|at| *at > 0.0)?;
        let at = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(at).ok()?;
        let age = self.clock.duration_since(at).unwrap_or_default();
        Some(age.as_secs())
    }
}

fn actors(board: &Board, now: Instant) -> Vec<Actor> {
    let actor = |(&(actor, topic), state): (&Place, &ActorState)| Actor {
        actor,
        topic,
        up: state.is_up,
        restarts: state.restarts,
        last_restart_because: state.last_end,
        last_sign_seconds: state
            .last_sign
            .map(|at| now.saturating_duration_since(at).as_secs()),
    };
    let mut actors: Vec<_> = board.actors.iter().map(actor).collect();
    // Those of the whole process first, then topic by topic.
    actors.sort_by_key(|actor| (actor.topic, actor.actor));
    actors
}

fn written(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}
