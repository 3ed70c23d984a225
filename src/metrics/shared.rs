//! Figures that are the same in every replica: read by one of them, shown by all.

use std::time::Duration;

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec};
use serde::{Deserialize, Serialize};

use super::labels::{Channel, Collector, OutboxState, TaskState};
use super::maker::Maker;
use super::{Metrics, catalogue};

pub(super) struct Shared {
    audit_unsealed: IntGauge,
    audit_oldest_unsealed: Gauge,
    outbox_messages: IntGaugeVec,
    outbox_oldest_pending: GaugeVec,
    engine_tasks: IntGaugeVec,
    engine_oldest_available: GaugeVec,
    collector_duration: GaugeVec,
    collector_last_success: GaugeVec,
    collector_errors: IntCounterVec,
}

impl Shared {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self {
            audit_unsealed: make.gauge(&catalogue::AUDIT_UNSEALED),
            audit_oldest_unsealed: make.seconds(&catalogue::AUDIT_OLDEST_UNSEALED),
            outbox_messages: make.gauges(&catalogue::OUTBOX_MESSAGES),
            outbox_oldest_pending: make.seconds_by(&catalogue::OUTBOX_OLDEST_PENDING),
            engine_tasks: make.gauges(&catalogue::ENGINE_TASKS),
            engine_oldest_available: make.seconds_by(&catalogue::ENGINE_OLDEST_AVAILABLE),
            collector_duration: make.seconds_by(&catalogue::COLLECTOR_DURATION),
            collector_last_success: make.seconds_by(&catalogue::COLLECTOR_LAST_SUCCESS),
            collector_errors: make.counters(&catalogue::COLLECTOR_ERRORS),
        }
    }
}

/// What the outbox holds for one channel.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutboxDepth {
    /// Waiting for the first attempt.
    pub pending: i64,
    /// Tried at least once, and waiting for the next attempt.
    pub retrying: i64,
    /// Given up.
    pub dead: i64,
    /// When the oldest message not yet delivered nor given up was queued, in seconds since 1970.
    pub oldest_pending: Option<f64>,
}

/// What the engine holds for one topic.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct TopicDepth {
    /// Waiting for a worker.
    pub available: i64,
    /// Held, or kept back until the next try.
    pub locked: i64,
    /// Without retries.
    pub exhausted: i64,
    /// Of instances that stand still.
    pub suspended: i64,
    /// When the oldest available one was created, in seconds since 1970.
    pub oldest_available: Option<f64>,
}

/// One reading of a collector.
#[derive(Clone, Copy)]
pub struct CollectorLook {
    /// How long it took.
    pub took: Duration,
    /// When it was taken, in seconds since 1970.
    pub taken_at: f64,
}

impl Metrics {
    /// What the outbox holds now. States that drained fall back to 0.
    pub fn set_outbox(&self, channel: Channel, depth: OutboxDepth) {
        for &state in OutboxState::ALL {
            let messages = match state {
                OutboxState::Pending => depth.pending,
                OutboxState::Retrying => depth.retrying,
                OutboxState::Dead => depth.dead,
            };
            self.shared
                .outbox_messages
                .with_label_values(&[channel.as_str(), state.as_str()])
                .set(messages);
        }
        self.shared
            .outbox_oldest_pending
            .with_label_values(&[channel.as_str()])
            .set(depth.oldest_pending.unwrap_or(0.0));
    }

    /// How far the hash chain is behind the audit log: rows, and when the oldest of them was
    /// written, in seconds since 1970.
    pub fn set_audit_lag(&self, unsealed: i64, oldest: Option<f64>) {
        self.shared.audit_unsealed.set(unsealed);
        self.shared.audit_oldest_unsealed.set(oldest.unwrap_or(0.0));
    }

    /// What the engine holds for a topic now. States that drained fall back to 0.
    pub fn set_engine_tasks(&self, topic: &'static str, depth: TopicDepth) {
        for &state in TaskState::ALL {
            let tasks = match state {
                TaskState::Available => depth.available,
                TaskState::Locked => depth.locked,
                TaskState::Exhausted => depth.exhausted,
                TaskState::Suspended => depth.suspended,
            };
            self.shared
                .engine_tasks
                .with_label_values(&[topic, state.as_str()])
                .set(tasks);
        }
        self.shared
            .engine_oldest_available
            .with_label_values(&[topic])
            .set(depth.oldest_available.unwrap_or(0.0));
    }

    /// The last good reading of a collector, by whichever replica.
    pub fn collected(&self, collector: Collector, look: CollectorLook) {
        let labels = [collector.as_str()];
        self.shared
            .collector_duration
            .with_label_values(&labels)
            .set(look.took.as_secs_f64());
        self.shared
            .collector_last_success
            .with_label_values(&labels)
            .set(look.taken_at);
    }

    /// A reading by this process failed.
    pub fn collector_failed(&self, collector: Collector) {
        self.shared
            .collector_errors
            .with_label_values(&[collector.as_str()])
            .inc();
    }
}
