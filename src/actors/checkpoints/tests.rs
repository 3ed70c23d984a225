//! The file of checkpoints, on real disks and broken ones.

use std::fs;

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::store::audit_log::Place;
use crate::store::audit_seals::digest;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("phantom-checkpoints-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("checkpoints.jsonl")
    }

    fn read(&self) -> Vec<Checkpoint> {
        let text = fs::read_to_string(self.file()).unwrap();
        text.lines()
            .map(|line| Checkpoint::parse(line).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn end(seal_seq: i64) -> Lag {
    Lag {
        now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        seal_seq,
        hash: Some(vec![seal_seq as u8; 32]),
        place: Place::default(),
        unsealed: 0,
        oldest: None,
    }
}

#[test]
fn each_line_follows_the_one_before_over_restarts_and_rotation() {
    let folder = Folder::new();
    let checkpoints = Checkpoints::new(Some(folder.file()));
    checkpoints.tell(&end(3));
    checkpoints.tell(&end(5));
    let restarted = Checkpoints::new(Some(folder.file()));
    restarted.tell(&end(9));
    let mut lines = folder.read();
    fs::rename(folder.file(), folder.0.join("rotated")).unwrap();

    restarted.tell(&end(10));

    lines.extend(folder.read());
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line.seal_seq, line.rows))
        .collect();
    assert_eq!(seen, [(3, 3), (5, 2), (9, 4), (10, 1)]);
    for pair in lines.windows(2) {
        assert_eq!(pair[1].previous, Some(digest(&pair[0].line())));
    }
}

#[test]
fn what_the_file_does_not_take_is_written_when_it_does() {
    let folder = Folder::new();
    // A folder in the file's place refuses every line.
    fs::create_dir(folder.file()).unwrap();
    let checkpoints = Checkpoints::new(Some(folder.file()));
    checkpoints.tell(&end(3));
    checkpoints.tell(&end(5));
    assert!(
        !checkpoints.is_due(&end(5), false),
        "not again within the same minute"
    );
    assert!(checkpoints.is_due(&end(5), true), "the last chance");
    let minute_ago = Instant::now().checked_sub(EVERY).unwrap();
    checkpoints.told.lock().unwrap().at = Some(minute_ago);
    assert!(checkpoints.is_due(&end(5), false), "two lines still wait");

    fs::remove_dir(folder.file()).unwrap();
    checkpoints.tell(&end(5));

    let seen: Vec<_> = folder.read().iter().map(|line| line.seal_seq).collect();
    assert_eq!(seen, [3, 5]);
    assert!(!checkpoints.is_due(&end(5), false));
}

#[test]
fn a_torn_line_does_not_swallow_the_next() {
    let folder = Folder::new();
    fs::write(folder.file(), "{\"seal_seq\":1,\"ha").unwrap();

    Checkpoints::new(Some(folder.file())).tell(&end(3));

    let text = fs::read_to_string(folder.file()).unwrap();
    let last = Checkpoint::parse(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!((last.seal_seq, last.previous), (3, None));
}

#[test]
fn a_checkpoint_is_due_at_the_start_after_many_rows_and_when_leaving() {
    let checkpoints = Checkpoints::new(None);
    assert!(!checkpoints.is_due(&end(0), true), "there is no chain yet");
    assert!(checkpoints.is_due(&end(7), false), "after a start");

    checkpoints.tell(&end(7));

    assert!(!checkpoints.is_due(&end(7), true), "nothing is new");
    assert!(
        !checkpoints.is_due(&end(8), false),
        "a minute has not passed"
    );
    assert!(checkpoints.is_due(&end(8), true), "leaving");
    assert!(checkpoints.is_due(&end(7 + ROWS), false), "many rows");
}
