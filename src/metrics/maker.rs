//! Makes the series of the catalogue and sets each known label set to 0, so that a rate over a
//! counter exists before the first event.
//!
//! Names, labels and buckets are constants of the room, so a refused one is a mistake in it that
//! the first start of any build shows.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use super::series::{Kind, Series, Values};
use super::{Templates, TopicLabels};

const WELL_FORMED: &str = "names, labels and buckets are well-formed constants";

/// A registry that is being filled.
pub(super) struct Maker<'a> {
    registry: Registry,
    topics: &'a [TopicLabels],
    templates: Templates,
}

impl<'a> Maker<'a> {
    pub(super) fn new(topics: &'a [TopicLabels], templates: Templates) -> Self {
        Self {
            registry: Registry::new(),
            topics,
            templates,
        }
    }

    pub(super) fn into_registry(self) -> Registry {
        self.registry
    }

    pub(super) fn counters(&self, series: &Series) -> IntCounterVec {
        let counters = IntCounterVec::new(options(series), &series.label_names());
        let counters = self.register(counters.expect(WELL_FORMED));
        self.each_label_set(series, |values| drop(counters.with_label_values(values)));
        counters
    }

    pub(super) fn gauges(&self, series: &Series) -> IntGaugeVec {
        let gauges = IntGaugeVec::new(options(series), &series.label_names());
        let gauges = self.register(gauges.expect(WELL_FORMED));
        self.each_label_set(series, |values| drop(gauges.with_label_values(values)));
        gauges
    }

    pub(super) fn gauge(&self, series: &Series) -> IntGauge {
        self.register(IntGauge::with_opts(options(series)).expect(WELL_FORMED))
    }

    pub(super) fn seconds(&self, series: &Series) -> Gauge {
        self.register(Gauge::with_opts(options(series)).expect(WELL_FORMED))
    }

    pub(super) fn seconds_by(&self, series: &Series) -> GaugeVec {
        let gauges = GaugeVec::new(options(series), &series.label_names());
        let gauges = self.register(gauges.expect(WELL_FORMED));
        self.each_label_set(series, |values| drop(gauges.with_label_values(values)));
        gauges
    }

    pub(super) fn histogram(&self, series: &Series) -> Histogram {
        self.register(Histogram::with_opts(with_buckets(series)).expect(WELL_FORMED))
    }

    pub(super) fn histograms(&self, series: &Series) -> HistogramVec {
        let histograms = HistogramVec::new(with_buckets(series), &series.label_names());
        let histograms = self.register(histograms.expect(WELL_FORMED));
        self.each_label_set(series, |values| drop(histograms.with_label_values(values)));
        histograms
    }

    /// Processor time, memory, file descriptors and start time, which only Linux tells.
    pub(super) fn process(&self) {
        #[cfg(target_os = "linux")]
        self.registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("each series is registered once");
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.registry
            .register(Box::new(collector.clone()))
            .expect("each series is registered once");
        collector
    }

    /// Calls `start` with every set of label values that can be known now.
    fn each_label_set(&self, series: &Series, start: impl Fn(&[&str])) {
        let mut sets: Vec<Vec<&str>> = vec![Vec::new()];
        for label in series.labels {
            sets = sets
                .into_iter()
                .flat_map(|set| {
                    let values = self.values(label.values, &set);
                    values
                        .into_iter()
                        .map(move |value| [&set[..], &[value]].concat())
                })
                .collect();
        }
        for set in sets {
            start(&set);
        }
    }

    /// The values of a label behind those that stand before it.
    fn values(&self, values: Values, before: &[&str]) -> Vec<&'static str> {
        match values {
            Values::Closed(values) => values.to_vec(),
            Values::Topics => self.topics.iter().map(|topic| topic.name).collect(),
            Values::BpmnErrors => self
                .topics
                .iter()
                .filter(|topic| before.contains(&topic.name))
                .flat_map(|topic| topic.errors.iter().copied())
                .collect(),
            Values::Mails => self.templates.mails.to_vec(),
            Values::EngineMessages => self.templates.engine_messages.to_vec(),
            // Known to whoever sets the series.
            Values::Fixed(_) => Vec::new(),
        }
    }
}

fn options(series: &Series) -> Opts {
    Opts::new(series.name, series.help())
}

fn with_buckets(series: &Series) -> HistogramOpts {
    let Kind::Histogram(buckets) = series.kind else {
        unreachable!("{} is declared as a histogram", series.name);
    };
    HistogramOpts::new(series.name, series.help()).buckets(buckets.to_vec())
}
