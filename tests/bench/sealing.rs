//! Sealing: how far the audit chain lags behind the worker at full throughput, and what it costs.
//!
//! The lag is looked at while the worker works off a backlog. The cost cannot be seen there: it is
//! less than what two runs differ by. So copies of the run's rows come once more, at the pace of the
//! run, when there is nothing else to do; what the same process and PostgreSQL then take beyond
//! idling is the sealing, in rounds as small and as many as under load.

use std::mem;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, interval, sleep};

use super::load::Stage;
use super::measure::{Snapshot, cpu_time};
use super::rival::{Rival, Running};
use super::stand::{Database, Stand};

const WATCH_START: Duration = Duration::from_millis(15);
const WATCH_END: Duration = Duration::from_millis(100);
/// Rare enough to take next to nothing from the run.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// The copies come in portions, as rows do from many slots.
const COPY_EVERY: Duration = Duration::from_millis(50);
/// The most time until the last row has its seal.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the chain kept up with one backlog.
#[derive(Clone, Serialize)]
pub(crate) struct Sealing {
    /// Tasks a second of the run.
    pub(crate) rate: f64,
    /// How long the run took: no lag can be longer.
    pub(crate) watched_s: f64,
    /// How old the oldest row without a seal was, again and again, in seconds.
    pub(crate) lags_s: Vec<f64>,
    /// What a task took without its seal.
    pub(crate) work: CpuPerTask,
    /// What its seal took.
    pub(crate) seal: CpuPerTask,
    /// Cores that others kept busy meanwhile.
    pub(crate) strangers: f64,
}

/// CPU time in milliseconds; the bench's own connections to PostgreSQL are left out.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct CpuPerTask {
    pub(crate) worker_ms: f64,
    pub(crate) postgres_ms: f64,
    pub(crate) engine_ms: f64,
}

impl Sealing {
    /// The longest that a row was seen without its seal.
    pub(crate) fn worst_lag_s(&self) -> f64 {
        self.lags_s.iter().copied().fold(0.0, f64::max)
    }

    /// What sealing adds to the work of worker and PostgreSQL, in per cent.
    pub(crate) fn cost(&self) -> f64 {
        100.0 * self.seal.own() / self.work.own()
    }

    /// What sealing adds to the work of all, the engine included, in per cent.
    pub(crate) fn cost_beside_engine(&self) -> f64 {
        100.0 * self.seal.own() / (self.work.own() + self.work.engine_ms)
    }
}

impl CpuPerTask {
    /// Of worker and PostgreSQL: the seals ask nothing of the engine.
    pub(crate) fn own(self) -> f64 {
        self.worker_ms + self.postgres_ms
    }
}

/// Lets the worker work off a backlog, and then seal the same rows alone.
pub(crate) async fn measure(
    stand: &Stand,
    tasks: usize,
    idle: Duration,
) -> anyhow::Result<Sealing> {
    let stage = Stage::new(stand, Rival::Worker.topic()).await?;
    stage.preload(tasks).await?;
    let bench = Connections::new(stand).await?;
    let log = Log::from_now_on(stand).await?;
    let place = stand.place(&stage.tenant, Rival::Worker.topic());
    let mut running = Rival::Worker.start(stand, &place, Duration::ZERO)?;

    let left = stage.down_to(tasks - 1, WATCH_START, &mut running).await?;
    anyhow::ensure!(left > 0, "{tasks} tasks are too few to see one end first");
    let begin = bench.look(&running)?;
    let lags_s = log
        .lags_until(stage.down_to(0, WATCH_END, &mut running))
        .await?;
    let run = begin.until(&bench.look(&running)?);
    let rows = log.rows(tasks).await?;
    log.until_sealed().await?;

    let begin = bench.look(&running)?;
    sleep(idle).await;
    let quiet = begin.until(&bench.look(&running)?);

    let rate = left as f64 / run.wall;
    let begin = bench.look(&running)?;
    bench.copy(&rows, rate).await?;
    log.until_sealed().await?;
    let alone = begin.until(&bench.look(&running)?);

    let beyond_idle = |all: f64, idling: f64| all - idling / quiet.wall * alone.wall;
    let sealing = Used {
        worker: beyond_idle(alone.worker, quiet.worker),
        postgres: beyond_idle(alone.postgres, quiet.postgres),
        engine: 0.0,
        ..alone
    };
    let seal = sealing.per_task(tasks);
    let all = run.per_task(left);
    Ok(Sealing {
        rate,
        watched_s: run.wall,
        lags_s,
        work: CpuPerTask {
            worker_ms: all.worker_ms - seal.worker_ms,
            postgres_ms: all.postgres_ms - seal.postgres_ms,
            ..all
        },
        seal,
        strangers: run.strangers.max(alone.strangers),
    })
}

/// The rows of the audit log that came after a certain one.
struct Log<'s> {
    stand: &'s Stand,
    after: u64,
}

impl<'s> Log<'s> {
    async fn from_now_on(stand: &'s Stand) -> anyhow::Result<Self> {
        let last = "SELECT coalesce(max(id), 0) FROM audit_log";
        let after = stand.own_database.count(last).await?;
        Ok(Self { stand, after })
    }

