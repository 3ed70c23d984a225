//! What a migration may do while the version before is at work: found by reading its statements, and
//! told as a person would.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A migration as it lies in its folder.
pub(crate) struct Migration {
    pub(crate) name: String,
    pub(crate) up: String,
    pub(crate) is_transactional: bool,
}

/// What is wrong with a statement while the version before is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The version before no longer finds what it knows. It may be marked as a contract.
    Breaks(&'static str),
    /// It stands still meanwhile. It may be marked as brief.
    Stops(&'static str),
}

impl Migration {
    pub(crate) fn read(folder: &Path) -> Self {
        let metadata = fs::read_to_string(folder.join("metadata.toml")).ok();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            up: fs::read_to_string(folder.join("up.sql")).unwrap(),
            // With a file that does not say so, there is no transaction.
            is_transactional: metadata
                .is_none_or(|text| text.contains("run_in_transaction = true")),
        }
    }

    /// Everything in which it breaks the rule, as of this version of the product.
    pub(crate) fn trespasses(&self, product: &str) -> Vec<String> {
        let statements = statements(&self.up);
        let made = made_tables(&statements);
        let mut faults: Vec<_> = statements
            .iter()
            .flat_map(|statement| faults(statement, &made))
            .collect();
        faults.extend(deadlock(&statements, &made));
        let breaks = faults.iter().any(|fault| matches!(fault, Fault::Breaks(_)));
        let stops = faults.iter().any(|fault| matches!(fault, Fault::Stops(_)));
        let mut told = self.marks(product, breaks, stops);
        let is_marked = |fault: &Fault| match fault {
            Fault::Breaks(_) => self.mark("contract").is_some(),
            Fault::Stops(_) => self.mark("briefly").is_some(),
        };
        told.extend(
            faults
                .iter()
                .filter(|fault| !is_marked(fault))
                .map(|fault| match fault {
                    Fault::Breaks(why) => format!("the version before breaks: {why}"),
                    Fault::Stops(why) => format!("the version before stands still: {why}"),
                }),
        );
        told.extend(self.transaction(&statements).map(str::to_owned));
        told
    }

    /// What follows a mark such as `-- contract: `.
    fn mark(&self, mark: &str) -> Option<&str> {
        let mark = format!("-- {mark}: ");
        self.up.lines().find_map(|line| line.strip_prefix(&mark))
    }

    /// Marks that say nothing, or nothing true.
    fn marks(&self, product: &str, breaks: bool, stops: bool) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(since) = self.mark("contract") {
            match since.strip_prefix("since ").and_then(version) {
                _ if !breaks => told.push("is marked as a contract and takes nothing away".into()),
                Some(since) if Some(since) < version(product) => {}
                _ => told.push(format!("`{since}` is no version before {product}")),
            }
        }
        if self.mark("briefly").is_some() && !stops {
            told.push("is marked as brief and stops nobody".into());
        }
        told
    }

    /// Outside of a transaction is an index built concurrently, and nothing else.
    fn transaction(&self, statements: &[String]) -> Option<&'static str> {
        let concurrent = statements
            .iter()
            .any(|each| each.contains(" concurrently "));
        match (concurrent, self.is_transactional) {
            (true, true) => Some("CONCURRENTLY needs run_in_transaction = false"),
            (false, false) => Some("only CONCURRENTLY may run outside of a transaction"),
            (true, false) if statements.len() > 1 => {
                Some("several statements are one transaction: CONCURRENTLY must stand alone")
            }
            _ => None,
        }
    }
}

/// The three numbers of a version.
fn version(text: &str) -> Option<[u32; 3]> {
    let parts: Vec<_> = text
        .trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect();
    parts
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .try_into()
        .ok()
}

/// Each statement in small letters, its words and signs one blank apart, without comments and texts.
fn statements(sql: &str) -> Vec<String> {
    let mut plain = String::new();
    for line in sql.lines() {
        plain.push_str(line.split("--").next().unwrap());
        plain.push('\n');
    }
    let (mut statements, mut words) = (Vec::new(), String::new());
    // Between dollars stands a body, whose semicolons end no statement of the migration.
    for (part, text) in plain.split("$$").enumerate() {
        for (quoted, text) in text.split('\'').enumerate() {
            for sign in text.to_lowercase().chars().filter(|_| quoted % 2 == 0) {
                match sign {
                    ';' if part % 2 == 0 => statements.push(std::mem::take(&mut words)),
                    '(' | ')' | ',' | ';' => words.extend([' ', sign, ' ']),
                    '"' => {}
                    _ => words.push(sign),
                }
            }
        }
    }
    statements.push(words);
    let spaced = |words: String| {
        let words: Vec<_> = words.split_whitespace().collect();
        format!(" {} ", words.join(" "))
    };
    statements
        .into_iter()
        .map(spaced)
        .filter(|each| each != "  ")
        .collect()
}

