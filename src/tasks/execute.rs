//! One task, one transaction.

use std::time::Duration;

use diesel::result::DatabaseErrorKind;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::answer::Answer;
use super::error::TaskError;
use super::registry::{DecodedInput, Registration};
use super::tx::{Flushed, Origin, Tx};
use crate::camunda::model::LockedTask;
use crate::camunda::variables::DecodeError;
use crate::store::pool::Connection;
use crate::store::settings::{ANSWER_TIMEOUT, LOCK_TIMEOUT};
use crate::store::task_completions::{self, Claim, Completion, NewCompletion};
use crate::store::{DatabaseFailure, NoAnswer, Pool};

/// How often a transaction that met another one is run, the first time included.
const RUNS: u32 = 3;

/// How long the server lets a transaction rest between two statements, when a handler may take
/// `limit`: as long as that, and until its ROLLBACK has come.
pub fn longest_rest(limit: Duration) -> Duration {
    limit + ANSWER_TIMEOUT
}

/// A task in the hands of this worker.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// Our database.
    pub pool: &'a Pool,
    /// Which engine the task comes from.
    pub engine_id: &'a str,
    /// Under which id the task is locked.
    pub worker_id: &'a str,
    /// The topic and its handler.
    pub registration: &'a Registration,
    /// The task.
    pub task: &'a LockedTask,
    /// The longest its transaction may take.
    pub limit: Duration,
}

/// How an execution ended.
pub enum Verdict {
    /// There is an answer, and the effect behind it is committed.
    Answered(Answered),
    /// A fault of the moment; nothing was written.
    Retry(anyhow::Error),
    /// Trying again cannot help; nothing was written.
    Incident(anyhow::Error),
    /// Our database is away; nothing was decided, or it is not known what.
    DatabaseAway(anyhow::Error),
    /// Another execution of this task is at work and will answer.
    InOtherHands,
}

/// A committed answer.
pub struct Answered {
    /// What to tell the engine.
    pub answer: Answer,
    /// It was recorded by an earlier delivery.
    pub repeated: bool,
    /// The variables differ from those it was recorded for.
    pub input_changed: bool,
    /// There is a new message in the outbox.
    pub outbox_grew: bool,
    /// Rows of the audit log that were committed with it.
    pub audited: usize,
}

