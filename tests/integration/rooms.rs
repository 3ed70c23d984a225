//! Who may import whom: the table of design and crate documentation, held against every `use`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may import from.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "app",
            "camunda",
            "config",
            "housekeeping",
            "mail",
            "processes",
            "store",
            "tasks",
            "telemetry",
            "topics",
            "http",
            "metrics",
            "readiness",
        ],
    ),
    (
        "config",
        &[
            "camunda",
            "housekeeping",
            "http",
            "links",
            "mail",
            "store",
            "tasks",
            "telemetry",
        ],
    ),
    (
        "app",
        &[
            "actors",
            "camunda",
            "config",
            "housekeeping",
            "http",
            "links",
            "mail",
            "metrics",
            "processes",
            "readiness",
            "security",
            "store",
            "tasks",
            "telemetry",
            "topics",
        ],
    ),
    (
        "actors",
        &[
            "camunda",
            "housekeeping",
            "links",
            "mail",
            "metrics",
            "readiness",
            "store",
            "tasks",
        ],
    ),
    (
        "http",
        &[
            "camunda",
            "links",
            "metrics",
            "readiness",
            "security",
            "store",
            "tasks",
            "telemetry",
        ],
    ),
    ("topics", &["links", "security", "tasks", "wallets"]),
    ("processes", &["camunda", "tasks"]),
    ("housekeeping", &["camunda", "store", "tasks"]),
    ("wallets", &["mail", "store", "tasks"]),
    ("security", &["links", "mail", "store", "tasks"]),
    ("tasks", &["camunda", "mail", "store"]),
    ("camunda", &[]),
    ("store", &[]),
    ("mail", &[]),
    ("links", &[]),
    ("metrics", &[]),
    ("readiness", &[]),
    ("telemetry", &[]),
];

#[test]
fn every_room_imports_only_from_its_neighbours() {
    let mut trespasses = Vec::new();
    for file in sources(&source_folder()) {
        let room = room_of(&file);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == room) else {
            assert_eq!(room, "lib", "{room} is in no row of the table");
            continue;
        };
        for neighbour in imports(&fs::read_to_string(&file).unwrap()) {
            if neighbour != room && !allowed.contains(&neighbour.as_str()) {
                trespasses.push(format!("{} imports {neighbour}", file.display()));
            }
        }
    }

    assert!(trespasses.is_empty(), "{}", trespasses.join("\n"));
}

#[test]
fn tasks_know_only_the_shape_of_what_the_engine_sends() {
    let strangers: Vec<_> = sources(&source_folder().join("tasks"))
        .iter()
        .flat_map(|file| paths_into(&fs::read_to_string(file).unwrap(), "camunda"))
        .filter(|module| !["model", "variables", "LockedTask"].contains(&module.as_str()))
        .collect();

    assert!(strangers.is_empty(), "tasks imports camunda::{strangers:?}");
}

#[test]
fn topics_queue_mails_and_never_send_them() {
    let rooms = ["wallets", "security"].map(|room| sources(&source_folder().join(room)));
    for file in rooms.concat() {
        let text = fs::read_to_string(&file).unwrap();

        assert!(
            !text.contains("Mailer"),
            "{} knows the mailer",
            file.display()
        );
    }
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The product's files: what only tests see may look further.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap();
        if name == "tests" || name == "testing" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(source_folder()).unwrap();
    let first = inside.components().next().unwrap();
    Path::new(first.as_os_str())
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// The rooms that a file names, as `crate::room` or in `use crate::{room, …}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, marker) in text
        .match_indices("crate::")
        .chain(text.match_indices("phantom_worker::"))
    {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || "_,".contains(before)) {
            continue;
        }
        let rest = &text[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find("};").unwrap_or(list.len())];
                rooms.extend(top_level_names(list));
            }
            None => {
                rooms.insert(first_name(rest));
            }
        }
    }
    // Macros of ours are named by path too; they are no rooms.
    rooms.retain(|room| MAY_IMPORT.iter().any(|(known, _)| known == room));
    rooms
}

/// The names of a braced list that are not inside an inner brace.
fn top_level_names(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    names.iter().map(|name| first_name(name.trim())).collect()
}

fn first_name(path: &str) -> String {
    path.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// What a file names of a room, one step in.
fn paths_into(text: &str, room: &str) -> Vec<String> {
    text.match_indices(&format!("crate::{room}::"))
        .map(|(at, marker)| first_name(&text[at + marker.len()..]))
        .collect()
}
