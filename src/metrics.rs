//! Every series that `/metrics` shows: its name, help text, labels and buckets, in one registry.
//!
//! All names start with `phantom_worker_`, and every label comes from a closed set: a topic or
//! template that is known at compile time, or a variant of one of the enums below. Ids, addresses
//! and error texts never become labels. Each known label set starts at 0, so that a rate over a
//! counter exists before the first event.
//!
//! Figures touched as things happen belong to this process: sum them over replicas. Figures read
//! from the database are the same in every replica, and their help text says so: take the maximum.

mod labels;
mod maker;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus::{
    GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use maker::Maker;

pub use labels::{
    ActorKind, Channel, FetchOutcome, MailOutcome, MessageOutcome, OutboxState, Outcome,
    RestartReason,
};

const FETCH_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 30.0, 60.0];
const QUEUE_WAIT_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
/// The last ones lie around the lock duration, where a slow handler becomes dangerous.
const TASK_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// The series of this process.
pub struct Metrics {
    registry: Registry,
    tasks_fetched: IntCounterVec,
    tasks_finished: IntCounterVec,
    task_duration: HistogramVec,
    task_queue_wait: HistogramVec,
    tasks_in_flight: IntGaugeVec,
    task_slots: IntGaugeVec,
    duplicate_tasks: IntCounterVec,
    task_panics: IntCounterVec,
    topic_off: IntGaugeVec,
    fetches: IntCounterVec,
    fetch_duration: HistogramVec,
    reports_in_flight: IntGauge,
    actor_restarts: IntCounterVec,
    messages_dropped: IntCounterVec,
    outbox_messages: IntGaugeVec,
    outbox_oldest_pending: GaugeVec,
    mails: IntCounterVec,
    engine_messages: IntCounterVec,
    audit_unsealed_rows: IntGauge,
    audit_oldest_unsealed: GaugeVec,
}

/// What this build can send, by the names in the outbox.
#[derive(Clone, Copy)]
pub struct Templates {
    /// The mails.
    pub mails: &'static [&'static str],
    /// The messages to process instances.
    pub engine_messages: &'static [&'static str],
}

/// Which build is running, for `build_info`.
#[derive(Clone, Copy)]
pub struct Build {
    /// The version in the manifest.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
}

/// What the outbox holds for one channel, read from the database.
#[derive(Clone, Copy, Default)]
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

/// One more in flight for as long as this value lives, so that no early return forgets to count it out.
#[must_use = "dropping it counts it out again"]
pub struct InFlight(IntGauge);

