//! Starts every child from a factory, restarts it alone, and knows when to give up.
//!
//! actix's own supervisor restarts an actor that stopped; one that panicked is gone without a word.
//! So each child holds an `ExitGuard`, and a restart is a new actor with fresh state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::mpsc::UnboundedSender;

use super::audit::{AuditActor, Happened};
use super::directory::Address;
use super::exit::{ChildExited, ExitGuard};
use super::messages::Crash;
use super::metrics::MetricsActor;
use super::notification::NotificationActor;
use super::parts::Parts;
use super::poller::TopicPoller;
use super::pool::HandlerPool;
use super::restart::{Decision, RestartPolicy, spread};
use crate::metrics::{ActorKind, RestartReason};
use crate::readiness::{Place, TopicState};

/// How often every child is asked for a sign of life.
const ROUND: Duration = Duration::from_secs(5);
/// A child that is silent for so long is replaced.
const SILENCE: Duration = Duration::from_secs(15);
/// A topic that was switched off is tried again after this.
const TOPIC_OFF: Duration = Duration::from_secs(60);

/// The children. Topics go by their index in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChildId {
    /// The metrics actor.
    Metrics,
    /// The audit actor.
    Audit,
    /// The notification actor.
    Notification,
    /// A topic's poller.
    Poller(usize),
    /// A topic's pool.
    Pool(usize),
}

impl ChildId {
    pub(super) fn kind(self) -> ActorKind {
        match self {
            Self::Metrics => ActorKind::Metrics,
            Self::Audit => ActorKind::Audit,
            Self::Notification => ActorKind::Notification,
            Self::Poller(_) => ActorKind::Poller,
            Self::Pool(_) => ActorKind::Pool,
        }
    }

    fn topic(self) -> Option<usize> {
        match self {
            Self::Poller(topic) | Self::Pool(topic) => Some(topic),
            _ => None,
        }
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind().as_str())
    }
}

/// Why the tree is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeExit {
    /// A core actor ended more often than restarting can help.
    GaveUp(ChildId),
    /// The supervisor itself is gone.
    SupervisorGone,
}

/// The root of the tree.
pub struct Supervisor {
    parts: Arc<Parts>,
    children: BTreeMap<ChildId, Child>,
    /// Topics that are off until they are tried again.
    off: BTreeSet<usize>,
    exit: UnboundedSender<TreeExit>,
    last_round: Instant,
    _guard: RootGuard,
}

#[derive(Default)]
struct Child {
    incarnation: u64,
    address: Option<Address>,
    last_heard: Option<Instant>,
    restarts: RestartPolicy,
}

/// The supervisor has no parent but `app`.
struct RootGuard(UnboundedSender<TreeExit>);

impl Drop for RootGuard {
    fn drop(&mut self) {
        // Nobody listens any more when the process is ending anyway.
        let _ = self.0.send(TreeExit::SupervisorGone);
    }
}

impl Supervisor {
    /// The tree over these parts. `exit` hears when it cannot go on.
    pub fn new(parts: Arc<Parts>, exit: UnboundedSender<TreeExit>) -> Self {
        Self {
            parts,
            children: BTreeMap::new(),
            off: BTreeSet::new(),
            last_round: Instant::now(),
            _guard: RootGuard(exit.clone()),
            exit,
        }
    }

    fn start_child(&mut self, id: ChildId, ctx: &mut Context<Self>) {
        if self.parts.is_draining() {
            return;
        }
        let child = self.children.entry(id).or_default();
        child.incarnation += 1;
        let guard = ExitGuard::new(id, child.incarnation, ctx.address().recipient());
        let parts = Arc::clone(&self.parts);
        let address = match id {
            ChildId::Metrics => Address::Metrics(MetricsActor::new(parts, guard).start()),
            ChildId::Audit => Address::Audit(AuditActor::new(parts, guard).start()),
            ChildId::Notification => {
                Address::Notification(NotificationActor::new(parts, guard).start())
            }
            ChildId::Poller(topic) => {
                Address::Poller(TopicPoller::new(parts, topic, guard).start())
            }
            ChildId::Pool(topic) => {
                let supervisor = ctx.address().recipient();
                Address::Pool(HandlerPool::new(parts, topic, supervisor, guard).start())
            }
        };
        self.parts
            .directory
            .list(id, child.incarnation, address.clone());
        let now = Instant::now();
        child.address = Some(address);
        child.last_heard = Some(now);
        let place = self.place(id);
        self.parts.readiness.actor_started(place, now);
        self.tell_up(id.kind());
    }

