//! What becomes of dead letters: each change in one transaction with its audit rows.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use super::list::name;
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::terminal::{complain, say};
use crate::store::audit_log::{self, NewAuditRow};
use crate::store::outbox::letters::{self, Letter, State};
use crate::store::{Pool, clock};

/// What is to become of letters.
#[derive(Clone, Copy)]
pub(super) enum Verdict<'a> {
    Retry,
    Drop { reason: &'a str },
}

/// Letters of one transaction, where all of them are asked for.
const BATCH: usize = 500;

/// Lets all dead letters be tried again. One that is settled by somebody else meanwhile is left
/// out, and one that dies meanwhile waits for the next time.
pub(super) async fn retry_all(pool: &Pool) -> Outcome {
    let mut conn = pool.get().await?;
    let dead = letters::dead_ids(&mut conn).await?;
    let mut retried = 0;
    for ids in dead.chunks(BATCH) {
        let settled = conn.transaction(async |conn| {
            let found = letters::lock(conn, ids).await?;
            let dead: Vec<_> = found.into_iter().filter(is_dead).collect();
            Verdict::Retry.carry_out(conn, &dead).await?;
            QueryResult::Ok(dead.len())
        });
        retried += settled.await?;
    }
    pool.close();
    say(format_args!("{} tried again", how_many(retried)));
    Ok(())
}

/// Settles these letters, all or none.
pub(super) async fn settle(pool: &Pool, ids: &[Uuid], verdict: Verdict<'_>) -> Outcome {
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    let mut conn = pool.get().await?;
    let settled = conn.transaction(async |conn| {
        let found = letters::lock(conn, &ids).await?;
        let faults = faults(&ids, &found);
        if faults.is_empty() {
            verdict.carry_out(conn, &found).await?;
        }
        QueryResult::Ok((found, faults))
    });
    let (found, faults) = settled.await?;
    pool.close();
    if !faults.is_empty() {
        faults.iter().for_each(complain);
        complain("phantom-worker: nothing was changed");
        return Err(Failure::Told);
    }
    let done = verdict.done();
    for letter in &found {
        say(format_args!(
            "{done} {} {}",
            letter.id, letter.notification_key
        ));
    }
    Ok(())
}

fn is_dead(letter: &Letter) -> bool {
    letter.state() == Some(State::Dead)
}

/// A line for each letter that is not there or not dead.
fn faults(ids: &[Uuid], found: &[Letter]) -> Vec<String> {
    let fault = |id: &Uuid| match found.iter().find(|letter| letter.id == *id) {
        None => Some(format!("{id}: there is no such message")),
        Some(letter) if is_dead(letter) => None,
        Some(letter) => {
            let state = letter.state().map_or("sent", name);
            Some(format!("{id}: is not dead but {state}"))
        }
    };
    ids.iter().filter_map(fault).collect()
}

fn how_many(letters: usize) -> String {
    match letters {
        1 => "1 letter is".to_owned(),
        letters => format!("{letters} letters are"),
    }
}

impl Verdict<'_> {
    fn done(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Drop { .. } => "dropped",
        }
    }

    async fn carry_out(self, conn: &mut AsyncPgConnection, letters: &[Letter]) -> QueryResult<()> {
        let now = clock::now(conn).await?;
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let subjects: Vec<_> = ids.iter().map(Uuid::to_string).collect();
        let rows: Vec<_> = letters
            .iter()
            .zip(&subjects)
            .map(|(letter, subject)| self.audit_row(now, letter, subject))
            .collect();
        audit_log::insert(conn, &rows).await?;
        match self {
            Self::Retry => letters::revive(conn, &ids).await,
            Self::Drop { .. } => letters::delete_dead(conn, &ids).await,
        }
        .map(drop)
    }

    /// Found by the letter and by its process instance.
    fn audit_row<'a>(
        self,
        now: DateTime<Utc>,
        letter: &'a Letter,
        subject: &'a str,
    ) -> NewAuditRow<'a> {
        let (origin, action) = match self {
            Self::Retry => ("outbox retry", "message_retried"),
            Self::Drop { .. } => ("outbox drop", "message_dropped"),
        };
        NewAuditRow {
            occurred_at: now,
            origin,
            worker_id: None,
            task_id: None,
            process_instance_id: letter.process_instance_id.as_deref(),
            action,
            subject_kind: "outbox_message",
            subject_id: subject,
            outcome: self.done(),
            detail: self.detail(letter).to_string(),
        }
    }

    /// The row itself forgets its attempts, or is gone.
    fn detail(self, letter: &Letter) -> Value {
        let mut detail = json!({
            "key": letter.notification_key,
            "template": letter.template,
            "attempts": letter.attempts,
            "last_error": letter.last_error,
        });
        if let Self::Drop { reason } = self {
            detail["reason"] = reason.into();
        }
        detail
    }
}
