//! What a replica that leaves may leave locked, and no more: a task on which another replica is at
//! work, and one that the engine locked for a poll whose answer never came.

use std::time::Duration;

use chrono::{DateTime, Utc};
use phantom_worker::camunda::model::TaskState;
use serde_json::Value as Json;

use super::{LOCK, POLL};

/// How much longer than the poll the worker waits for its answer.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

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
    lines.iter().any(|line| {
        // The engine goes on to lock tasks for a broken poll until that runs out.
        let poll = line.at - (POLL + ANSWER_GRACE)..=line.at + POLL;
        line.tells_of_a_broken_poll(&lock.topic_name) && poll.contains(&since)
    })
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

    fn tells_of_a_broken_poll(&self, topic: &str) -> bool {
        let words = self.entry["message"].as_str().unwrap_or_default();
        words.starts_with("could not fetch tasks") && self.entry["task.topic"] == topic
    }
}

/// Locked at this second of a minute.
fn lock(second: u32) -> TaskState {
    let ends = at(second) + LOCK;
    let lock = serde_json::json!({
        "id": "a-task", "topicName": "a-topic",
        "lockExpirationTime": ends.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string(),
    });
    serde_json::from_value(lock).unwrap()
}

fn at(second: u32) -> DateTime<Utc> {
    format!("2026-01-01T00:00:{second:02}Z").parse().unwrap()
}

fn broken_poll(second: u32, topic: &str) -> String {
    line(second, "could not fetch tasks of it", "task.topic", topic)
}

fn ended(second: u32, outcome: &str) -> String {
    let line = line(second, "task a-task ended", "task.id", "a-task");
    line.replace('}', &format!(",\"outcome\":\"{outcome}\"}}"))
}

fn line(second: u32, message: &str, field: &str, value: &str) -> String {
    let at = at(second).to_rfc3339();
    format!("{{\"timestamp\":\"{at}\",\"message\":\"{message}\",\"{field}\":\"{value}\"}}\n")
}

#[test]
fn only_a_lock_that_began_in_a_broken_poll_of_its_topic_is_excused_by_one() {
    for (locked, broken, topic, is_excused_by_it) in [
        (20, 25, "a-topic", true),
        (25, 20, "a-topic", true),
        (20, 25, "another-topic", false),
        (20, 31, "a-topic", false),
        (26, 20, "a-topic", false),
    ] {
        assert_eq!(
            is_excused(&lock(locked), &broken_poll(broken, topic)),
            is_excused_by_it,
            "locked at {locked}, the poll of {topic} broke at {broken}"
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
    let log = broken_poll(20, "a-topic") + &ended(21, "completed");

    assert!(!is_excused(&lock(20), &log));
    assert!(!is_excused(&lock(20), ""));
}
