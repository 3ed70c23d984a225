//! Makes series and registers them under the common prefix.
//!
//! Names, labels and buckets are constants of the room, so a refused one is a mistake in it that
//! the first start of any build shows.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::Build;

pub(super) const PREFIX: &str = "phantom_worker";
const WELL_FORMED: &str = "names, labels and buckets are well-formed constants";

/// A registry that is being filled.
#[derive(Default)]
pub(super) struct Maker(Registry);

impl Maker {
    pub(super) fn into_registry(self) -> Registry {
        self.0
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(options(name, help), labels).expect(WELL_FORMED))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(options(name, help), labels).expect(WELL_FORMED))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::with_opts(options(name, help)).expect(WELL_FORMED))
    }

    pub(super) fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.register(GaugeVec::new(options(name, help), labels).expect(WELL_FORMED))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help)
            .namespace(PREFIX)
            .buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels).expect(WELL_FORMED))
    }

    pub(super) fn build_info(&self, build: Build) {
        let options = options(
            "build_info",
            "1, with the version and the commit of this build as labels",
        )
        .const_label("version", build.version)
        .const_label("revision", build.revision);
        self.register(Gauge::with_opts(options).expect(WELL_FORMED))
            .set(1.0);
    }

    /// Processor time, memory, file descriptors and start time, which only Linux tells.
    pub(super) fn process(&self) {
        #[cfg(target_os = "linux")]
        self.0
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("each series is registered once");
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.0
            .register(Box::new(collector.clone()))
            .expect("each series is registered once");
        collector
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}
