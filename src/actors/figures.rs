//! Reads the figures that all replicas share, and shows what was read.
//!
//! The engine's price for them is bounded three ways: one replica reads for all (a row in the
//! database says who and when), one call at a time, and after a slow reading the next one waits
//! nine times as long as it took, so that reading never takes more than a tenth of the time. An
//! advisory lock would choose the reader as well, and leave the others without figures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::parts::Parts;
use crate::camunda::EngineError;
use crate::camunda::model::TaskFilter;
use crate::metrics::{Channel, Collector, CollectorLook, OutboxDepth, TaskState, TopicDepth};
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::shared_figures::{Key, Known};
use crate::store::{NoAnswer, outbox};

/// The most time for one reading, and how long nobody else begins one.
const LONGEST_READING: Duration = Duration::from_secs(30);
/// The rest after a reading, in readings.
const REST: u32 = 9;

/// The figures that one replica reads for all. The audit's are not among them: who seals knows them.
#[derive(Clone, Copy)]
pub(super) enum Figures {
    Engine,
    Outbox,
}

impl Figures {
    const ALL: [Self; 2] = [Self::Engine, Self::Outbox];

    const fn collector(self) -> Collector {
        match self {
            Self::Engine => Collector::Engine,
            Self::Outbox => Collector::Outbox,
        }
    }
}

/// Where the figures of this process stand.
pub(super) struct Scope {
    engine: String,
}

impl Scope {
    /// Two engines may share our database, and workers of several tenants an engine.
    pub(super) fn of(parts: &Parts) -> Self {
        let mut tenants = parts.engine.tenant_ids().to_vec();
        tenants.sort_unstable();
        Self {
            engine: format!("{}/{}", parts.engine_id, tenants.join(",")),
        }
    }

    pub(super) fn keys(&self) -> Vec<Key<'_>> {
        Figures::ALL.map(|of| self.key(of)).into()
    }

    fn key(&self, of: Figures) -> Key<'_> {
        let scope = match of {
            Figures::Engine => &self.engine,
            Figures::Outbox => "",
        };
        Key {
            collector: of.collector().as_str(),
            scope,
        }
    }
}

/// The figures that nobody has read for too long.
pub(super) fn due(known: &[Known]) -> Vec<Figures> {
    let is_due = |of: &Figures| {
        let known = known.iter().find(|known| is_of(known, *of));
        known.is_none_or(|known| known.is_due)
    };
    Figures::ALL.into_iter().filter(is_due).collect()
}

fn is_of(known: &Known, of: Figures) -> bool {
    known.collector == of.collector().as_str()
}

/// Shows the figures that some replica has left.
pub(super) fn show(parts: &Parts, known: &[Known]) {
    for of in Figures::ALL {
        let Some(known) = known.iter().find(|known| is_of(known, of)) else {
            continue;
        };
        if let (Some(figures), Some(taken_at)) = (&known.figures, known.taken_at) {
            let shown = match of {
                Figures::Engine => serde_json::from_value(figures.clone())
                    .map(|figures: EngineFigures| figures.show(parts)),
                Figures::Outbox => serde_json::from_value(figures.clone())
                    .map(|depths: OutboxFigures| show_outbox(parts, &depths)),
            };
            // Of a version that writes them otherwise: ours will read in its turn.
            if let Err(error) = shown {
                tracing::debug!(error = %error, "cannot read the figures of {}", known.collector);
                continue;
            }
            let took = known.took_seconds.unwrap_or_default();
            let look = CollectorLook {
                took: Duration::try_from_secs_f64(took).unwrap_or_default(),
                taken_at: taken_at.timestamp_millis() as f64 / 1000.0,
            };
            parts.metrics.collected(of.collector(), look);
        }
    }
}

/// Reads figures, unless another replica does, and leaves them for all.
pub(super) async fn collect(parts: Arc<Parts>, of: Figures) {
    let scope = Scope::of(&parts);
    let collected = collect_as_one(&parts, of, scope.key(of));
    // A drain waits for nobody's figures.
    let Some(collected) = parts.unless_draining(collected).await else {
        return;
    };
    if let Err(error) = collected {
        parts.metrics.collector_failed(of.collector());
        let name = of.collector().as_str();
        tracing::debug!(error = %error, "could not read the figures of {name}");
    }
}

async fn collect_as_one(parts: &Parts, of: Figures, key: Key<'_>) -> Result<(), anyhow::Error> {
    let claim = async |conn: &mut AsyncPgConnection| key.claim(conn, LONGEST_READING).await;
    if !parts.chore_pool.ask(ANSWER_TIMEOUT, claim).await? {
        return Ok(());
    }
    let began = Instant::now();
    let read = timeout(LONGEST_READING, read(parts, of)).await;
    let took = began.elapsed();
    let wait = parts.settings.figures_interval.max(took * REST);
    match read.map_err(anyhow::Error::from).flatten() {
        Ok(figures) => {
            let leave =
                async |conn: &mut AsyncPgConnection| key.leave(conn, &figures, took, wait).await;
            Ok(parts.chore_pool.ask(ANSWER_TIMEOUT, leave).await?)
        }
        Err(error) => {
            let put_off = async |conn: &mut AsyncPgConnection| key.put_off(conn, wait).await;
            parts.chore_pool.ask(ANSWER_TIMEOUT, put_off).await?;
            Err(error)
        }
    }
}

