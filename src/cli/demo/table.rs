//! The tables of what happened, readable on a wide terminal, on a narrow one, and in a file.

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table};

use super::case::Process;
use super::walk::Walk;
use crate::camunda::cockpit::Cockpit;
use crate::cli::table::empty;
use crate::cli::terminal::say;

/// Prints a row for each way through a process. Links stand in the table where it is wide enough to
/// keep them whole. Otherwise those of instances that have not ended stand below it: of one that
/// has ended, the community edition of Cockpit shows no more than its process.
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
            below(walks, links).iter().for_each(say);
        }
        (Some(_), None) => say(table(process, walks, None, ContentArrangement::Dynamic)),
        _ => say(wide),
    }
    say("");
}

fn below(walks: &[Walk], links: &[String]) -> Vec<String> {
    let numbered = walks.iter().zip(links).enumerate();
    numbered
        .filter(|(_, (walk, _))| !walk.has_ended())
        .map(|(position, (_, link))| format!("{:>2} {link}", position + 1))
        .collect()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::case::{ADDRESSES, Case, Way};
    use super::*;
    use crate::camunda::model::ProcessInstanceId;
    use crate::cli::demo::walk::Arrival;

    fn walk(instance: &str, arrived: Option<Arrival>) -> Walk {
        Walk {
            case: Case::new(ADDRESSES, "somebody", Way::to("email_verified")),
            instance: ProcessInstanceId::new(instance).unwrap(),
            arrived,
            stuck: None,
        }
    }

    fn arrival(took: Option<Duration>) -> Option<Arrival> {
        Some(Arrival {
            at: "there".to_owned(),
            name: "there".to_owned(),
            codes: Vec::new(),
            result: None,
            took,
        })
    }

    #[test]
    fn only_links_of_instances_that_have_not_ended_stand_below_a_table() {
        let walks = [
            walk("ended", arrival(Some(Duration::from_millis(3)))),
            walk("waits", arrival(None)),
            walk("stuck", None),
        ];
        let links = ["one", "two", "three"].map(str::to_owned);

        assert_eq!(below(&walks, &links), [" 2 two", " 3 three"]);
    }
}
