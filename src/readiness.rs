//! What the tree says of itself, read by the probes and the status page.
//!
//! The actors write here and the HTTP servers read here, each on its own thread, so nothing in it
//! waits for anybody: one lock, held for a copy. The time is passed in, which lets a test look at
//! a beat that is sixteen seconds old without waiting for it.
//!
//! `livez` asks the main arbiter alone, because restarting the process cures nothing else.
//! `readyz` asks what this process needs for its work; what only harms a part of it is `degraded`
//! and stays ready. `startupz` asks for the migrations.

mod board;
#[cfg(test)]
impl Readiness {
    /// Of a worker that has all it needs.
    pub(crate) fn at_work(topics: &[&'static str], now: Instant) -> Self {
        let readiness = Self::new(topics, now);
        readiness.set_phase(Phase::Running, now);
        readiness.migrations_applied();
        readiness.database_answered(now);
        readiness.engine_answered(now);
        readiness
    }
}

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use board::{ActorState, Board, Place, TaskFailure};

/// A main arbiter that has not beaten for longer is taken for blocked.
pub const BEAT_LIMIT: Duration = Duration::from_secs(15);
/// A look at the database that is older says nothing about now.
pub const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// The state of this process as its parts last told it.
pub struct Readiness(Mutex<State>);

struct State {
    phase: Phase,
    phase_since: Instant,
    last_beat: Instant,
    migrated: bool,
    database: Peer,
    engine: Peer,
    topics: BTreeMap<&'static str, Topic>,
    board: Board,
}

/// How far this process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not yet fetching.
    Starting,
    /// At work.
    Running,
    /// Finishing what was begun, taking nothing new.
    Draining,
}

/// Whether a topic's tasks are being fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicState {
    /// They are.
    On,
    /// Not for now, and for this reason; nobody has to do anything here.
    Paused(&'static str),
    /// Its actors were restarted too often; it is tried again each minute.
    Off {
        /// When it was switched off.
        since: Instant,
    },
}

struct Topic {
    state: TopicState,
    /// What stands at the engine in the way of its tasks.
    obstacle: Option<String>,
}

/// A server we depend on: when it last answered, and what went wrong since.
#[derive(Clone, Copy, Default)]
struct Peer {
    answered: Option<Instant>,
    failed: Option<(&'static str, Instant)>,
}

impl Peer {
    fn answer(&mut self, now: Instant) {
        *self = Self {
            answered: Some(now),
            failed: None,
        };
    }

    fn fail(&mut self, class: &'static str, now: Instant) {
        self.failed = Some((class, now));
    }
}

impl Readiness {
    /// A process that has just started, with these topics to serve.
    pub fn new(topics: &[&'static str], now: Instant) -> Self {
        let topic = |&name| {
            (
                name,
                Topic {
                    state: TopicState::On,
                    obstacle: None,
                },
            )
        };
        Self(Mutex::new(State {
            phase: Phase::Starting,
            phase_since: now,
            last_beat: now,
            migrated: false,
            database: Peer::default(),
            engine: Peer::default(),
            topics: topics.iter().map(topic).collect(),
            board: Board::default(),
        }))
    }

    /// The main arbiter has come round.
    pub fn beat(&self, now: Instant) {
        self.state().last_beat = now;
    }

    /// Every migration this build needs is applied.
    pub fn migrations_applied(&self) {
        self.state().migrated = true;
    }

    /// The process enters another part of its life.
    pub fn set_phase(&self, phase: Phase, now: Instant) {
        let mut state = self.state();
        state.phase = phase;
        state.phase_since = now;
    }

    /// How far the process is in its life.
    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The database answered.
    pub fn database_answered(&self, now: Instant) {
        self.state().database.answer(now);
    }

    /// The database did not answer; `class` names the kind of failure, never its text.
    pub fn database_failed(&self, class: &'static str, now: Instant) {
        self.state().database.fail(class, now);
    }

    /// The engine answered.
    pub fn engine_answered(&self, now: Instant) {
        self.state().engine.answer(now);
    }

    /// The engine did not answer as it should; `class` names the kind of failure, never its text.
    pub fn engine_failed(&self, class: &'static str, now: Instant) {
        self.state().engine.fail(class, now);
    }

    /// A topic is fetched from now on, or is not.
    pub fn set_topic(&self, topic: &'static str, state: TopicState) {
        if let Some(topic) = self.state().topics.get_mut(topic) {
            topic.state = state;
        }
    }

    /// What stands at the engine in the way of the topic's tasks, such as a deployed model that does
    /// not fit the handler; `None` when nothing does.
    pub fn set_obstacle(&self, topic: &'static str, obstacle: Option<String>) {
        if let Some(topic) = self.state().topics.get_mut(topic) {
            topic.obstacle = obstacle;
        }
    }

    /// An actor was started in this place.
    pub fn actor_started(&self, place: Place, now: Instant) {
        self.state().board.started(place, now);
    }

    /// An actor gave a sign of life.
    pub fn actor_heard(&self, place: Place, now: Instant) {
        self.state().board.heard(place, now);
    }

    /// An actor was taken out of this place.
    pub fn actor_gone(&self, place: Place) {
        self.state().board.gone(place);
    }

    /// An actor ended that should not have.
    pub fn actor_ended(&self, place: Place, reason: &'static str) {
        self.state().board.ended(place, reason);
    }

    /// A task failed.
    pub fn task_failed(&self, failure: TaskFailure) {
        self.state().board.failed(failure);
    }

    /// Which actors there are, and what failed lately.
    pub fn board(&self) -> Board {
        self.state().board.clone()
    }

    /// Should this process be killed and started anew?
    pub fn livez(&self, now: Instant) -> Report {
        let age = now.saturating_duration_since(self.state().last_beat);
        let (status, detail) = if age > BEAT_LIMIT {
            (Status::Unavailable, "the main arbiter is blocked")
        } else {
            (Status::Ok, "beating")
        };
        Report::of(vec![Check::new("main_arbiter", status, detail).aged(age)])
    }

    /// Can this process do its work?
    pub fn readyz(&self, now: Instant) -> Report {
        let state = self.state();
        let mut checks = vec![
            state.check_phase(now),
            state.check_database(now),
            state.check_engine(now),
        ];
        checks.extend(
            state
                .topics
                .iter()
                .map(|(name, topic)| topic.check(name, now)),
        );
        Report::of(checks)
    }

    /// Is this process past its start?
    pub fn startupz(&self) -> Report {
        let (status, detail) = if self.state().migrated {
            (Status::Ok, "applied")
        } else {
            (Status::Unavailable, "waiting for `phantom-worker migrate`")
        };
        Report::of(vec![Check::new("migrations", status, detail)])
    }

    /// The probes go on answering after a panic elsewhere; each write is a plain assignment, so
    /// what a poisoned lock guards is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_phase(&self, now: Instant) -> Check {
        let (status, detail) = match self.phase {
            Phase::Starting => (Status::Unavailable, "starting"),
            Phase::Running => (Status::Ok, "running"),
            Phase::Draining => (Status::Unavailable, "draining"),
        };
        Check::new("phase", status, detail).aged(now.saturating_duration_since(self.phase_since))
    }