    /// Tells whether every actor of this kind is at work.
    fn tell_up(&self, kind: ActorKind) {
        let mut of_kind = self.children.iter().filter(|(id, _)| id.kind() == kind);
        let up = of_kind.all(|(_, child)| child.address.is_some());
        self.parts.metrics.set_actor_up(kind, up);
    }

    fn start_topic(&mut self, topic: usize, ctx: &mut Context<Self>) {
        let name = self.parts.topics[topic].name();
        self.parts.readiness.set_topic(name, TopicState::On);
        self.parts.metrics.set_topic_off(name, false);
        self.start_child(ChildId::Pool(topic), ctx);
        self.start_child(ChildId::Poller(topic), ctx);
    }

    fn restart(&mut self, id: ChildId, reason: RestartReason, ctx: &mut Context<Self>) {
        self.dismiss(id);
        if self.parts.is_draining() {
            return;
        }
        self.parts.metrics.actor_restarted(id.kind(), reason);
        let place = self.place(id);
        self.parts.readiness.actor_ended(place, reason.as_str());
        let child = self.children.entry(id).or_default();
        match child.restarts.child_ended(Instant::now(), spread()) {
            Decision::RestartAfter(delay) => {
                tracing::warn!(
                    actor = %id, reason = reason.as_str(), delay_ms = delay.as_millis() as u64,
                    "actor {id} ended ({}) and is started again", reason.as_str()
                );
                self.note(
                    "actor_restarted",
                    "actor",
                    self.describe(id),
                    reason.as_str(),
                );
                let incarnation = child_incarnation(&self.children, id);
                ctx.run_later(delay, move |supervisor, ctx| {
                    // Switching the topic off and on again meanwhile has started it already.
                    if child_incarnation(&supervisor.children, id) == incarnation {
                        supervisor.start_child(id, ctx);
                    }
                });
            }
            Decision::GiveUp => match id.topic() {
                Some(topic) => self.switch_off(topic, ctx),
                None => self.give_up(id),
            },
        }
    }

    /// Takes a child out of the tree. What still holds its address finds a closed mailbox.
    fn dismiss(&mut self, id: ChildId) {
        self.parts.directory.strike(id);
        self.parts.readiness.actor_gone(self.place(id));
        if let Some(child) = self.children.get_mut(&id) {
            child.last_heard = None;
            if let Some(address) = child.address.take() {
                address.dismiss();
            }
        }
        self.tell_up(id.kind());
        if let ChildId::Pool(topic) = id {
            self.parts.set_handlers_up(&self.parts.topics[topic], false);
        }
    }

    /// Restarting does not help this topic. The others go on; this one is tried again later.
    fn switch_off(&mut self, topic: usize, ctx: &mut Context<Self>) {
        if !self.off.insert(topic) {
            return;
        }
        let name = self.parts.topics[topic].name();
        tracing::error!(
            task.topic = name,
            "topic {name} is off: its actors end again and again"
        );
        for id in [ChildId::Poller(topic), ChildId::Pool(topic)] {
            if let Some(child) = self.children.get_mut(&id) {
                child.incarnation += 1;
                child.restarts = RestartPolicy::default();
            }
            self.dismiss(id);
        }
        let unread = Arc::clone(&self.parts.topics[topic]);
        self.parts
            .spawn_life(async move { unread.take_unread_poll().await });
        self.parts.readiness.set_topic(
            name,
            TopicState::Off {
                since: Instant::now(),
            },
        );
        self.parts.metrics.set_topic_off(name, true);
        self.note("topic_switched_off", "topic", name.to_owned(), "off");
        ctx.run_later(TOPIC_OFF, move |supervisor, ctx| {
            tracing::info!(task.topic = name, "trying topic {name} again");
            supervisor.off.remove(&topic);
            supervisor.note("topic_switched_on", "topic", name.to_owned(), "on");
            supervisor.start_topic(topic, ctx);
        });
    }

