//! Drains the outbox: claims what is due, sends it outside any transaction, marks it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, WrapFuture,
};
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use super::backoff::Backoff;
use super::directory::{Address, Core};
use super::exit::ExitGuard;
use super::messages::{OutboxGrew, understands_its_supervisor};
use super::parts::Parts;
use super::restart::spread;
use super::supervisor::ChildId;
use crate::mail::{Letter, Mail, SendError};
use crate::metrics::{ActorKind, MailOutcome};
use crate::store::NoAnswer;
use crate::store::audit_log::{self, NewAuditRow};
use crate::store::clock;
use crate::store::outbox::{self, ClaimedMessage};
use crate::store::settings::ANSWER_TIMEOUT;

/// How long a claimed mail is ours: one mail may take five minutes, and a minute more.
const CLAIM: Duration = Duration::from_secs(6 * 60);
/// Mails on their way to the server at once.
const PLACES: usize = 4;
/// How often an outcome is written down before the claim is left to run out: less than a minute.
const MARK_TRIES: u32 = 6;
/// Looks this often for mails that another replica queued or left behind.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// The first wait of a mail that the server did not take yet; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait of a mail.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Attempts after which a mail is set aside: about three days.
const MOST_ATTEMPTS: i32 = 300;

/// The notification actor.
pub struct NotificationActor {
    parts: Arc<Parts>,
    sending: bool,
    /// More came while a round was under way.
    again: bool,
    timer: Option<SpawnHandle>,
    _guard: ExitGuard<ChildId>,
}

impl NotificationActor {
    pub(super) fn new(parts: Arc<Parts>, guard: ExitGuard<ChildId>) -> Self {
        Self {
            parts,
            sending: false,
            again: false,
            timer: None,
            _guard: guard,
        }
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        if self.sending {
            self.again = true;
            return;
        }
        self.sending = true;
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let parts = Arc::clone(&self.parts);
        let sent = self
            .parts
            .spawn_chore(async move { send_due(&parts).await });
        ctx.spawn(sent.into_actor(self).map(|next, actor, ctx| {
            actor.sending = false;
            let sleep = if std::mem::take(&mut actor.again) {
                Duration::ZERO
            } else {
                next.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
            };
            actor.timer = Some(ctx.run_later(sleep, |actor, ctx| actor.send(ctx)));
        }));
    }
}

/// Sends every mail that is due, and tells how long until the next one is.
///
/// A mail is claimed when there is a place for it and sent at once, so that no claim grows old
/// behind a slow server, and a slow mail keeps nobody waiting but itself.
pub async fn send_due(parts: &Arc<Parts>) -> Duration {
    let mut sending = FuturesUnordered::new();
    loop {
        let places = if parts.is_draining() {
            0
        } else {
            PLACES - sending.len()
        };
        let claimed = match places {
            0 => Claimed::default(),
            places => claim(parts, places).await.unwrap_or_else(|error| {
                tracing::debug!(error = %error, "could not look into the outbox");
                Claimed::nothing_for(LONGEST_SLEEP.mul_f64(spread() / 2.0))
            }),
        };
        for message in claimed.messages {
            // Spawned, so that a mail goes on while this loop waits for the database.
            sending.push(parts.spawn_chore(deliver(Arc::clone(parts), message)));
        }
        if sending.is_empty() {
            parts.mailer.close_idle().await;
            return claimed.next_look;
        }
        tokio::select! {
            _ = sending.next() => {}
            () = parts.outbox_grew.notified() => {}
            () = tokio::time::sleep(claimed.next_look), if places > 0 => {}
        }
    }
}

struct Claimed {
    messages: Vec<ClaimedMessage>,
    /// When to look again, if nothing happens before.
    next_look: Duration,
}

impl Default for Claimed {
    fn default() -> Self {
        Self::nothing_for(LONGEST_SLEEP)
    }
}

impl Claimed {
    fn nothing_for(next_look: Duration) -> Self {
        Self {
            messages: Vec::new(),
            next_look,
        }
    }
}

async fn claim(parts: &Parts, places: usize) -> Result<Claimed, NoAnswer> {
    let limit = i64::try_from(places).unwrap_or(i64::MAX);
    let look = async |conn: &mut AsyncPgConnection| {
        let messages = outbox::claim_due(conn, outbox::MAIL, limit, CLAIM).await?;
        // With all places taken there is no use in knowing what comes next.
        let next = match messages.len() == places {
            true => None,
            false => outbox::next_due_in(conn, outbox::MAIL).await?,
        };
        // A row that is due and locked by another replica must not make this a busy loop.
        let next_look = next.unwrap_or(LONGEST_SLEEP);
        Ok(Claimed {
            messages,
            next_look: next_look.clamp(Duration::from_millis(100), LONGEST_SLEEP),
        })
    };
    parts.chore_pool.ask(ANSWER_TIMEOUT, look).await
}

/// Sends one mail and writes down what came of it.
async fn deliver(parts: Arc<Parts>, message: ClaimedMessage) {
    let sent = AssertUnwindSafe(send(&parts, &message))
        .catch_unwind()
        .await;
    // It would panic each time, and whatever it is, its neighbours go on.
    let attempt = sent.unwrap_or_else(|_panic| Attempt::Dead("writing the mail panicked".into()));
    mark(&parts, &message, attempt).await;
}

