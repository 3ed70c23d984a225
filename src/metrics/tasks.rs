//! Fetches, and what became of the tasks that they brought.

use std::time::Duration;

use prometheus::{Gauge, GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::labels::{Attempt, ExtensionOutcome, FetchOutcome, Outcome, PauseReason};
use super::maker::Maker;
use super::{Metrics, catalogue, unix_time};

pub(super) struct Tasks {
    fetches: IntCounterVec,
    fetch_duration: HistogramVec,
    last_successful_fetch: Gauge,
    fetch_paused: IntCounterVec,
    fetched: IntCounterVec,
    finished: IntCounterVec,
    bpmn_errors: IntCounterVec,
    attempts: IntCounterVec,
    panics: IntCounterVec,
    duplicates: IntCounterVec,
    duration: HistogramVec,
    queue_wait: HistogramVec,
    schedule_to_start: HistogramVec,
    lock_remaining: HistogramVec,
    lock_extensions: IntCounterVec,
    in_flight: IntGaugeVec,
    slots: IntGaugeVec,
    last_finished: GaugeVec,
    lock_duration: GaugeVec,
    topic_off: IntGaugeVec,
    reports_in_flight: IntGauge,
}

impl Tasks {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self {
            fetches: make.counters(&catalogue::FETCHES),
            fetch_duration: make.histograms(&catalogue::FETCH_DURATION),
            last_successful_fetch: make.seconds(&catalogue::LAST_SUCCESSFUL_FETCH),
            fetch_paused: make.counters(&catalogue::FETCH_PAUSED),
            fetched: make.counters(&catalogue::TASKS_FETCHED),
            finished: make.counters(&catalogue::TASKS_FINISHED),
            bpmn_errors: make.counters(&catalogue::BPMN_ERRORS),
            attempts: make.counters(&catalogue::TASK_ATTEMPTS),
            panics: make.counters(&catalogue::TASK_PANICS),
            duplicates: make.counters(&catalogue::DUPLICATE_TASKS),
            duration: make.histograms(&catalogue::TASK_DURATION),
            queue_wait: make.histograms(&catalogue::TASK_QUEUE_WAIT),
            schedule_to_start: make.histograms(&catalogue::TASK_SCHEDULE_TO_START),
            lock_remaining: make.histograms(&catalogue::LOCK_REMAINING),
            lock_extensions: make.counters(&catalogue::LOCK_EXTENSIONS),
            in_flight: make.gauges(&catalogue::TASKS_IN_FLIGHT),
            slots: make.gauges(&catalogue::TASK_SLOTS),
            last_finished: make.seconds_by(&catalogue::TASK_LAST_FINISHED),
            lock_duration: make.seconds_by(&catalogue::TOPIC_LOCK_DURATION),
            topic_off: make.gauges(&catalogue::TOPIC_OFF),
            reports_in_flight: make.gauge(&catalogue::REPORTS_IN_FLIGHT),
        }
    }
}

/// A task that left this process, and all that is counted of it.
#[derive(Clone, Copy)]
pub struct Finished {
    /// The topic.
    pub topic: &'static str,
    /// How it left.
    pub outcome: Outcome,
    /// The run of its handler; none when it was not started.
    pub run: Option<Run>,
    /// The share of its lock that was left when there was something to report.
    pub lock_left: Option<f64>,
    /// Its heartbeats, by what came of them.
    pub extensions: [(ExtensionOutcome, u32); 3],
}

