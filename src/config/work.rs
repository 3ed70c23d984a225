//! How tasks are fetched, kept and tried again, for each topic.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::by_topic::by_topic;
use super::defaults;
use super::faults::{Faults, Raw};
use super::parse;
use crate::camunda::model::Sorting;
use crate::tasks::RetryPolicy;

/// How to work on tasks.
#[derive(Args)]
#[command(next_help_heading = "Tasks")]
pub struct WorkArgs {
    /// The readable start of every worker id.
    #[arg(long, env = "CAMUNDA_CLIENT_ID", value_name = "NAME", default_value = CLIENT_ID)]
    camunda_client_id: Option<Raw>,
    #[command(flatten)]
    engine_id: EngineIdArgs,
    /// The most tasks that one fetch may bring; without it, as many as there are free slots.
    #[arg(long, env = "CAMUNDA_CLIENT_MAX_TASKS", value_name = "COUNT")]
    camunda_client_max_tasks: Option<Raw>,
    /// How long the engine holds a task for us, in milliseconds; the lock is kept alive while the
    /// work goes on. At least twice CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT.
    #[arg(long, env = "CAMUNDA_CLIENT_LOCK_DURATION", value_name = "MS",
          default_value = defaults::LOCK_DURATION)]
    camunda_client_lock_duration: Option<Raw>,
    /// How long the engine may keep a fetch waiting for tasks, in milliseconds; a stop takes as
    /// much longer.
    #[arg(long, env = "CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", value_name = "MS",
          default_value = defaults::ASYNC_RESPONSE_TIMEOUT)]
    camunda_client_async_response_timeout: Option<Raw>,
    /// Which tasks come first: `none` leaves it to the engine, `create-time` asks for the oldest,
    /// which costs the engine's database a sort for each fetch.
    #[arg(
        long,
        env = "CAMUNDA_CLIENT_SORTING",
        value_name = "none|create-time",
        default_value = "none"
    )]
    camunda_client_sorting: Option<Raw>,
    /// How many tasks of one topic are at work at once.
    #[arg(long, env = "CAMUNDA_CLIENT_SLOTS", value_name = "COUNT", default_value = defaults::SLOTS)]
    camunda_client_slots: Option<Raw>,
    /// Other slots for single topics, such as `create-wallet=16,notify-wallet-creation=4`.
    #[arg(
        long,
        env = "CAMUNDA_CLIENT_SLOTS_BY_TOPIC",
        value_name = "TOPIC=COUNT,…"
    )]
    camunda_client_slots_by_topic: Option<Raw>,
    /// How often a task that failed is tried again, and after which waits: `R3/PT10S,PT1M,PT10M` is
    /// three more tries, after 10 seconds, 1 minute and 10 minutes; a last wait stands for all that
    /// follow it. The waits are durations of ISO 8601. The model of a process may say otherwise.
    #[arg(long, env = "CAMUNDA_CLIENT_RETRIES", value_name = "POLICY", default_value = defaults::RETRIES)]
    camunda_client_retries: Option<Raw>,
    /// Other retries for single topics, such as `create-wallet=R5/PT5S,PT1M`.
    #[arg(
        long,
        env = "CAMUNDA_CLIENT_RETRIES_BY_TOPIC",
        value_name = "TOPIC=POLICY,…"
    )]
    camunda_client_retries_by_topic: Option<Raw>,
    /// How many reports may be on their way to the engine at once, over all topics; about four
    /// for each of the engine's cores.
    #[arg(long, env = "CAMUNDA_CLIENT_MAX_REPORTS", value_name = "COUNT",
          default_value = defaults::MAX_REPORTS)]
    camunda_client_max_reports: Option<Raw>,
    /// How long the work at hand may take once a stop was asked for.
    #[arg(long, env = "DRAIN_DEADLINE", value_name = "DURATION",
          default_value = defaults::DRAIN_DEADLINE)]
    drain_deadline: Option<Raw>,
}

/// Which engine it is.
#[derive(Args)]
#[command(next_help_heading = "Tasks")]
pub(super) struct EngineIdArgs {
    /// The name of this engine in our database, to be changed when another engine takes over
    /// whose task ids may start again.
    #[arg(long, env = "CAMUNDA_ENGINE_ID", value_name = "NAME", default_value = ENGINE_ID)]
    camunda_engine_id: Option<Raw>,
}

impl EngineIdArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<String> {
        let raw = &self.camunda_engine_id;
        faults.defaulted("CAMUNDA_ENGINE_ID", raw, ENGINE_ID, parse::name)
    }
}

const CLIENT_ID: &str = "phantom-worker";
const ENGINE_ID: &str = "default";