impl InFlight {
    fn enter(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Registers every series and sets each known label set to 0.
    pub fn new(topics: &[&'static str], templates: Templates, build: Build) -> Self {
        let make = Maker::default();
        make.build_info(build);
        make.process();
        let metrics = Self {
            tasks_fetched: make.counters(
                "tasks_fetched_total",
                "Tasks that this process fetched and locked",
                &["topic"],
            ),
            tasks_finished: make.counters(
                "tasks_finished_total",
                "Tasks that left this process, by how they left it",
                &["topic", "outcome"],
            ),
            task_duration: make.histograms(
                "task_duration_seconds",
                "From the start of a handler to its result",
                &["topic"],
                TASK_BUCKETS,
            ),
            task_queue_wait: make.histograms(
                "task_queue_wait_seconds",
                "From the fetch of a task to the start of its handler",
                &["topic"],
                QUEUE_WAIT_BUCKETS,
            ),
            tasks_in_flight: make.gauges(
                "tasks_in_flight",
                "Tasks that hold a slot of this process",
                &["topic"],
            ),
            task_slots: make.gauges(
                "task_slots",
                "The most tasks that this process works on at once",
                &["topic"],
            ),
            duplicate_tasks: make.counters(
                "duplicate_tasks_total",
                "Tasks whose effect was recorded before and whose recorded answer was given \
                 again",
                &["topic"],
            ),
            task_panics: make.counters(
                "task_panics_total",
                "Panics of handlers, each caught and answered as a failure",
                &["topic"],
            ),
            topic_off: make.gauges(
                "topic_off",
                "1 while the topic is off because its actors were restarted too often",
                &["topic"],
            ),
            fetches: make.counters(
                "fetches_total",
                "Calls of fetchAndLock that ended",
                &["outcome"],
            ),
            fetch_duration: make.histograms(
                "fetch_duration_seconds",
                "How long a fetchAndLock took, the long poll included",
                &["outcome"],
                FETCH_BUCKETS,
            ),
            reports_in_flight: make.gauge(
                "reports_in_flight",
                "Answers on their way to the engine, over all topics",
            ),
            actor_restarts: make.counters(
                "actor_restarts_total",
                "Actors replaced by their supervisor",
                &["actor", "reason"],
            ),
            messages_dropped: make.counters(
                "messages_dropped_total",
                "Messages dropped because the actor they were for was away or full",
                &["actor"],
            ),
            outbox_messages: make.gauges(
                "outbox_messages",
                "Messages in the outbox (read from the database and equal in every replica: \
                 max, never sum)",
                &["channel", "state"],
            ),
            outbox_oldest_pending: make.seconds(
                "outbox_oldest_pending_timestamp_seconds",
                "When the oldest message still to be delivered was queued, 0 when there is \
                 none (read from the database and equal in every replica: max, never sum)",
                &["channel"],
            ),
            mails: make.counters(
                "mails_total",
                "Attempts to send a mail, by what the mail server made of them",
                &["template", "outcome"],
            ),
            engine_messages: make.counters(
                "engine_messages_total",
                "Attempts to tell a process instance a message, by what came of them",
                &["template", "outcome"],
            ),
            audit_unsealed_rows: make.gauge(
                "audit_unsealed_rows",
                "Rows of the audit log without a seal, counted up to 100000 (read from the \
                 database and equal in every replica: max, never sum)",
            ),
            audit_oldest_unsealed: make.seconds(
                "audit_oldest_unsealed_timestamp_seconds",
                "When the oldest row of the audit log without a seal happened, 0 when there is \
                 none (read from the database and equal in every replica: max, never sum)",
                &[],
            ),
            registry: make.into_registry(),
        };
        metrics.start_topics(topics);
        metrics.start_rest(templates);
        metrics
    }

    /// `count` tasks of this topic came with a fetch.
    pub fn tasks_fetched(&self, topic: &'static str, count: usize) {
        self.tasks_fetched
            .with_label_values(&[topic])
            .inc_by(count as u64);
    }

    /// A handler starts, `waited` after its task was fetched.
    pub fn task_started(&self, topic: &'static str, waited: Duration) {
        self.task_queue_wait
            .with_label_values(&[topic])
            .observe(waited.as_secs_f64());
    }

    /// A task left this process; `ran` is how long its handler took, `None` when it never ran.
    pub fn task_finished(&self, topic: &'static str, outcome: Outcome, ran: Option<Duration>) {
        self.tasks_finished
            .with_label_values(&[topic, outcome.as_str()])
            .inc();
        if let Some(ran) = ran {
            self.task_duration
                .with_label_values(&[topic])
                .observe(ran.as_secs_f64());
        }
    }

    /// A delivery found its effect recorded already.
    pub fn duplicate_task(&self, topic: &'static str) {
        self.duplicate_tasks.with_label_values(&[topic]).inc();
    }

    /// A handler panicked.
    pub fn task_panicked(&self, topic: &'static str) {
        self.task_panics.with_label_values(&[topic]).inc();
    }

    /// A task holds a slot until the returned value is dropped.
    pub fn task_in_flight(&self, topic: &'static str) -> InFlight {
        InFlight::enter(self.tasks_in_flight.with_label_values(&[topic]))
    }

    /// A report is on its way to the engine until the returned value is dropped.
    pub fn report_in_flight(&self) -> InFlight {
        InFlight::enter(self.reports_in_flight.clone())
    }

    /// How many tasks of this topic may run at once.
    pub fn set_task_slots(&self, topic: &'static str, slots: usize) {
        let slots = i64::try_from(slots).unwrap_or(i64::MAX);
        self.task_slots.with_label_values(&[topic]).set(slots);
    }

    /// The topic was switched off after too many restarts, or on again.
    pub fn set_topic_off(&self, topic: &'static str, off: bool) {
        self.topic_off
            .with_label_values(&[topic])
            .set(i64::from(off));
    }

    /// A fetchAndLock ended.
    pub fn fetch_finished(&self, outcome: FetchOutcome, took: Duration) {
        let labels = [outcome.as_str()];
        self.fetches.with_label_values(&labels).inc();
        self.fetch_duration
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
    }

    /// A supervisor replaces an actor.
    pub fn actor_restarted(&self, actor: ActorKind, reason: RestartReason) {
        self.actor_restarts
            .with_label_values(&[actor.as_str(), reason.as_str()])
            .inc();
    }

    /// A message found nobody to take it.
    pub fn message_dropped(&self, to: ActorKind) {
        self.messages_dropped
            .with_label_values(&[to.as_str()])
            .inc();
    }

    /// What the outbox holds now. States that drained fall back to 0.
    pub fn set_outbox(&self, channel: Channel, depth: OutboxDepth) {
        for state in OutboxState::ALL {
            let messages = match state {
                OutboxState::Pending => depth.pending,
                OutboxState::Retrying => depth.retrying,
                OutboxState::Dead => depth.dead,
            };
            self.outbox_messages
                .with_label_values(&[channel.as_str(), state.as_str()])
                .set(messages);
        }
        self.outbox_oldest_pending
            .with_label_values(&[channel.as_str()])
            .set(depth.oldest_pending.unwrap_or(0.0));
    }

    /// How many rows of the audit log wait for their seal, and when the oldest of them happened, in
    /// seconds since 1970.
    pub fn set_audit_lag(&self, rows: i64, oldest: Option<f64>) {
        self.audit_unsealed_rows.set(rows);
        self.audit_oldest_unsealed
            .with_label_values::<&str>(&[])
            .set(oldest.unwrap_or(0.0));
    }

    /// The mail server took a mail, or did not.
    pub fn mail_finished(&self, template: &'static str, outcome: MailOutcome) {
        self.mails
            .with_label_values(&[template, outcome.as_str()])
            .inc();
    }

    /// An attempt to tell a process instance a message ended.
    pub fn engine_message_finished(&self, template: &'static str, outcome: MessageOutcome) {
        self.engine_messages
            .with_label_values(&[template, outcome.as_str()])
            .inc();
    }

    /// The page that Prometheus reads, in text format 0.0.4.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect(
                "the registry gathers named, filled families only, and a string takes every line",
            )
    }

