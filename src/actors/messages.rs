//! What the actors tell each other: commands in the imperative, events in the past.

use std::time::Duration;

use actix::Message;

use super::delivery::Delivery;
use crate::metrics::{FetchOutcome, Finished};

/// Are you there? Answered by every child of the supervisor.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ping;

/// You have been replaced: end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave;

/// Panic now: what tests and game days send to see the tree repair itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Crash;

/// Work on a task.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Run {
    /// Given back to the engine if this message is lost.
    pub delivery: Delivery,
}

/// A task left this process.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TaskFinished(pub Finished);

/// A fetch ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FetchFinished {
    /// The topic.
    pub topic: &'static str,
    /// How.
    pub outcome: FetchOutcome,
    /// Tasks it brought.
    pub tasks: usize,
    /// The long poll included.
    pub took: Duration,
}

/// There is something new in the outbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OutboxGrew;

/// There is something new in the audit log, committed and not sealed yet.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AuditAppended;

/// What the supervisor says to every child: are you there, end, and (in tests) panic.
macro_rules! understands_its_supervisor {
    ($actor:ty) => {
        impl actix::Handler<$crate::actors::messages::Ping> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::actors::messages::Ping, _: &mut Self::Context) {}
        }

        impl actix::Handler<$crate::actors::messages::Leave> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::actors::messages::Leave, ctx: &mut Self::Context) {
                actix::ActorContext::stop(ctx);
            }
        }

        impl actix::Handler<$crate::actors::messages::Crash> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::actors::messages::Crash, _: &mut Self::Context) {
                panic!("asked to crash");
            }
        }
    };
}
pub(super) use understands_its_supervisor;
