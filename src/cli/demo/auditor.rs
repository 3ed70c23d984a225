//! What an auditor sees of a run: its audit rows and security events, process by process.

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use uuid::Uuid;

use super::case::Process;
use super::walk::Walk;
use crate::cli::table;
use crate::cli::terminal::say;
use crate::store::{Pool, audit_log, security_events};

/// What was recorded about one process.
pub(super) struct Record {
    process: &'static Process,
    /// What was done, its outcome, and how often.
    actions: Vec<(String, String, i64)>,
    /// What happened, and how often.
    events: Vec<(String, i64)>,
}

/// Reads what was recorded about these ways. What a link in a mail did belongs to no process
/// instance and is found by its user.
pub(super) async fn read(
    pool: &Pool,
    process: &'static Process,
    walks: &[Walk],
    link_users: &[Uuid],
) -> anyhow::Result<Record> {
    let instances: Vec<_> = walks.iter().map(|walk| walk.instance.as_str()).collect();
    let users: Vec<_> = link_users.iter().map(Uuid::to_string).collect();
    let mut conn = pool.get().await?;
    Ok(Record {
        process,
        actions: audit_log::count_actions(&mut conn, &instances, &users).await?,
        events: security_events::count_kinds(&mut conn, &instances).await?,
    })
}

pub(super) fn print(records: &[Record]) {
    say("What an auditor sees");
    let mut table = table::empty(&["Process", "Recorded", "Outcome", "Rows"]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for record in records {
        let mut title = record.process.title;
        let mut row = |what: &str, outcome: &str, rows: i64| {
            table.add_row(vec![
                Cell::new(std::mem::take(&mut title)),
                Cell::new(what),
                Cell::new(outcome),
                Cell::new(rows).set_alignment(CellAlignment::Right),
            ]);
        };
        for (action, outcome, rows) in &record.actions {
            row(&format!("audit: {action}"), outcome, *rows);
        }
        for (kind, rows) in &record.events {
            row(&format!("security event: {kind}"), "", *rows);
        }
    }
    say(table);
    say("");
}
