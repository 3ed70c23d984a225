//! The pool of connections.
//!
//! A connection's driver is a task on the runtime that opened it. HTTP threads and actors ask for
//! connections too, so every connection is opened on the multi-thread runtime: no blocked arbiter
//! and no stopped HTTP thread can take a connection with it.

mod connect;
mod watch;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel_async::pooled_connection::deadpool::{self, Object};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::try_join;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::config::SslMode;

use super::settings::{CONNECT_TIMEOUT, StoreSettings, UrlFault};
use connect::{describe, open, server_name, tls_connector, why};

pub use watch::{Fault, PoolWatch, Statement};

/// A cheap handle to the pool.
#[derive(Clone)]
pub struct Pool {
    inner: deadpool::Pool<AsyncPgConnection>,
    /// For what is said about it.
    server: Arc<str>,
    watch: Option<Arc<dyn PoolWatch>>,
}

/// How a pool stands.
#[derive(Clone, Copy, Debug)]
pub struct PoolStatus {
    /// The most connections it opens.
    pub max: usize,
    /// Those that are open.
    pub open: usize,
    /// Those of them that nobody has.
    pub idle: usize,
    /// Who waits for one.
    pub waiting: usize,
}

/// Why there is no connection to be had.
#[derive(Debug, thiserror::Error)]
pub enum PoolFailure {
    /// The server cannot be reached, is starting, or refuses us.
    #[error("connecting to the database at {server}: {why}")]
    Connect {
        /// Host and port, and nothing that is secret.
        server: String,
        /// The driver's words.
        why: String,
    },
    /// The settings name a server or a certificate that cannot be used.
    #[error("the database settings: {0}")]
    Settings(String),
}

