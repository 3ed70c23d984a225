//! Checkpoints that were kept outside of the database, held against each other and the chain.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::finding::Finding;
use crate::store::audit_seals::{self, Checkpoint, digest, hex};

/// A line of a file.
pub(super) struct Line {
    place: String,
    /// The first line of a file may follow one of a file that was rotated away.
    first: bool,
    text: String,
}

/// Reads the files' lines; `-` is standard input.
///
/// # Errors
/// For a file that cannot be read, and for an input without a line: whoever was to fill the pipe has
/// failed, and nothing would be held against the chain.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for file in files {
        let (name, text) = match file.to_str() {
            Some("-") => ("standard input".into(), of_standard_input()),
            _ => (file.to_string_lossy(), fs::read(file)),
        };
        let text = text.with_context(|| format!("reading {name}"))?;
        // A line that is no text is a finding and not a failure.
        let text = String::from_utf8_lossy(&text);
        ensure!(
            file.as_os_str() != "-" || !text.trim().is_empty(),
            "there is no checkpoint in standard input"
        );
        let numbered = text
            .lines()
            .zip(1..)
            .filter(|(text, _)| !text.trim().is_empty());
        lines.extend(numbered.enumerate().map(|(index, (text, number))| Line {
            place: format!("{name} line {number}"),
            first: index == 0,
            text: text.to_owned(),
        }));
    }
    Ok(lines)
}

fn of_standard_input() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Holds the lines against each other and against the chain, which ends at seal `end`.
pub(super) async fn compare(
    conn: &mut AsyncPgConnection,
    lines: &[Line],
    end: i64,
) -> QueryResult<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut matching = 0;
    for line in lines {
        let place = line.place.clone();
        let Some(checkpoint) = Checkpoint::parse(&line.text) else {
            findings.push(Finding::CheckpointUnreadable { place });
            continue;
        };
        // A process that found no line to follow begins a run of its own, wherever its lines are
        // gathered with others.
        let follows = checkpoint.previous.as_ref();
        if !line.first && follows.is_some_and(|previous| !seen.contains(previous)) {
            let place = place.clone();
            findings.push(Finding::CheckpointUnchained { place });
        }
        seen.insert(digest(&line.text));
        let seal_seq = checkpoint.seal_seq;
        let at = checkpoint.at;
        if seal_seq > end {
            let cut = Finding::TailCut {
                place,
                at,
                seal_seq,
                end,
            };
            findings.push(cut);
            continue;
        }
        let hash = audit_seals::find_hash(conn, seal_seq).await?;
        if hash.is_some_and(|hash| hex(&hash) == checkpoint.hash) {
            matching = matching.max(seal_seq);
        } else {
            let rewritten = Finding::Rewritten {
                place,
                at,
                seal_seq,
                after: matching,
            };
            findings.push(rewritten);
        }
    }
    Ok(findings)
}
