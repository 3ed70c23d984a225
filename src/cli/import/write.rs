//! From rows to the database, in one transaction.

use anyhow::Error;
use chrono::{DateTime, Utc};
use diesel::sql_types::Timestamptz;
use diesel::{IntoSql, dsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use uuid::Uuid;

use super::What;
use super::read::{Content, LineFault, Row};
use crate::store::pool::Connection;
use crate::store::upsert::{Collision, Upserted};
use crate::store::{DatabaseFailure, merchants, users};
use crate::tasks::{Event, Origin, Tx};

/// Rows of one statement: few round trips, and each statement far below its time-out.
const BATCH: usize = 500;
/// How often the transaction is run when it meets another one.
const RUNS: u32 = 3;

/// What became of the lines.
#[derive(Default)]
pub(super) struct Imported {
    pub(super) inserted: u64,
    pub(super) updated: u64,
}

/// Writes everything, or adds to the content's faults what the database has against it.
pub(super) async fn write(
    conn: &mut Connection,
    what: What,
    content: &mut Content,
    bar: &ProgressBar,
) -> anyhow::Result<Option<Imported>> {
    // Workers lock users in the order of their ids.
    content.rows.sort_by_key(|row| row.id);
    let mut run = 1;
    loop {
        bar.reset();
        let written = conn
            .transaction(async |conn| write_once(conn, what, content, bar).await)
            .await;
        match written {
            Ok(imported) => return Ok(Some(imported)),
            Err(Abort::Faulty(faults)) => {
                content.faults.extend(faults);
                return Ok(None);
            }
            Err(Abort::Database(error)) if run < RUNS && was_in_the_way(&error, conn) => run += 1,
            Err(Abort::Database(error)) => return Err(Error::new(error)),
        }
    }
}

/// Why a transaction was rolled back.
enum Abort {
    Faulty(Vec<LineFault>),
    Database(diesel::result::Error),
}

impl From<diesel::result::Error> for Abort {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

fn was_in_the_way(error: &diesel::result::Error, conn: &mut Connection) -> bool {
    DatabaseFailure::of(error, conn.is_lost()) == DatabaseFailure::Conflict
}

async fn write_once(
    conn: &mut AsyncPgConnection,
    what: What,
    content: &Content,
    bar: &ProgressBar,
) -> Result<Imported, Abort> {
    let faults = collisions(conn, what, &content.rows).await?;
    if !faults.is_empty() || !content.faults.is_empty() {
        return Err(Abort::Faulty(faults));
    }
    let now = diesel::select(dsl::now.into_sql::<Timestamptz>());
    let now: DateTime<Utc> = now.get_result(conn).await?;
    let import = Uuid::now_v7();
    let mut imported = Imported::default();
    for batch in content.rows.chunks(BATCH) {
        let changed = what.upsert(conn, &content.columns, &as_json(batch)).await?;
        let inserted = changed.iter().filter(|row| row.inserted).count();
        imported.inserted += inserted as u64;
        imported.updated += (changed.len() - inserted) as u64;
        audit(
            conn,
            what,
            now,
            changed.iter().map(|row| what.event(row, import)),
        )
        .await?;
        bar.inc(batch.len() as u64);
    }
    let whole = what.whole_event(import, content, &imported);
    audit(conn, what, now, [whole].into_iter()).await?;
    Ok(imported)
}

async fn collisions(
    conn: &mut AsyncPgConnection,
    what: What,
    rows: &[Row],
) -> Result<Vec<LineFault>, Abort> {
    let mut faults = Vec::new();
    for batch in rows.chunks(BATCH) {
        let found = what.collisions(conn, &as_json(batch)).await?;
        faults.extend(found.iter().filter_map(|collision| {
            let position = batch
                .binary_search_by_key(&collision.id, |row| row.id)
                .ok()?;
            Some(LineFault {
                line: batch[position].line,
                column: collision.column.clone(),
                problem: what.problem(collision),
            })
        }));
    }
    Ok(faults)
}

fn as_json(rows: &[Row]) -> Value {
    rows.iter().map(|row| row.values.clone()).collect()
}

async fn audit(
    conn: &mut AsyncPgConnection,
    what: What,
    now: DateTime<Utc>,
    events: impl Iterator<Item = Event>,
) -> diesel::QueryResult<()> {
    let mut tx = Tx::new(conn, now, Origin::command(what.command()));
    events.for_each(|event| tx.audit(event));
    tx.flush(async |_| Ok(())).await.map(drop)
}

impl What {
    async fn upsert(
        self,
        conn: &mut AsyncPgConnection,
        columns: &[&'static str],
        rows: &Value,
    ) -> diesel::QueryResult<Vec<Upserted>> {
        match self {
            Self::Users => users::upsert(conn, columns, rows).await,
            Self::Merchants => merchants::upsert(conn, columns, rows).await,
        }
    }

    async fn collisions(
        self,
        conn: &mut AsyncPgConnection,
        rows: &Value,
    ) -> diesel::QueryResult<Vec<Collision>> {
        match self {
            Self::Users => users::collisions(conn, rows).await,
            Self::Merchants => merchants::collisions(conn, rows).await,
        }
    }

    fn problem(self, collision: &Collision) -> String {
        match self {
            Self::Users => "belongs to another user in the database".to_owned(),
            Self::Merchants => {
                format!(
                    "must be the id of a user; there is none with this {}",
                    collision.column
                )
            }
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Users => "import users",
            Self::Merchants => "import merchants",
        }
    }

    /// The audit row of one user or merchant.
    fn event(self, row: &Upserted, import: Uuid) -> Event {
        let (action, subject_kind) = match self {
            Self::Users => ("user_imported", "user"),
            Self::Merchants => ("merchant_imported", "merchant"),
        };
        let outcome = if row.inserted { "inserted" } else { "updated" };
        Event {
            action,
            subject_kind,
            subject_id: row.id.to_string(),
            outcome: outcome.to_owned(),
            detail: json!({ "import": import }),
        }
    }

    /// The audit row of the import as a whole: which file, and what it did.
    fn whole_event(self, import: Uuid, content: &Content, imported: &Imported) -> Event {
        Event {
            action: match self {
                Self::Users => "users_imported",
                Self::Merchants => "merchants_imported",
            },
            subject_kind: "import",
            subject_id: import.to_string(),
            outcome: "imported".to_owned(),
            detail: json!({
                "file_sha256": content.sha256,
                "lines": content.lines,
                "inserted": imported.inserted,
                "updated": imported.updated,
            }),
        }
    }
}
