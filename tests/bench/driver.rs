//! The order of the series: warm up, latency, cost, sealing, then rounds of throughput until time is up.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use super::plan::{Plan, Wanted};
use super::report::{Latency, Report};
use super::rival::Rival;
use super::stand::Stand;
use super::throughput::{self, Load};
use super::{cost, fleet, latency, sealing};

const NO_PAUSE: Duration = Duration::ZERO;
const PAUSE: Duration = Duration::from_millis(20);

/// Whom a round measures, ratio partners close to each other: what the machine does to one it
/// probably does to the other.
const ROUND: [(Rival, Duration); 8] = [
    (Rival::Ceiling, NO_PAUSE),
    (Rival::Ours, NO_PAUSE),
    (Rival::JavaScript, NO_PAUSE),
    (Rival::CeilingWithVariables, NO_PAUSE),
    (Rival::Worker, NO_PAUSE),
    (Rival::Ceiling, PAUSE),
    (Rival::Ours, PAUSE),
    (Rival::JavaScript, PAUSE),
];

const SINGLY: [Rival; 6] = [
    Rival::Ceiling,
    Rival::Ours,
    Rival::CeilingWithVariables,
    Rival::CeilingOnAllTopics,
    Rival::Worker,
    Rival::JavaScript,
];

const COUNTED: [Rival; 4] = [
    Rival::Ceiling,
    Rival::Ours,
    Rival::Worker,
    Rival::JavaScript,
];

/// Runs the whole bench.
pub(crate) fn run(wanted: Wanted) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(async {
            // Whoever is dropped half-way kills the rival that is at work.
            tokio::select! {
                measured = measure(wanted) => measured,
                signal = interrupted() => anyhow::bail!("interrupted by {}", signal?),
            }
        })
}

async fn interrupted() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

async fn measure(wanted: Wanted) -> anyhow::Result<()> {
    let plan = Plan::new(&wanted);
    let end = Instant::now() + plan.budget;
    let stand = Stand::new(wanted.settings).await?;
    if let Some(replicas) = wanted.replicas {
        warm_up(&stand, &plan).await?;
        return fleet::measure(&stand, &plan, replicas).await;
    }
    let mut report = Report::new(&stand);
    match timeout_at(end, measure_all(&stand, &plan, &mut report)).await {
        Ok(measured) => measured?,
        Err(_) => println!("time is up after {} s", plan.budget.as_secs()),
    }
    report.print();
    report.write(&stand.output.join("report.json"))
}

async fn measure_all(stand: &Stand, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    warm_up(stand, plan).await?;
    measure_latency(stand, plan, report).await?;
    measure_cost(stand, plan, report).await?;
    measure_sealing(stand, plan, report).await?;
    for round in 0..plan.rounds {
        measure_round(stand, plan, round, report).await?;
    }
    Ok(())
}

/// A young engine takes more than twice as long for a task as an old one: both kinds of backlog,
/// in turn, until it is old enough.
async fn warm_up(stand: &Stand, plan: &Plan) -> anyhow::Result<()> {
    let kinds = [Rival::Ceiling, Rival::CeilingWithVariables];
    let portions = plan.warm_up.div_ceil(plan.tasks);
    for (portion, rival) in (1..=portions).zip(kinds.into_iter().cycle()) {
        let load = throughput::measure(stand, rival, NO_PAUSE, plan.tasks, 0).await?;
        println!(
            "warming up {portion}/{portions}: the engine takes {:.1} ms of CPU for a task",
            load.engine_cpu_ms
        );
    }
    Ok(())
}

async fn measure_latency(stand: &Stand, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    for round in 0..plan.latency_rounds {
        for rival in rotated(SINGLY, round) {
            let durations = latency::measure(stand, rival, plan.starts).await?;
            println!("{} single instances: {rival}", durations.len());
            report.latencies.push(Latency { rival, durations });
        }
    }
    Ok(())
}

async fn measure_cost(stand: &Stand, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    for rival in COUNTED {
        let cost = cost::measure(stand, rival, plan.counted, plan.idle).await?;
        println!("{:.3} calls a task: {rival}", cost.calls);
        report.costs.push(cost);
    }
    Ok(())
}

async fn measure_sealing(stand: &Stand, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    for round in 1..=plan.sealing_rounds {
        let sealing = sealing::measure(stand, plan.sealed, plan.idle).await?;
        println!(
            "sealing {round}/{}: at most {:.1} s behind at {:.0} tasks/s, {:.1} % of the CPU, \
             strangers {:.2}",
            plan.sealing_rounds,
            sealing.worst_lag_s(),
            sealing.rate,
            sealing.cost(),
            sealing.strangers
        );
        report.sealings.push(sealing);
    }
    Ok(())
}

async fn measure_round(
    stand: &Stand,
    plan: &Plan,
    round: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (rival, pause) in rotated(ROUND, round) {
        let load = throughput::measure(stand, rival, pause, plan.tasks, round + 1).await?;
        show(plan, &load);
        report.loads.push(load);
    }
    Ok(())
}

/// Another order each time, there and back: who goes first meets another engine than who goes last.
fn rotated<T, const N: usize>(mut all: [T; N], round: u32) -> [T; N] {
    all.rotate_left(round as usize * 3 % N);
    if round % 2 == 1 {
        all.reverse();
    }
    all
}

fn show(plan: &Plan, load: &Load) {
    println!(
        "round {}/{}: {:<18} {:>2} ms  {:>5.0} tasks/s, strangers {:.2}",
        load.round, plan.rounds, load.rival, load.pause_ms, load.rate, load.strangers
    );
}
