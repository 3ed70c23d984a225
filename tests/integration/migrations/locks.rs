//! Which tables a statement works on, and which of them nobody can write to, whole or some of their
//! rows, until its transaction ends.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AlterTableOperation, ColumnDef, ColumnOption, ForeignKeyConstraint, ObjectType, Statement,
    TableConstraint, Visit, visit_relations,
};

use super::sql::{Part, table};

/// The tables that a statement works on.
pub(super) fn changed_tables(statement: &Statement) -> Vec<String> {
    match statement {
        Statement::AlterTable(altered) => vec![table(&altered.name)],
        Statement::CreateIndex(index) => vec![table(&index.table_name)],
        Statement::CreateTrigger(trigger) => vec![table(&trigger.table_name)],
        Statement::Drop {
            object_type: ObjectType::Table,
            names,
            ..
        } => names.iter().map(table).collect(),
        Statement::Insert(insert) => tables_in(&insert.table),
        Statement::Update(update) => tables_in(&update.table),
        Statement::Delete(delete) => tables_in(&delete.from),
        Statement::Truncate(truncate) => tables_in(truncate),
        _ => Vec::new(),
    }
}

fn tables_in(part: &impl Visit) -> Vec<String> {
    let mut tables = Vec::new();
    let _ = visit_relations(part, |named| {
        tables.push(table(named));
        ControlFlow::<()>::Continue(())
    });
    tables
}

/// The tables that a part locks. A foreign key that is dropped locks the table it pointed at, which
/// the text does not name.
pub(super) fn locked_tables(part: &Part) -> Vec<String> {
    let Ok(statement) = &part.statement else {
        return Vec::new();
    };
    // PostgreSQL puts a trigger on the table that a new foreign key points at.
    let keys = foreign_keys(statement);
    let mut locked: Vec<_> = keys.map(|key| table(&key.foreign_table)).collect();
    if !part.is_concurrent && !actions(statement).is_some_and(|all| all.iter().all(is_validation)) {
        locked.extend(changed_tables(statement));
    }
    locked
}

/// Whether a statement reads a table for a constraint that is there, beside those who write to it.
pub(super) fn validates(statement: &Statement) -> bool {
    actions(statement).is_some_and(|all| all.iter().any(is_validation))
}

fn actions(statement: &Statement) -> Option<&[AlterTableOperation]> {
    match statement {
        Statement::AlterTable(altered) => Some(&altered.operations),
        _ => None,
    }
}

fn is_validation(action: &AlterTableOperation) -> bool {
    matches!(action, AlterTableOperation::ValidateConstraint { .. })
}

/// The foreign keys that a statement makes.
pub(super) fn foreign_keys(statement: &Statement) -> impl Iterator<Item = &ForeignKeyConstraint> {
    use AlterTableOperation::{AddColumn, AddConstraint};
    let mut keys = Vec::new();
    if let Statement::CreateTable(made) = statement {
        keys.extend(made.columns.iter().flat_map(keys_of_column));
        keys.extend(made.constraints.iter().filter_map(as_key));
    }
    for action in actions(statement).unwrap_or_default() {
        match action {
            AddColumn { column_def, .. } => keys.extend(keys_of_column(column_def)),
            AddConstraint { constraint, .. } => keys.extend(as_key(constraint)),
            _ => {}
        }
    }
    keys.into_iter()
}

fn keys_of_column(column: &ColumnDef) -> impl Iterator<Item = &ForeignKeyConstraint> {
    column
        .options
        .iter()
        .filter_map(|option| match &option.option {
            ColumnOption::ForeignKey(key) => Some(key),
            _ => None,
        })
}

fn as_key(constraint: &TableConstraint) -> Option<&ForeignKeyConstraint> {
    match constraint {
        TableConstraint::ForeignKey(key) => Some(key),
        _ => None,
    }
}
