//! The process itself: its build, its state, its actors, its log.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::labels::{ActorKind, Arbiter, LogLevel, ProcessState, RestartReason};
use super::maker::Maker;
use super::{Metrics, catalogue};

pub(super) struct Process {
    state: IntGaugeVec,
    actor_up: IntGaugeVec,
    actor_restarts: IntCounterVec,
    messages_dropped: IntCounterVec,
    event_loop_lag: HistogramVec,
    log_events: IntCounterVec,
}

/// Which build is running, for `build_info`.
#[derive(Clone, Copy)]
pub struct Build {
    /// The version in the manifest.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
}

/// How a pool of connections stands.
#[derive(Clone, Copy, Debug)]
pub struct PoolLook {
    /// The most connections it opens.
    pub max: usize,
    /// Those that are open.
    pub open: usize,
    /// Those of them that nobody has.
    pub idle: usize,
    /// Who waits for one.
    pub waiting: usize,
}

impl Process {
    pub(super) fn new(make: &Maker<'_>, build: Build) -> Self {
        make.gauges(&catalogue::BUILD_INFO)
            .with_label_values(&[build.version, build.revision])
            .set(1);
        Self {
            state: make.gauges(&catalogue::STATE),
            actor_up: make.gauges(&catalogue::ACTOR_UP),
            actor_restarts: make.counters(&catalogue::ACTOR_RESTARTS),
            messages_dropped: make.counters(&catalogue::MESSAGES_DROPPED),
            event_loop_lag: make.histograms(&catalogue::EVENT_LOOP_LAG),
            log_events: make.counters(&catalogue::LOG_EVENTS),
        }
    }
}

impl Metrics {
    /// How far this process is in its life.
    pub fn set_state(&self, now: ProcessState) {
        for &state in ProcessState::ALL {
            self.process
                .state
                .with_label_values(&[state.as_str()])
                .set(i64::from(state == now));
        }
    }

    /// Whether every actor of this kind is at work.
    pub fn set_actor_up(&self, actor: ActorKind, up: bool) {
        self.process
            .actor_up
            .with_label_values(&[actor.as_str()])
            .set(i64::from(up));
    }

    /// A supervisor replaces an actor.
    pub fn actor_restarted(&self, actor: ActorKind, reason: RestartReason) {
        self.process
            .actor_restarts
            .with_label_values(&[actor.as_str(), reason.as_str()])
            .inc();
    }

    /// A message found nobody to take it.
    pub fn message_dropped(&self, to: ActorKind) {
        self.process
            .messages_dropped
            .with_label_values(&[to.as_str()])
            .inc();
    }

    /// A timer of the thread fired so late.
    pub fn timer_fired(&self, arbiter: Arbiter, late: Duration) {
        self.process
            .event_loop_lag
            .with_label_values(&[arbiter.as_str()])
            .observe(late.as_secs_f64());
    }

    /// So many lines of this level were logged since the process began.
    pub fn set_log_events(&self, level: LogLevel, logged: u64) {
        let counter = self.process.log_events.with_label_values(&[level.as_str()]);
        counter.inc_by(logged.saturating_sub(counter.get()));
    }
}
