//! What a rival asks of the servers: calls and round trips a task, and what it costs when idle.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::load::Stage;
use super::rival::Rival;
use super::stand::Stand;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What is still to be written after the last task.
const SETTLE: Duration = Duration::from_secs(1);

/// What a rival asks of the servers.
#[derive(Clone, Serialize)]
pub(crate) struct Cost {
    pub(crate) rival: Rival,
    /// Calls to the engine for each task of a backlog; start and other topics included.
    pub(crate) calls: f64,
    /// Round trips to PostgreSQL for each task of a backlog; start and side work included.
    pub(crate) round_trips: f64,
    /// Calls to the engine in a second without tasks.
    pub(crate) idle_calls: f64,
    /// Round trips to PostgreSQL in a second without tasks.
    pub(crate) idle_round_trips: f64,
    /// Per cent of a core without tasks.
    pub(crate) idle_cpu: f64,
}

/// Counts what a rival asks while it works off a backlog, and then while there is nothing to do.
pub(crate) async fn measure(
    stand: &Stand,
    rival: Rival,
    tasks: usize,
    idle: Duration,
) -> anyhow::Result<Cost> {
    let stage = Stage::new(stand, rival.topic()).await?;
    stage.preload(tasks).await?;
    let place = stand.counted_place(&stage.tenant, rival.topic())?;
    let begin = Counts::of(stand);
    let mut running = rival.start(stand, &place, Duration::ZERO)?;
    stage.down_to(0, LOOK_EVERY, &mut running).await?;
    let busy = begin.until(&Counts::of(stand));

    sleep(SETTLE).await;
    let (begin, before) = (Counts::of(stand), stand.machine.look_at(running.pid())?);
    sleep(idle).await;
    let (quiet, after) = (
        begin.until(&Counts::of(stand)),
        stand.machine.look_at(running.pid())?,
    );
    let usage = before.until(&after);
    Ok(Cost {
        rival,
        calls: busy.calls / tasks as f64,
        round_trips: busy.round_trips / tasks as f64,
        idle_calls: quiet.calls / usage.wall,
        idle_round_trips: quiet.round_trips / usage.wall,
        idle_cpu: 100.0 * usage.rival / usage.wall,
    })
}

struct Counts {
    calls: f64,
    round_trips: f64,
}

impl Counts {
    fn of(stand: &Stand) -> Self {
        Self {
            calls: stand.engine_proxy.trips() as f64,
            round_trips: stand.database_proxy.trips() as f64,
        }
    }

    fn until(&self, later: &Self) -> Self {
        Self {
            calls: later.calls - self.calls,
            round_trips: later.round_trips - self.round_trips,
        }
    }
}
