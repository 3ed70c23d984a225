//! What ALTER TABLE does to the version before, action by action. A column that comes with the same
//! statement is one that the version before does not write: what is said of it alone refuses nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, ColumnDef, ColumnOption, Expr, TableConstraint,
    Value, visit_expressions,
};

use super::faults::{Effect, Fault};
use super::sql::{name, table};

pub(super) const TAKEN_AWAY: &str = "it takes away what it may use";
const REFUSED: &str = "a constraint refuses what it may write";
const READS: &str = "it reads every row";
const MISSING: &str = "it writes rows without this column";

/// What is wrong with the actions of one statement.
pub(super) fn faults(operations: &[AlterTableOperation]) -> Vec<Fault> {
    let statement = Together::of(operations);
    operations
        .iter()
        .flat_map(|operation| statement.faults(operation))
        .collect()
}

/// What the actions of one statement know of each other.
struct Together {
    added: BTreeSet<String>,
    dropped_constraints: BTreeSet<String>,
    added_checks: BTreeSet<String>,
}

impl Together {
    fn of(operations: &[AlterTableOperation]) -> Self {
        use AlterTableOperation::{AddColumn, AddConstraint, DropConstraint};
        let names = |named: fn(&AlterTableOperation) -> Option<String>| {
            operations.iter().filter_map(named).collect()
        };
        Self {
            added: names(|operation| match operation {
                AddColumn { column_def, .. } => Some(name(&column_def.name)),
                _ => None,
            }),
            dropped_constraints: names(|operation| match operation {
                DropConstraint { name: dropped, .. } => Some(name(dropped)),
                _ => None,
            }),
            added_checks: names(|operation| match operation {
                AddConstraint {
                    constraint: TableConstraint::Check(check),
                    ..
                } => check.name.as_ref().map(name),
                _ => None,
            }),
        }
    }

    fn faults(&self, operation: &AlterTableOperation) -> Vec<Fault> {
        use AlterTableOperation as O;
        match operation {
            O::AddColumn { column_def, .. } => self.column_faults(column_def),
            O::AddConstraint {
                constraint,
                not_valid,
            } => self.constraint_faults(constraint, *not_valid),
            O::ValidateConstraint { .. } => Vec::new(),
            // The one that takes its place is judged. The text does not tell whether it was a CHECK.
            O::DropConstraint { name: dropped, .. }
                if self.added_checks.contains(&name(dropped)) =>
            {
                Vec::new()
            }
            O::DropConstraint { .. } | O::DropColumn { .. } => {
                vec![Effect::Breaks.because(TAKEN_AWAY)]
            }
            O::RenameColumn { .. } | O::RenameTable { .. } | O::RenameConstraint { .. } => {
                vec![Effect::Breaks.because("a name that it uses is gone")]
            }
            O::AlterColumn { op, .. } => change_faults(op),
            unknown => vec![Effect::Unknown.because(unknown.to_string())],
        }
    }

    fn column_faults(&self, column: &ColumnDef) -> Vec<Fault> {
        let filling = Filling::of(column);
        let mut faults = Vec::new();
        if filling == Filling::Computed {
            faults.push(Effect::Stops.because("a computed default rewrites every row"));
        }
        for option in &column.options {
            match &option.option {
                ColumnOption::NotNull if filling == Filling::Null => {
                    faults.push(Effect::Breaks.because(MISSING));
                }
                ColumnOption::Unique(_) | ColumnOption::PrimaryKey(_) => {
                    faults.extend(key_faults())
                }
                ColumnOption::Check(check) => {
                    let columns = columns_in(&check.expr);
                    faults.extend(self.refusal(&columns));
                    faults.push(Effect::Stops.because(READS));
                }
                // PostgreSQL knows that there is nothing to read in a column of nulls.
                ColumnOption::ForeignKey(_) if filling != Filling::Null => {
                    faults.push(Effect::Stops.because(READS));
                }
                ColumnOption::NotNull
                | ColumnOption::Null
                | ColumnOption::Default(_)
                | ColumnOption::ForeignKey(_)
                | ColumnOption::Generated { .. }
                | ColumnOption::Collation(_) => {}
                unknown => faults.push(Effect::Unknown.because(unknown.to_string())),
            }
        }
        faults
    }