async fn read(parts: &Parts, of: Figures) -> Result<Value, anyhow::Error> {
    Ok(match of {
        Figures::Engine => serde_json::to_value(EngineFigures::read(parts).await?)?,
        Figures::Outbox => serde_json::to_value(read_outbox(parts).await?)?,
    })
}

/// By channel.
type OutboxFigures = BTreeMap<String, OutboxDepth>;

async fn read_outbox(parts: &Parts) -> Result<OutboxFigures, NoAnswer> {
    let depths = parts.chore_pool.ask(ANSWER_TIMEOUT, outbox::depths).await?;
    let depth = |depth: outbox::Depth| {
        let found = OutboxDepth {
            pending: depth.pending,
            retrying: depth.retrying,
            dead: depth.dead,
            oldest_pending: depth.oldest.map(|oldest| oldest.timestamp() as f64),
        };
        (depth.channel, found)
    };
    Ok(depths.into_iter().map(depth).collect())
}

/// A channel that is not told has drained.
fn show_outbox(parts: &Parts, depths: &OutboxFigures) {
    for &channel in Channel::ALL {
        let depth = depths.get(channel.as_str()).copied().unwrap_or_default();
        parts.metrics.set_outbox(channel, depth);
    }
}

/// What the engine says of itself and of our topics.
#[derive(Serialize, Deserialize)]
struct EngineFigures {
    version: String,
    topics: BTreeMap<String, TopicDepth>,
}

impl EngineFigures {
    async fn read(parts: &Parts) -> Result<Self, EngineError> {
        let mut topics: BTreeMap<_, _> = parts
            .topics
            .iter()
            .map(|topic| (topic.name().to_owned(), TopicDepth::default()))
            .collect();
        // Each of the questions below has this one's answer as its bound: where nothing waits for
        // anybody, one is enough.
        let states = match parts.engine.count_tasks(&TaskFilter::default()).await? {
            0 => &[],
            _ => TaskState::ALL,
        };
        for &state in states {
            // Mostly there is nothing in a state, and one question tells so for all topics.
            if parts.engine.count_tasks(&in_state(state, None)).await? == 0 {
                continue;
            }
            for (topic, depth) in &mut topics {
                let tasks = parts
                    .engine
                    .count_tasks(&in_state(state, Some(topic)))
                    .await?;
                *place(depth, state) = i64::try_from(tasks).unwrap_or(i64::MAX);
            }
        }
        for (topic, depth) in topics.iter_mut().filter(|(_, depth)| depth.available > 0) {
            let oldest = parts
                .engine
                .oldest_task(&TaskFilter::backlog(topic))
                .await?;
            depth.oldest_available = oldest
                .and_then(|task| task.create_time)
                .map(|created| created.timestamp_millis() as f64 / 1000.0);
        }
        Ok(Self {
            version: parts.engine.version().await?,
            topics,
        })
    }

    fn show(&self, parts: &Parts) {
        parts.metrics.set_engine_version(&self.version);
        for topic in &parts.topics {
            // A topic that the reader did not serve stays as it was: this process reads in its turn.
            if let Some(depth) = self.topics.get(topic.name()) {
                parts.metrics.set_engine_tasks(topic.name(), *depth);
            }
        }
    }
}

/// Each task is in exactly one state.
fn in_state(state: TaskState, topic: Option<&str>) -> TaskFilter {
    let all = TaskFilter {
        topic_name: topic.map(str::to_owned),
        ..TaskFilter::default()
    };
    let to_be_tried = |all| TaskFilter {
        with_retries_left: true,
        ..all
    };
    match state {
        TaskState::Available => to_be_tried(TaskFilter {
            not_locked: true,
            active: true,
            ..all
        }),
        TaskState::Locked => to_be_tried(TaskFilter {
            locked: true,
            active: true,
            ..all
        }),
        TaskState::Suspended => to_be_tried(TaskFilter {
            suspended: true,
            ..all
        }),
        TaskState::Exhausted => TaskFilter {
            no_retries_left: true,
            ..all
        },
    }
}

fn place(depth: &mut TopicDepth, state: TaskState) -> &mut i64 {
    match state {
        TaskState::Available => &mut depth.available,
        TaskState::Locked => &mut depth.locked,
        TaskState::Exhausted => &mut depth.exhausted,
        TaskState::Suspended => &mut depth.suspended,
    }
}
