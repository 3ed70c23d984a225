//! Tells which statements were sent, and which of them do not stay prepared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use diesel::connection::{DebugQuery, InstrumentationEvent};
use diesel_async::AsyncConnection;

use crate::store::Pool;

/// What of a transaction is not worth being prepared.
pub(crate) const TRANSACTION: [&str; 2] = ["BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT"];

/// The statements that `work` sends, in their order. `work` must take its one connection from this
/// pool, and nobody else may.
pub(crate) async fn sent(pool: &Pool, work: impl Future) -> Vec<String> {
    let statements = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statements);
    let mut conn = pool.get().await.unwrap();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            seen.lock().unwrap().push(text_of(query));
        }
    });
    drop(conn);
    work.await;
    let mut statements = statements.lock().unwrap();
    std::mem::take(&mut statements)
}

fn text_of(query: &dyn DebugQuery) -> String {
    let text = query.to_string();
    let (sql, _) = text.split_once(" -- binds").unwrap_or((&text, ""));
    sql.to_owned()
}

/// The statements that `work` sends and that do not stay prepared: those of [`TRANSACTION`] and no
/// others. `work` must be the first to send them to this pool, one after another.
pub(crate) async fn sent_unprepared(pool: &Pool, work: impl Future) -> Vec<String> {
    let statements = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&statements);
    let mut conn = pool.get().await.unwrap();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            let mut seen = seen.lock().unwrap();
            seen.entry(text_of(query)).or_insert(false);
        }
        InstrumentationEvent::CacheQuery { sql, .. } => {
            seen.lock().unwrap().insert(sql.to_owned(), true);
        }
        _ => {}
    });
    drop(conn);
    work.await;
    let statements = statements.lock().unwrap();
    let unprepared = statements.iter().filter(|(_, prepared)| !**prepared);
    unprepared.map(|(sql, _)| sql.clone()).collect()
}