impl Execution<'_> {
    /// Claims the task, lets the handler work, and records the answer: all of it or nothing.
    pub async fn execute(&self) -> Verdict {
        let input_sha256 = self.hash_input();
        let began = Instant::now();
        let mut runs = 0;
        loop {
            let input = match self.registration.decode(&self.task.variables) {
                Ok(input) => input,
                Err(fault) => return undecodable(fault),
            };
            let run = Instant::now();
            let conflict = match self.run_once(input, &input_sha256).await {
                Ok(verdict) => return verdict,
                Err(conflict) => conflict,
            };
            runs += 1;
            let waited = conflict.is_nameless && run.elapsed() >= LOCK_TIMEOUT;
            let is_held_up = waited && began.elapsed() < self.patience();
            if runs >= RUNS && !is_held_up {
                let why = conflict.why.context(format!("in vain {runs} times"));
                return Verdict::Retry(why);
            }
        }
    }

    /// How long another transaction of ours may hold rows that this one needs.
    ///
    /// One that an outage cut off from its worker lives on until the server ends it. The task behind
    /// it has done nothing wrong, so waiting that long costs it no retry.
    fn patience(&self) -> Duration {
        longest_rest(self.limit) + LOCK_TIMEOUT
    }

    /// One transaction, from BEGIN to COMMIT or ROLLBACK.
    async fn run_once(&self, input: DecodedInput, sha256: &[u8]) -> Result<Verdict, Conflicted> {
        let mut conn = match self.connect().await {
            Ok(conn) => conn,
            Err(away) => return Ok(Verdict::DatabaseAway(away.into())),
        };
        let claim = match answer(self.begin(&mut conn, sha256)).await {
            Ok(claim) => claim,
            Err(silence) => return Ok(silent(conn, silence)),
        };
        let worked = self.work(&mut conn, claim, input, sha256);
        let Ok(worked) = timeout(self.limit, worked).await else {
            return Ok(self.overdue(conn).await);
        };
        let failed = match worked {
            Ok((answered, flushed)) => match answer(conn.commit()).await {
                Ok(Ok(())) => {
                    if let Some(flushed) = flushed {
                        flushed.log_security_events(&self.origin());
                    }
                    return Ok(Verdict::Answered(answered));
                }
                Ok(Err(error)) => Abort::Later(TaskError::Database(error)),
                Err(silence) => return Ok(silent(conn, silence)),
            },
            Err(abort) => match answer(conn.roll_back()).await {
                // A rollback that fails closes the connection, and with it the transaction.
                Ok(_) => abort,
                Err(silence) => return Ok(silent(conn, silence)),
            },
        };
        sort(failed, conn.is_lost())
    }

    async fn connect(&self) -> Result<Connection, NoAnswer> {
        // All connections lent for so long to tasks that are over after it.
        self.pool.get_within(self.limit).await
    }

    async fn begin(&self, conn: &mut Connection, input_sha256: &[u8]) -> Result<Claim, Abort> {
        let asked = Instant::now();
        let claim = self.claim(input_sha256);
        let claimed = conn.begin_with(async |conn| claim.claim(conn).await).await;
        claimed.map_err(|error| Abort::AtClaim(error, asked.elapsed()))
    }

    /// A handler was slow, or waits for a database that stands still; asking tells which.
    async fn overdue(&self, mut conn: Connection) -> Verdict {
        match answer(conn.roll_back()).await {
            Ok(_) if !conn.is_lost() => Verdict::Retry(anyhow::anyhow!(
                "the handler took longer than {} s",
                self.limit.as_secs()
            )),
            Ok(_) => silent(conn, NoAnswer::Silence),
            Err(silence) => silent(conn, silence),
        }
    }

    async fn work(
        &self,
        conn: &mut Connection,
        claim: Result<Claim, Abort>,
        input: DecodedInput,
        input_sha256: &[u8],
    ) -> Result<(Answered, Option<Flushed>), Abort> {
        let now = match claim? {
            Claim::Won(now) => now,
            Claim::Answered(completion) => {
                return Ok((self.repeat(completion, input_sha256)?, None));
            }
        };
        let mut tx = Tx::new(conn, now, self.origin());
        let answer = self.registration.handle(&mut tx, input).await?;
        let recorded = serde_json::to_value(&answer).expect("an answer is plain data");
        let flushed = tx
            .flush(async |conn| {
                let task_id = self.task.id.as_str();
                task_completions::record_answer(conn, self.engine_id, task_id, &recorded).await
            })
            .await?;
        let answered = Answered {
            answer,
            repeated: false,
            input_changed: false,
            outbox_grew: flushed.outbox_grew,
            audited: flushed.audited,
        };
        Ok((answered, Some(flushed)))
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            name: self.registration.topic,
            worker_id: Some(self.worker_id),
            engine_id: Some(self.engine_id),
            task_id: Some(self.task.id.as_str()),
            process_instance_id: Some(&self.task.process_instance_id),
        }
    }

    fn claim<'a>(&'a self, input_sha256: &'a [u8]) -> NewCompletion<'a> {
        NewCompletion {
            engine_id: self.engine_id,
            task_id: self.task.id.as_str(),
            topic: self.registration.topic,
            process_definition_key: &self.task.process_definition_key,
            process_instance_id: &self.task.process_instance_id,
            activity_instance_id: &self.task.activity_instance_id,
            business_key: self.task.business_key.as_deref(),
            input_sha256,
        }
    }

    /// The answer that an earlier delivery recorded, if this is a delivery of the same task.
    fn repeat(&self, known: Completion, input_sha256: &[u8]) -> Result<Answered, Abort> {
        let same = known.topic == self.registration.topic
            && known.process_instance_id == self.task.process_instance_id
            && known.activity_instance_id == self.task.activity_instance_id;
        if !same {
            return Err(TaskError::fatal(format!(
                "task {} is recorded as answered for process instance {} of topic {}: \
                 the engine hands out an old id for a new task (restored from a backup?), \
                 or CAMUNDA_ENGINE_ID is shared by two engines",
                self.task.id, known.process_instance_id, known.topic
            ))
            .into());
        }
        let answer = known
            .answer
            .and_then(|answer| serde_json::from_value(answer).ok())
            .ok_or_else(|| TaskError::fatal("the recorded answer cannot be read"))?;
        Ok(Answered {
            answer,
            repeated: true,
            input_changed: known.input_sha256 != input_sha256,
            outbox_grew: false,
            audited: 0,
        })
    }

    fn hash_input(&self) -> Vec<u8> {
        // Also what cannot be decoded: saying so is the decoding's business.
        Sha256::digest(self.task.variables.as_read()).to_vec()
    }
}

