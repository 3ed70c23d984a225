//! The calls to the engine, and which engine it is.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::labels::{EngineCode, EngineOperation};
use super::maker::Maker;
use super::{Metrics, catalogue};

pub(super) struct Engine {
    requests: IntCounterVec,
    request_duration: HistogramVec,
    info: IntGaugeVec,
}

impl Engine {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        let engine = Self {
            requests: make.counters(&catalogue::ENGINE_REQUESTS),
            request_duration: make.histograms(&catalogue::ENGINE_REQUEST_DURATION),
            info: make.gauges(&catalogue::ENGINE_INFO),
        };
        engine.set_info("unknown", "unknown");
        engine
    }

    fn set_info(&self, product: &str, version: &str) {
        // A scrape must not meet the moment in which there is none.
        if self.info.with_label_values(&[product, version]).get() == 1 {
            return;
        }
        self.info.reset();
        self.info.with_label_values(&[product, version]).set(1);
    }
}

/// Camunda's versions begin with 7. Operaton and CIB seven began again with 1, and a version does
/// not tell which of them it is.
fn product(version: &str) -> &'static str {
    let major = version.split('.').next().map(str::parse::<u32>);
    match major {
        Some(Ok(7)) => "camunda",
        Some(Ok(_)) => "fork",
        _ => "unknown",
    }
}

impl Metrics {
    /// A call to the engine ended.
    pub fn engine_called(&self, operation: EngineOperation, code: EngineCode, took: Duration) {
        self.engine
            .requests
            .with_label_values(&[operation.as_str(), code.as_str()])
            .inc();
        if operation != EngineOperation::Fetch {
            self.engine
                .request_duration
                .with_label_values(&[operation.as_str()])
                .observe(took.as_secs_f64());
        }
    }

    /// Which version the engine says it is.
    pub fn set_engine_version(&self, version: &str) {
        self.engine.set_info(product(version), version);
    }
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn an_engine_is_known_by_its_major_version() {
        for (version, expected) in [
            ("7.24.0", "camunda"),
            ("1.0.3", "fork"),
            ("2.1.0", "fork"),
            ("", "unknown"),
        ] {
            assert_eq!(product(version), expected, "{version}");
        }
    }
}
