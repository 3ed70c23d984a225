//! Ties the rooms that count nothing themselves to the series.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::Level;

use crate::actors::Parts;
use crate::camunda::client::{CallWatch, Came, Operation};
use crate::metrics::{
    DatabaseError, EngineCode, EngineOperation, LogLevel, Metrics, PoolLook, PoolName,
    ProcessState, Statement,
};
use crate::readiness::Phase;
use crate::store::pool::{self, Fault, PoolWatch};
use crate::store::{Pool, PoolFailure, StoreSettings};
use crate::telemetry;

/// Counts the calls to the engine.
pub(super) struct EngineCalls(pub(super) Arc<Metrics>);

impl CallWatch for EngineCalls {
    fn ended(&self, operation: Operation, came: Came, took: Duration) {
        let operation = match operation {
            Operation::Fetch => EngineOperation::Fetch,
            Operation::Complete => EngineOperation::Complete,
            Operation::Failure => EngineOperation::Failure,
            Operation::BpmnError => EngineOperation::BpmnError,
            Operation::ExtendLock => EngineOperation::ExtendLock,
            Operation::Unlock => EngineOperation::Unlock,
            Operation::QueryTasks => EngineOperation::QueryTasks,
            Operation::QueryModels => EngineOperation::QueryModels,
            Operation::Message => EngineOperation::Message,
            Operation::Other => EngineOperation::Other,
        };
        let code = match came {
            Came::Status(status) => EngineCode::of_status(status),
            Came::Timeout => EngineCode::Timeout,
            Came::Broken => EngineCode::Connect,
            Came::Unreadable => EngineCode::Decode,
        };
        self.0.engine_called(operation, code, took);
    }
}

/// Counts what one pool of connections does.
struct PoolWork {
    metrics: Arc<Metrics>,
    pool: PoolName,
}

impl PoolWatch for PoolWork {
    fn lent(&self, waited: Duration) {
        self.metrics.connection_lent(self.pool, waited);
    }

    fn answered(&self, statement: pool::Statement, took: Duration) {
        let statement = match statement {
            pool::Statement::Select => Statement::Select,
            pool::Statement::Insert => Statement::Insert,
            pool::Statement::Update => Statement::Update,
            pool::Statement::Delete => Statement::Delete,
            pool::Statement::Transaction => Statement::Transaction,
            pool::Statement::Other => Statement::Other,
        };
        self.metrics.statement_answered(statement, took);
    }

    fn failed(&self, fault: Fault) {
        self.metrics.database_failed(match fault {
            Fault::PoolTimeout => DatabaseError::PoolTimeout,
            Fault::Connection => DatabaseError::Connection,
            Fault::Serialization => DatabaseError::Serialization,
            Fault::Constraint => DatabaseError::Constraint,
            Fault::Other => DatabaseError::Other,
        });
    }
}

/// A pool whose work is counted under this name.
pub(super) fn pool(
    settings: &StoreSettings,
    pool: PoolName,
    metrics: &Arc<Metrics>,
) -> Result<Pool, PoolFailure> {
    let metrics = Arc::clone(metrics);
    let work = PoolWork { metrics, pool };
    Pool::watched(settings, Handle::current(), Arc::new(work))
}

const LEVELS: [(Level, LogLevel); 5] = [
    (Level::ERROR, LogLevel::Error),
    (Level::WARN, LogLevel::Warn),
    (Level::INFO, LogLevel::Info),
    (Level::DEBUG, LogLevel::Debug),
    (Level::TRACE, LogLevel::Trace),
];

/// Has each scrape look at the pools, the phase and the log.
pub(super) fn look_when_scraped(parts: &Parts, pages: &Pool) {
    let pools = [
        (PoolName::Tasks, parts.pool.clone()),
        (PoolName::Chores, parts.chore_pool.clone()),
        (PoolName::Pages, pages.clone()),
    ];
    let readiness = Arc::clone(&parts.readiness);
    parts.metrics.watch(move |metrics| {
        for (name, pool) in &pools {
            metrics.set_pool(*name, look(pool));
        }
        for (level, label) in LEVELS {
            metrics.set_log_events(label, telemetry::logged(level));
        }
        metrics.set_state(match readiness.phase() {
            Phase::Starting => ProcessState::Starting,
            Phase::Running => ProcessState::Running,
            Phase::Draining => ProcessState::Draining,
        });
    });
}

fn look(pool: &Pool) -> PoolLook {
    let status = pool.status();
    PoolLook {
        max: status.max,
        open: status.open,
        idle: status.idle,
        waiting: status.waiting,
    }
}
