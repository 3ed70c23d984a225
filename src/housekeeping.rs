//! Deletes what nobody needs any more: completions of process instances that have ended, messages
//! that are sent, deliveries that were counted, persons behind requests that are settled.
//!
//! A room of its own, because the worker does it each hour and the command `purge` at once. It is
//! done in short transactions that take turns over all replicas, each with one audit row that
//! commits together with what it tells of, and it rests as long as it has worked. Dead letters are
//! an operator's to decide about and are never touched, nor are the rows of another engine.

mod aged;
mod completions;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use uuid::Uuid;

use crate::camunda::{Client, EngineError};
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::{self, NoAnswer, Pool, clock, task_completions};
use crate::tasks::{Event, Origin, Tx};

pub use aged::Aged;

/// Rows of one statement: it ends far below its time-out and holds its locks for a moment.
const BATCH: usize = 1000;
/// Statements of one transaction, so that a large purge leaves an audit row for each ten thousand.
const STATEMENTS: usize = 10;

/// What can be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Completions of process instances that have ended: only the engine knows which.
    Completions,
    /// What our database alone can tell.
    Aged(Aged),
}

impl Kind {
    /// All of them, in the order in which they are purged.
    pub const ALL: [Self; 4] = [
        Self::Completions,
        Self::Aged(Aged::SentMessages),
        Self::Aged(Aged::Deliveries),
        Self::Aged(Aged::PersonalData),
    ];

    fn action(self) -> &'static str {
        match self {
            Self::Completions => "completions_purged",
            Self::Aged(Aged::SentMessages) => "sent_messages_purged",
            Self::Aged(Aged::Deliveries) => "deliveries_purged",
            Self::Aged(Aged::PersonalData) => "personal_data_purged",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Completions => "completions of ended process instances",
            Self::Aged(Aged::SentMessages) => "sent messages",
            Self::Aged(Aged::Deliveries) => "tasks that were never heard of again",
            Self::Aged(Aged::PersonalData) => "personal data of settled wallet requests",
        })
    }
}

/// After how long each kind goes; never, where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ages {
    /// Since the instance ended, as far as the engine remembers, else since the answer.
    pub completions: Option<Duration>,
    /// Since the message was sent.
    pub sent_messages: Option<Duration>,
    /// Since the last delivery.
    pub deliveries: Option<Duration>,
    /// Since the request was settled.
    pub personal_data: Option<Duration>,
}

impl Ages {
    /// The age of one kind.
    pub fn of(&self, kind: Kind) -> Option<Duration> {
        match kind {
            Kind::Completions => self.completions,
            Kind::Aged(Aged::SentMessages) => self.sent_messages,
            Kind::Aged(Aged::Deliveries) => self.deliveries,
            Kind::Aged(Aged::PersonalData) => self.personal_data,
        }
    }
}

/// What the workers purge, and how often one of them does.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// What.
    pub ages: Ages,
    /// How often.
    pub every: Duration,
}

impl Schedule {
    /// What the workers do: once an hour, so that what has come of age is soon gone and each round
    /// finds little to do.
    pub fn hourly(ages: Ages) -> Self {
        let every = Duration::from_secs(60 * 60);
        Self { ages, every }
    }
}

/// Who purges what, and where.
pub struct Purge<'a> {
    /// The engine, which knows what has ended.
    pub engine: &'a Client,
    /// Its name in our database; completions of other engines are not looked at.
    pub engine_id: &'a str,
    /// Our database.
    pub pool: &'a Pool,
    /// After how long.
    pub ages: Ages,
    /// Who, for the audit log.
    pub origin: Origin<'a>,
    /// Counts what would be purged, and changes nothing.
    pub dry_run: bool,
}

/// What became of one kind.
pub struct Purged {
    /// The kind.
    pub kind: Kind,
    /// After how long it goes.
    pub age: Duration,
    /// How many rows were purged, or would be.
    pub rows: usize,
    /// Why there may be more of them.
    pub trouble: Option<Trouble>,
}

/// Why a purge ended early. What was purged before stays so.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// What has ended cannot be known.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database is away, or refused.
    #[error(transparent)]
    Database(#[from] NoAnswer),
    /// Another replica or command is at it.
    #[error("another purge is under way")]
    Busy,
    /// What the engine does not know may have ended, or may be another engine's.
    #[error(
        "the engine knows none of the process instances that were worked on last: it is another \
         engine, or its user may not see them"
    )]
    Stranger,
}