/// How tasks are fetched, kept and tried again.
#[derive(Clone, Debug)]
pub struct WorkSettings {
    /// The readable start of every worker id.
    pub client_id: String,
    /// The name of this engine in our database.
    pub engine_id: String,
    /// The most tasks that one fetch may bring, where it is not the free slots alone.
    pub max_tasks: Option<usize>,
    /// How long the engine holds a task for us.
    pub lock_duration: Duration,
    /// How long the engine may keep a fetch waiting.
    pub async_response_timeout: Duration,
    /// Which tasks come first.
    pub sorting: Sorting,
    /// What holds for each topic; every topic of this binary is here.
    pub topics: BTreeMap<&'static str, TopicSettings>,
    /// How many reports may be on their way at once, over all topics.
    pub max_reports: usize,
    /// How long the work at hand may take once a stop was asked for.
    pub drain_deadline: Duration,
}

/// What holds for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// How many of its tasks are at work at once.
    pub slots: usize,
    /// How often a failed one is tried again, unless the model says otherwise.
    pub retries: RetryPolicy,
}

impl WorkSettings {
    /// How long a handler may work before it is given up.
    pub fn handler_limit(&self) -> Duration {
        self.lock_duration * defaults::HANDLER_LIMIT_IN_LOCKS
    }

    /// The most that a stop takes: what an orchestrator has to grant before it kills.
    pub fn grace(&self) -> Duration {
        self.async_response_timeout + self.drain_deadline + defaults::STOP_MARGIN
    }
}

