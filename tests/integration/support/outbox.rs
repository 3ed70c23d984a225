//! The outbox as a committed change leaves it.

use phantom_worker::store::clock;
use phantom_worker::tasks::{EngineMessage, Origin, Tx};

use super::World;

impl World {
    /// Queues messages as a transaction does.
    pub(crate) async fn queue(&self, messages: impl IntoIterator<Item = EngineMessage>) {
        let mut conn = self.database.pool.get().await.unwrap();
        let now = clock::now(&mut conn).await.unwrap();
        let mut tx = Tx::new(&mut conn, now, Origin::command("story"));
        for message in messages {
            tx.message(message);
        }
        assert!(tx.flush(async |_| Ok(())).await.unwrap().outbox_grew);
    }
}
