//! Writes down what happened without a task (starts, restarts, lost locks, the drain), and has the
//! log sealed.
//!
//! What tasks change is audited in the tasks' own transactions. These events have none, so a
//! `Journal` outside the actor keeps them until the database has taken them. Sealing is the work of
//! `seal`; here is when it happens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::{Value, json};

use super::directory::{Address, Core};
use super::exit::ExitGuard;
use super::messages::{AuditAppended, understands_its_supervisor};
use super::parts::Parts;
use super::seal::{SOON, seal_round};
use super::supervisor::ChildId;
use crate::metrics::{ActorKind, AuditOutcome};
use crate::store::audit_log::{self, NewAuditRow};
use crate::store::settings::ANSWER_TIMEOUT;

/// Kept while the database is away; beyond it the oldest go, which is logged.
const MOST_KEPT: usize = 10_000;
/// How long to wait for a database that is away.
const RETRY: Duration = Duration::from_secs(1);

/// Events that the database has not taken yet.
#[derive(Default)]
pub(crate) struct Journal(Mutex<VecDeque<Happened>>);

impl Journal {
    pub(super) fn keep(&self, event: Happened) {
        let mut kept = self.kept();
        kept.push_back(event);
        if kept.len() > MOST_KEPT {
            kept.pop_front();
            tracing::error!("too many audit events wait for the database; the oldest is dropped");
        }
    }

    fn take(&self) -> Vec<Happened> {
        self.kept().drain(..).collect()
    }

    fn take_back(&self, events: Vec<Happened>) {
        let mut kept = self.kept();
        for event in events.into_iter().rev() {
            kept.push_front(event);
        }
    }

    fn is_empty(&self) -> bool {
        self.kept().is_empty()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Happened>> {
        // The queue is whole after each statement, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that happened to the worker.
pub struct Happened {
    /// When.
    pub at: DateTime<Utc>,
    /// A verb in the past: `actor_restarted`.
    pub action: &'static str,
    /// What kind of thing it happened to: `actor`, `topic`, `worker`, `external_task`.
    pub subject_kind: &'static str,
    /// Which one.
    pub subject_id: String,
    /// How it ended.
    pub outcome: String,
    /// More; `Value::Null` for nothing.
    pub detail: Value,
}

impl Happened {
    /// Something that happened just now.
    #[expect(
        clippy::disallowed_methods,
        reason = "no transaction, so no database clock to ask"
    )]
    pub fn now(
        action: &'static str,
        subject_kind: &'static str,
        subject_id: impl Into<String>,
        outcome: impl Into<String>,
    ) -> Self {
        Self {
            at: Utc::now(),
            action,
            subject_kind,
            subject_id: subject_id.into(),
            outcome: outcome.into(),
            detail: Value::Null,
        }
    }

    /// With more to tell.
    #[must_use]
    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

/// The audit actor.
pub struct AuditActor {
    parts: Arc<Parts>,
    writing: bool,
    sealing: bool,
    /// There is something new since the sealing under way began, or since the last one.
    appended: bool,
    seal_timer: Option<SpawnHandle>,
    _guard: ExitGuard<ChildId>,
}

impl AuditActor {
    pub(super) fn new(parts: Arc<Parts>, guard: ExitGuard<ChildId>) -> Self {
        Self {
            parts,
            writing: false,
            sealing: false,
            appended: false,
            seal_timer: None,
            _guard: guard,
        }
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.parts.journal.is_empty() {
            return;
        }
        self.writing = true;
        let parts = Arc::clone(&self.parts);
        let written = self
            .parts
            .spawn_chore(async move { write_journal(&parts).await });
        ctx.spawn(written.into_actor(self).map(|written, actor, ctx| {
            actor.writing = false;
            let wait = match written {
                Ok(true) => {
                    actor.appended(ctx);
                    Duration::ZERO
                }
                _ => RETRY,
            };
            ctx.run_later(wait, |actor, ctx| actor.write(ctx));
        }));
    }

    /// The first hint after a sealing sets the clock for the next; the others find it set.
    fn appended(&mut self, ctx: &mut Context<Self>) {
        let known = std::mem::replace(&mut self.appended, true);
        if !known && !self.sealing {
            self.seal_after(SOON, ctx);
        }
    }

    fn seal_after(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.seal_timer.take() {
            ctx.cancel_future(timer);
        }
        self.seal_timer = Some(ctx.run_later(wait, |actor, ctx| actor.seal(ctx)));
    }

    fn seal(&mut self, ctx: &mut Context<Self>) {
        // The drain seals what is left, when everybody has said their last words.
        if self.sealing || self.parts.is_draining() {
            return;
        }
        self.sealing = true;
        self.appended = false;
        let parts = Arc::clone(&self.parts);
        let sealed = self
            .parts
            .spawn_chore(async move { seal_round(&parts).await });
        ctx.spawn(sealed.into_actor(self).map(|next, actor, ctx| {
            actor.sealing = false;
            let wait = match (actor.appended, next) {
                (false, Ok(next)) => next,
                // Also after a panic, which the log has told of.
                _ => SOON,
            };
            actor.seal_after(wait, ctx);
        }));
    }
}

/// Writes the journal's events; `false` when the database did not take them.
pub async fn write_journal(parts: &Parts) -> bool {
    let events = parts.journal.take();
    match insert(parts, &events).await {
        Ok(()) => {
            let metrics = &parts.metrics;
            metrics.audit_rows(AuditOutcome::Written, events.len());
            true
        }
        Err(error) => {
            let metrics = &parts.metrics;
            metrics.audit_rows(AuditOutcome::Failed, events.len());
            tracing::warn!(error = %error, events = events.len(), "could not write audit events yet");
            parts.journal.take_back(events);
            false
        }
    }
}

async fn insert(parts: &Parts, events: &[Happened]) -> anyhow::Result<()> {
    let rows: Vec<_> = events.iter().map(|event| row(parts, event)).collect();
    let write = async |conn: &mut AsyncPgConnection| audit_log::insert(conn, &rows).await;
    Ok(parts.chore_pool.ask(ANSWER_TIMEOUT, write).await?)
}

fn row<'a>(parts: &'a Parts, event: &'a Happened) -> NewAuditRow<'a> {
    let detail = match &event.detail {
        Value::Null => json!({}),
        detail => detail.clone(),
    };
    NewAuditRow {
        occurred_at: event.at,
        origin: "worker",
        worker_id: Some(&parts.instance),
        task_id: None,
        process_instance_id: None,
        action: event.action,
        subject_kind: event.subject_kind,
        subject_id: &event.subject_id,
        outcome: &event.outcome,
        detail: detail.to_string(),
    }
}

impl Core for AuditActor {
    const CHILD: ChildId = ChildId::Audit;

    fn at(address: Address) -> Option<Addr<Self>> {
        match address {
            Address::Audit(address) => Some(address),
            _ => None,
        }
    }
}

impl Actor for AuditActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.starting(ActorKind::Audit);
        ctx.set_mailbox_capacity(1024);
        self.write(ctx);
        self.seal(ctx);
    }
}

/// There is something new in the journal.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct JournalGrew;

impl Handler<JournalGrew> for AuditActor {
    type Result = ();

    fn handle(&mut self, _: JournalGrew, ctx: &mut Self::Context) {
        self.write(ctx);
    }
}

impl Handler<AuditAppended> for AuditActor {
    type Result = ();

    fn handle(&mut self, _: AuditAppended, ctx: &mut Self::Context) {
        self.appended(ctx);
    }
}

understands_its_supervisor!(AuditActor);
