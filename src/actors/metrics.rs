//! Keeps the series: counts what the others tell, and looks for what nobody tells.
//! It is also the one with a timer that keeps nobody waiting, so it begins the housekeeping.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use diesel_async::AsyncPgConnection;

use super::directory::{Address, Core};
use super::exit::ExitGuard;
use super::figures::{self, Scope};
use super::housekeeping::keep_house;
use super::messages::{FetchFinished, TaskFinished, understands_its_supervisor};
use super::parts::Parts;
use super::supervisor::ChildId;
use crate::metrics::ActorKind;
use crate::store::shared_figures;

/// How often the gauges are refreshed and the database is asked for a sign of life. `/readyz` must
/// tell within five seconds that the database is away.
const REFRESH: Duration = Duration::from_secs(2);

/// The metrics actor.
pub struct MetricsActor {
    parts: Arc<Parts>,
    _guard: ExitGuard<ChildId>,
}

impl MetricsActor {
    pub(super) fn new(parts: Arc<Parts>, guard: ExitGuard<ChildId>) -> Self {
        Self {
            parts,
            _guard: guard,
        }
    }

    fn refresh_again(&self, ctx: &mut Context<Self>) {
        let parts = Arc::clone(&self.parts);
        let refreshed = self.parts.spawn_chore(async move { refresh(&parts).await });
        ctx.spawn(refreshed.into_actor(self).map(|_, _, ctx| {
            ctx.run_later(REFRESH, |actor, ctx| actor.refresh_again(ctx));
        }));
    }

    fn keep_house_after(&self, wait: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(wait, |actor, ctx| {
            let parts = Arc::clone(&actor.parts);
            let kept = parts
                .clone()
                .spawn_chore(async move { keep_house(&parts).await });
            ctx.spawn(kept.into_actor(actor).map(|_, actor, ctx| {
                actor.keep_house_after(actor.parts.settings.housekeeping.every, ctx);
            }));
        });
    }
}

/// Shows the figures that all replicas share, has those that are due read, and thereby sees whether
/// the database answers.
pub async fn refresh(parts: &Arc<Parts>) {
    let scope = Scope::of(parts);
    let look = async |conn: &mut AsyncPgConnection| shared_figures::look(conn, &scope.keys()).await;
    // A database that hangs must show as soon as one that refuses.
    match parts.chore_pool.ask(REFRESH, look).await {
        Ok(known) => {
            parts.readiness.database_answered(Instant::now());
            for due in figures::due(&known) {
                // On its own: a slow engine must not make the database seem slow.
                parts.spawn_chore(figures::collect(Arc::clone(parts), due));
            }
            figures::show(parts, &known);
        }
        Err(_) => parts
            .readiness
            .database_failed("unreachable", Instant::now()),
    }
}

impl Core for MetricsActor {
    const CHILD: ChildId = ChildId::Metrics;

    fn at(address: Address) -> Option<Addr<Self>> {
        match address {
            Address::Metrics(address) => Some(address),
            _ => None,
        }
    }
}

impl Actor for MetricsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.starting(ActorKind::Metrics);
        ctx.set_mailbox_capacity(1024);
        self.refresh_again(ctx);
        // Replicas that start together take the database one after the other.
        let every = self.parts.settings.housekeeping.every;
        self.keep_house_after(every.mul_f64(rand::random_range(0.0..1.0)), ctx);
    }
}

impl Handler<TaskFinished> for MetricsActor {
    type Result = ();

    fn handle(&mut self, finished: TaskFinished, _: &mut Self::Context) {
        self.parts.metrics.task_finished(&finished.0);
    }
}

impl Handler<FetchFinished> for MetricsActor {
    type Result = ();

    fn handle(&mut self, finished: FetchFinished, _: &mut Self::Context) {
        let metrics = &self.parts.metrics;
        metrics.tasks_fetched(finished.topic, finished.tasks);
        metrics.fetch_finished(finished.outcome, finished.took);
    }
}

understands_its_supervisor!(MetricsActor);
