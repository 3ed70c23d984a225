//! Keeps one poll of one topic in flight and passes on what it brings.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::directory::Address;
use super::exit::ExitGuard;
use super::messages::{Run, understands_its_supervisor};
use super::parts::Parts;
use super::supervisor::ChildId;
use super::topic::Topic;
use crate::metrics::ActorKind;

/// The poller of one topic. The poll itself belongs to the [`Topic`]: a restarted poller waits for
/// the answer of the poll that its predecessor began.
pub struct TopicPoller {
    parts: Arc<Parts>,
    topic: Arc<Topic>,
    pool: ChildId,
    _guard: ExitGuard<ChildId>,
}

impl TopicPoller {
    pub(super) fn new(parts: Arc<Parts>, index: usize, guard: ExitGuard<ChildId>) -> Self {
        Self {
            topic: Arc::clone(&parts.topics[index]),
            pool: ChildId::Pool(index),
            parts,
            _guard: guard,
        }
    }
}

/// Wait for the next tasks.
#[derive(Message)]
#[rtype(result = "()")]
struct Poll;

impl Actor for TopicPoller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.starting(ActorKind::Poller);
        ctx.notify(Poll);
    }
}

impl Handler<Poll> for TopicPoller {
    type Result = ();

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) {
        let (parts, topic) = (Arc::clone(&self.parts), Arc::clone(&self.topic));
        let next = async move { topic.next_batch(&parts).await };
        ctx.spawn(next.into_actor(self).map(|batch, poller, ctx| {
            // None: the topic fetches no more, because the process drains.
            if let Some(deliveries) = batch {
                for delivery in deliveries {
                    poller.hand_over(Run { delivery });
                }
                ctx.notify(Poll);
            }
        }));
    }
}

impl TopicPoller {
    fn hand_over(&self, run: Run) {
        // A message that finds no pool is dropped here, and its task thereby given back.
        match self.parts.directory.find(self.pool) {
            Some((_, Address::Pool(pool))) if pool.try_send(run).is_ok() => {}
            _ => {
                self.parts.metrics.message_dropped(ActorKind::Pool);
                self.topic.rest_longer(Duration::ZERO);
            }
        }
    }
}

understands_its_supervisor!(TopicPoller);