    fn start_topics(&self, topics: &[&'static str]) {
        for topic in topics {
            for counter in [
                &self.tasks_fetched,
                &self.duplicate_tasks,
                &self.task_panics,
            ] {
                counter.with_label_values(&[topic]);
            }
            for gauge in [&self.tasks_in_flight, &self.task_slots, &self.topic_off] {
                gauge.with_label_values(&[topic]);
            }
            for histogram in [&self.task_duration, &self.task_queue_wait] {
                histogram.with_label_values(&[topic]);
            }
            for outcome in Outcome::ALL {
                self.tasks_finished
                    .with_label_values(&[topic, outcome.as_str()]);
            }
        }
    }

    fn start_rest(&self, templates: Templates) {
        for outcome in FetchOutcome::ALL {
            self.fetches.with_label_values(&[outcome.as_str()]);
            self.fetch_duration.with_label_values(&[outcome.as_str()]);
        }
        for actor in ActorKind::ALL {
            self.messages_dropped.with_label_values(&[actor.as_str()]);
            for reason in RestartReason::ALL {
                self.actor_restarts
                    .with_label_values(&[actor.as_str(), reason.as_str()]);
            }
        }
        for &channel in Channel::ALL {
            self.set_outbox(channel, OutboxDepth::default());
        }
        self.set_audit_lag(0, None);
        for template in templates.mails {
            for outcome in MailOutcome::ALL {
                self.mails.with_label_values(&[template, outcome.as_str()]);
            }
        }
        for template in templates.engine_messages {
            for outcome in MessageOutcome::ALL {
                self.engine_messages
                    .with_label_values(&[template, outcome.as_str()]);
            }
        }
    }
}