async fn send(parts: &Parts, message: &ClaimedMessage) -> Attempt {
    let Ok(mail) = serde_json::from_value::<Mail>(message.payload.clone()) else {
        // Of a newer version: its replica knows the mail, or this one will when it is newer.
        return Attempt::Later("this version does not know the mail".into());
    };
    let letter = match Letter::new(&mail, |_, _| Err("no key to sign the link with")) {
        Ok(letter) => letter,
        Err(reason) => return Attempt::Later(reason.into()),
    };
    let key = &message.notification_key;
    let (outcome, attempt) = match parts.mailer.send(key, &letter).await {
        Ok(message_id) => {
            tracing::info!(
                mail.key = key, mail.message_id = %message_id, mail.template = mail.template(),
                process.instance = message.process_instance_id, "sent mail {key}"
            );
            (MailOutcome::Sent, Attempt::Sent)
        }
        Err(SendError::Permanent { source }) => {
            (MailOutcome::Permanent, Attempt::Dead(source.to_string()))
        }
        Err(SendError::Transient { source }) if message.attempts >= MOST_ATTEMPTS => {
            let given_up = format!("given up after {MOST_ATTEMPTS} attempts: {source}");
            (MailOutcome::Transient, Attempt::Dead(given_up))
        }
        Err(SendError::Transient { source }) => {
            (MailOutcome::Transient, Attempt::Later(source.to_string()))
        }
    };
    parts.metrics.mail_finished(mail.template(), outcome);
    attempt
}

enum Attempt {
    Sent,
    Later(String),
    Dead(String),
}

impl Attempt {
    async fn write(
        &self,
        conn: &mut AsyncPgConnection,
        message: &ClaimedMessage,
    ) -> QueryResult<()> {
        match self {
            Self::Sent => message.mark_sent(conn).await.map(drop),
            Self::Later(reason) => {
                let wait = wait_after(message.attempts);
                message.put_off(conn, wait, reason).await.map(drop)
            }
            Self::Dead(reason) => bury(conn, message, reason).await,
        }
    }

    fn tell(&self, message: &ClaimedMessage) {
        let (key, attempts) = (&message.notification_key, message.attempts);
        match self {
            // Told by who knows the Message-ID.
            Self::Sent => {}
            Self::Later(reason) => tracing::warn!(
                mail.key = key,
                attempts,
                reason,
                "mail {key} waits for another try"
            ),
            Self::Dead(reason) => {
                tracing::error!(mail.key = key, attempts, reason, "mail {key} is set aside")
            }
        }
    }
}

/// Writes down what became of the attempt. If that fails, the claim runs out and the mail is sent
/// again, with the same Message-ID.
async fn mark(parts: &Parts, message: &ClaimedMessage, attempt: Attempt) {
    attempt.tell(message);
    let mut backoff = Backoff::default();
    for _ in 0..MARK_TRIES {
        let write = async |conn: &mut AsyncPgConnection| attempt.write(conn, message).await;
        match parts.chore_pool.ask(ANSWER_TIMEOUT, write).await {
            Ok(()) => return,
            Err(error) => {
                tracing::debug!(error = %error, "could not mark the mail yet");
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
    let key = &message.notification_key;
    tracing::warn!(
        mail.key = key,
        "could not mark mail {key}; its claim runs out"
    );
}

fn wait_after(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    FIRST_WAIT
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(LONGEST_WAIT)
        .mul_f64(spread())
}

/// A dead letter is a change that an auditor asks about, so both rows commit together.
async fn bury(
    conn: &mut AsyncPgConnection,
    message: &ClaimedMessage,
    reason: &str,
) -> QueryResult<()> {
    conn.transaction(async |conn| {
        if message.mark_dead(conn, reason).await? {
            let now = clock::now(conn).await?;
            let row = NewAuditRow {
                occurred_at: now,
                origin: "notification",
                worker_id: None,
                task_id: None,
                process_instance_id: message.process_instance_id.as_deref(),
                action: "mail_set_aside",
                subject_kind: "outbox_message",
                subject_id: &message.id.to_string(),
                outcome: "dead",
                detail: json!({ "key": message.notification_key, "reason": reason }).to_string(),
            };
            audit_log::insert(conn, &[row]).await?;
        }
        Ok(())
    })
    .await
}

impl Core for NotificationActor {
    const CHILD: ChildId = ChildId::Notification;

    fn at(address: Address) -> Option<Addr<Self>> {
        match address {
            Address::Notification(address) => Some(address),
            _ => None,
        }
    }
}

impl Actor for NotificationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.starting(ActorKind::Notification);
        ctx.set_mailbox_capacity(1024);
        self.send(ctx);
    }
}

impl Handler<OutboxGrew> for NotificationActor {
    type Result = ();

    fn handle(&mut self, _: OutboxGrew, ctx: &mut Self::Context) {
        self.send(ctx);
    }
}

understands_its_supervisor!(NotificationActor);
