//! Idle latency: single instances, started one after another, each alone on the machine.

use std::time::Duration;

use tokio::time::sleep;

use super::load::Stage;
use super::rival::Rival;
use super::stand::Stand;

/// Instances that only show that the rival has begun to fetch; the first waits for its start.
const PROBES: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long single instances took from start to end, in milliseconds, by the engine's own account.
pub(crate) async fn measure(
    stand: &Stand,
    rival: Rival,
    starts: usize,
) -> anyhow::Result<Vec<f64>> {
    let stage = Stage::new(stand, rival.topic()).await?;
    let place = stand.place(&stage.tenant, rival.topic());
    let mut running = rival.start(stand, &place, Duration::ZERO)?;
    for number in 0..PROBES {
        stage.start_one(number).await?;
        stage.down_to(0, LOOK_EVERY, &mut running).await?;
    }
    let mut measured = Vec::new();
    for number in 0..starts {
        sleep(gap(number)).await;
        measured.push(stage.start_one(PROBES + number).await?);
    }
    stage.down_to(0, LOOK_EVERY, &mut running).await?;
    drop(running);
    let durations = stage.durations().await?;
    Ok(measured
        .iter()
        .filter_map(|id| durations.get(id).copied())
        .collect())
}

/// Between 0.15 and 0.45 s, evenly spread, in an order that meets no rhythm, and the same for all.
fn gap(number: usize) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    Duration::from_secs_f64(0.15 + 0.3 * (number as f64 * GOLDEN).fract())
}
