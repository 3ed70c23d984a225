//! The README tells of every setting, topic, code and command, and of none that is not there. No page
//! of the repository waits for words that were never written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use phantom_worker::metrics::catalogue;
use phantom_worker::topics;

use crate::support::readme::{README, Section};

/// What `--help` says of a command, or of all of them.
fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_phantom-worker"))
        .args(arguments)
        .arg("--help")
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

fn settings(command: &str) -> BTreeSet<String> {
    let text = help(&[command]);
    let marked = text.split("[env: ").skip(1);
    marked
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect()
        })
        .collect()
}

fn commands() -> BTreeSet<String> {
    let text = help(&[]);
    let listed = text
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let names = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The first cells of the table under a heading.
fn first_cells(heading: &str) -> BTreeSet<String> {
    let section = README.split(&format!("## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let quoted = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.map(str::to_owned).collect()
}

#[test]
fn the_settings_table_holds_exactly_the_settings() {
    let told = first_cells("Settings");
    let mut there = settings("run");
    there.extend(settings("migrate"));
    there.extend(settings("demo"));
    // Told in the text: every secret's file, and the per-topic variants beside their variable.
    there.retain(|name| {
        ![
            "_URL_FILE",
            "_KEY_FILE",
            "_TOKEN_FILE",
            "_PASSWORD_FILE",
            "_PREVIOUS_FILE",
            "_BY_TOPIC",
        ]
        .iter()
        .any(|end| name.ends_with(end))
    });

    assert_eq!(told, there);
}

#[test]
fn each_topic_is_told_with_what_it_reads_and_throws_and_with_every_code() {
    for registration in topics::catalogue().iter() {
        let section = Section::of_topic(registration.topic);
        let told = &section.topics()[registration.topic];
        let (reads, throws) = (registration.variables, registration.errors);

        assert_eq!(told.reads, reads.iter().copied().collect());
        assert_eq!(told.errors, throws.iter().copied().collect());
        for code in throws.iter().chain(registration.codes) {
            let has_row = section.subjects().contains(code);
            assert!(has_row, "{}: {code}", registration.topic);
        }
    }
}

fn metrics(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_phantom-worker"))
        .arg("metrics")
        .args(arguments)
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn the_page_of_metrics_is_what_the_command_prints() {
    let page = include_str!("../../grafana/METRICS.md");

    assert_eq!(metrics(&["--markdown"]), page);
}

#[test]
fn the_command_lists_every_series_in_each_form() {
    let json: serde_json::Value = serde_json::from_str(&metrics(&["--json"])).unwrap();
    let overview = metrics(&[]);

    let names: BTreeSet<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|series| series["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, catalogue().map(|series| series.name).collect());
    for name in names {
        assert!(overview.contains(name), "{name}");
    }
}

#[test]
fn the_commands_table_holds_exactly_the_commands() {
    let told = first_cells("Commands");
    let told: BTreeSet<_> = told
        .iter()
        .filter_map(|cell| cell.split_whitespace().nth(1))
        .map(str::to_owned)
        .collect();

    assert_eq!(told, commands());
}

/// Where pages are. What else lies in a checkout may be somebody else's.
const FOLDERS: [&str; 4] = ["deploy", "grafana", "migrations", "tests"];

/// Every page of the repository.
fn pages() -> Vec<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = FOLDERS
        .iter()
        .flat_map(|name| pages_in(&checkout.join(name)));
    folders.chain([checkout.join("README.md")]).collect()
}

fn pages_in(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            pages.extend(pages_in(&path));
        } else if path.extension().is_some_and(|end| end == "md") {
            pages.push(path);
        }
    }
    pages
}

/// The lines of a page in which something is still to be filled in.
fn blanks(page: &str) -> Vec<&str> {
    const MARKS: [&str; 4] = ["TODO", "TBD", "FIXME", "XXX"];
    let is_blank = |line: &&str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        line.contains(['⟨', '⟩']) || words.any(|word| MARKS.contains(&word))
    };
    page.lines().filter(is_blank).collect()
}

#[test]
fn no_page_has_a_blank_that_was_never_filled() {
    let pages = pages();

    assert!(pages.len() > 25, "{pages:?}");
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        assert_eq!(blanks(&text), Vec::<&str>::new(), "{}", page.display());
    }
}

#[test]
fn a_blank_is_found() {
    let page = "| memory | ⟨bench: memory⟩ | |\nTBD.\nmethods, todos and `XXXL`\n(FIXME: say more)";

    let found = blanks(page);

    let expected = [
        "| memory | ⟨bench: memory⟩ | |",
        "TBD.",
        "(FIXME: say more)",
    ];
    assert_eq!(found, expected);
}
