//! Drains the outbox: claims what is due, sends it outside any transaction, marks it.
//!
//! Mails and messages to process instances have a lane each, so that neither waits for the
//! other's server. How one of them is sent is in `mailing` and `correlation`, what is written down
//! afterwards in `attempt`.

mod attempt;
mod correlation;
mod lane;
mod mailing;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, WrapFuture,
};

use super::directory::{Address, Core};
use super::exit::ExitGuard;
use super::messages::{OutboxGrew, understands_its_supervisor};
use super::parts::Parts;
use super::supervisor::ChildId;
use crate::mail::Mail;
use crate::metrics::{ActorKind, Channel, Templates};
use crate::tasks::EngineMessage;
use lane::{LONGEST_SLEEP, Lane};

/// All that this actor can send, for the metrics.
pub const TEMPLATES: Templates = Templates {
    mails: Mail::TEMPLATES,
    engine_messages: EngineMessage::TEMPLATES,
};

/// The notification actor.
pub struct NotificationActor {
    parts: Arc<Parts>,
    /// A round that is under way has taken them along.
    lanes: Option<Lanes>,
    /// More came while a round was under way.
    again: bool,
    timer: Option<SpawnHandle>,
    _guard: ExitGuard<ChildId>,
}

impl NotificationActor {
    pub(super) fn new(parts: Arc<Parts>, guard: ExitGuard<ChildId>) -> Self {
        Self {
            parts,
            lanes: Some(Lanes::default()),
            again: false,
            timer: None,
            _guard: guard,
        }
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        let Some(mut lanes) = self.lanes.take() else {
            self.again = true;
            // The round may be waiting for a slow server and look again only much later.
            self.parts.outbox_grew.notify_one();
            return;
        };
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let parts = Arc::clone(&self.parts);
        let round = self.parts.spawn_chore(async move {
            let next = lanes.send_due(&parts).await;
            (lanes, next)
        });
        ctx.spawn(round.into_actor(self).map(|ended, actor, ctx| {
            // What a lost round was sending is on its way all the same.
            let (lanes, next) = ended.unwrap_or_else(|_| (Lanes::default(), LONGEST_SLEEP));
            actor.lanes = Some(lanes);
            let sleep = if std::mem::take(&mut actor.again) {
                Duration::ZERO
            } else {
                next.min(LONGEST_SLEEP)
            };
            actor.timer = Some(ctx.run_later(sleep, |actor, ctx| actor.send(ctx)));
        }));
    }
}

/// Everything that leaves by the outbox, each kind in its own lane.
pub struct Lanes {
    mails: Lane,
    messages: Lane,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            mails: Lane::new(Channel::Mail),
            messages: Lane::new(Channel::EngineMessage),
        }
    }
}

impl Lanes {
    /// Sends everything that is due, and tells how long until something is again.
    ///
    /// A message is claimed when there is a place for it and sent at once, so that no claim grows
    /// old behind a slow server, and a slow message keeps nobody waiting but itself.
    pub async fn send_due(&mut self, parts: &Arc<Parts>) -> Duration {
        self.look_now();
        loop {
            self.mails.fill(parts).await;
            self.messages.fill(parts).await;
            if self.mails.is_empty() && self.messages.is_empty() {
                let mailer = parts.mailer.clone();
                // Spawned: a server that is slow to say goodbye must hold up nothing.
                parts.spawn_chore(async move { mailer.close_idle().await });
                return self.mails.sleep().min(self.messages.sleep());
            }
            tokio::select! {
                () = self.mails.turn() => {}
                () = self.messages.turn() => {}
                () = parts.outbox_grew.notified() => self.look_now(),
            }
        }
    }

    fn look_now(&mut self) {
        self.mails.look_now();
        self.messages.look_now();
    }
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
