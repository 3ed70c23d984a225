//! What a replica that leaves may leave locked, and no more: a task on which another replica is at
//! work, and one that the engine locked for a poll whose answer never came.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, Utc};
use phantom_worker::camunda::model::TaskState;
use serde_json::{Value as Json, json};

use super::{LOCK, POLL};

/// How much later than asked the engine ends a poll.
const LATE: Duration = Duration::from_secs(1);

/// Whether the replica that wrote this log may leave this lock.
pub(super) fn is_excused(lock: &TaskState, log: &str) -> bool {
    let since = lock.lock_expiration_time.expect("a lock runs out") - LOCK;
    let id = lock.id.as_str();
    let lines: Vec<_> = log.lines().filter_map(Line::read).collect();
    let of_this_lock = |line: &&Line| line.at >= since && line.entry["task.id"] == id;
    if let Some(last) = lines.iter().rfind(of_this_lock) {
        // It was in hand: only in other hands may it be left.
        return last.entry["outcome"] == "dropped";
    }
    lines
        .iter()
        .filter_map(|line| line.broken_poll(&lock.topic_name))
        .any(|poll| poll.contains(&since))
}

struct Line {
    at: DateTime<Utc>,
    entry: Json,
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let entry: Json = serde_json::from_str(line).ok()?;
        let at = entry["timestamp"].as_str()?.parse().ok()?;
        Some(Self { at, entry })
    }

    /// When the engine may have locked tasks of this topic for a poll of which the line tells that it
    /// broke: it goes on to until the poll runs out, or has broken later.
    fn broken_poll(&self, topic: &str) -> Option<RangeInclusive<DateTime<Utc>>> {
        let words = self.entry["message"].as_str()?;
        if !words.starts_with("could not fetch tasks") || self.entry["task.topic"] != topic {
            return None;
        }
        let took = self.entry["duration_ms"].as_u64().expect("it is told");
        let sent_at = self.at - Duration::from_millis(took);
        Some(sent_at..=self.at.max(sent_at + POLL + LATE))
    }
}

/// Locked at this second of a minute.
fn lock(second: u32) -> TaskState {
    let ends = at(second) + LOCK;
    let lock = json!({
        "id": "a-task", "topicName": "a-topic",
        "lockExpirationTime": ends.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string(),
    });
    serde_json::from_value(lock).unwrap()
}

fn at(second: u32) -> DateTime<Utc> {
    format!("2026-01-01T00:00:{second:02}Z").parse().unwrap()
}

fn broken_poll(sent: u32, broken: u32, topic: &str) -> String {
    line(
        broken,
        json!({
            "message": "could not fetch tasks of it", "task.topic": topic,
            "duration_ms": (broken - sent) * 1000,
        }),
    )
}

fn ended(second: u32, outcome: &str) -> String {
    line(
        second,
        json!({ "message": "task a-task ended", "task.id": "a-task", "outcome": outcome }),
    )
}

fn line(second: u32, mut entry: Json) -> String {
    entry["timestamp"] = at(second).to_rfc3339().into();
    format!("{entry}\n")
}

#[test]
fn only_a_lock_that_began_in_a_broken_poll_of_its_topic_is_excused_by_one() {
    for (locked, sent, broken, topic, is_excused_by_it) in [
        (22, 20, 23, "a-topic", true),
        (22, 20, 23, "another-topic", false),
        // Before it was sent; while the engine does not know that it broke; when it has run out.
        (19, 20, 23, "a-topic", false),
        (26, 20, 23, "a-topic", true),
        (27, 20, 23, "a-topic", false),
        // Of an answer that was waited for longer than the poll was to last.
        (29, 20, 30, "a-topic", true),
        (31, 20, 30, "a-topic", false),
    ] {
        assert_eq!(
            is_excused(&lock(locked), &broken_poll(sent, broken, topic)),
            is_excused_by_it,
            "locked at {locked}, the poll of {topic} was sent at {sent} and broke at {broken}"
        );
    }
}

#[test]
fn only_a_task_that_was_dropped_under_its_lock_is_excused_by_that() {
    assert!(is_excused(&lock(20), &ended(21, "dropped")));
    assert!(!is_excused(&lock(20), &ended(19, "dropped")), "before");
    assert!(!is_excused(&lock(20), &ended(21, "completed")));
}

#[test]
fn a_task_that_was_in_hand_is_not_excused_by_a_broken_poll() {
    let log = broken_poll(18, 20, "a-topic") + &ended(21, "completed");

    assert!(!is_excused(&lock(20), &log));
    assert!(!is_excused(&lock(20), ""));
}
