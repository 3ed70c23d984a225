//! The messages as a table for eyes, or as JSON for scripts.

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{Cell, CellAlignment, Color, Table};
use serde_json::{Value, json};

use crate::cli::table;
use crate::cli::terminal::{Paint, complain, say};
use crate::store::Pool;
use crate::store::outbox::letters::{self, Letter, State};

pub(super) async fn list(
    pool: &Pool,
    state: Option<State>,
    limit: u32,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut conn = pool.get().await?;
    // One more than is shown tells whether there are more.
    let mut found = letters::list(&mut conn, state, i64::from(limit) + 1).await?;
    let are_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    match (as_json, found.is_empty()) {
        (true, _) => say(format_args!(
            "{:#}",
            found.iter().map(to_json).collect::<Value>()
        )),
        (false, true) => say("there is nothing"),
        (false, false) => show(&found),
    }
    if are_more {
        complain(format_args!("the oldest {limit}; --limit shows more"));
    }
    Ok(())
}

fn to_json(letter: &Letter) -> Value {
    json!({
        "id": letter.id,
        "state": letter.state().map(name),
        "channel": letter.channel,
        "template": letter.template,
        "key": letter.notification_key,
        "attempts": letter.attempts,
        "queued_at": written(letter.created_at),
        "next_attempt_at": next_attempt(letter),
        "last_error": letter.last_error,
        "process_instance_id": letter.process_instance_id,
    })
}

/// A table where it is wide enough to keep every id whole, to be copied; blocks of lines otherwise.
fn show(letters: &[Letter]) {
    let table = to_table(letters);
    let wide = table.lines().next().map_or(0, |line| line.chars().count());
    match table.width() {
        Some(width) if wide > usize::from(width) => {
            let paint = Paint::for_stdout();
            let blocks = letters
                .iter()
                .map(|letter| to_block(letter, &painted_state(letter, paint)));
            blocks.for_each(say);
        }
        _ => say(table),
    }
}

fn painted_state(letter: &Letter, paint: Paint) -> String {
    let state = letter.state().map(name).unwrap_or_default();
    match letter.state() {
        Some(State::Dead) => paint.bad(state),
        _ => state.to_owned(),
    }
}

fn to_block(letter: &Letter, state: &str) -> String {
    let mut lines = vec![
        format!("{} {state}", letter.id),
        format!("  {} {}", letter.channel, letter.template),
        format!("  key        {}", letter.notification_key),
        format!("  tries      {}", letter.attempts),
        format!("  queued     {}", written(letter.created_at)),
    ];
    lines.extend(next_attempt(letter).map(|next| format!("  next try   {next}")));
    let error = letter.last_error.as_ref();
    lines.extend(error.map(|error| format!("  last error {error}")));
    lines.join("\n")
}

fn to_table(letters: &[Letter]) -> Table {
    let mut table = table::empty(&[
        "Id",
        "State",
        "Message",
        "Key",
        "Tries",
        "Queued",
        "Next try",
        "Last error",
    ]);
    for letter in letters {
        table.add_row(vec![
            Cell::new(letter.id),
            state_cell(letter),
            Cell::new(format_args!("{} {}", letter.channel, letter.template)),
            Cell::new(&letter.notification_key),
            Cell::new(letter.attempts).set_alignment(CellAlignment::Right),
            Cell::new(written(letter.created_at)),
            Cell::new(next_attempt(letter).unwrap_or_default()),
            Cell::new(letter.last_error.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

fn state_cell(letter: &Letter) -> Cell {
    let cell = Cell::new(letter.state().map(name).unwrap_or_default());
    match letter.state() {
        Some(State::Dead) => cell.fg(Color::Red),
        _ => cell,
    }
}

pub(super) fn name(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Retrying => "retrying",
        State::Dead => "dead",
    }
}

fn next_attempt(letter: &Letter) -> Option<String> {
    let waits = letter.state() != Some(State::Dead);
    waits.then(|| written(letter.next_attempt_at))
}

fn written(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_a_line_for_each_thing_that_is_known() {
        let dead = Letter::of("dead", 300, Some("refused with 550"));
        let new = Letter::of("pending", 0, None);

        assert_eq!(
            to_block(&dead, "dead"),
            "00000000-0000-0000-0000-000000000000 dead\n  mail wallet_created\n  \
             key        wallet:1\n  tries      300\n  queued     1970-01-01T00:00:00Z\n  \
             last error refused with 550"
        );
        assert!(to_block(&new, "pending").ends_with("\n  next try   1970-01-01T00:00:00Z"));
    }
}
