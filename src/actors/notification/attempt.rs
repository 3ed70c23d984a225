//! What came of one attempt to send a message, and how it is written down.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use tracing::Level;

use crate::actors::backoff::Backoff;
use crate::actors::parts::Parts;
use crate::actors::restart::spread;
use crate::metrics::{AuditOutcome, Channel, DeliveryOutcome};
use crate::store::audit_log::{self, NewAuditRow};
use crate::store::clock;
use crate::store::outbox::ClaimedMessage;
use crate::store::settings::ANSWER_TIMEOUT;

/// How often an outcome is written down before the claim is left to run out: less than a minute.
const MARK_TRIES: u32 = 6;

/// What came of it.
pub(super) enum Attempt {
    /// It is out.
    Sent,
    /// Nobody needs it any more, which is a normal end: no dead letter, but recorded.
    Moot {
        /// What the audit log calls it.
        action: &'static str,
        /// Why it is not needed.
        outcome: &'static str,
        /// More about it.
        detail: Value,
    },
    /// It is to be tried again.
    Later(Later),
    /// Trying again would not help.
    Dead(String),
}

/// Why and when a message is tried again.
pub(super) struct Later {
    pub(super) reason: String,
    pub(super) wait: Duration,
    /// Whether anybody was asked: a look at what is missing here is no attempt.
    pub(super) counts: bool,
    /// How the log tells of it: what is to be expected is no warning.
    pub(super) level: Level,
    pub(super) peer: Peer,
}

/// What an attempt says of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It may take the next message, whatever it made of this one.
    Well,
    /// It would take none now.
    Unwell {
        /// The least time to leave it alone.
        rest: Duration,
    },
}

/// Waits that double each time.
pub(super) struct Waits {
    pub(super) first: Duration,
    /// Before jitter, which adds half of it at most.
    pub(super) longest: Duration,
}

impl Waits {
    /// The wait after so many attempts.
    pub(super) fn after(&self, attempts: i32) -> Duration {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
        self.first
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.longest)
            .mul_f64(spread())
    }

    /// The wait of a message that has waited so long: it doubles too, and counts nothing.
    pub(super) fn once_more(&self, waited: TimeDelta) -> Duration {
        waited
            .to_std()
            .unwrap_or_default()
            .clamp(self.first, self.longest)
            .mul_f64(spread())
    }
}

impl Attempt {
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Later(later) => later.peer,
            Self::Sent | Self::Moot { .. } | Self::Dead(_) => Peer::Well,
        }
    }

    /// Writes it down. If that fails, the claim runs out and the message is sent again: a mail with
    /// the same Message-ID, an engine message to an instance that has ended by then.
    pub(super) async fn mark(&self, parts: &Parts, channel: Channel, message: &ClaimedMessage) {
        self.tell(channel, message);
        parts.metrics.message_tried(channel, self.outcome());
        let mut backoff = Backoff::default();
        for _ in 0..MARK_TRIES {
            let write =
                async |conn: &mut AsyncPgConnection| self.write(conn, channel, message).await;
            match parts.chore_pool.ask(ANSWER_TIMEOUT, write).await {
                Ok(()) => {
                    let audited = usize::from(matches!(self, Self::Moot { .. } | Self::Dead(_)));
                    return parts.metrics.audit_rows(AuditOutcome::Written, audited);
                }
                Err(error) => {
                    tracing::debug!(error = %error, "could not mark the message yet");
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
        let (noun, key) = (noun(channel), &message.notification_key);
        tracing::warn!(
            outbox.key = key,
            "could not mark {noun} {key}; its claim runs out"
        );
    }

    fn outcome(&self) -> DeliveryOutcome {
        match self {
            Self::Sent | Self::Moot { .. } => DeliveryOutcome::Delivered,
            Self::Later(_) => DeliveryOutcome::Retried,
            Self::Dead(_) => DeliveryOutcome::Dead,
        }
    }

    async fn write(
        &self,
        conn: &mut AsyncPgConnection,
        channel: Channel,
        message: &ClaimedMessage,
    ) -> QueryResult<()> {
        match self {
            Self::Sent => message.mark_sent(conn).await.map(drop),
            Self::Moot {
                action,
                outcome,
                detail,
            } => close(conn, message, action, outcome, detail).await,
            Self::Later(later) => {
                let attempts = message.attempts - i32::from(!later.counts);
                message
                    .put_off(conn, attempts, later.wait, &later.reason)
                    .await
            }
            Self::Dead(reason) => bury(conn, channel, message, reason).await,
        }
    }

    fn tell(&self, channel: Channel, message: &ClaimedMessage) {
        let (noun, key, attempts) = (noun(channel), &message.notification_key, message.attempts);
        match self {
            // Told by who knows more.
            Self::Sent | Self::Moot { .. } => {}
            Self::Later(Later { reason, level, .. }) if *level == Level::WARN => tracing::warn!(
                outbox.key = key,
                attempts,
                reason,
                "{noun} {key} waits for another try"
            ),
            Self::Later(Later { reason, .. }) => tracing::debug!(
                outbox.key = key,
                attempts,
                reason,
                "{noun} {key} waits for another try"
            ),
            Self::Dead(reason) => {
                tracing::error!(
                    outbox.key = key,
                    attempts,
                    reason,
                    "{noun} {key} is set aside"
                );
            }
        }
    }
}

fn noun(channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => "mail",
        Channel::EngineMessage => "engine message",
    }
}

/// A dead letter is a change that an auditor asks about, so both rows commit together.
async fn bury(
    conn: &mut AsyncPgConnection,
    channel: Channel,
    message: &ClaimedMessage,
    reason: &str,
) -> QueryResult<()> {
    let action = match channel {
        Channel::Mail => "mail_set_aside",
        Channel::EngineMessage => "engine_message_set_aside",
    };
    let detail = json!({ "key": message.notification_key, "reason": reason });
    conn.transaction(async |conn| {
        if message.mark_dead(conn, reason).await? {
            audit(conn, message, action, "dead", &detail).await?;
        }
        Ok(())
    })
    .await
}

/// The message counts as sent, and the audit log says that it was not needed.
async fn close(
    conn: &mut AsyncPgConnection,
    message: &ClaimedMessage,
    action: &str,
    outcome: &str,
    detail: &Value,
) -> QueryResult<()> {
    conn.transaction(async |conn| {
        if message.mark_sent(conn).await? {
            audit(conn, message, action, outcome, detail).await?;
        }
        Ok(())
    })
    .await
}

async fn audit(
    conn: &mut AsyncPgConnection,
    message: &ClaimedMessage,
    action: &str,
    outcome: &str,
    detail: &Value,
) -> QueryResult<()> {
    let row = NewAuditRow {
        occurred_at: clock::now(conn).await?,
        origin: "notification",
        worker_id: None,
        task_id: None,
        process_instance_id: message.process_instance_id.as_deref(),
        action,
        subject_kind: "outbox_message",
        subject_id: &message.id.to_string(),
        outcome,
        detail: detail.to_string(),
    };
    audit_log::insert(conn, &[row]).await
}