    /// NOT VALID spares the rows that are there: what is written from now on is refused at once.
    fn constraint_faults(&self, constraint: &TableConstraint, is_not_valid: bool) -> Vec<Fault> {
        let refusal = match constraint {
            TableConstraint::Check(check) if self.takes_a_place(check.name.as_ref().map(name)) => {
                Some(Effect::Widens.because("a CHECK takes the place of another"))
            }
            TableConstraint::Check(check) => self.refusal(&columns_in(&check.expr)),
            TableConstraint::ForeignKey(key) => {
                self.refusal(&key.columns.iter().map(name).collect())
            }
            TableConstraint::Unique(_)
            | TableConstraint::PrimaryKey(_)
            | TableConstraint::Exclude(_) => return key_faults().into(),
            unknown => return vec![Effect::Unknown.because(unknown.to_string())],
        };
        let reading = (!is_not_valid).then(|| Effect::Stops.because(READS));
        refusal.into_iter().chain(reading).collect()
    }

    fn takes_a_place(&self, constraint: Option<String>) -> bool {
        constraint.is_some_and(|name| self.dropped_constraints.contains(&name))
    }

    fn refusal(&self, columns: &BTreeSet<String>) -> Option<Fault> {
        let is_of_added = !columns.is_empty() && columns.is_subset(&self.added);
        (!is_of_added).then(|| Effect::Breaks.because(REFUSED))
    }
}

fn change_faults(change: &AlterColumnOperation) -> Vec<Fault> {
    use AlterColumnOperation as C;
    match change {
        C::SetNotNull => vec![
            Effect::Breaks.because(MISSING),
            Effect::Stops.because(READS),
        ],
        C::DropNotNull => vec![Effect::Widens.because("there may be a null")],
        C::SetDefault { .. } | C::DropDefault => {
            vec![Effect::Breaks.because("it relies on the default")]
        }
        C::SetDataType { .. } => vec![
            Effect::Breaks.because("a column's type changes"),
            Effect::Stops.because("a type that changes rewrites every row"),
        ],
        unknown => vec![Effect::Unknown.because(unknown.to_string())],
    }
}

fn key_faults() -> [Fault; 2] {
    [
        Effect::Breaks.because("a key refuses what it may write"),
        Effect::Stops.because("the index of a key is built under its lock"),
    ]
}

const SERIALS: [&str; 6] = [
    "smallserial",
    "serial",
    "bigserial",
    "serial2",
    "serial4",
    "serial8",
];

/// What the rows that are there get in a column that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filling {
    Null,
    /// One value for all, kept once.
    Constant,
    /// A value for each row.
    Computed,
}

impl Filling {
    fn of(column: &ColumnDef) -> Self {
        let data_type = column.data_type.to_string().to_lowercase();
        let is_serial = SERIALS.contains(&data_type.as_str());
        let fillings = column.options.iter().map(|option| match &option.option {
            ColumnOption::Default(value) if is_null(value) => Self::Null,
            ColumnOption::Default(value) if is_constant(value) => Self::Constant,
            ColumnOption::Default(_) | ColumnOption::Generated { .. } => Self::Computed,
            _ => Self::Null,
        });
        let is_filled = |filling: &Self| *filling != Self::Null;
        match is_serial {
            true => Self::Computed,
            false => fillings.into_iter().find(is_filled).unwrap_or(Self::Null),
        }
    }
}

fn is_null(value: &Expr) -> bool {
    matches!(value, Expr::Value(value) if value.value == Value::Null)
}

/// Whether PostgreSQL computes it once. Of functions it does so unless they are volatile, which the
/// text does not tell: those of the transaction's time are known.
fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::Nested(value)
        | Expr::Cast { expr: value, .. }
        | Expr::UnaryOp { expr: value, .. } => is_constant(value),
        Expr::Interval(interval) => is_constant(&interval.value),
        Expr::Array(array) => array.elem.iter().all(is_constant),
        Expr::Function(function) => {
            let known = ["now", "current_timestamp", "current_date"];
            known.contains(&table(&function.name).as_str())
        }
        _ => false,
    }
}

fn columns_in(condition: &Expr) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let _ = visit_expressions(condition, |part| {
        match part {
            Expr::Identifier(column) => columns.extend([name(column)]),
            Expr::CompoundIdentifier(path) => columns.extend(path.last().map(name)),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    columns
}
