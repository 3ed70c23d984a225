//! What a migration's statements do to the version before. What is told here of PostgreSQL, `server`
//! asks of a server. A statement is judged by what it is, so what is not known is a fault as well.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use sqlparser::ast::{
    CreateTable, Insert, OnConflict, OnConflictAction, OnInsert, ReferentialAction, Statement,
};

use super::alter;
use super::locks::{changed_tables, foreign_keys, locked_tables, validates};
use super::sql::{Part, is_ours, table};

/// What `purge` deletes from.
const PURGED: [&str; 3] = ["outbox", "task_completions", "task_deliveries"];

/// What is wrong with a statement while the version before is at work.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) effect: Effect,
    why: String,
}

/// What it does to the version before, and so which mark a migration may excuse it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It no longer finds what it knows, or may not write what it writes.
    Breaks,
    /// It may find what it does not know, as soon as somebody writes it.
    Widens,
    /// It stands still for as long as it takes to go through a table.
    Stops,
    /// It may wait for the migration while that waits for it.
    Deadlocks,
    /// The rule does not know.
    Unknown,
    /// What no migration may do.
    Forbidden,
}

impl Effect {
    pub(super) const ALL: [Self; 6] = [
        Self::Breaks,
        Self::Widens,
        Self::Stops,
        Self::Deadlocks,
        Self::Unknown,
        Self::Forbidden,
    ];

    /// What a migration says in a comment, with the reason after a colon.
    pub(super) fn mark(self) -> Option<&'static str> {
        match self {
            Self::Breaks => Some("contract"),
            Self::Widens => Some("widens"),
            Self::Stops => Some("briefly"),
            Self::Deadlocks => Some("apart"),
            Self::Unknown => Some("vouched"),
            Self::Forbidden => None,
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> Fault {
        Fault {
            effect: self,
            why: why.into(),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let effect = match self.effect {
            Effect::Breaks => "the version before breaks",
            Effect::Widens => "the version before may read what it does not know",
            Effect::Stops => "the version before stands still",
            Effect::Deadlocks => "the version before runs into a deadlock",
            Effect::Unknown => "the rule does not know this statement",
            Effect::Forbidden => "no migration does this",
        };
        write!(out, "{effect}: {}", self.why)
    }
}

/// Everything that is wrong with a migration's statements.
pub(super) fn faults(parts: &[Part]) -> Vec<Fault> {
    let statements = || parts.iter().filter_map(|part| part.statement.as_ref().ok());
    let (mut faults, mut made, mut locked) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for part in parts {
        faults.extend(part_faults(part, &made));
        // Nobody knows a table from where it was made on, and not a line before.
        made.extend(made_table(part));
        let is_known = |table: &String| !made.contains(table);
        locked.extend(locked_tables(part).into_iter().filter(is_known));
    }
    if locked.len() > 1 {
        // The work locks its tables in an order of its own.
        let tables: Vec<_> = locked.iter().map(String::as_str).collect();
        faults.push(Effect::Deadlocks.because(format!("it locks {}", tables.join(" and "))));
    }
    if !locked.is_empty() && statements().any(validates) {
        faults.push(Effect::Stops.because("VALIDATE reads every row under the locks beside it"));
    }
    faults
}

fn part_faults(part: &Part, made: &BTreeSet<String>) -> Vec<Fault> {
    use Statement as S;
    let statement = match &part.statement {
        Ok(statement) => statement,
        Err(fault) => return vec![Effect::Unknown.because(fault.to_string())],
    };
    let changed = changed_tables(statement);
    let is_on_made_tables = !changed.is_empty() && changed.iter().all(|table| made.contains(table));
    let mut faults = purge_faults(statement);
    faults.extend(match statement {
        S::Set(_) | S::Reset(_) => vec![Effect::Forbidden.because("it sets what `migrate` sets")],
        S::StartTransaction { .. } | S::Commit { .. } | S::Rollback { .. } => {
            vec![Effect::Forbidden.because("`migrate` begins and ends the transaction")]
        }
        S::CreateTable(new) if is_new(new) => Vec::new(),
        S::CreateSequence { .. } | S::CreateType { .. } | S::CreateExtension(_) => Vec::new(),
        S::Comment { .. } | S::Grant(_) => Vec::new(),
        S::Insert(insert) => insert_faults(insert),
        S::CreateView(view) if !view.or_replace => Vec::new(),
        S::CreateFunction(function) if !function.or_replace => Vec::new(),
        _ if is_on_made_tables => Vec::new(),
        S::CreateIndex(index) => index_faults(index.unique, part.is_concurrent),
        S::AlterTable(altered) => alter::faults(&altered.operations),
        S::CreateView(_) | S::CreateFunction(_) | S::CreateTrigger(_) | S::CreatePolicy(_) => {
            vec![Effect::Breaks.because("it changes what its statements do")]
        }
        S::Drop { .. } | S::DropFunction(_) | S::DropTrigger(_) | S::DropPolicy(_) => {
            vec![Effect::Breaks.because(alter::TAKEN_AWAY)]
        }
        S::Truncate(_) | S::Revoke(_) => vec![Effect::Breaks.because(alter::TAKEN_AWAY)],
        S::Update(_) | S::Delete(_) => {
            vec![Effect::Stops.because("it changes rows under its feet")]
        }
        unknown => vec![Effect::Unknown.because(unknown.to_string())],
    });
    faults
}

/// The table that was not there before.
fn made_table(part: &Part) -> Option<String> {
    match part.statement.as_ref().ok()? {
        Statement::CreateTable(new) if is_new(new) => Some(table(&new.name)),
        _ => None,
    }
}

/// A table of ours that nobody else has a part in: one that is a part of another one locks it, and
/// one of another kind or schema may have a known one's name.
fn is_new(table: &CreateTable) -> bool {
    let is_part = table.inherits.is_some() || table.partition_of.is_some();
    !is_part && !table.if_not_exists && !table.temporary && is_ours(&table.name)
}

/// A row that points at another one keeps it, for whoever does not know of it as well.
fn purge_faults(statement: &Statement) -> Vec<Fault> {
    let keeps = |action: &Option<ReferentialAction>| {
        use ReferentialAction::{Cascade, SetDefault, SetNull};
        !matches!(action, Some(Cascade | SetDefault | SetNull))
    };
    foreign_keys(statement)
        .filter(|key| PURGED.contains(&table(&key.foreign_table).as_str()) && keeps(&key.on_delete))
        .map(|_| Effect::Breaks.because("a foreign key refuses what `purge` deletes"))
        .collect()
}

/// New rows are the migration's own affair, and those that are there are not.
fn insert_faults(insert: &Insert) -> Vec<Fault> {
    let updates = matches!(
        &insert.on,
        Some(OnInsert::OnConflict(OnConflict {
            action: OnConflictAction::DoUpdate(_),
            ..
        }))
    );
    let has_others = insert
        .source
        .as_ref()
        .is_some_and(|source| source.with.is_some());
    let changed = updates.then(|| Effect::Stops.because("it changes rows under its feet"));
    let others = has_others.then(|| Effect::Unknown.because("statements WITH an INSERT"));
    changed.into_iter().chain(others).collect()
}

fn index_faults(is_unique: bool, is_concurrent: bool) -> Vec<Fault> {
    let unique = Effect::Breaks.because("a unique index refuses what it may write");
    let blocking = Effect::Stops.because("an index without CONCURRENTLY stops every change");
    let unique = is_unique.then_some(unique);
    unique
        .into_iter()
        .chain((!is_concurrent).then_some(blocking))
        .collect()
}