/// The run of a handler.
#[derive(Clone, Copy)]
pub struct Run {
    /// Which try of the task it was.
    pub attempt: Attempt,
    /// From the task's creation to its fetch, by the engine's clock; none when it is not told.
    pub scheduled: Option<Duration>,
    /// From the fetch to the start.
    pub waited: Duration,
    /// From the start to the result; none when the task was not let in.
    pub ran: Option<Duration>,
    /// The business error, if it is declared and was thrown.
    pub bpmn_error: Option<&'static str>,
    /// The answer was recorded by an earlier delivery.
    pub repeated: bool,
    /// The handler panicked.
    pub panicked: bool,
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
    /// A fetchAndLock ended.
    pub fn fetch_finished(&self, outcome: FetchOutcome, took: Duration) {
        let labels = [outcome.as_str()];
        self.tasks.fetches.with_label_values(&labels).inc();
        self.tasks
            .fetch_duration
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
        if matches!(outcome, FetchOutcome::Tasks | FetchOutcome::Empty) {
            self.tasks.last_successful_fetch.set(unix_time());
        }
    }

    /// A topic did not fetch for a while.
    pub fn fetch_paused(&self, reason: PauseReason) {
        self.tasks
            .fetch_paused
            .with_label_values(&[reason.as_str()])
            .inc();
    }

    /// `count` tasks of this topic came with a fetch.
    pub fn tasks_fetched(&self, topic: &'static str, count: usize) {
        self.tasks
            .fetched
            .with_label_values(&[topic])
            .inc_by(count as u64);
    }

    /// A task left this process.
    pub fn task_finished(&self, finished: &Finished) {
        let topic = finished.topic;
        let tasks = &self.tasks;
        tasks
            .finished
            .with_label_values(&[topic, finished.outcome.as_str()])
            .inc();
        tasks
            .last_finished
            .with_label_values(&[topic])
            .set(unix_time());
        for (outcome, times) in finished.extensions {
            tasks
                .lock_extensions
                .with_label_values(&[topic, outcome.as_str()])
                .inc_by(u64::from(times));
        }
        if let Some(left) = finished.lock_left {
            tasks
                .lock_remaining
                .with_label_values(&[topic])
                .observe(left);
        }
        if let Some(run) = &finished.run {
            self.run_finished(topic, run);
        }
    }

    fn run_finished(&self, topic: &'static str, run: &Run) {
        let tasks = &self.tasks;
        let observe = |histogram: &HistogramVec, seconds: Duration| {
            let histogram = histogram.with_label_values(&[topic]);
            histogram.observe(seconds.as_secs_f64());
        };
        observe(&tasks.queue_wait, run.waited);
        if let Some(ran) = run.ran {
            observe(&tasks.duration, ran);
            tasks
                .attempts
                .with_label_values(&[topic, run.attempt.as_str()])
                .inc();
        }
        if let (Attempt::First, Some(scheduled)) = (run.attempt, run.scheduled) {
            observe(&tasks.schedule_to_start, scheduled + run.waited);
        }
        if let Some(code) = run.bpmn_error {
            tasks.bpmn_errors.with_label_values(&[topic, code]).inc();
        }
        if run.repeated {
            tasks.duplicates.with_label_values(&[topic]).inc();
        }
        if run.panicked {
            tasks.panics.with_label_values(&[topic]).inc();
        }
    }

    /// A task holds a slot until the returned value is dropped.
    pub fn task_in_flight(&self, topic: &'static str) -> InFlight {
        InFlight::enter(self.tasks.in_flight.with_label_values(&[topic]))
    }

    /// A report is on its way to the engine until the returned value is dropped.
    pub fn report_in_flight(&self) -> InFlight {
        InFlight::enter(self.tasks.reports_in_flight.clone())
    }

    /// How many tasks of this topic may run at once, and how long their locks are.
    pub fn set_topic(&self, topic: &'static str, slots: usize, lock: Duration) {
        let slots = i64::try_from(slots).unwrap_or(i64::MAX);
        self.tasks.slots.with_label_values(&[topic]).set(slots);
        self.tasks
            .lock_duration
            .with_label_values(&[topic])
            .set(lock.as_secs_f64());
    }

    /// The topic was switched off after too many restarts, or on again.
    pub fn set_topic_off(&self, topic: &'static str, off: bool) {
        self.tasks
            .topic_off
            .with_label_values(&[topic])
            .set(i64::from(off));
    }
}
