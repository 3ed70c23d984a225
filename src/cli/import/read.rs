//! From a CSV file to rows, with every fault of every line.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::table::{Column, Table};

/// A line of the file, as the database takes it.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) id: Uuid,
    pub(super) values: Value,
}

/// What is wrong in a line. No `Debug`, and no cell: it may be personal data.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LineFault {
    pub(super) line: u64,
    /// Empty when the line as a whole is at fault.
    pub(super) column: String,
    pub(super) problem: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
        } = self;
        match column.is_empty() {
            true => write!(formatter, "line {line}: {problem}"),
            false => write!(formatter, "line {line}, {column}: {problem}"),
        }
    }
}

/// What a file holds.
pub(super) struct Content {
    /// The columns that the header names, the key among them.
    pub(super) columns: Vec<&'static str>,
    /// The good lines.
    pub(super) rows: Vec<Row>,
    pub(super) faults: Vec<LineFault>,
    /// How many lines there are, without the header.
    pub(super) lines: u64,
    pub(super) sha256: String,
}

/// Why a file cannot be read as lines at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    #[error("the file is UTF-16; save it as \"CSV UTF-8\"")]
    Utf16,
    #[error("the columns are separated by semicolons; save the file with commas between them")]
    Semicolons,
    #[error("the columns are separated by tabs; save the file with commas between them")]
    Tabs,
    #[error("reading the file")]
    Io(#[from] std::io::Error),
    #[error("reading the file as CSV")]
    Csv(#[from] csv::Error),
}

/// Reads everything.
pub(super) fn read(table: &'static Table, mut file: impl Read) -> Result<Content, Unreadable> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unreadable::Utf16);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record)? {
        return Err(Unreadable::Empty);
    }
    let (header, faults) = Header::read(table, &record)?;
    let mut content = Content {
        columns: header
            .columns
            .iter()
            .flatten()
            .map(|column| column.name)
            .collect(),
        rows: Vec::new(),
        faults,
        lines: 0,
        sha256: hex(&Sha256::digest(&bytes)),
    };
    let mut seen = Seen::default();
    let mut lines = Lines::of(text);
    while reader.read_byte_record(&mut record)? {
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        content.lines += 1;
        header.read_line(line, &record, &mut seen, &mut content);
    }
    if content.lines == 0 {
        content.faults.push(LineFault {
            line: 1,
            column: String::new(),
            problem: "the header is followed by no line".to_owned(),
        });
    }
    Ok(content)
}

/// Numbers lines as an editor does. The reader's own numbers are one off after a CRLF, of which
/// it has only seen the first half when a record begins.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            counted: 0,
            line: 1,
        }
    }

    /// The line of the first character at or after `byte` that ends no line. Asked in order.
    fn at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text[self.counted..].iter().enumerate();
        for (position, character) in rest {
            let is_end = matches!(character, b'\r' | b'\n');
            if self.counted + position >= byte && !is_end {
                self.counted += position;
                return self.line;
            }
            self.line += u64::from(*character == b'\n');
        }
        self.counted = self.text.len();
        self.line
    }
}

/// What the columns of the file are; none for a name that is no column of the table.
struct Header {
    key: &'static str,
    columns: Vec<Option<&'static Column>>,
}

impl Header {
    fn read(
        table: &'static Table,
        record: &ByteRecord,
    ) -> Result<(Self, Vec<LineFault>), Unreadable> {
        let names: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        if let [only] = names.as_slice() {
            match only {
                only if only.contains(';') => return Err(Unreadable::Semicolons),
                only if only.contains('\t') => return Err(Unreadable::Tabs),
                _ => {}
            }
        }
        let columns: Vec<_> = names.iter().map(|name| table.column(name.trim())).collect();
        let mut faults = Vec::new();
        for (position, (name, column)) in names.iter().zip(&columns).enumerate() {
            match column {
                None => faults.push(unknown_column(table, position, name)),
                Some(column)
                    if columns[..position]
                        .iter()
                        .flatten()
                        .any(|other| other.name == column.name) =>
                {
                    faults.push(in_header(column.name, "is there twice".to_owned()));
                }
                Some(_) => {}
            }
        }
        for required in table.required() {
            if !columns
                .iter()
                .flatten()
                .any(|column| column.name == required.name)
            {
                faults.push(in_header(
                    required.name,
                    "is missing; every line needs it".to_owned(),
                ));
            }
        }
        let key = table.key();
        Ok((Self { key, columns }, faults))
    }

    fn read_line(&self, line: u64, record: &ByteRecord, seen: &mut Seen, content: &mut Content) {
        let before = content.faults.len();
        let mut fault = |column: &str, problem: String| {
            content.faults.push(LineFault {
                line,
                column: column.to_owned(),
                problem,
            });
        };
        if record.len() != self.columns.len() {
            let (has, wants) = (record.len(), self.columns.len());
            fault(
                "",
                format!("has {has} columns where the header has {wants}"),
            );
            return;
        }
        let mut values = Map::new();
        for (cell, column) in record.iter().zip(&self.columns) {
            let Some(column) = column else { continue };
            let read = std::str::from_utf8(cell)
                .map_err(|_| "is not UTF-8; save the file as \"CSV UTF-8\"".to_owned())
                .and_then(|cell| column.read(cell));
            match read {
                Err(problem) => fault(column.name, problem),
                Ok(value) => {
                    if let Some(first) = seen.first(column, &value, line) {
                        fault(column.name, format!("is the same as in line {first}"));
                    }
                    values.insert(column.name.to_owned(), value);
                }
            }
        }
        let id = values.get(self.key).and_then(Value::as_str).map(str::parse);
        if let (Some(Ok(id)), true) = (id, content.faults.len() == before) {
            content.rows.push(Row {
                line,
                id,
                values: Value::Object(values),
            });
        }
    }
}

