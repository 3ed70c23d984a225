//! What somebody who looks at this replica wants to know beyond the probes: which actors there are
//! and how often they were replaced, and which tasks failed lately.
//!
//! Without personal data: a failure is named by the engine's ids and by our own words.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

/// How many failures are kept.
const FAILURES: usize = 20;

/// An actor's place in the tree: its kind, and the topic it works for.
pub type Place = (&'static str, Option<&'static str>);

/// The board as it is now.
#[derive(Clone, Default)]
pub struct Board {
    /// Every actor that was ever started, by its place.
    pub actors: BTreeMap<Place, ActorState>,
    /// The last failures, the latest first.
    pub failures: VecDeque<TaskFailure>,
    /// The last failure of each topic.
    pub last_failures: BTreeMap<&'static str, TaskFailure>,
}

/// How one actor is. The handlers of a topic count as one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ActorState {
    /// It is there, and not on its way to be replaced.
    pub is_up: bool,
    /// How often it ended and had to be replaced.
    pub restarts: u64,
    /// When it last gave a sign of life.
    pub last_sign: Option<Instant>,
    /// Why it was replaced last.
    pub last_end: Option<&'static str>,
}

/// A task that failed in this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskFailure {
    /// When.
    pub at: SystemTime,
    /// Its topic.
    pub topic: &'static str,
    /// Its id in the engine.
    pub task_id: String,
    /// The process instance it belongs to.
    pub process_instance_id: String,
    /// How often it is tried again; after none there is an incident.
    pub retries: u32,
    /// Our own words for what was wrong, without the causes behind it.
    pub error: String,
}

impl Board {
    pub(super) fn started(&mut self, place: Place, now: Instant) {
        let actor = self.actors.entry(place).or_default();
        actor.is_up = true;
        actor.last_sign = Some(now);
    }

    pub(super) fn heard(&mut self, place: Place, now: Instant) {
        if let Some(actor) = self.actors.get_mut(&place) {
            actor.last_sign = Some(now);
        }
    }

    pub(super) fn gone(&mut self, place: Place) {
        if let Some(actor) = self.actors.get_mut(&place) {
            actor.is_up = false;
        }
    }

    pub(super) fn ended(&mut self, place: Place, reason: &'static str) {
        let actor = self.actors.entry(place).or_default();
        actor.is_up = false;
        actor.restarts += 1;
        actor.last_end = Some(reason);
    }

    pub(super) fn failed(&mut self, failure: TaskFailure) {
        self.last_failures.insert(failure.topic, failure.clone());
        self.failures.truncate(FAILURES - 1);
        self.failures.push_front(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLLER: Place = ("topic_poller", Some("create-wallet"));

    fn failure(number: usize) -> TaskFailure {
        TaskFailure {
            at: SystemTime::UNIX_EPOCH,
            topic: ["create-wallet", "validate-kyc-data"][number % 2],
            task_id: number.to_string(),
            process_instance_id: "instance".to_owned(),
            retries: 2,
            error: "not this time".to_owned(),
        }
    }

    #[test]
    fn an_actor_that_ends_is_down_until_it_is_replaced() {
        let mut board = Board::default();
        let start = Instant::now();
        board.started(POLLER, start);

        board.ended(POLLER, "panicked");
        let down = board.actors[&POLLER];
        board.started(POLLER, start);

        assert!(!down.is_up);
        let up = ActorState {
            is_up: true,
            restarts: 1,
            last_sign: Some(start),
            last_end: Some("panicked"),
        };
        assert_eq!(board.actors[&POLLER], up);
    }

    #[test]
    fn the_latest_failures_are_kept_and_the_last_of_each_topic() {
        let mut board = Board::default();

        (1..=50).for_each(|number| board.failed(failure(number)));
        (51..=200).for_each(|number| board.failed(failure(number * 2)));

        let kept: Vec<_> = board.failures.iter().map(|kept| &kept.task_id).collect();
        assert_eq!(kept.len(), FAILURES);
        assert_eq!(kept[0], "400");
        assert_eq!(board.last_failures["validate-kyc-data"].task_id, "49");
    }
}
