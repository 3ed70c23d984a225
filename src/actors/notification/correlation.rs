//! Tells one process instance one message.
//!
//! The engine answers one and the same 400 when the instance is not yet at its gateway, suspended,
//! told before, or gone, so what it means is asked for: an instance that is there is tried again
//! until the message's end, one that has ended is a normal end. That is also what a second attempt
//! finds after a first one whose answer was lost: the message leads straight to an end event.
//!
//! An instance that neither lives nor stands in the history has ended too: an engine need not keep
//! a history, and cleans it up. A user who may not see instances sees none either, but then fetches
//! no tasks, which the start-up check and the probes tell.

use std::time::Duration;

use serde_json::json;
use tracing::Level;

use super::attempt::{Attempt, Later, Peer, Waits};
use crate::actors::fetch::chain;
use crate::actors::parts::Parts;
use crate::camunda::variables::InvalidVariable;
use crate::camunda::{Client, EngineError};
use crate::metrics::MessageOutcome;
use crate::store::outbox::ClaimedMessage;
use crate::tasks::EngineMessage;

/// For an instance that does not wait for the message. Short at first: somebody who is quick with
/// the link is here before our own `complete` has reached the engine.
const INSTANCE_WAITS: Waits = Waits {
    first: Duration::from_millis(200),
    longest: LONGEST,
};
/// For an engine that had a race or a fault in the middle of it.
const RACE_WAITS: Waits = Waits {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(4),
};
/// For an engine that is away. How often it is asked at all is the lane's to say.
const ENGINE_WAITS: Waits = Waits {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(1),
};
/// For a message that this version does not know.
const VERSION_WAITS: Waits = Waits {
    first: Duration::from_secs(2),
    longest: LONGEST,
};
/// With jitter a minute.
const LONGEST: Duration = Duration::from_secs(40);
/// Attempts in vain up to which nobody needs to know: about ten seconds.
const QUIET_ATTEMPTS: i32 = 6;
/// Wrong credentials lock the user for some seconds, which each further try prolongs.
const UNAUTHORISED_REST: Duration = Duration::from_secs(5);

/// What is known of the instance and its message after an attempt.
#[derive(Debug)]
enum Heard {
    /// It took the message.
    Told,
    /// It has ended; with its state in the history, if there is one.
    Ended { state: Option<String> },
    /// It is there, and does not wait for the message.
    NotWaiting { suspended: bool },
    /// The engine had no answer to one of the questions.
    Failed(EngineError),
    /// The message cannot be written.
    Unwritable(InvalidVariable),
}

/// Sends a claimed engine message.
pub(super) async fn tell(parts: &Parts, claimed: &ClaimedMessage) -> Attempt {
    let Ok(message) = serde_json::from_value::<EngineMessage>(claimed.payload.clone()) else {
        // Of a newer version: its replica knows the message, or this one will when it is newer.
        let reason = "this version does not know the message".to_owned();
        return later(reason, VERSION_WAITS.after(claimed.attempts), Level::WARN);
    };
    let heard = correlate(&parts.engine, &message).await;
    log(&heard, &message, claimed);
    let is_over = claimed.claimed_at >= message.until();
    let (outcome, attempt) = judge(heard, &message, claimed.attempts, is_over);
    parts
        .metrics
        .engine_message_finished(message.template(), outcome);
    attempt
}

async fn correlate(engine: &Client, message: &EngineMessage) -> Heard {
    let wire = match message.to_message() {
        Ok(wire) => wire,
        Err(invalid) => return Heard::Unwritable(invalid),
    };
    match engine.correlate(&wire).await {
        Ok(()) => Heard::Told,
        Err(EngineError::Refused(answer)) if answer.status == 400 => {
            look_for(engine, message.process_instance_id().as_str()).await
        }
        Err(error) => Heard::Failed(error),
    }
}

/// What the engine's refusal meant.
async fn look_for(engine: &Client, instance: &str) -> Heard {
    match engine.process_instance(instance).await {
        Ok(Some(instance)) => Heard::NotWaiting {
            suspended: instance.suspended,
        },
        Ok(None) => remember(engine, instance).await,
        Err(error) => Heard::Failed(error),
    }
}