    /// How old the oldest row without a seal is, again and again until the work is done.
    async fn lags_until(
        &self,
        work: impl Future<Output = anyhow::Result<usize>>,
    ) -> anyhow::Result<Vec<f64>> {
        let mut lags = Vec::new();
        tokio::select! {
            done = work => done.map(drop)?,
            failed = self.sample(&mut lags) => failed?,
        }
        Ok(lags)
    }

    /// Samples until it is dropped.
    async fn sample(&self, lags: &mut Vec<f64>) -> anyhow::Result<()> {
        let lag = format!(
            "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(occurred_at)), 0)::float8 {}",
            self.unsealed()
        );
        let mut clock = interval(SAMPLE_EVERY);
        loop {
            clock.tick().await;
            lags.push(self.stand.own_database.number(&lag).await?);
        }
    }

    fn unsealed(&self) -> String {
        format!(
            "FROM audit_log WHERE id > {} \
             AND NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = audit_log.id)",
            self.after
        )
    }

    /// The rows that the tasks have left, one each.
    async fn rows(&self, tasks: usize) -> anyhow::Result<Vec<i64>> {
        let rows = format!(
            "SELECT id FROM audit_log WHERE id > {} AND task_id IS NOT NULL ORDER BY id",
            self.after
        );
        let rows = self.stand.own_database.ids(&rows).await?;
        anyhow::ensure!(
            rows.len() == tasks,
            "{tasks} tasks left {} audit rows",
            rows.len()
        );
        Ok(rows)
    }

    async fn until_sealed(&self) -> anyhow::Result<()> {
        let count = format!("SELECT count(*) {}", self.unsealed());
        let until = Instant::now() + PATIENCE;
        loop {
            let left = self.stand.own_database.count(&count).await?;
            if left == 0 {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < until,
                "{left} rows are not sealed after {} s",
                PATIENCE.as_secs()
            );
            sleep(SAMPLE_EVERY).await;
        }
    }
}

/// The bench's own connections: what their backends take is nobody's cost.
struct Connections<'s> {
    stand: &'s Stand,
    writer: Database,
    open: [Database; 2],
    backends: Vec<u32>,
}

impl<'s> Connections<'s> {
    async fn new(stand: &'s Stand) -> anyhow::Result<Self> {
        let writer = stand.connect().await?;
        let open = [stand.connect().await?, stand.connect().await?];
        let all = [
            &stand.engine_database,
            &stand.own_database,
            &writer,
            &open[0],
            &open[1],
        ];
        let mut backends = Vec::new();
        for connection in all {
            let backend = connection.count("SELECT pg_backend_pid()::bigint").await?;
            backends.push(u32::try_from(backend)?);
        }
        Ok(Self {
            stand,
            writer,
            open,
            backends,
        })
    }

    fn look(&self, running: &Running) -> anyhow::Result<Look> {
        let backends = self.backends.iter().map(|&backend| cpu_time(backend));
        Ok(Look {
            all: self.stand.machine.look_at(running.pid())?,
            bench: backends.sum::<anyhow::Result<f64>>()?,
        })
    }

    /// Writes copies of these rows, so many a second. As under load, there always is a row that
    /// must wait for an older transaction: a sealer that finds none left would take a longer rest.
    async fn copy(&self, rows: &[i64], rate: f64) -> anyhow::Result<()> {
        let mut clock = interval(COPY_EVERY);
        let began = Instant::now();
        let mut written = 0;
        let [mut new, mut old] = self.open.each_ref();
        while written < rows.len() {
            new.run("BEGIN; SELECT pg_current_xact_id()").await?;
            let due = (began.elapsed().as_secs_f64() * rate) as usize;
            let portion = &rows[written..due.clamp(written, rows.len())];
            if let [first, .., last] | [first @ last] = portion {
                self.writer.run(&copy_between(*first, *last)).await?;
            }
            written += portion.len();
            old.run("COMMIT").await?;
            mem::swap(&mut new, &mut old);
            clock.tick().await;
        }
        old.run("COMMIT").await
    }
}

fn copy_between(first: i64, last: i64) -> String {
    let same = "origin, worker_id, task_id, process_instance_id, action, subject_kind, subject_id, \
                outcome, detail";
    format!(
        "INSERT INTO audit_log (occurred_at, {same}) SELECT clock_timestamp(), {same} \
         FROM audit_log WHERE id BETWEEN {first} AND {last} AND task_id IS NOT NULL"
    )
}

struct Look {
    all: Snapshot,
    bench: f64,
}

/// CPU times between two looks, in seconds.
struct Used {
    wall: f64,
    worker: f64,
    postgres: f64,
    engine: f64,
    strangers: f64,
}

impl Look {
    fn until(&self, later: &Self) -> Used {
        let usage = self.all.until(&later.all);
        Used {
            wall: usage.wall,
            worker: usage.rival,
            postgres: usage.postgres - (later.bench - self.bench),
            engine: usage.engine,
            strangers: usage.strangers,
        }
    }
}

impl Used {
    fn per_task(&self, tasks: usize) -> CpuPerTask {
        let a_task = 1000.0 / tasks as f64;
        CpuPerTask {
            worker_ms: self.worker * a_task,
            postgres_ms: self.postgres * a_task,
            engine_ms: self.engine * a_task,
        }
    }
}
