//! The two tables that can be imported: their columns, and what may stand in each.
//!
//! Only what the database itself would refuse is refused here, and what is surely a slip. A
//! registration number or a phone number that a rule may later decline is let in: the decision is
//! the rule's, and it is recorded there.

use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate};
use email_address::EmailAddress;
use serde_json::{Value, json};
use uuid::Uuid;

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The key comes first.
    pub(super) columns: &'static [Column],
}

/// A column and what may stand in it.
pub(super) struct Column {
    pub(super) name: &'static str,
    kind: Kind,
    blank: Blank,
    /// No two lines may have the same in it.
    pub(super) unique: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Id,
    Text { most: usize },
    Email,
    OneOf(&'static [&'static str]),
    Date,
    Instant,
    Flag,
    Count,
}

/// What an empty cell means.
#[derive(Clone, Copy)]
enum Blank {
    Refused,
    Null,
    Default(&'static str),
}

impl Blank {
    /// What an empty cell, or a new row without the column, comes to.
    fn describe(self) -> String {
        match self {
            Self::Refused => "each line needs it".to_owned(),
            Self::Null => "may be empty".to_owned(),
            Self::Default(value) => format!("empty for {value}"),
        }
    }
}

impl Table {
    pub(super) fn key(&self) -> &'static str {
        self.columns[0].name
    }

    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A line for each column: its name, and what may stand in it.
    pub(super) fn describe(&self) -> String {
        let longest = self.columns.iter().map(|column| column.name.len()).max();
        let width = longest.unwrap_or_default() + 2;
        let lines = self.columns.iter().map(|column| {
            let (name, right) = (column.name, column.kind.right());
            format!("  {name:<width$}{right}; {}\n", column.blank.describe())
        });
        format!("Columns of {}:\n{}", self.name, lines.collect::<String>())
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| column.is_required())
    }
}

impl Column {
    const fn new(name: &'static str, kind: Kind, blank: Blank) -> Self {
        Self {
            name,
            kind,
            blank,
            unique: false,
        }
    }

    const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    fn is_required(&self) -> bool {
        matches!(self.blank, Blank::Refused)
    }

    /// The value of a cell as the database takes it.
    ///
    /// # Errors
    /// What would be right. Never the cell itself: it may be personal data.
    pub(super) fn read(&self, cell: &str) -> Result<Value, String> {
        let cell = cell.trim();
        match self.blank {
            _ if !cell.is_empty() => self
                .kind
                .read(cell)
                .ok_or_else(|| format!("must be {}", self.kind.right())),
            Blank::Refused => Err(format!("is empty; it must be {}", self.kind.right())),
            Blank::Null => Ok(Value::Null),
            Blank::Default(value) => Ok(self.kind.read(value).unwrap_or_default()),
        }
    }

    /// What two lines must not share, as the database compares it.
    pub(super) fn identity(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        Some(match self.kind {
            Kind::Email => text.to_lowercase(),
            _ => text.to_owned(),
        })
    }
}

impl Kind {
    fn read(self, cell: &str) -> Option<Value> {
        match self {
            Self::Id => Uuid::from_str(cell).ok().map(|id| json!(id)),
            Self::Text { most } => is_text(cell, most).then(|| json!(cell)),
            Self::Email => {
                (is_text(cell, 254) && EmailAddress::is_valid(cell)).then(|| json!(cell))
            }
            Self::OneOf(values) => values.contains(&cell).then(|| json!(cell)),
            Self::Date => NaiveDate::from_str(cell)
                .ok()
                .filter(|date| YEARS.contains(&date.year()))
                .map(|date| json!(date)),
            Self::Instant => DateTime::parse_from_rfc3339(cell)
                .ok()
                .filter(|at| YEARS.contains(&at.year()))
                .map(|at| json!(at)),
            Self::Flag => match cell.to_ascii_lowercase().as_str() {
                "true" => Some(json!(true)),
                "false" => Some(json!(false)),
                _ => None,
            },
            Self::Count => cell.parse::<u16>().ok().map(|count| json!(count)),
        }
    }

    fn right(self) -> String {
        match self {
            Self::Id => "a UUID such as 0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47".to_owned(),
            Self::Text { most } => format!("text of at most {most} characters in one line"),
            Self::Email => "one e-mail address such as naledi@shop.example".to_owned(),
            Self::OneOf(values) => format!("one of {}", values.join(", ")),
            Self::Date => "a date such as 1990-05-17".to_owned(),
            Self::Instant => "an instant such as 2026-03-01T09:30:00+02:00".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Count => "a whole number from 0 to 65535".to_owned(),
        }
    }
}

