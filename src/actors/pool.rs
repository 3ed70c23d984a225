//! Hands the tasks of one topic to its handler actors, one each, and watches over those.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use actix::dev::SendError;
use actix::prelude::*;

use super::delivery::Delivery;
use super::exit::{ChildExited, ExitGuard};
use super::handler::HandlerActor;
use super::messages::{Crash, Run, understands_its_supervisor};
use super::parts::Parts;
use super::restart::{Decision, RestartPolicy, spread};
use super::supervisor::{ChildId, TopicFailed};
use super::topic::Topic;
use crate::metrics::{ActorKind, RestartReason};
use crate::readiness::Place;

/// The pool of one topic.
pub struct HandlerPool {
    parts: Arc<Parts>,
    topic: Arc<Topic>,
    slots: Vec<Slot>,
    /// Tasks whose slot is free while its actor is being restarted.
    waiting: VecDeque<Delivery>,
    supervisor: Recipient<TopicFailed>,
    index: usize,
    _guard: ExitGuard<ChildId>,
}

/// The place of one handler actor.
#[derive(Default)]
struct Slot {
    actor: Option<Addr<HandlerActor>>,
    incarnation: u64,
    busy: bool,
    restarts: RestartPolicy,
}

impl HandlerPool {
    pub(super) fn new(
        parts: Arc<Parts>,
        index: usize,
        supervisor: Recipient<TopicFailed>,
        guard: ExitGuard<ChildId>,
    ) -> Self {
        let topic = Arc::clone(&parts.topics[index]);
        let slots = std::iter::repeat_with(Slot::default)
            .take(topic.settings.slots)
            .collect();
        Self {
            parts,
            topic,
            slots,
            waiting: VecDeque::new(),
            supervisor,
            index,
            _guard: guard,
        }
    }

    fn start_handler(&mut self, slot: usize, ctx: &mut Context<Self>) {
        let place = &mut self.slots[slot];
        place.incarnation += 1;
        let guard = ExitGuard::new(slot, place.incarnation, ctx.address().recipient());
        let freed = Freed {
            slot,
            incarnation: place.incarnation,
        };
        let handler = HandlerActor::new(Arc::clone(&self.parts), ctx.address(), freed, guard);
        place.actor = Some(handler.start());
        place.busy = false;
        let readiness = &self.parts.readiness;
        readiness.actor_started(self.handlers(), Instant::now());
        self.tell_handlers();
    }

    /// The place of all its handlers on the board.
    fn handlers(&self) -> Place {
        (ActorKind::Handler.as_str(), Some(self.topic.name()))
    }

    fn tell_handlers(&self) {
        let up = self.slots.iter().all(|slot| slot.actor.is_some());
        self.parts.set_handlers_up(&self.topic, up);
    }

    fn dispatch(&mut self) {
        while let Some(delivery) = self.waiting.pop_front() {
            let Some(place) = self.slots.iter_mut().find(|slot| slot.is_free()) else {
                return self.waiting.push_front(delivery);
            };
            let actor = place.actor.as_ref().expect("a free slot has an actor");
            match actor.try_send(Run { delivery }) {
                Ok(()) => place.busy = true,
                // It has just died, and the word of it is on its way.
                Err(SendError::Closed(run) | SendError::Full(run)) => {
                    place.actor = None;
                    self.waiting.push_front(run.delivery);
                }
            }
        }
    }
}

impl Slot {
    fn is_free(&self) -> bool {
        !self.busy && self.actor.is_some()
    }
}

impl Actor for HandlerPool {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.starting(ActorKind::Pool);
        ctx.set_mailbox_capacity(2 * self.slots.len() + 16);
        for slot in 0..self.slots.len() {
            self.start_handler(slot, ctx);
        }
    }
}

impl Handler<Run> for HandlerPool {
    type Result = ();

    fn handle(&mut self, run: Run, _: &mut Self::Context) {
        self.waiting.push_back(run.delivery);
        self.dispatch();
    }
}

/// A handler actor has done its task.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(super) struct Freed {
    slot: usize,
    incarnation: u64,
}

impl Handler<Freed> for HandlerPool {
    type Result = ();

    fn handle(&mut self, freed: Freed, _: &mut Self::Context) {
        let place = &mut self.slots[freed.slot];
        if place.incarnation == freed.incarnation {
            place.busy = false;
            self.dispatch();
        }
    }
}

impl Handler<ChildExited<usize>> for HandlerPool {
    type Result = ();

    fn handle(&mut self, exited: ChildExited<usize>, ctx: &mut Self::Context) {
        let handlers = self.handlers();
        let place = &mut self.slots[exited.child];
        if place.incarnation != exited.incarnation {
            return;
        }
        // The task it had, if any, lives on and keeps its permit.
        place.actor = None;
        let decision = place.restarts.child_ended(Instant::now(), spread());
        self.tell_handlers();
        let reason = if exited.panicked {
            RestartReason::Panicked
        } else {
            RestartReason::Stopped
        };
        let parts = &self.parts;
        parts.metrics.actor_restarted(ActorKind::Handler, reason);
        parts.readiness.actor_ended(handlers, reason.as_str());
        match decision {
            Decision::RestartAfter(delay) => {
                tracing::warn!(
                    task.topic = self.topic.name(),
                    delay_ms = delay.as_millis() as u64,
                    "a handler actor of {} ended and is started again",
                    self.topic.name()
                );
                ctx.run_later(delay, move |pool, ctx| {
                    pool.start_handler(exited.child, ctx);
                    pool.dispatch();
                });
            }
            Decision::GiveUp => self.supervisor.do_send(TopicFailed { topic: self.index }),
        }
    }
}

understands_its_supervisor!(HandlerPool);

/// Crash the handler actor of this slot.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CrashHandler {
    /// Which slot.
    pub slot: usize,
}

impl Handler<CrashHandler> for HandlerPool {
    type Result = ();

    fn handle(&mut self, crash: CrashHandler, _: &mut Self::Context) {
        if let Some(actor) = &self.slots[crash.slot].actor {
            actor.do_send(Crash);
        }
    }
}
