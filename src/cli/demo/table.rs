//! The tables of what happened, readable on a wide terminal, on a narrow one, and in a file.

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table};

use super::case::Process;
use super::walk::Walk;
use crate::camunda::cockpit::Cockpit;
use crate::cli::table::empty;
use crate::cli::terminal::say;

/// Prints a row for each way through a process. Links stand in the table where it is wide enough to
/// keep them whole, and below it otherwise.
pub(super) fn print(process: &Process, walks: &[Walk], cockpit: &Cockpit) {
    say(format_args!("{}", process.title));
    let pages = walks
        .iter()
        .map(|walk| cockpit.instance(walk.instance.as_str()));
    let links: Option<Vec<String>> = pages.collect();
    let wide = table(
        process,
        walks,
        links.as_deref(),
        ContentArrangement::Disabled,
    );
    match (wide.width(), &links) {
        (Some(width), Some(links)) if row_width(&wide) > usize::from(width) => {
            say(table(process, walks, None, ContentArrangement::Dynamic));
            for (position, link) in links.iter().enumerate() {
                say(format_args!("{:>2} {link}", position + 1));
            }
        }
        (Some(_), None) => say(table(process, walks, None, ContentArrangement::Dynamic)),
        _ => say(wide),
    }
    say("");
}

fn row_width(table: &Table) -> usize {
    table.lines().next().map_or(0, |line| line.chars().count())
}

fn table(
    process: &Process,
    walks: &[Walk],
    links: Option<&[String]>,
    arrangement: ContentArrangement,
) -> Table {
    let mut header = vec!["", "Case", "Decision"];
    header.extend(process.result.map(|made| made.column));
    header.push("Time");
    header.extend(links.map(|_| "Cockpit"));
    let mut table = empty(&header);
    table.set_content_arrangement(arrangement);
    for (position, walk) in walks.iter().enumerate() {
        let arrived = walk.arrived.as_ref();
        let took = arrived.and_then(|arrived| arrived.took);
        let mut row = vec![
            Cell::new(position + 1).set_alignment(CellAlignment::Right),
            Cell::new(walk.case.label),
            decision(walk),
        ];
        row.extend(process.result.map(|_| {
            let result = arrived.and_then(|arrived| arrived.result.as_deref());
            Cell::new(result.unwrap_or_default())
        }));
        let took = took.map(|took| format!("{} ms", took.as_millis()));
        row.push(Cell::new(took.unwrap_or_default()).set_alignment(CellAlignment::Right));
        row.extend(links.map(|links| Cell::new(&links[position])));
        table.add_row(row);
    }
    table
}

fn decision(walk: &Walk) -> Cell {
    let text = describe(walk);
    let refused = walk
        .arrived
        .as_ref()
        .is_some_and(|arrived| !arrived.codes.is_empty());
    match (walk.is_as_expected(), refused) {
        (true, false) => Cell::new(text).fg(Color::Green),
        (true, true) => Cell::new(text),
        (false, _) => Cell::new(text).fg(Color::Red),
    }
}

/// How a way ended, in words.
pub(super) fn describe(walk: &Walk) -> String {
    match &walk.arrived {
        Some(arrived) if arrived.codes.is_empty() => arrived.name.to_lowercase(),
        Some(arrived) => arrived.codes.join(" "),
        None => walk.stuck.clone().unwrap_or_default(),
    }
}