    fn check_database(&self, now: Instant) -> Check {
        let (status, detail) = match (self.database.failed, self.database.answered) {
            (Some((class, _)), _) => (Status::Unavailable, format!("away: {class}")),
            (None, None) => (Status::Unavailable, "not asked yet".to_owned()),
            (None, Some(at)) if now.saturating_duration_since(at) > LOOK_LIMIT => (
                Status::Degraded,
                "answered last time, but was not asked since".to_owned(),
            ),
            (None, Some(_)) => (Status::Ok, "answers".to_owned()),
        };
        Check::new("database", status, detail).last(self.database.answered, now)
    }

    /// An engine that is away makes no replica unready: all would be at once, to no use.
    fn check_engine(&self, now: Instant) -> Check {
        let (status, detail) = match (self.engine.failed, self.engine.answered) {
            (Some((class, _)), _) => (Status::Degraded, format!("away: {class}")),
            (None, None) => (Status::Degraded, "not asked yet".to_owned()),
            (None, Some(_)) => (Status::Ok, "answers".to_owned()),
        };
        Check::new("engine", status, detail).last(self.engine.answered, now)
    }
}

impl Topic {
    fn check(&self, name: &str, now: Instant) -> Check {
        let check = |status, detail: String| Check::new(format!("topic {name}"), status, detail);
        match (self.state, &self.obstacle) {
            (TopicState::Off { since }, _) => check(
                Status::Degraded,
                "off: its actors were restarted too often".to_owned(),
            )
            .last(Some(since), now),
            (_, Some(obstacle)) => check(Status::Degraded, obstacle.clone()),
            (TopicState::Paused(reason), None) => {
                check(Status::Degraded, format!("paused: {reason}"))
            }
            (TopicState::On, None) => check(Status::Ok, "on".to_owned()),
        }
    }
}

/// What a probe answers.
#[derive(Serialize)]
pub struct Report {
    /// The worst of the checks.
    pub status: Status,
    /// Every check, also the ones that pass.
    pub checks: Vec<Check>,
}

impl Report {
    fn of(checks: Vec<Check>) -> Self {
        let status = checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Status::Ok);
        Self { status, checks }
    }
}

/// One thing that a probe looked at.
#[derive(Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub status: Status,
    /// The same in words, for somebody who reads the body.
    pub detail: String,
    /// How long ago it was last seen well, or entered this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

impl Check {
    fn new(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status,
            detail: detail.into(),
            age_ms: None,
        }
    }

    fn aged(self, age: Duration) -> Self {
        Self {
            age_ms: Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            ..self
        }
    }

    fn last(self, at: Option<Instant>, now: Instant) -> Self {
        match at {
            Some(at) => self.aged(now.saturating_duration_since(at)),
            None => self,
        }
    }
}

/// A verdict, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Works in part; somebody should look.
    Degraded,
    /// Does not work.
    Unavailable,
}