fn made_tables(statements: &[String]) -> BTreeSet<&str> {
    statements
        .iter()
        .filter_map(|each| table_after(each, "create table"))
        .collect()
}

/// The table that a statement names after these words.
fn table_after<'s>(statement: &'s str, words: &str) -> Option<&'s str> {
    let rest = statement.split_once(&format!(" {words} "))?.1;
    let is_name = |word: &&str| !["if", "not", "exists", "only"].contains(word);
    let name = rest.split(' ').find(is_name)?;
    Some(name.strip_prefix("public.").unwrap_or(name))
}

fn faults(statement: &str, made: &BTreeSet<&str>) -> Vec<Fault> {
    let is_made =
        |words: &str| table_after(statement, words).is_some_and(|table| made.contains(table));
    let mut words = statement.split_whitespace();
    match (words.next().unwrap(), words.next().unwrap_or_default()) {
        ("create", "table") => Vec::new(),
        ("create", "index" | "unique") if is_made("on") => Vec::new(),
        ("create", "index" | "unique") => index_faults(statement),
        ("create", "trigger" | "rule") if is_made("on") => Vec::new(),
        ("create", "trigger" | "rule" | "or") => {
            vec![Fault::Breaks("changes what its statements do")]
        }
        ("create" | "comment" | "grant" | "insert", _) => Vec::new(),
        ("alter", "table") if is_made("alter table") => Vec::new(),
        ("alter", "table") => actions(statement)
            .iter()
            .flat_map(|action| table_faults(action))
            .collect(),
        ("drop", "index") if statement.contains(" concurrently ") => Vec::new(),
        ("drop" | "truncate" | "revoke" | "alter", _) => {
            vec![Fault::Breaks("takes away what it may use")]
        }
        ("update" | "delete", _) => vec![Fault::Stops("changes rows under its feet")],
        ("set" | "reset", _) => vec![Fault::Stops("sets what `migrate` sets")],
        _ => vec![Fault::Stops("the rule does not know this statement")],
    }
}

/// The work locks its tables in an order of its own.
fn deadlock(statements: &[String], made: &BTreeSet<&str>) -> Option<Fault> {
    let altered = statements
        .iter()
        .filter_map(|each| table_after(each, "alter table"));
    let known: BTreeSet<_> = altered.filter(|table| !made.contains(table)).collect();
    (known.len() > 1).then_some(Fault::Stops(
        "locks on several tables deadlock with its own",
    ))
}

fn index_faults(statement: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if statement.contains(" unique ") {
        faults.push(Fault::Breaks("a unique index refuses what it may write"));
    }
    if !statement.contains(" concurrently ") {
        faults.push(Fault::Stops(
            "an index without CONCURRENTLY stops every change",
        ));
    }
    faults
}

/// The actions of an ALTER TABLE: what stands between the commas outside of brackets.
fn actions(statement: &str) -> Vec<String> {
    let (mut actions, mut depth) = (vec![String::from(" ")], 0);
    for word in statement.split_whitespace() {
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => {
                actions.push(String::from(" "));
                continue;
            }
            _ => {}
        }
        let action = actions.last_mut().expect("there is one from the start");
        action.push_str(word);
        action.push(' ');
    }
    actions
}

fn table_faults(action: &str) -> Vec<Fault> {
    let has = |words: &str| action.contains(&format!(" {words} "));
    let adds_column = has("add column");
    let has_default = has("default");
    let mut faults = Vec::new();
    if has("drop") {
        faults.push(Fault::Breaks("takes away what it may use"));
    }
    if has("rename") {
        faults.push(Fault::Breaks("a name that it uses is gone"));
    }
    if has("type") && !adds_column {
        faults.push(Fault::Breaks(
            "a column's type changes, and its rows are rewritten",
        ));
    }
    if has("set not null") || (adds_column && has("not null") && !has_default) {
        faults.push(Fault::Breaks("it writes rows without this column"));
    }
    if has("unique") || has("primary key") || has("exclude") {
        faults.push(Fault::Breaks("a key refuses what it may write"));
    }
    let is_computed = has("default") && action.contains(" ( ) ") && !has("default now ( )");
    if adds_column && (is_computed || has("generated")) {
        faults.push(Fault::Stops("a computed default rewrites every row"));
    }
    if has("add constraint") && !has("not valid") {
        faults.push(Fault::Stops(
            "a constraint without NOT VALID reads every row",
        ));
    }
    let adds = ["add column", "add constraint", "validate constraint"];
    if faults.is_empty() && !adds.iter().any(|known| has(known)) {
        faults.push(Fault::Stops("the rule does not know this action"));
    }
    faults
}
