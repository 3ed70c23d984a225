//! Walks the chain from its first link to its last.
//!
//! Each link is computed from the row and from the hash that is stored before it, so that one
//! alteration breaks one link and not all that follow. What of a broken link was altered, the next
//! good one tells: it was made over the hash that is stored (then the row was altered), or over the
//! one that the row gives (then the hash was). Links that stay broken are held against each other
//! in the end, since they may have changed places.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use indicatif::ProgressBar;

use super::finding::Finding;
use super::witness;
use crate::store::audit_log::{self, AuditRow, UnsealedRow};
use crate::store::audit_seals::{self, Hash, Link, SealedRow, genesis};

/// Links and rows read at once.
const PAGE: i64 = 2_000;
/// Broken links held against each other; with more of them, order is not what was lost.
const MOST_SUSPECTS: usize = 200;

/// What was seen of the chain.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) seals: i64,
    pub(super) unsealed: usize,
    pub(super) head: Vec<u8>,
}

/// Checks everything up to the seal that is the last one now, also while more are added.
pub(super) async fn check(
    conn: &mut AsyncPgConnection,
    checkpoints: &[witness::Line],
    bar: &dyn Fn(&'static str, usize) -> ProgressBar,
) -> QueryResult<Checked> {
    let (end, sealed_up_to) = audit_seals::end(conn).await?;
    let length = usize::try_from(end).unwrap_or_default();

    let seals_bar = bar("seals", length);
    let mut walk = Walk::new();
    let mut after = i64::MIN;
    loop {
        let page = audit_seals::page_after(conn, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seal_seq;
        seals_bar.inc(page.len() as u64);
        page.into_iter()
            .filter(|entry| entry.seal_seq <= end)
            .for_each(|entry| walk.step(entry));
        if after >= end {
            break;
        }
    }
    seals_bar.finish_and_clear();
    let (seals, head) = (walk.seals, walk.previous.clone());
    let mut findings = walk.finish();

    let rows_bar = bar("rows", length);
    let (mut id, mut unsealed) = (i64::MIN, 0);
    while let Some((rows, last)) = audit_log::unsealed_after(conn, id, PAGE, &sealed_up_to).await? {
        id = last;
        rows_bar.inc(PAGE as u64);
        unsealed += rows.len();
        findings.extend(rows.iter().filter_map(misplaced));
    }
    rows_bar.finish_and_clear();

    findings.extend(witness::compare(conn, checkpoints, end).await?);
    Ok(Checked {
        findings,
        seals,
        unsealed,
        head: head.unwrap_or_else(|| genesis().to_vec()),
    })
}

fn misplaced(row: &UnsealedRow) -> Option<Finding> {
    let id = row.id;
    match (row.late, row.ahead) {
        (true, _) => Some(Finding::RowLate { id }),
        (false, true) => Some(Finding::RowAhead { id }),
        (false, false) => None,
    }
}

struct Walk {
    /// The seal that comes next.
    expected: i64,
    seals: i64,
    /// The stored hash of the link before; none when that link is missing.
    previous: Option<Vec<u8>>,
    /// Broken links since the last good one.
    broken: Vec<Suspect>,
    /// What the last of them would have as its hash if all their rows were intact.
    by_rows: Hash,
    suspects: Vec<Suspect>,
    findings: Vec<Finding>,
}

/// A broken link.
struct Suspect {
    entry: SealedRow,
    previous: Vec<u8>,
    /// The next link holds its stored hash: what was altered is the row.
    confirmed: bool,
}

impl Walk {
    fn new() -> Self {
        Self {
            expected: 1,
            seals: 0,
            previous: Some(genesis().to_vec()),
            broken: Vec::new(),
            by_rows: genesis(),
            suspects: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn step(&mut self, entry: SealedRow) {
        self.seals += 1;
        if entry.seal_seq < self.expected {
            let seal_seq = entry.seal_seq;
            self.findings.push(Finding::SealForeign { seal_seq });
            return;
        }
        if entry.seal_seq > self.expected {
            let (from, to) = (self.expected, entry.seal_seq - 1);
            self.findings.push(Finding::SealsMissing { from, to });
            self.previous = None;
            self.close();
        }
        self.expected = entry.seal_seq + 1;
        let stored = entry.hash.clone();
        self.link(entry);
        self.previous = stored;
    }

    fn link(&mut self, entry: SealedRow) {
        if entry.row.id.is_none() {
            self.close();
            let (seal_seq, id) = (entry.seal_seq, entry.audit_id);
            self.findings.push(Finding::RowMissing { seal_seq, id });
            return;
        }
        // Without the link before there is nothing to hold this one against.
        let Some(previous) = self.previous.clone() else {
            return;
        };
        if is_link(&entry, &entry.row, &previous) {
            if let Some(last) = self.broken.last_mut() {
                last.confirmed = true;
            }
            self.close();
        } else if !self.broken.is_empty() && is_link(&entry, &entry.row, &self.by_rows) {
            let intact = self.broken.drain(..).map(|suspect| Finding::HashAltered {
                seal_seq: suspect.entry.seal_seq,
                id: suspect.entry.row.id,
            });
            self.findings.extend(intact);
        } else {
            self.suspect(entry, previous);
        }
    }

    fn suspect(&mut self, entry: SealedRow, previous: Vec<u8>) {
        if self.broken.len() == MOST_SUSPECTS {
            self.close();
        }
        self.by_rows = match self.broken.is_empty() {
            true => hash_of(&entry, &entry.row, &previous),
            false => hash_of(&entry, &entry.row, &self.by_rows),
        };
        self.broken.push(Suspect {
            entry,
            previous,
            confirmed: false,
        });
    }

    /// No later link will tell more of the broken ones.
    fn close(&mut self) {
        for suspect in self.broken.drain(..) {
            match self.suspects.len() < MOST_SUSPECTS {
                true => self.suspects.push(suspect),
                false => self.findings.push(suspect.verdict()),
            }
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.close();
        self.findings.extend(judge(&self.suspects));
        self.findings.sort_by_key(Finding::place);
        self.findings
    }
}

impl Suspect {
    fn verdict(&self) -> Finding {
        let (seal_seq, id) = (self.entry.seal_seq, self.entry.row.id);
        match self.confirmed {
            true => Finding::RowAltered { seal_seq, id },
            false => Finding::RowOrHashAltered { seal_seq, id },
        }
    }
}

/// Finds out which broken links have changed places, and which were broken by that alone.
fn judge(suspects: &[Suspect]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The hashes that stood there before seals changed places.
    let mut original: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for suspect in suspects {
        let entry = &suspect.entry;
        let previous = original
            .get(&(entry.seal_seq - 1))
            .unwrap_or(&suspect.previous);
        if is_link(entry, &entry.row, previous) {
            continue;
        }
        match find_partner(suspects, entry, previous) {
            Some((partner, hash)) => {
                original.insert(entry.seal_seq, hash);
                findings.push(Finding::Swapped {
                    seal_seq: partner.entry.seal_seq,
                    id: partner.entry.row.id,
                    belongs_at: entry.seal_seq,
                });
            }
            None => findings.push(suspect.verdict()),
        }
    }
    findings
}

/// The broken link whose row, content or whole seal belongs in this place, and the place's hash.
fn find_partner<'s>(
    suspects: &'s [Suspect],
    entry: &SealedRow,
    previous: &[u8],
) -> Option<(&'s Suspect, Vec<u8>)> {
    let stored = entry.hash.clone().unwrap_or_default();
    let others = suspects
        .iter()
        .filter(|other| other.entry.seal_seq != entry.seal_seq);
    others.into_iter().find_map(|other| {
        let row = &other.entry.row;
        let same_id = AuditRow {
            id: entry.row.id,
            ..row.clone()
        };
        let same_place = AuditRow {
            xid: entry.row.xid.clone(),
            ..same_id.clone()
        };
        if [row, &same_id, &same_place]
            .iter()
            .any(|row| is_link(entry, row, previous))
        {
            return Some((other, stored.clone()));
        }
        let moved = SealedRow {
            seal_seq: entry.seal_seq,
            audit_id: other.entry.audit_id,
            hash: other.entry.hash.clone(),
            sealed_at: other.entry.sealed_at,
            row: row.clone(),
        };
        let belongs = is_link(&moved, row, previous);
        belongs.then(|| (other, moved.hash.unwrap_or_default()))
    })
}

fn is_link(entry: &SealedRow, row: &AuditRow, previous: &[u8]) -> bool {
    entry.hash.as_deref() == Some(hash_of(entry, row, previous).as_slice())
}

fn hash_of(entry: &SealedRow, row: &AuditRow, previous: &[u8]) -> Hash {
    Link {
        seal_seq: entry.seal_seq,
        sealed_at: entry.sealed_at,
        row,
        previous,
    }
    .hash()
}
