//! Rows held by a transaction of the story's own, so that work stands still at a known place.

use diesel_async::SimpleAsyncConnection;
use phantom_worker::store::pool::Connection;

use super::{World, until};

/// An open transaction; its rows are free again when it is released or dropped.
pub(crate) struct HeldRows(Connection);

impl World {
    /// Locks what `statement` locks.
    pub(crate) async fn hold(&self, statement: &str) -> HeldRows {
        let mut conn = self.database.pool.get().await.unwrap();
        conn.batch_execute("BEGIN").await.unwrap();
        conn.batch_execute(statement).await.unwrap();
        HeldRows(conn)
    }

    /// Waits until so many statements of this world's database wait for somebody's lock.
    pub(crate) async fn until_waiting(&self, statements: i64) {
        let waiting = "pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until(
            &format!("{statements} statements wait for a lock"),
            async || (self.count(waiting).await >= statements).then_some(()),
        )
        .await;
    }
}

impl HeldRows {
    pub(crate) async fn release(mut self) {
        self.0.batch_execute("COMMIT").await.unwrap();
    }
}