impl WorkArgs {
    pub(super) fn read(
        &self,
        faults: &mut Faults,
        topics: &[&'static str],
    ) -> Option<WorkSettings> {
        let client_id = faults.defaulted(
            "CAMUNDA_CLIENT_ID",
            &self.camunda_client_id,
            CLIENT_ID,
            parse::name,
        );
        let engine_id = self.engine_id.read(faults);
        let max_tasks = faults.optional(
            "CAMUNDA_CLIENT_MAX_TASKS",
            &self.camunda_client_max_tasks,
            "16",
            |text| count(text, 1000),
        );
        let durations = self.read_durations(faults);
        let sorting = faults.defaulted(
            "CAMUNDA_CLIENT_SORTING",
            &self.camunda_client_sorting,
            "none",
            sorting,
        );
        let topics = self.read_topics(faults, topics);
        let max_reports = faults.defaulted(
            "CAMUNDA_CLIENT_MAX_REPORTS",
            &self.camunda_client_max_reports,
            defaults::MAX_REPORTS,
            |text| count(text, 1000),
        );
        let drain_deadline = faults.defaulted(
            "DRAIN_DEADLINE",
            &self.drain_deadline,
            defaults::DRAIN_DEADLINE,
            parse::duration,
        );
        let (lock_duration, async_response_timeout) = durations?;
        Some(WorkSettings {
            client_id: client_id?,
            engine_id: engine_id?,
            max_tasks: max_tasks?,
            lock_duration,
            async_response_timeout,
            sorting: sorting?,
            topics: topics?,
            max_reports: max_reports?,
            drain_deadline: drain_deadline?,
        })
    }

    /// The lock and the poll, which have to fit each other.
    fn read_durations(&self, faults: &mut Faults) -> Option<(Duration, Duration)> {
        const LOCK: &str = "CAMUNDA_CLIENT_LOCK_DURATION";
        const POLL: &str = "CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT";
        let lock = faults.defaulted(
            LOCK,
            &self.camunda_client_lock_duration,
            defaults::LOCK_DURATION,
            parse::milliseconds,
        );
        let poll = faults.defaulted(
            POLL,
            &self.camunda_client_async_response_timeout,
            defaults::ASYNC_RESPONSE_TIMEOUT,
            poll,
        );
        let (lock, poll) = (lock?, poll?);
        let least = poll * defaults::MIN_LOCK_IN_POLLS;
        if lock < least {
            let least = least.as_millis();
            let problem = format!("is below twice {POLL}, which makes {least}");
            faults.add(LOCK, problem, defaults::LOCK_DURATION);
            return None;
        }
        Some((lock, poll))
    }

    fn read_topics(
        &self,
        faults: &mut Faults,
        topics: &[&'static str],
    ) -> Option<BTreeMap<&'static str, TopicSettings>> {
        let slots = |text: &str| count(text, 256);
        let default_slots = faults.defaulted(
            "CAMUNDA_CLIENT_SLOTS",
            &self.camunda_client_slots,
            defaults::SLOTS,
            slots,
        );
        let mut slots = faults.optional(
            "CAMUNDA_CLIENT_SLOTS_BY_TOPIC",
            &self.camunda_client_slots_by_topic,
            "create-wallet=16,notify-wallet-creation=4",
            |text| by_topic(text, topics, slots),
        );
        let default_retries = faults.defaulted(
            "CAMUNDA_CLIENT_RETRIES",
            &self.camunda_client_retries,
            defaults::RETRIES,
            retries,
        );
        let mut retries = faults.optional(
            "CAMUNDA_CLIENT_RETRIES_BY_TOPIC",
            &self.camunda_client_retries_by_topic,
            "create-wallet=R5/PT5S,PT1M",
            |text| by_topic(text, topics, retries),
        );
        let (default_slots, default_retries) = (default_slots?, default_retries?);
        let (slots, retries) = (slots.as_mut()?, retries.as_mut()?);
        let settings = |topic: &str| TopicSettings {
            slots: take(slots, topic).unwrap_or(default_slots),
            retries: take(retries, topic).unwrap_or_else(|| default_retries.clone()),
        };
        Some(
            topics
                .iter()
                .copied()
                .zip(topics.iter().copied().map(settings))
                .collect(),
        )
    }
}

fn take<T>(by_topic: &mut Option<BTreeMap<String, T>>, topic: &str) -> Option<T> {
    by_topic.as_mut()?.remove(topic)
}

fn poll(text: &str) -> Result<Duration, String> {
    let poll = parse::milliseconds(text)?;
    if poll < defaults::MIN_ASYNC_RESPONSE_TIMEOUT {
        let least = defaults::MIN_ASYNC_RESPONSE_TIMEOUT.as_millis();
        return Err(format!(
            "is below {least}, which would only ask the engine again and again"
        ));
    }
    if poll > defaults::MAX_ASYNC_RESPONSE_TIMEOUT {
        let most = defaults::MAX_ASYNC_RESPONSE_TIMEOUT.as_millis();
        return Err(format!("is above {most}, the most the engine takes"));
    }
    Ok(poll)
}

fn count(text: &str, most: u32) -> Result<usize, String> {
    parse::number(text, 1, most).map(|count| count as usize)
}

fn sorting(text: &str) -> Result<Sorting, String> {
    match text.trim() {
        "none" => Ok(Sorting::None),
        "create-time" => Ok(Sorting::CreateTime),
        _ => Err("is neither none nor create-time".to_owned()),
    }
}

fn retries(text: &str) -> Result<RetryPolicy, String> {
    text.parse()
        .map_err(|fault: crate::tasks::retry::InvalidRetryPolicy| format!("is wrong: {fault}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const TOPICS: &[&str] = &["create-wallet", "notify-wallet-creation"];

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        work: WorkArgs,
    }

    fn read(arguments: &[&str]) -> Result<WorkSettings, String> {
        let line = Line::parse_from([&["line"], arguments].concat());
        let mut faults = Faults::default();
        let settings = line.work.read(&mut faults, TOPICS);
        match faults.is_empty() {
            true => Ok(settings.unwrap()),
            false => Err(faults.to_string()),
        }
    }

    #[test]
    fn the_defaults_are_good_and_hang_together() {
        let settings = read(&[]).unwrap();

        assert_eq!(settings.handler_limit(), Duration::from_secs(50));
        assert_eq!(settings.grace(), Duration::from_secs(35));
        assert_eq!(settings.topics["create-wallet"].slots, 8);
        assert_eq!(
            settings.topics["create-wallet"].retries,
            RetryPolicy::default()
        );
    }

    #[test]
    fn a_topic_may_have_values_of_its_own() {
        let settings = read(&[
            "--camunda-client-slots=2",
            "--camunda-client-slots-by-topic=create-wallet=16",
            "--camunda-client-retries-by-topic=create-wallet=R5/PT5S,PT1M,notify-wallet-creation=PT1S",
        ])
        .unwrap();

        let (create, notify) = (
            &settings.topics["create-wallet"],
            &settings.topics["notify-wallet-creation"],
        );
        assert_eq!((create.slots, notify.slots), (16, 2));
        assert_eq!(create.retries, "R5/PT5S,PT1M".parse().unwrap());
        assert_eq!(notify.retries, "R1/PT1S".parse().unwrap());
    }

    #[test]
    fn every_fault_of_a_list_is_told() {
        let fault = read(&[
            "--camunda-client-slots-by-topic=create-walet=16,create-wallet=0,create-wallet=x",
        ])
        .unwrap_err();

        assert_eq!(
            fault,
            "CAMUNDA_CLIENT_SLOTS_BY_TOPIC is wrong: \
             \"create-walet\" is no topic of create-wallet, notify-wallet-creation; \
             the value for create-wallet is not a whole number from 1 to 256; \
             the value for create-wallet is not a whole number from 1 to 256; \
             for example create-wallet=16,notify-wallet-creation=4"
        );
    }

    #[test]
    fn a_lock_below_two_polls_is_refused() {
        let fault = read(&["--camunda-client-async-response-timeout=6000"]).unwrap_err();

        assert_eq!(
            fault,
            "CAMUNDA_CLIENT_LOCK_DURATION is below twice CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT, \
             which makes 12000; for example 10000"
        );
    }

    #[test]
    fn the_engine_waits_half_an_hour_at_most() {
        let fault = read(&[
            "--camunda-client-async-response-timeout=1800001",
            "--camunda-client-lock-duration=86400000",
        ])
        .unwrap_err();

        assert!(fault.contains("is above 1800000"), "{fault}");
    }
}
