//! Throughput: a backlog, a fresh process, and the engine's own record of when each instance ended.

use std::time::Duration;

use serde::Serialize;

use super::load::Stage;
use super::measure::peak_memory;
use super::rival::Rival;
use super::stand::Stand;

pub(crate) const WATCH_START: Duration = Duration::from_millis(15);
pub(crate) const WATCH_END: Duration = Duration::from_millis(100);

/// One rival's way through one backlog.
#[derive(Clone, Serialize)]
pub(crate) struct Load {
    pub(crate) round: u32,
    pub(crate) rival: Rival,
    pub(crate) pause_ms: u64,
    /// Tasks a second from the first end of an instance to the last.
    pub(crate) rate: f64,
    /// From asking for the process to the end of the first instance.
    pub(crate) first_complete_s: f64,
    /// The rival's own CPU time a task, its start left out.
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mib: f64,
    pub(crate) engine_cpu_ms: f64,
    pub(crate) postgres_cpu_ms: f64,
    /// Cores that others kept busy meanwhile.
    pub(crate) strangers: f64,
}

/// Lets a fresh process of this rival work off a backlog.
pub(crate) async fn measure(
    stand: &Stand,
    rival: Rival,
    pause: Duration,
    tasks: usize,
    round: u32,
) -> anyhow::Result<Load> {
    let stage = Stage::new(stand, rival.topic()).await?;
    stage.preload(tasks).await?;
    let answered = answered(stand).await?;
    let place = stand.place(&stage.tenant, rival.topic());
    let mut running = rival.start(stand, &place, pause)?;

    let left = stage.down_to(tasks - 1, WATCH_START, &mut running).await?;
    anyhow::ensure!(
        left > 0,
        "{tasks} tasks are too few to see one end before the others"
    );
    let first = stand.machine.look_at(running.pid())?;
    stage.down_to(0, WATCH_END, &mut running).await?;
    let usage = first.until(&stand.machine.look_at(running.pid())?);
    let peak_mib = peak_memory(running.pid())?;
    let started_at = running.started_at;
    drop(running);

    ensure_written(stand, rival, answered + tasks as u64).await?;
    let ended = stage.ended().await?;
    anyhow::ensure!(
        ended.len() == tasks,
        "{} of {tasks} instances ended",
        ended.len()
    );
    let (begin, end) = (ended[0].end_time, ended[tasks - 1].end_time);
    let seconds = |span: chrono::TimeDelta| span.as_seconds_f64();
    let a_task = 1000.0 / left as f64;
    Ok(Load {
        round,
        rival,
        pause_ms: pause.as_millis() as u64,
        rate: (tasks - 1) as f64 / seconds(end - begin),
        first_complete_s: seconds(begin - started_at),
        cpu_ms: usage.rival * a_task,
        peak_mib,
        engine_cpu_ms: usage.engine * a_task,
        postgres_cpu_ms: usage.postgres * a_task,
        strangers: usage.strangers,
    })
}

/// How many tasks have left their answer and their audit row.
pub(crate) async fn answered(stand: &Stand) -> anyhow::Result<u64> {
    let query = "SELECT count(*) FROM task_completions JOIN audit_log USING (task_id) \
                 WHERE answer IS NOT NULL";
    stand.own_database.count(query).await
}

/// A rate counts only if the work behind it was done.
pub(crate) async fn ensure_written(
    stand: &Stand,
    rival: Rival,
    expected: u64,
) -> anyhow::Result<()> {
    let written = answered(stand).await?;
    anyhow::ensure!(
        !rival.has_transactions() || written == expected,
        "{rival} left {written} answers with an audit row, not {expected}"
    );
    Ok(())
}
