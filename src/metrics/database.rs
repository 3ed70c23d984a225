//! The connections to our database and what is sent over them.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::labels::{ConnectionState, DatabaseError, PoolName, Statement};
use super::maker::Maker;
use super::process::PoolLook;
use super::{Metrics, catalogue};

pub(super) struct Database {
    connections: IntGaugeVec,
    connections_max: IntGaugeVec,
    waiting: IntGaugeVec,
    wait: HistogramVec,
    query_duration: HistogramVec,
    errors: IntCounterVec,
}

impl Database {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self {
            connections: make.gauges(&catalogue::DB_POOL_CONNECTIONS),
            connections_max: make.gauges(&catalogue::DB_POOL_CONNECTIONS_MAX),
            waiting: make.gauges(&catalogue::DB_POOL_WAITING),
            wait: make.histograms(&catalogue::DB_POOL_WAIT),
            query_duration: make.histograms(&catalogue::DB_QUERY_DURATION),
            errors: make.counters(&catalogue::DB_ERRORS),
        }
    }
}

impl Metrics {
    /// How a pool stands.
    pub fn set_pool(&self, pool: PoolName, look: PoolLook) {
        let series = &self.database;
        let set = |gauges: &IntGaugeVec, labels: &[&str], count: usize| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            gauges.with_label_values(labels).set(count);
        };
        let pool = pool.as_str();
        let used = look.open.saturating_sub(look.idle);
        let states = [
            (ConnectionState::Idle, look.idle),
            (ConnectionState::Used, used),
        ];
        for (state, count) in states {
            set(&series.connections, &[pool, state.as_str()], count);
        }
        set(&series.connections_max, &[pool], look.max);
        set(&series.waiting, &[pool], look.waiting);
    }

    /// Somebody got a connection of the pool after so long.
    pub fn connection_lent(&self, pool: PoolName, waited: Duration) {
        self.database
            .wait
            .with_label_values(&[pool.as_str()])
            .observe(waited.as_secs_f64());
    }

    /// A statement was answered.
    pub fn statement_answered(&self, statement: Statement, took: Duration) {
        self.database
            .query_duration
            .with_label_values(&[statement.as_str()])
            .observe(took.as_secs_f64());
    }

    /// Something went wrong with the database.
    pub fn database_failed(&self, error: DatabaseError) {
        self.database
            .errors
            .with_label_values(&[error.as_str()])
            .inc();
    }
}