async fn remember(engine: &Client, instance: &str) -> Heard {
    match engine.history_process_instance(instance).await {
        // It lives, and this user may see its past but not its present.
        Ok(Some(past)) if past.end_time.is_none() => Heard::NotWaiting { suspended: false },
        Ok(past) => Heard::Ended {
            state: past.map(|past| past.state),
        },
        Err(error) => Heard::Failed(error),
    }
}

fn judge(
    heard: Heard,
    message: &EngineMessage,
    attempts: i32,
    is_over: bool,
) -> (MessageOutcome, Attempt) {
    let (outcome, attempt) = match heard {
        Heard::Told => (MessageOutcome::Correlated, Attempt::Sent),
        Heard::Ended { state } => {
            let state = state.as_deref().unwrap_or("unknown");
            let attempt = Attempt::Moot {
                action: "engine_message_moot",
                outcome: "instance_ended",
                detail: json!({
                    "key": message.key(), "engine_id": message.engine_id(), "state": state,
                }),
            };
            (MessageOutcome::InstanceEnded, attempt)
        }
        Heard::NotWaiting { suspended } => {
            (MessageOutcome::NotWaiting, not_waiting(suspended, attempts))
        }
        Heard::Failed(error) => (MessageOutcome::EngineFailed, failed(error, attempts)),
        Heard::Unwritable(invalid) => {
            (MessageOutcome::SetAside, Attempt::Dead(invalid.to_string()))
        }
    };
    match attempt {
        Attempt::Later(later) if is_over => {
            let given_up = format!("nobody waits for it any more: {}", later.reason);
            (MessageOutcome::SetAside, Attempt::Dead(given_up))
        }
        attempt => (outcome, attempt),
    }
}

fn not_waiting(suspended: bool, attempts: i32) -> Attempt {
    let reason = match suspended {
        true => "the process instance is suspended",
        false => "the process instance does not wait for it yet",
    };
    let level = match attempts <= QUIET_ATTEMPTS {
        true => Level::DEBUG,
        false => Level::WARN,
    };
    later(reason.to_owned(), INSTANCE_WAITS.after(attempts), level)
}

fn failed(error: EngineError, attempts: i32) -> Attempt {
    let (waits, peer) = match &error {
        EngineError::Busy(_) => (RACE_WAITS, Peer::Well),
        EngineError::Refused(answer) if answer.status >= 500 => (RACE_WAITS, Peer::Well),
        EngineError::Unauthorised(_) => {
            let rest = UNAUTHORISED_REST;
            (ENGINE_WAITS, Peer::Unwell { rest })
        }
        _ => {
            let rest = Duration::ZERO;
            (ENGINE_WAITS, Peer::Unwell { rest })
        }
    };
    Attempt::Later(Later {
        // It comes to stand in the outbox, and in the audit log for ever.
        reason: chain(&error.without_words()),
        wait: waits.after(attempts),
        counts: true,
        level: Level::WARN,
        peer,
    })
}

fn later(reason: String, wait: Duration, level: Level) -> Attempt {
    Attempt::Later(Later {
        reason,
        wait,
        counts: true,
        level,
        peer: Peer::Well,
    })
}

/// The normal ends, and the engine's own words where it failed. What waits or is set aside is told
/// as of every message.
fn log(heard: &Heard, message: &EngineMessage, claimed: &ClaimedMessage) {
    let (instance, template) = (message.process_instance_id(), message.template());
    let (key, attempts) = (&claimed.notification_key, claimed.attempts);
    match heard {
        Heard::Told => tracing::info!(
            process.instance = %instance, outbox.key = key, message.template = template, attempts,
            "told process instance {instance} message {key}"
        ),
        Heard::Ended { state } => tracing::info!(
            process.instance = %instance, outbox.key = key, message.template = template, attempts,
            process.state = state,
            "process instance {instance} has ended and needs no message {key}"
        ),
        Heard::Failed(error) => tracing::debug!(
            process.instance = %instance, outbox.key = key, message.template = template, attempts,
            error = %chain(error),
            "could not tell process instance {instance} message {key}"
        ),
        Heard::NotWaiting { .. } | Heard::Unwritable(_) => {}
    }
}

#[cfg(test)]
mod tests;
