//! Works on one task at a time.

use std::sync::Arc;

use actix::prelude::*;

use super::exit::ExitGuard;
use super::life::live;
use super::messages::{Crash, Run};
use super::parts::Parts;
use super::pool::{Freed, HandlerPool};
use crate::metrics::ActorKind;

/// One slot of a topic. It starts the task's life and waits for its end; if it dies before, the
/// life goes on without it.
pub(super) struct HandlerActor {
    parts: Arc<Parts>,
    pool: Addr<HandlerPool>,
    freed: Freed,
    _guard: ExitGuard<usize>,
}

impl HandlerActor {
    pub(super) fn new(
        parts: Arc<Parts>,
        pool: Addr<HandlerPool>,
        freed: Freed,
        guard: ExitGuard<usize>,
    ) -> Self {
        Self {
            parts,
            pool,
            freed,
            _guard: guard,
        }
    }
}

impl Actor for HandlerActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.parts.starting(ActorKind::Handler);
    }
}

impl Handler<Run> for HandlerActor {
    type Result = ();

    fn handle(&mut self, run: Run, ctx: &mut Self::Context) {
        let life = self.parts.spawn_life(live(run.delivery));
        ctx.spawn(life.into_actor(self).map(|ended, handler, _| {
            if let Err(error) = ended {
                tracing::error!(error = %error, "a task's life ended in a panic of its own; the lock runs out");
            }
            // A pool that is gone has nothing to free.
            let _ = handler.pool.try_send(handler.freed);
        }));
    }
}

impl Handler<Crash> for HandlerActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("asked to crash");
    }
}
