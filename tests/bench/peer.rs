//! The peer: `camunda-external-task-client-js`, as fast as its settings allow (`peer/peer.mjs`).

use std::process::Command;
use std::time::Duration;

use super::rival::Place;
use super::stand::Stand;

/// The JavaScript client as a process of its own.
pub(crate) fn command(stand: &Stand, place: &Place, pause: Duration) -> Command {
    let mut command = Command::new(&stand.node);
    command
        .arg(stand.peer.join("peer.mjs"))
        .env("ENGINE", &place.engine)
        .env("TENANT", &place.tenant)
        .env("TOPIC", place.topic)
        .env("PAUSE", pause.as_millis().to_string());
    command
}
