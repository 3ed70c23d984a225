//! What a command shows: results on standard output, everything else on standard error.
//!
//! Colours and progress appear on a terminal only. What cannot be written is not missed: a reader
//! who has seen enough (`| head`) must not turn work that was done into a failure.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// A line of the result.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A line about what is wrong, or what is going on.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Puts colours on a result where they are seen as such.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output; <https://no-color.org> switches it off.
    pub(super) fn for_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            on: wanted && io::stdout().is_terminal(),
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.sgr("32", text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.sgr("33", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.sgr("31", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.sgr("2", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// A bar over bytes, or a count of them where their number is not known.
pub(super) fn progress_of_bytes(what: &'static str, size: Option<u64>) -> ProgressBar {
    drawn(match size {
        Some(size) => bar(
            what,
            size,
            "{msg:<10} {wide_bar} {bytes:>10} of {total_bytes}",
        ),
        None => ProgressBar::new_spinner()
            .with_message(what)
            .with_style(style("{msg:<10} {bytes}")),
    })
}

/// A bar over things that are counted.
pub(super) fn progress_of_lines(what: &'static str, count: usize) -> ProgressBar {
    drawn(bar(
        what,
        count as u64,
        "{msg:<10} {wide_bar} {pos:>7} of {len}",
    ))
}

/// A bar shows itself at its first step, which may be long in coming.
fn drawn(bar: ProgressBar) -> ProgressBar {
    bar.tick();
    bar
}

/// Drawn on standard error, and only if that is a terminal.
fn bar(what: &'static str, length: u64, template: &'static str) -> ProgressBar {
    ProgressBar::new(length)
        .with_message(what)
        .with_style(style(template))
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are well-formed")
}