/// Purges each kind that has an age. A kind that gets into trouble does not stop the next one.
/// Dropped half-way, it has done what is committed and nothing else.
pub async fn purge_step(purge: &Purge<'_>) -> Vec<Purged> {
    let run = Uuid::now_v7();
    let mut results = Vec::new();
    for kind in Kind::ALL {
        if let Some(age) = purge.ages.of(kind) {
            let rows = 0;
            let mut sweep = Sweep {
                purge,
                run,
                kind,
                age,
                rows,
            };
            let trouble = sweep.run().await.err();
            let rows = sweep.rows;
            results.push(Purged {
                kind,
                age,
                rows,
                trouble,
            });
        }
    }
    results
}

/// The purge of one kind.
struct Sweep<'a> {
    purge: &'a Purge<'a>,
    /// Told in each audit row, so that those of one purge are found together.
    run: Uuid,
    kind: Kind,
    age: Duration,
    /// How many rows are gone, or would be.
    rows: usize,
}

/// What one transaction deletes.
#[derive(Clone, Copy)]
enum Work<'a> {
    Aged(Aged),
    /// The completions of these tasks.
    Completions(&'a [String]),
}

impl Sweep<'_> {
    async fn run(&mut self) -> Result<(), Trouble> {
        match self.kind {
            Kind::Completions => self.completions().await,
            Kind::Aged(aged) if self.purge.dry_run => {
                let count = async |conn: &mut AsyncPgConnection| {
                    let before = clock::now(conn).await? - self.age;
                    aged.count(conn, before).await
                };
                let count = self.purge.pool.ask(ANSWER_TIMEOUT, count).await?;
                self.rows = usize::try_from(count).unwrap_or_default();
                Ok(())
            }
            Kind::Aged(aged) => self.aged(aged).await,
        }
    }

    async fn aged(&mut self, aged: Aged) -> Result<(), Trouble> {
        loop {
            let began = Instant::now();
            if self.delete(Work::Aged(aged)).await? < BATCH * STATEMENTS {
                return Ok(());
            }
            rest_since(began).await;
        }
    }

    /// One transaction: what goes, and the audit row that says so.
    async fn delete(&mut self, work: Work<'_>) -> Result<usize, Trouble> {
        let delete = async |conn: &mut AsyncPgConnection| {
            conn.transaction(async |conn| self.delete_within(conn, work).await)
                .await
        };
        let limit = ANSWER_TIMEOUT * STATEMENTS as u32;
        let deleted = self.purge.pool.ask(limit, delete).await?;
        let rows = deleted.ok_or(Trouble::Busy)?;
        self.rows += rows;
        Ok(rows)
    }

    /// How many rows are gone; none when another purge is under way.
    async fn delete_within(
        &self,
        conn: &mut AsyncPgConnection,
        work: Work<'_>,
    ) -> QueryResult<Option<usize>> {
        if !store::housekeeping::begin(conn).await? {
            return Ok(None);
        }
        let now = clock::now(conn).await?;
        let rows = match work {
            Work::Aged(aged) => delete_aged(conn, aged, now - self.age).await?,
            Work::Completions(task_ids) => {
                delete_completions(conn, self.purge.engine_id, task_ids).await?
            }
        };
        if rows > 0 {
            let mut tx = Tx::new(conn, now, self.purge.origin);
            tx.audit(Event {
                action: self.kind.action(),
                subject_kind: "purge",
                subject_id: self.run.to_string(),
                outcome: "purged".to_owned(),
                detail: json!({ "rows": rows, "age_seconds": self.age.as_secs() }),
            });
            tx.flush(async |_| Ok(())).await?;
        }
        Ok(Some(rows))
    }
}

async fn delete_aged(
    conn: &mut AsyncPgConnection,
    aged: Aged,
    before: DateTime<Utc>,
) -> QueryResult<usize> {
    let mut rows = 0;
    for _ in 0..STATEMENTS {
        let gone = aged.delete(conn, before, BATCH as i64).await?;
        rows += gone;
        if gone < BATCH {
            break;
        }
    }
    Ok(rows)
}

async fn delete_completions(
    conn: &mut AsyncPgConnection,
    engine_id: &str,
    task_ids: &[String],
) -> QueryResult<usize> {
    let mut rows = 0;
    for task_ids in task_ids.chunks(BATCH) {
        rows += task_completions::delete(conn, engine_id, task_ids).await?;
    }
    Ok(rows)
}

/// Leaves the database and the engine to others for as long as they were asked something.
async fn rest_since(began: Instant) {
    tokio::time::sleep(began.elapsed()).await;
}