/// Waits for the answer to one statement as long as one can be on its way.
async fn answer<T>(statement: impl Future<Output = T>) -> Result<T, NoAnswer> {
    timeout(ANSWER_TIMEOUT, statement)
        .await
        .map_err(|_elapsed| NoAnswer::Silence)
}

/// What the transaction came to is not known, and nobody else must wait for this connection.
fn silent(conn: Connection, silence: NoAnswer) -> Verdict {
    conn.close();
    Verdict::DatabaseAway(silence.into())
}

/// The transaction met another one, as far as can be told: run it again.
struct Conflicted {
    why: anyhow::Error,
    /// diesel has no name for it, as for a wait for a lock that came to nothing.
    is_nameless: bool,
}

/// Where a transaction was given up.
enum Abort {
    /// On the claim, after so long: waiting in vain means that another execution is at work.
    AtClaim(diesel::result::Error, Duration),
    /// Anywhere later.
    Later(TaskError),
}

impl From<TaskError> for Abort {
    fn from(error: TaskError) -> Self {
        Self::Later(error)
    }
}

impl From<diesel::result::Error> for Abort {
    fn from(error: diesel::result::Error) -> Self {
        Self::Later(TaskError::Database(error))
    }
}

fn sort(abort: Abort, connection_lost: bool) -> Result<Verdict, Conflicted> {
    match abort {
        Abort::AtClaim(error, waited) => Ok(match DatabaseFailure::of(&error, connection_lost) {
            DatabaseFailure::Away => Verdict::DatabaseAway(error.into()),
            // What is refused at once is a missing grant or a full disk, and somebody has to know.
            DatabaseFailure::Conflict if waited >= LOCK_TIMEOUT => Verdict::InOtherHands,
            DatabaseFailure::Conflict | DatabaseFailure::Refused => Verdict::Retry(refused(&error)),
        }),
        Abort::Later(TaskError::Database(error)) => {
            match DatabaseFailure::of(&error, connection_lost) {
                DatabaseFailure::Away => Ok(Verdict::DatabaseAway(error.into())),
                DatabaseFailure::Conflict => Err(Conflicted {
                    why: refused(&error),
                    is_nameless: matches!(
                        error,
                        diesel::result::Error::DatabaseError(DatabaseErrorKind::Unknown, _)
                    ),
                }),
                DatabaseFailure::Refused => Ok(Verdict::Retry(refused(&error))),
            }
        }
        Abort::Later(TaskError::Conflict) => Err(Conflicted {
            why: anyhow::anyhow!("another transaction changed the same rows"),
            is_nameless: false,
        }),
        Abort::Later(TaskError::Retry(source)) => Ok(Verdict::Retry(source)),
        Abort::Later(TaskError::Fatal(source)) => Ok(Verdict::Incident(source)),
    }
}

/// PostgreSQL's texts may repeat values, so only the constraint and the table go to the engine.
fn refused(error: &diesel::result::Error) -> anyhow::Error {
    let diesel::result::Error::DatabaseError(kind, information) = error else {
        return anyhow::anyhow!("a query did not fit the database's schema");
    };
    let table = information.table_name().unwrap_or("unknown");
    let constraint = information.constraint_name().unwrap_or("none");
    anyhow::anyhow!("the database refused a row: {kind:?}, table {table}, constraint {constraint}")
}

fn undecodable(fault: DecodeError) -> Verdict {
    Verdict::Incident(fault.into())
}
