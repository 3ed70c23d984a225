//! What callers may put into the variables, good and bad: the business says no by a code, or one
//! incident names the variable and the type, or the engine itself refuses. Never a panic, never a
//! value in a message, and nothing written behind an incident.

mod alarms;
mod canary;
mod checks;
mod incidents;
mod requests;
mod set_aside;

use futures_util::future::join_all;
use phantom_worker::topics;
use serde_json::{Value as Json, json};

use crate::support::World;
use crate::support::wallets::{Applicant, PROCESS};
use crate::support::worker::Worker;

/// A variable with its type, as the engine reads it.
fn typed(engine_type: &str, value: impl Into<Json>) -> Json {
    json!({"type": engine_type, "value": value.into()})
}

/// A Java object in its serialised form.
fn object(format: &str, text: &str) -> Json {
    json!({"type": "Object", "value": text, "valueInfo": {
        "objectTypeName": "java.util.LinkedHashMap", "serializationDataFormat": format}})
}

/// Nothing that a task was given made its worker panic, and nothing was tried twice.
async fn assert_unshaken(world: &World, worker: &Worker, incidents: usize) {
    for topic in topics::names() {
        let panics = format!("phantom_worker_task_panics_total{{topic=\"{topic}\"}}");
        assert_eq!(worker.series(&panics).await, 0.0);
    }
    assert!(!worker.log().contains("panicked"), "{}", worker.log());
    assert_eq!(world.engine.incidents().await.len(), incidents);
    assert_eq!(world.engine.failures().await.len(), incidents);
}
