//! Replicas: the same backlog for one worker and for several, in turn. The engine is the limit, so
//! more of us must neither hasten it nor cost it anything.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::goals::{Goal, Line, percentile};
use super::load::Stage;
use super::plan::Plan;
use super::report;
use super::rival::Rival;
use super::stand::Stand;
use super::throughput::{WATCH_END, WATCH_START, answered, ensure_written};

/// More replicas take nothing of the engine's speed; that they add nothing, the range shows.
const GOAL: Goal = Goal::AtLeast(0.95);

/// The way of so many replicas through one backlog.
#[derive(Serialize)]
struct Way {
    round: u32,
    replicas: usize,
    /// Tasks a second from the first end of an instance to the last.
    rate: f64,
    engine_cpu_ms: f64,
    postgres_cpu_ms: f64,
}

/// Measures one worker and this many of them, round by round, and tells what came out.
pub(crate) async fn measure(stand: &Stand, plan: &Plan, replicas: usize) -> anyhow::Result<()> {
    let mut ways = Vec::new();
    for round in 1..=plan.rounds {
        let mut sizes = [1, replicas];
        // Who goes first meets another engine than who goes second.
        sizes.rotate_left((round % 2) as usize);
        for replicas in sizes {
            let way = work_off(stand, plan.tasks, replicas, round).await?;
            println!("round {round}: {replicas} at work, {:.0} tasks/s", way.rate);
            ways.push(way);
        }
    }
    show(&ways, replicas);
    write(&ways, &stand.output.join("replicas.json"))
}

async fn work_off(stand: &Stand, tasks: usize, replicas: usize, round: u32) -> anyhow::Result<Way> {
    let stage = Stage::new(stand, Rival::Worker.topic()).await?;
    stage.preload(tasks).await?;
    let written = answered(stand).await?;
    let place = stand.place(&stage.tenant, Rival::Worker.topic());
    let running = (1..=replicas)
        .map(|replica| Rival::Worker.start_replica(stand, &place, Duration::ZERO, replica));
    let mut running = running.collect::<anyhow::Result<Vec<_>>>()?;

    let left = stage
        .down_to(tasks - 1, WATCH_START, &mut running[0])
        .await?;
    anyhow::ensure!(
        left > 0,
        "{tasks} tasks are too few for {replicas} replicas"
    );
    let first = stand.machine.look_at(running[0].pid())?;
    stage.down_to(0, WATCH_END, &mut running[0]).await?;
    let usage = first.until(&stand.machine.look_at(running[0].pid())?);
    for replica in &mut running {
        replica.ensure_alive()?;
    }
    drop(running);

    ensure_written(stand, Rival::Worker, written + tasks as u64).await?;
    let ended = stage.ended().await?;
    anyhow::ensure!(
        ended.len() == tasks,
        "{} of {tasks} instances ended",
        ended.len()
    );
    let span = ended[tasks - 1].end_time - ended[0].end_time;
    let a_task = 1000.0 / left as f64;
    Ok(Way {
        round,
        replicas,
        rate: (tasks - 1) as f64 / span.as_seconds_f64(),
        engine_cpu_ms: usage.engine * a_task,
        postgres_cpu_ms: usage.postgres * a_task,
    })
}

fn show(ways: &[Way], replicas: usize) {
    let values = |replicas, read: fn(&Way) -> f64| -> Vec<f64> {
        let of_size = ways.iter().filter(|way| way.replicas == replicas);
        of_size.map(read).collect()
    };
    let mut table = report::table(&["replicas", "tasks/s", "engine + PG ms/task"]);
    for size in [1, replicas] {
        let median = |read| {
            let mut values = values(size, read);
            values.sort_by(f64::total_cmp);
            percentile(&values, 0.5).unwrap_or_default()
        };
        table.add_row([
            size.to_string(),
            format!("{:.0}", median(|way| way.rate)),
            format!(
                "{:.1} + {:.1}",
                median(|way| way.engine_cpu_ms),
                median(|way| way.postgres_cpu_ms)
            ),
        ]);
    }
    // One quotient a round, so that what a round did to both cancels out.
    let rates = |size| values(size, |way| way.rate).into_iter();
    let ratios = rates(replicas).zip(rates(1)).map(|(many, one)| many / one);
    let measure = format!("{replicas} replicas ÷ 1");
    let mut verdict = report::table(&["", "median", "range", "goal", ""]);
    let line = Line::new(measure, ratios.collect(), "×", Some(GOAL));
    verdict.add_rows(line.iter().map(Line::cells));
    println!("\n{table}\n\n{verdict}");
}

fn write(ways: &[Way], file: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(ways)?;
    fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
    println!("\nEvery figure: {}", file.display());
    Ok(())
}
