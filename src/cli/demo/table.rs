//! The table of what happened, readable on a wide terminal, on a narrow one, and in a file.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use url::Url;

use super::walk::{Ended, Ending, Walk};
use crate::cli::terminal::say;

/// Prints a row for each customer. Links stand in the table where it is wide enough to keep them
/// whole, and below it otherwise.
pub(super) fn print(walks: &[Walk], cockpit: Option<&Url>) {
    let links: Option<Vec<String>> =
        cockpit.map(|cockpit| walks.iter().map(|walk| link(cockpit, walk)).collect());
    let wide = table(walks, links.as_deref(), ContentArrangement::Disabled);
    match (wide.width(), &links) {
        (Some(width), Some(links)) if row_width(&wide) > usize::from(width) => {
            say(table(walks, None, ContentArrangement::Dynamic));
            for (position, link) in links.iter().enumerate() {
                say(format_args!("{:>2} {link}", position + 1));
            }
        }
        (Some(_), None) => say(table(walks, None, ContentArrangement::Dynamic)),
        _ => say(wide),
    }
}

fn row_width(table: &Table) -> usize {
    table.lines().next().map_or(0, |line| line.chars().count())
}

fn table(walks: &[Walk], links: Option<&[String]>, arrangement: ContentArrangement) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(arrangement);
    let mut header = vec!["", "Customer", "Decision", "Wallet", "Time"];
    header.extend(links.map(|_| "Cockpit"));
    table.set_header(
        header
            .into_iter()
            .map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
    );
    for (position, walk) in walks.iter().enumerate() {
        let (wallet, took) = match &walk.ended {
            Some(Ended { ending, took }) => (wallet(ending), format!("{} ms", took.as_millis())),
            None => ("", String::new()),
        };
        let mut row = vec![
            Cell::new(position + 1).set_alignment(CellAlignment::Right),
            Cell::new(walk.customer.label),
            decision(walk),
            Cell::new(wallet),
            Cell::new(took).set_alignment(CellAlignment::Right),
        ];
        row.extend(links.map(|links| Cell::new(&links[position])));
        table.add_row(row);
    }
    table
}

fn decision(walk: &Walk) -> Cell {
    let text = describe(walk);
    match (walk.is_as_expected(), walk.has_wallet()) {
        (true, true) => Cell::new(text).fg(Color::Green),
        (true, false) => Cell::new(text),
        (false, _) => Cell::new(text).fg(Color::Red),
    }
}

/// How a way ended, in words.
pub(super) fn describe(walk: &Walk) -> String {
    match walk.ended.as_ref().map(|ended| &ended.ending) {
        Some(Ending::Wallet(_)) => "wallet created".to_owned(),
        Some(Ending::Declined(codes)) => codes.join(" "),
        Some(Ending::Error(code)) => code.clone(),
        Some(Ending::Elsewhere(end)) => format!("ended at {end}"),
        None => walk.stuck.clone().unwrap_or_default(),
    }
}

fn wallet(ending: &Ending) -> &str {
    match ending {
        Ending::Wallet(wallet_id) => wallet_id,
        _ => "",
    }
}

fn link(cockpit: &Url, walk: &Walk) -> String {
    format!("{cockpit}#/process-instance/{}/runtime", walk.instance)
}
