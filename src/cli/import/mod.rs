//! `phantom-worker import`: brings users or merchants from a CSV file, all of it or nothing.
//!
//! Every line is looked at before the first is written, here and by the database, so that an
//! operator corrects a file once. One transaction writes all batches and their audit rows.

mod read;
mod table;
mod write;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};

use self::read::{Content, LineFault};
use self::table::{MERCHANTS, Table, USERS};
use self::write::Imported;
use super::outcome::{Failure, Outcome};
use super::plural::count;
use super::schema::require_schema;
use super::terminal::{complain, progress_of_bytes, progress_of_lines, say};
use crate::config::StoreArgs;
use crate::store::Pool;

/// Brings users or merchants from a CSV file.
///
/// The first line names the columns, by the names of the table's columns and in any order; columns
/// that the file leaves out keep what they have. A line whose id is there already changes that
/// row, another one makes a new row, so importing a file twice changes nothing the second time. An
/// empty cell stands for no value, or for the column's default where it must have one.
///
/// Every line is checked before anything is written. When one is wrong, all that are wrong are
/// told with their numbers, and nothing is imported.
#[derive(Args)]
#[command(after_long_help = more_help())]
pub(super) struct Import {
    /// What the lines are.
    #[arg(value_enum)]
    what: What,
    /// The CSV file, or - for standard input: UTF-8, with commas between the columns.
    file: PathBuf,
    #[command(flatten)]
    settings: StoreArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker import users users.csv
  zcat merchants.csv.gz | phantom-worker import merchants -

Exit codes: 0 imported, 1 nothing was imported, 64 usage, 78 settings";

/// The columns as they are checked, so that no file has to be refused to find out.
fn more_help() -> String {
    format!("{}\n{}\n{EXAMPLES}", USERS.describe(), MERCHANTS.describe())
}

/// What can be imported.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// People who can sign in.
    Users,
    /// Businesses whose customers hold wallets.
    Merchants,
}

impl What {
    fn table(self) -> &'static Table {
        match self {
            Self::Users => &USERS,
            Self::Merchants => &MERCHANTS,
        }
    }
}

impl Import {
    pub(super) async fn execute(&self) -> Outcome {
        let settings = self.settings.read_alone()?;
        let began = Instant::now();
        let mut content = self.read()?;
        let pool = Pool::new(&settings, tokio::runtime::Handle::current())?;
        let imported = self.write(&pool, &mut content).await;
        pool.close();
        let Some(imported) = imported? else {
            return Err(self.report(content));
        };
        let Imported { inserted, updated } = imported;
        let (lines, seconds) = (content.lines, began.elapsed().as_secs_f64());
        say(format_args!(
            "{}: {inserted} new, {updated} changed, {} as they were ({}, {seconds:.1} s)",
            self.what.table().name,
            lines - inserted - updated,
            count(lines as usize, "line"),
        ));
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Content> {
        let name = || format!("reading {}", self.name());
        let (source, size): (Box<dyn Read>, _) = if self.file == Path::new("-") {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(&self.file).with_context(name)?;
            let size = file.metadata().with_context(name)?.len();
            (Box::new(file), Some(size))
        };
        let bar = progress_of_bytes("reading", size);
        let content = read::read(self.what.table(), bar.wrap_read(source)).with_context(name);
        bar.finish_and_clear();
        content
    }

    fn name(&self) -> String {
        match self.file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => self.file.display().to_string(),
        }
    }

    /// Adds what the database finds wrong with the good lines; writes when there is nothing.
    async fn write(&self, pool: &Pool, content: &mut Content) -> anyhow::Result<Option<Imported>> {
        let mut conn = pool.get().await?;
        require_schema(&mut conn).await?;
        let bar = progress_of_lines("writing", content.rows.len());
        let imported = write::write(&mut conn, self.what, content, &bar).await;
        bar.finish_and_clear();
        imported.context("writing to the database; nothing was imported")
    }

    /// Tells every fault, in the order of the lines.
    fn report(&self, mut content: Content) -> Failure {
        content.faults.sort();
        content
            .faults
            .iter()
            .for_each(|fault: &LineFault| complain(fault));
        let faulty = content.faults.iter().map(|fault| fault.line).collect();
        complain(format_args!(
            "{}: {}; nothing was imported",
            self.name(),
            what_is_wrong(&faulty, content.lines)
        ));
        Failure::Told
    }
}

/// How much of a file is wrong. Its first line is the header, which counts for itself.
fn what_is_wrong(faulty: &BTreeSet<u64>, lines: u64) -> String {
    const HEADER: u64 = 1;
    let header = faulty.contains(&HEADER);
    let others = faulty.len() - usize::from(header);
    let of_lines = format!("{others} of {} wrong", count(lines as usize, "line"));
    match (header, others) {
        (true, 0) => "the header is wrong".to_owned(),
        (true, _) => format!("the header is wrong, and {of_lines}"),
        (false, _) => of_lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_counted_apart_from_the_lines() {
        let wrong = |faulty: &[u64], lines| what_is_wrong(&faulty.iter().copied().collect(), lines);

        assert_eq!(wrong(&[1], 0), "the header is wrong");
        assert_eq!(wrong(&[1], 7), "the header is wrong");
        assert_eq!(
            wrong(&[1, 2], 1),
            "the header is wrong, and 1 of 1 line wrong"
        );
        assert_eq!(wrong(&[2], 1), "1 of 1 line wrong");
        assert_eq!(wrong(&[2, 5], 10), "2 of 10 lines wrong");
    }
}