/// Why a question to the database got no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// There is no connection to be had.
    #[error(transparent)]
    Pool(#[from] PoolFailure),
    /// The server refused.
    #[error("asking the database")]
    Query(#[from] diesel::result::Error),
    /// Nothing came in time.
    #[error("the database gave no answer in time")]
    Silence,
}

impl From<UrlFault> for PoolFailure {
    fn from(fault: UrlFault) -> Self {
        Self::Settings(format!("the URL {fault}"))
    }
}

impl Pool {
    /// Makes the pool; opens no connection yet. `runtime` must be a multi-thread runtime.
    ///
    /// # Errors
    /// [`PoolFailure::Settings`] when the URL or the certificate file cannot be used.
    pub fn new(settings: &StoreSettings, runtime: Handle) -> Result<Self, PoolFailure> {
        Self::build(settings, runtime, None)
    }

    /// A pool that tells `watch` of its work.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn watched(
        settings: &StoreSettings,
        runtime: Handle,
        watch: Arc<dyn PoolWatch>,
    ) -> Result<Self, PoolFailure> {
        Self::build(settings, runtime, Some(watch))
    }

    fn build(
        settings: &StoreSettings,
        runtime: Handle,
        watch: Option<Arc<dyn PoolWatch>>,
    ) -> Result<Self, PoolFailure> {
        let config = settings.config()?;
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls_connector(settings)?),
        };
        let server = server_name(&config).into();
        let mut manager = ManagerConfig::<AsyncPgConnection>::default();
        // A connection that the server closed is noticed without a query of its own.
        manager.recycling_method = RecyclingMethod::Fast;
        let each = watch.clone();
        manager.custom_setup = Box::new(move |_url| {
            let opening = open(config.clone(), tls.clone(), each.clone());
            let opening = runtime.spawn(tokio::time::timeout(CONNECT_TIMEOUT, opening));
            Box::pin(async move {
                let unreachable = diesel::ConnectionError::BadConnection;
                match opening.await {
                    Ok(Ok(opened)) => opened,
                    Ok(Err(_elapsed)) => {
                        let limit = CONNECT_TIMEOUT.as_secs();
                        Err(unreachable(format!("no answer within {limit} s")))
                    }
                    Err(gone) => Err(unreachable(describe(&gone))),
                }
            })
        });
        let manager =
            AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config("", manager);
        // No time-out on waiting for a free connection: the caller waits inside its lease.
        let inner = deadpool::Pool::builder(manager)
            .max_size(settings.pool_size)
            .build()
            .map_err(|fault| PoolFailure::Settings(fault.to_string()))?;
        Ok(Self {
            inner,
            server,
            watch,
        })
    }

    /// A connection, after waiting for a free one.
    ///
    /// # Errors
    /// [`PoolFailure::Connect`] when a new connection cannot be opened.
    pub async fn get(&self) -> Result<Connection, PoolFailure> {
        let asked = Instant::now();
        match self.inner.get().await {
            Ok(object) => {
                if let Some(watch) = &self.watch {
                    watch.lent(asked.elapsed());
                }
                Ok(Connection::lent(object))
            }
            Err(error) => {
                self.tell(Fault::Connection);
                Err(PoolFailure::Connect {
                    server: self.server.to_string(),
                    why: why(&error),
                })
            }
        }
    }

    /// A connection, after waiting for a free one no longer than `limit`.
    ///
    /// # Errors
    /// As [`Self::get`], and [`NoAnswer::Silence`] when the limit has passed.
    pub async fn get_within(&self, limit: Duration) -> Result<Connection, NoAnswer> {
        match timeout(limit, self.get()).await {
            Ok(conn) => Ok(conn?),
            Err(_elapsed) => {
                self.tell(Fault::PoolTimeout);
                Err(NoAnswer::Silence)
            }
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus {
            max: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }

    fn tell(&self, fault: Fault) {
        if let Some(watch) = &self.watch {
            watch.failed(fault);
        }
    }

    /// Lets `work` ask the database within `limit`, the wait for a connection included.
    ///
    /// A server that stands still keeps its connections open. One that was silent for too long is
    /// closed, so that nobody else waits for it.
    ///
    /// # Errors
    /// [`NoAnswer::Silence`] when the limit has passed, else what `work` or the pool said.
    pub async fn ask<T>(
        &self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, NoAnswer> {
        let until = Instant::now() + limit;
        let mut conn = self.get_within(limit).await?;
        match timeout_at(until, work(&mut conn)).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => {
                self.tell(Fault::Connection);
                conn.close();
                Err(NoAnswer::Silence)
            }
        }
    }

    /// Closes the pool: idle connections now, the others when they come back.
    pub fn close(&self) {
        self.inner.close();
    }
}

/// A connection on loan from the pool.
///
/// Dropped in the middle of a transaction, by a cancelled future or a panic, it is closed instead
/// of going back: in the pool it would keep its row locks until somebody happened to take it.
pub struct Connection {
    object: Option<Object<AsyncPgConnection>>,
    /// A transaction of [`Connection::begin_with`] has not ended for certain.
    is_in_transaction: bool,
}

/// Whatever the role's default is: who waited for another transaction must see what that one wrote.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

impl Connection {
    fn lent(object: Object<AsyncPgConnection>) -> Self {
        Self {
            object: Some(object),
            is_in_transaction: false,
        }
    }

    /// Begins a transaction and runs its first statement, in one round trip.
    ///
    /// The statement is on its way before PostgreSQL has answered to BEGIN. Should it refuse that
    /// (somebody cancels just this), it runs the statement all the same, and commits it by itself:
    /// so `first` must do no harm alone.
    ///
    /// # Errors
    /// Those of BEGIN and of `first`.
    pub async fn begin_with<T>(
        &mut self,
        first: impl AsyncFnOnce(&AsyncPgConnection) -> QueryResult<T>,
    ) -> QueryResult<T> {
        self.is_in_transaction = true;
        let conn: &AsyncPgConnection = self;
        // Polled in this order, so sent in this order.
        let ((), first) = try_join((&mut &*conn).batch_execute(BEGIN), first(conn)).await?;
        Ok(first)
    }

    /// Commits. Never to be sent together with a statement: should that be refused, this would
    /// end the transaction without a word of it.
    ///
    /// # Errors
    /// Those of the statement. Whether the transaction took place is not always known then.
    pub async fn commit(&mut self) -> QueryResult<()> {
        self.end_by("COMMIT").await
    }

    /// Rolls back.
    ///
    /// # Errors
    /// Those of the statement.
    pub async fn roll_back(&mut self) -> QueryResult<()> {
        self.end_by("ROLLBACK").await
    }

    async fn end_by(&mut self, statement: &str) -> QueryResult<()> {
        self.batch_execute(statement).await?;
        self.is_in_transaction = false;
        Ok(())
    }

    /// Whether the server is gone, as opposed to having refused one statement.
    pub fn is_lost(&mut self) -> bool {
        self.is_broken()
    }

    /// Closes the connection instead of giving it back.
    pub fn close(mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

const LENT: &str = "the connection is only taken by Drop";

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        self.object.as_ref().expect(LENT)
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        self.object.as_mut().expect(LENT)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(mut object) = self.object.take()
            && (self.is_in_transaction || object.is_broken())
        {
            drop(Object::take(object));
        }
    }
}

#[cfg(test)]
mod tests;