/// Outside of them it is a slip, and near their ends the database's own calendar ends.
const YEARS: RangeInclusive<i32> = 1850..=2500;

fn is_text(cell: &str, most: usize) -> bool {
    cell.chars().count() <= most && !cell.chars().any(char::is_control)
}

const NAME: Kind = Kind::Text { most: 150 };
const ADDRESS: Kind = Kind::Text { most: 254 };
const NUMBER: Kind = Kind::Text { most: 40 };
const KYC: Kind = Kind::OneOf(&["not_started", "in_progress", "approved", "rejected"]);
const ROLE: Kind = Kind::OneOf(&["admin", "merchant", "customer"]);

pub(super) static USERS: Table = Table {
    name: "users",
    columns: &[
        Column::new("id", Kind::Id, Blank::Refused).unique(),
        Column::new("email", Kind::Email, Blank::Refused).unique(),
        Column::new("role", ROLE, Blank::Refused),
        Column::new("username", NAME, Blank::Null).unique(),
        Column::new("kyc_status", KYC, Blank::Default("not_started")),
        Column::new("national_id", NUMBER, Blank::Null).unique(),
        Column::new("date_of_birth", Kind::Date, Blank::Null),
        Column::new("phone_number", NUMBER, Blank::Null),
        Column::new("is_active", Kind::Flag, Blank::Default("true")),
        Column::new("failed_login_attempts", Kind::Count, Blank::Default("0")),
        Column::new("account_locked_until", Kind::Instant, Blank::Null),
        Column::new("flagged_for_review_at", Kind::Instant, Blank::Null),
        Column::new("verified_email", Kind::Email, Blank::Null),
        Column::new("email_verified_at", Kind::Instant, Blank::Null),
    ],
};

pub(super) static MERCHANTS: Table = Table {
    name: "merchants",
    columns: &[
        Column::new("merchant_id", Kind::Id, Blank::Refused).unique(),
        Column::new("business_name", NAME, Blank::Refused),
        Column::new("registration_number", NUMBER, Blank::Refused),
        Column::new("contact_email", ADDRESS, Blank::Refused),
        Column::new("phone_number", NUMBER, Blank::Null),
        Column::new("admin_name", NAME, Blank::Null),
        Column::new("admin_email", ADDRESS, Blank::Null),
        Column::new("is_approved", Kind::Flag, Blank::Default("false")),
        Column::new("approval_date", Kind::Instant, Blank::Null),
        Column::new("user_id", Kind::Id, Blank::Null),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &Table, column: &str, cell: &str) -> Result<Value, String> {
        table.column(column).unwrap().read(cell)
    }

    #[test]
    fn a_cell_becomes_what_the_database_takes() {
        assert_eq!(
            read(&USERS, "email", " a@b.example "),
            Ok(json!("a@b.example"))
        );
        assert_eq!(
            read(&USERS, "date_of_birth", "1990-05-17"),
            Ok(json!("1990-05-17"))
        );
        assert_eq!(read(&USERS, "is_active", "FALSE"), Ok(json!(false)));
        assert_eq!(read(&USERS, "failed_login_attempts", "3"), Ok(json!(3)));
    }

    #[test]
    fn an_empty_cell_is_nothing_the_default_or_refused() {
        assert_eq!(read(&USERS, "username", ""), Ok(Value::Null));
        assert_eq!(read(&USERS, "is_active", " "), Ok(json!(true)));
        assert_eq!(read(&USERS, "kyc_status", ""), Ok(json!("not_started")));
        assert_eq!(
            read(&USERS, "role", "").unwrap_err(),
            "is empty; it must be one of admin, merchant, customer"
        );
    }

    #[test]
    fn a_fault_says_what_would_be_right_and_not_what_was_there() {
        for (column, cell) in [
            ("id", "hunter2"),
            ("email", "hunter2"),
            ("date_of_birth", "17.05.hunter2"),
            ("account_locked_until", "2026-03-01 hunter2"),
            ("username", "hunter2\u{7}"),
        ] {
            let fault = read(&USERS, column, cell).unwrap_err();

            assert!(fault.starts_with("must be "), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn what_a_rule_may_decline_later_is_let_in() {
        assert!(read(&MERCHANTS, "registration_number", "unknown").is_ok());
        assert!(read(&MERCHANTS, "contact_email", "none").is_ok());
        assert!(read(&USERS, "phone_number", "12").is_ok());
    }
}