    fn give_up(&self, id: ChildId) {
        tracing::error!(actor = %id, "actor {id} ends again and again; the process cannot do its work without it");
        // Nobody listens any more when the process is ending anyway.
        let _ = self.exit.send(TreeExit::GaveUp(id));
    }

    fn note(&self, action: &'static str, kind: &'static str, id: String, outcome: &str) {
        self.parts.note(Happened::now(action, kind, id, outcome));
    }

    fn place(&self, id: ChildId) -> Place {
        let topic = id.topic().map(|topic| self.parts.topics[topic].name());
        (id.kind().as_str(), topic)
    }

    fn describe(&self, id: ChildId) -> String {
        match id.topic() {
            Some(topic) => format!("{id} of {}", self.parts.topics[topic].name()),
            None => id.to_string(),
        }
    }

    /// Asks every child for a sign of life and replaces those that gave none for too long.
    fn make_round(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        // When the arbiter itself was stuck, nobody could answer: that is `/livez`'s business.
        let on_time = now.duration_since(self.last_round) < 2 * ROUND;
        self.last_round = now;
        let silent: Vec<_> = self
            .children
            .iter()
            .filter(|(_, child)| {
                child
                    .last_heard
                    .is_some_and(|heard| now.duration_since(heard) > SILENCE)
            })
            .map(|(id, _)| *id)
            .collect();
        if on_time {
            for id in silent {
                if let Some(child) = self.children.get_mut(&id) {
                    child.incarnation += 1;
                }
                self.restart(id, RestartReason::Unresponsive, ctx);
            }
        }
        for (&id, child) in &self.children {
            if let Some(address) = &child.address {
                let incarnation = child.incarnation;
                let answer = address.ping(SILENCE);
                ctx.spawn(answer.into_actor(self).map(move |alive, supervisor, _| {
                    if alive {
                        supervisor.heard(id, incarnation);
                    }
                }));
            }
        }
    }

    fn heard(&mut self, id: ChildId, incarnation: u64) {
        if let Some(child) = self.children.get_mut(&id)
            && child.incarnation == incarnation
            && child.address.is_some()
        {
            let now = Instant::now();
            child.last_heard = Some(now);
            let place = self.place(id);
            self.parts.readiness.actor_heard(place, now);
        }
    }
}

fn child_incarnation(children: &BTreeMap<ChildId, Child>, id: ChildId) -> Option<u64> {
    children.get(&id).map(|child| child.incarnation)
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_child(ChildId::Metrics, ctx);
        self.start_child(ChildId::Audit, ctx);
        self.start_child(ChildId::Notification, ctx);
        for topic in 0..self.parts.topics.len() {
            self.start_topic(topic, ctx);
        }
        ctx.run_interval(ROUND, Self::make_round);
    }
}

impl Handler<ChildExited<ChildId>> for Supervisor {
    type Result = ();

    fn handle(&mut self, exited: ChildExited<ChildId>, ctx: &mut Self::Context) {
        if child_incarnation(&self.children, exited.child) == Some(exited.incarnation) {
            let reason = if exited.panicked {
                RestartReason::Panicked
            } else {
                RestartReason::Stopped
            };
            self.restart(exited.child, reason, ctx);
        }
    }
}

/// A topic's handler actors end again and again.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct TopicFailed {
    pub(super) topic: usize,
}

impl Handler<TopicFailed> for Supervisor {
    type Result = ();

    fn handle(&mut self, failed: TopicFailed, ctx: &mut Self::Context) {
        self.switch_off(failed.topic, ctx);
    }
}

impl Handler<Crash> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("asked to crash");
    }
}
