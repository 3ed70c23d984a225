//! Tells the world how far the audit chain has come: a log line, and a line of a file by setting.
//!
//! Whoever may write to the database may cut the chain's end or make all of it anew; what was told
//! before gives that away. Lies outside the actor, and what the file does not take is kept for it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::store::audit_seals::{Checkpoint, Lag};

/// A checkpoint follows after so many rows …
const ROWS: i64 = 10_000;
/// … or after this long, if there is something new.
const EVERY: Duration = Duration::from_secs(60);
/// Lines kept for a file that does not take them; beyond it the oldest go, which is logged.
const MOST_KEPT: usize = 1_000;
/// No line is longer.
const LONGEST_LINE: u64 = 1_024;

/// What this process has told of the chain.
pub(crate) struct Checkpoints {
    file: Option<PathBuf>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The last one, of this process or of the file's last writer.
    last: Option<Checkpoint>,
    at: Option<Instant>,
    unwritten: VecDeque<Checkpoint>,
}

impl Checkpoints {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self {
            file,
            told: Mutex::default(),
        }
    }

    /// Whether it is time for another one. While the last is still being written it is not.
    pub(super) fn is_due(&self, end: &Lag, leaving: bool) -> bool {
        let told = match self.told.try_lock() {
            Ok(told) => told,
            Err(TryLockError::Poisoned(told)) => told.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let known = told.last.as_ref().map_or(0, |last| last.seal_seq);
        let grown = end.seal_seq - known;
        // The first look after a start is always told: somebody may have been there in between.
        let aged = told.at.is_none_or(|at| at.elapsed() >= EVERY);
        // What the file refused is tried again with the next one, and not with each look.
        let is_new = grown != 0 || !told.unwritten.is_empty();
        is_new && (leaving || aged) || grown.abs() >= ROWS
    }

    /// Tells of the chain's end. Blocks: files are slow.
    pub(super) fn tell(&self, end: &Lag) {
        // Each step leaves the queue whole, so a panic elsewhere does not spoil it.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.at.is_none() {
            told.last = self.file.as_deref().and_then(last_of);
        }
        let hash = end.hash.as_deref().unwrap_or_default();
        let before = told.last.as_ref();
        if before.is_none_or(|before| before.seal_seq != end.seal_seq) {
            let checkpoint = Checkpoint::after(before, end.seal_seq, hash, end.now);
            log(&checkpoint);
            if self.file.is_some() {
                told.keep(checkpoint.clone());
            }
            told.last = Some(checkpoint);
        }
        told.at = Some(Instant::now());
        if let Some(file) = &self.file {
            told.write_to(file);
        }
    }
}

impl Told {
    fn keep(&mut self, checkpoint: Checkpoint) {
        self.unwritten.push_back(checkpoint);
        if self.unwritten.len() > MOST_KEPT {
            self.unwritten.pop_front();
            tracing::error!(
                "too many checkpoints wait for their file; the oldest is in the log alone"
            );
        }
    }

    fn write_to(&mut self, file: &Path) {
        let lines: String = self
            .unwritten
            .iter()
            .map(|checkpoint| checkpoint.line() + "\n")
            .collect();
        match append(file, &lines) {
            Ok(()) => self.unwritten.clear(),
            Err(error) => tracing::error!(
                error = %error,
                checkpoints = self.unwritten.len(),
                "could not write checkpoints of the audit log to {} yet",
                file.display()
            ),
        }
    }
}

fn log(checkpoint: &Checkpoint) {
    if checkpoint.rows < 0 {
        tracing::error!(
            target: "audit",
            { audit.seal_seq = checkpoint.seal_seq },
            "the audit chain has lost {} seals since the checkpoint before; `audit verify` tells more",
            -checkpoint.rows
        );
    }
    tracing::info!(
        target: "audit",
        {
            audit.seal_seq = checkpoint.seal_seq,
            audit.hash = checkpoint.hash,
            audit.rows = checkpoint.rows,
            audit.checkpoint = checkpoint.line(),
        },
        "audit checkpoint {}",
        checkpoint.seal_seq
    );
}

/// Opened anew each time, so that a file that was rotated away is followed by a new one.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let length = file.metadata()?.len();
    let torn = length > 0 && read_from(&mut file, length - 1)? != b"\n";
    // In one go, and synced, before anybody relies on it.
    let text = if torn { "\n" } else { "" }.to_owned() + lines;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // What of it is there would be taken for a line of somebody else.
        let _ = file.set_len(length);
    }
    written
}

/// The file's last line, if it is a checkpoint.
fn last_of(path: &Path) -> Option<Checkpoint> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let end = read_from(&mut file, length.saturating_sub(LONGEST_LINE)).ok()?;
    let end = String::from_utf8_lossy(&end);
    end.lines().rev().find_map(Checkpoint::parse)
}

fn read_from(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