fn in_header(column: &str, problem: String) -> LineFault {
    LineFault {
        line: 1,
        column: column.to_owned(),
        problem,
    }
}

/// A header's cell may be a person's, when the header was left out: only a plain word is repeated.
fn unknown_column(table: &Table, position: usize, name: &str) -> LineFault {
    let known: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    let known = known.join(", ");
    let is_word = |name: &str| {
        (1..=40).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let column = match is_word(name.trim()) {
        true => name.trim().to_owned(),
        false => format!("column {}", position + 1),
    };
    in_header(
        &column,
        format!("is no column of {}; its columns are {known}", table.name),
    )
}

/// In which line each value that must not come twice came first.
#[derive(Default)]
struct Seen(HashMap<(&'static str, String), u64>);

impl Seen {
    fn first(&mut self, column: &'static Column, value: &Value, line: u64) -> Option<u64> {
        if !column.unique {
            return None;
        }
        let identity = column.identity(value)?;
        let first = *self.0.entry((column.name, identity)).or_insert(line);
        (first != line).then_some(first)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::{MERCHANTS, USERS};
    use super::*;

    const A: &str = "0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d47";
    const B: &str = "0190f3c2-7e4b-7c5a-9d0e-3b1f6a2c8d48";

    fn read_text(table: &'static Table, text: &str) -> Result<Content, Unreadable> {
        read(table, text.as_bytes())
    }

    fn faults(table: &'static Table, text: &str) -> Vec<String> {
        let content = read_text(table, text).unwrap();
        content.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_spreadsheets_habits_do_no_harm() {
        let text = format!("\u{feff}id, email ,role\r\n{A},\"a@b.example\",customer\r\n");

        let content = read_text(&USERS, &text).unwrap();

        assert!(content.faults.is_empty());
        assert_eq!(content.columns, ["id", "email", "role"]);
        assert_eq!(content.rows[0].line, 2);
        assert_eq!(content.rows[0].values["email"], "a@b.example");
    }

    #[test]
    fn what_is_no_csv_is_told_so() {
        let why = |text: &str| read_text(&USERS, text).err().unwrap().to_string();

        assert!(why("").starts_with("the file is empty"));
        assert!(why("id;email;role\n").contains("separated by semicolons"));
        assert!(why("id\temail\trole\n").contains("separated by tabs"));
        let utf16 = read(&USERS, &[0xff, 0xfe, b'i', 0][..]);
        assert!(utf16.err().unwrap().to_string().contains("UTF-16"));
    }

    #[test]
    fn every_fault_of_every_line_is_told() {
        let text = format!(
            "id,email,role,date_of_birth\n{A},a@b.example,customer,1990-05-17\n\
             {A},A@B.example,boss,17.05.1990\n{B},c@d.example,customer\n"
        );

        assert_eq!(
            faults(&USERS, &text),
            [
                "line 3, id: is the same as in line 2",
                "line 3, email: is the same as in line 2",
                "line 3, role: must be one of admin, merchant, customer",
                "line 3, date_of_birth: must be a date such as 1990-05-17",
                "line 4: has 3 columns where the header has 4",
            ]
        );
    }

    #[test]
    fn a_line_is_numbered_as_an_editor_does() {
        let text =
            format!("id,email,role,username\n{A},a@b.example,customer,\"a\nb\"\n{B},x,customer,\n");

        let faults = faults(&USERS, &text);

        assert!(faults[0].starts_with("line 2, username"), "{faults:?}");
        assert!(faults[1].starts_with("line 4, email"), "{faults:?}");
        let crlf = text.replace('\n', "\r\n").replacen("\r\n", "\r\n\r\n", 1);
        let faults = self::faults(&USERS, &crlf);
        assert!(faults[0].starts_with("line 3, username"), "{faults:?}");
        assert!(faults[1].starts_with("line 5, email"), "{faults:?}");
    }

    #[test]
    fn a_missing_header_names_no_person() {
        let faults = faults(&MERCHANTS, &format!("{A},Thebe Motors,BW1,x@y.example\n"));

        assert!(faults[0].starts_with("line 1, column 1: is no column of merchants"));
        assert!(!faults.concat().contains("Thebe"));
        assert!(
            faults
                .iter()
                .any(|fault| fault == "line 1, merchant_id: is missing; every line needs it")
        );
    }

    #[test]
    fn other_encodings_are_named() {
        let mut bytes = format!("id,email,role,username\n{A},a@b.example,customer,").into_bytes();
        bytes.extend(b"Andr\xe9\n");

        let content = read(&USERS, &bytes[..]).unwrap();

        assert!(
            content.faults[0]
                .to_string()
                .contains("username: is not UTF-8")
        );
    }
}
