//! The completions of process instances that have ended.
//!
//! A completion is what makes a second delivery harmless, so it stays as long as its task could
//! come back: while the instance runs, and after its end as long as an engine may be restored from
//! a backup. The engine is asked outside any transaction: an instance that has ended stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;

use super::{BATCH, Purge, STATEMENTS, Sweep, Trouble, Work, rest_since};
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::task_completions::{self, OldCompletion};
use crate::store::{NoAnswer, clock};

/// So many of the newest completions show whether the engine is the one that gave us its tasks.
const NEWEST: i64 = 500;

impl Sweep<'_> {
    pub(super) async fn completions(&mut self) -> Result<(), Trouble> {
        let purge = self.purge;
        let now = purge.pool.ask(ANSWER_TIMEOUT, clock::now).await?;
        let mut registrar = Registrar::new(purge, now - self.age);
        let mut ended = Vec::new();
        let mut last = None;
        loop {
            let began = Instant::now();
            let page = registrar.page(last.as_ref()).await?;
            ended.extend(registrar.ended(&page).await?);
            let is_last = page.len() < BATCH;
            if is_last || ended.len() >= BATCH * (STATEMENTS - 1) {
                self.take(&mut ended).await?;
            }
            if is_last {
                return Ok(());
            }
            last = page.into_iter().next_back();
            rest_since(began).await;
        }
    }

    async fn take(&mut self, ended: &mut Vec<String>) -> Result<(), Trouble> {
        let task_ids = std::mem::take(ended);
        if self.purge.dry_run {
            self.rows += task_ids.len();
        } else if !task_ids.is_empty() {
            self.delete(Work::Completions(&task_ids)).await?;
        }
        Ok(())
    }
}

/// Tells which process instances have ended long enough ago.
struct Registrar<'a> {
    purge: &'a Purge<'a>,
    before: DateTime<Utc>,
    /// The engine has shown that it knows instances of ours.
    is_known: bool,
    /// Whether the engine shows us instances of these processes.
    seen: BTreeMap<String, bool>,
}

impl<'a> Registrar<'a> {
    fn new(purge: &'a Purge<'a>, before: DateTime<Utc>) -> Self {
        Self {
            purge,
            before,
            is_known: false,
            seen: BTreeMap::new(),
        }
    }

    async fn page(&self, after: Option<&OldCompletion>) -> Result<Vec<OldCompletion>, NoAnswer> {
        let (engine_id, before) = (self.purge.engine_id, self.before);
        let find = async |conn: &mut AsyncPgConnection| {
            task_completions::find_old(conn, engine_id, before, after, BATCH as i64).await
        };
        self.purge.pool.ask(ANSWER_TIMEOUT, find).await
    }

    /// The tasks of a page whose instances have ended long enough ago.
    async fn ended(&mut self, page: &[OldCompletion]) -> Result<Vec<String>, Trouble> {
        let instances = page
            .iter()
            .map(|completion| completion.process_instance_id.as_str());
        let standing = self.look_up(&instances.collect()).await?;
        let mut ended = Vec::new();
        for completion in page {
            let has_ended = match standing.get(&completion.process_instance_id) {
                Some(Standing::Running) => false,
                Some(Standing::Ended(at)) => *at < self.before,
                None => self.is_forgotten(completion).await?,
            };
            if has_ended {
                ended.push(completion.task_id.clone());
            }
        }
        Ok(ended)
    }

    /// What the engine says of these instances; nothing of those that it does not know.
    async fn look_up(
        &mut self,
        instances: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Standing>, Trouble> {
        let engine = self.purge.engine;
        let ids: Vec<_> = instances.iter().copied().collect();
        // The running ones first: who is not among them has ended before the history is read, and
        // an engine that keeps no history still knows who is running.
        let running = engine.running_instances(&ids).await?;
        let remembered = engine.history_process_instances(&ids).await?;
        let ended = remembered.into_iter().map(|instance| {
            let standing = instance.end_time.map_or(Standing::Running, Standing::Ended);
            (instance.id, standing)
        });
        let mut standing: BTreeMap<_, _> = ended.collect();
        standing.extend(
            running
                .into_iter()
                .map(|instance| (instance.id.to_string(), Standing::Running)),
        );
        self.is_known |= !standing.is_empty();
        Ok(standing)
    }

    /// Whether the engine's silence about an instance means that it has ended. It would also say
    /// nothing if it were another engine, or hid the instance from our user.
    async fn is_forgotten(&mut self, completion: &OldCompletion) -> Result<bool, Trouble> {
        if !self.is_known {
            self.look_for_ours().await?;
        }
        let process = &completion.process_definition_key;
        if let Some(seen) = self.seen.get(process) {
            return Ok(*seen);
        }
        let seen = self.purge.engine.sees_instances_of(process).await?;
        if !seen {
            tracing::warn!(
                process.definition = process,
                "the engine's user may not see instances of {process}: completions of those that \
                 the engine does not show are kept"
            );
        }
        self.seen.insert(process.clone(), seen);
        Ok(seen)
    }

    async fn look_for_ours(&mut self) -> Result<(), Trouble> {
        let engine_id = self.purge.engine_id;
        let newest = async |conn: &mut AsyncPgConnection| {
            task_completions::newest_instances(conn, engine_id, NEWEST).await
        };
        let newest = self.purge.pool.ask(ANSWER_TIMEOUT, newest).await?;
        self.look_up(&newest.iter().map(String::as_str).collect())
            .await?;
        match self.is_known {
            true => Ok(()),
            false => Err(Trouble::Stranger),
        }
    }
}

/// What the engine says of an instance.
enum Standing {
    Running,
    Ended(DateTime<Utc>),
}
