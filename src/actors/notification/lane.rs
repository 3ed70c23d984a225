//! One channel of the outbox on its way out: a number of places, each with a message in it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, Peer};
use super::{correlation, mailing};
use crate::actors::backoff::Backoff;
use crate::actors::parts::Parts;
use crate::actors::restart::spread;
use crate::metrics::Channel;
use crate::store::NoAnswer;
use crate::store::outbox::{self, ClaimedMessage, Queue};
use crate::store::settings::ANSWER_TIMEOUT;

/// Messages of one channel on their way at once.
const PLACES: usize = 4;
/// Looks this often for what another replica queued or left behind.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// A row that is due and locked by another replica must not make this a busy loop.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);
/// How long a claimed mail is ours: one mail may take five minutes, and a minute more.
const MAIL_CLAIM: Duration = Duration::from_secs(6 * 60);
/// How long a claimed engine message is ours: three calls of half a minute each, and a minute more.
const MESSAGE_CLAIM: Duration = Duration::from_secs(3 * 60);

/// The messages of one channel that are on their way.
pub(super) struct Lane {
    channel: Channel,
    sending: FuturesUnordered<JoinHandle<Peer>>,
    /// When to look for more, if nothing happens before.
    next_look: Instant,
    /// The other side is not well: nothing is claimed before.
    rest_until: Instant,
    backoff: Backoff,
}

impl Lane {
    pub(super) fn new(channel: Channel) -> Self {
        let now = Instant::now();
        Self {
            channel,
            sending: FuturesUnordered::new(),
            next_look: now,
            rest_until: now,
            backoff: Backoff::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    /// There may be more.
    pub(super) fn look_now(&mut self) {
        self.next_look = Instant::now();
    }

    /// How long until there is something to do, if nothing happens before.
    pub(super) fn sleep(&self) -> Duration {
        self.wakes_at().saturating_duration_since(Instant::now())
    }

    fn wakes_at(&self) -> Instant {
        self.next_look.max(self.rest_until)
    }

    /// Claims what is due and starts to send it, as far as there are places.
    pub(super) async fn fill(&mut self, parts: &Arc<Parts>) {
        let now = Instant::now();
        if parts.is_draining() {
            self.next_look = now + LONGEST_SLEEP;
            return;
        }
        let places = PLACES - self.sending.len();
        if places == 0 || now < self.wakes_at() {
            return;
        }
        let sleep = match self.claim(parts, places).await {
            Ok((claimed, next_due)) => {
                for message in claimed {
                    // Spawned, so that it goes on while this loop waits for the database.
                    let delivery = deliver(Arc::clone(parts), self.channel, message);
                    self.sending.push(parts.spawn_chore(delivery));
                }
                let sleep = next_due.unwrap_or(LONGEST_SLEEP);
                sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not look into the outbox");
                LONGEST_SLEEP.mul_f64(spread() / 2.0)
            }
        };
        self.next_look = Instant::now() + sleep;
    }

    /// What was claimed, and how long until more falls due.
    async fn claim(
        &self,
        parts: &Parts,
        places: usize,
    ) -> Result<(Vec<ClaimedMessage>, Option<Duration>), NoAnswer> {
        let limit = i64::try_from(places).unwrap_or(i64::MAX);
        let (queue, term) = match self.channel {
            Channel::Mail => (Queue::Mail, MAIL_CLAIM),
            Channel::EngineMessage => {
                let engine_id = parts.engine_id.as_str();
                (Queue::EngineMessage { engine_id }, MESSAGE_CLAIM)
            }
        };
        let look = async |conn: &mut AsyncPgConnection| {
            let messages = outbox::claim_due(conn, queue, limit, term).await?;
            // With all places taken there is no use in knowing what comes next.
            let next_due = match messages.len() == places {
                true => None,
                false => outbox::next_due_in(conn, queue).await?,
            };
            Ok((messages, next_due))
        };
        parts.chore_pool.ask(ANSWER_TIMEOUT, look).await
    }

    /// Waits until a place is free again, or until it is time to look for more.
    pub(super) async fn turn(&mut self) {
        let (wakes_at, is_full) = (self.wakes_at(), self.sending.len() == PLACES);
        tokio::select! {
            Some(ended) = self.sending.next() => self.ended(&ended),
            () = sleep_until(wakes_at), if !is_full => {}
        }
    }

    fn ended(&mut self, ended: &Result<Peer, JoinError>) {
        let now = Instant::now();
        self.next_look = now;
        match ended {
            Ok(Peer::Well) => {
                self.backoff.reset();
                self.rest_until = now;
            }
            // Those that were under way together are one failure.
            Ok(Peer::Unwell { rest }) if now >= self.rest_until => {
                self.rest_until = now + self.backoff.next().max(*rest);
            }
            Ok(Peer::Unwell { .. }) | Err(_) => {}
        }
    }
}

/// Sends one message and writes down what came of it.
async fn deliver(parts: Arc<Parts>, channel: Channel, message: ClaimedMessage) -> Peer {
    let send = async {
        match channel {
            Channel::Mail => mailing::send(&parts, &message).await,
            Channel::EngineMessage => correlation::tell(&parts, &message).await,
        }
    };
    let sent = AssertUnwindSafe(send).catch_unwind().await;
    // It would panic each time, and whatever it is, its neighbours go on.
    let attempt = sent.unwrap_or_else(|_panic| Attempt::Dead("sending it panicked".into()));
    attempt.mark(&parts, channel, &message).await;
    attempt.peer()
}
