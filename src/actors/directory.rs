//! Where the actors are. A restarted actor has a new address, so whoever needs one asks here each
//! time. A message to an actor that is away is dropped and counted: messages are hints, and what
//! must not be lost is in the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message};
use futures_util::future::BoxFuture;

use super::audit::AuditActor;
use super::messages::{Leave, Ping};
use super::metrics::MetricsActor;
use super::notification::NotificationActor;
use super::poller::TopicPoller;
use super::pool::HandlerPool;
use super::supervisor::ChildId;
use crate::metrics::Metrics;

/// The present address of each child of the supervisor.
pub struct Directory {
    metrics: Arc<Metrics>,
    listings: Mutex<BTreeMap<ChildId, Listing>>,
}

/// An actor's address and which incarnation of it this is.
pub(crate) struct Listing {
    pub(crate) incarnation: u64,
    pub(crate) address: Address,
}

/// The address of one kind of child.
#[derive(Clone)]
pub enum Address {
    /// Of the metrics actor.
    Metrics(Addr<MetricsActor>),
    /// Of the audit actor.
    Audit(Addr<AuditActor>),
    /// Of the notification actor.
    Notification(Addr<NotificationActor>),
    /// Of a topic's poller.
    Poller(Addr<TopicPoller>),
    /// Of a topic's pool.
    Pool(Addr<HandlerPool>),
}

impl Address {
    /// Ends an actor that may be alive: a pool and its handlers hold each other's addresses, so
    /// dropping ours would not do.
    pub(super) fn dismiss(&self) {
        match self {
            Self::Metrics(address) => address.do_send(Leave),
            Self::Audit(address) => address.do_send(Leave),
            Self::Notification(address) => address.do_send(Leave),
            Self::Poller(address) => address.do_send(Leave),
            Self::Pool(address) => address.do_send(Leave),
        }
    }

    /// Whether it answers within this time.
    pub(super) fn ping(&self, limit: Duration) -> BoxFuture<'static, bool> {
        match self {
            Self::Metrics(address) => alive(address, limit),
            Self::Audit(address) => alive(address, limit),
            Self::Notification(address) => alive(address, limit),
            Self::Poller(address) => alive(address, limit),
            Self::Pool(address) => alive(address, limit),
        }
    }
}

fn alive<A>(address: &Addr<A>, limit: Duration) -> BoxFuture<'static, bool>
where
    A: Actor<Context = Context<A>> + Handler<Ping>,
{
    let answer = address.send(Ping).timeout(limit);
    Box::pin(async move { answer.await.is_ok() })
}

/// An actor of which the whole process has one, and which others tell things.
pub(crate) trait Core: Actor<Context = Context<Self>> {
    /// Its place in the tree.
    const CHILD: ChildId;

    /// The address, if it is one of this actor.
    fn at(address: Address) -> Option<Addr<Self>>;
}

impl Directory {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            listings: Mutex::default(),
        }
    }

    pub(crate) fn list(&self, child: ChildId, incarnation: u64, address: Address) {
        let listing = Listing {
            incarnation,
            address,
        };
        self.listings().insert(child, listing);
    }

    pub(crate) fn strike(&self, child: ChildId) {
        self.listings().remove(&child);
    }

    /// The child's address and the number of its incarnation, if it is there.
    pub fn find(&self, child: ChildId) -> Option<(u64, Address)> {
        self.listings()
            .get(&child)
            .map(|listing| (listing.incarnation, listing.address.clone()))
    }

    /// Tells the actor of this kind, if it is there and has room for the message.
    pub(crate) fn tell<A, M>(&self, message: M)
    where
        A: Core + Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        let told = self
            .find(A::CHILD)
            .and_then(|(_, address)| A::at(address))
            .is_some_and(|address| address.try_send(message).is_ok());
        if !told {
            self.metrics.message_dropped(A::CHILD.kind());
        }
    }

    fn listings(&self) -> MutexGuard<'_, BTreeMap<ChildId, Listing>> {
        // The map is whole after each statement, so a panic elsewhere does not spoil it.
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
