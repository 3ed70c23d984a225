//! CPU time and memory from `/proc`: a rival's, the engine's, PostgreSQL's, and strangers'.

use std::fs;
use std::time::Instant;

use anyhow::Context;

/// The unit of `/proc`'s CPU times; Linux shows hundredths of a second whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// The two servers that all rivals use.
pub(crate) struct Machine {
    pub(crate) engine: u32,
    pub(crate) postgres: u32,
}

/// CPU times at one instant, in seconds.
pub(crate) struct Snapshot {
    at: Instant,
    all: f64,
    rival: f64,
    engine: f64,
    postgres: f64,
    driver: f64,
}

/// CPU times between two instants, in seconds.
pub(crate) struct Usage {
    pub(crate) wall: f64,
    pub(crate) rival: f64,
    pub(crate) engine: f64,
    pub(crate) postgres: f64,
    /// How many cores programs that are not part of the bench kept busy, the host's others
    /// included; the kernel's own work is in here too, so it is never quite zero.
    pub(crate) strangers: f64,
}

impl Machine {
    pub(crate) fn look_at(&self, rival: u32) -> anyhow::Result<Snapshot> {
        Ok(Snapshot {
            at: Instant::now(),
            all: whole_machine()?,
            rival: cpu_time(rival)?,
            engine: cpu_time(self.engine)?,
            postgres: with_children(self.postgres)?,
            driver: cpu_time(std::process::id())?,
        })
    }
}

impl Snapshot {
    pub(crate) fn until(&self, later: &Self) -> Usage {
        let wall = later.at.duration_since(self.at).as_secs_f64();
        let rival = later.rival - self.rival;
        let engine = later.engine - self.engine;
        let postgres = later.postgres - self.postgres;
        let driver = later.driver - self.driver;
        let ours = rival + engine + postgres + driver;
        Usage {
            wall,
            rival,
            engine,
            postgres,
            strangers: ((later.all - self.all - ours) / wall).max(0.0),
        }
    }
}

/// What a process has taken so far, in seconds.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<f64> {
    Ok(Stat::of(pid)?.own())
}

/// The most memory that a process ever held, in MiB.
pub(crate) fn peak_memory(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .with_context(|| format!("no peak in /proc/{pid}/status"))?;
    Ok(peak / 1024.0)
}

/// Everything but idling, on all cores.
fn whole_machine() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [
        user,
        nice,
        system,
        _idle,
        _waiting,
        interrupts,
        soft_interrupts,
        stolen,
        ..,
    ] = ticks[..]
    else {
        anyhow::bail!("/proc/stat has an unknown shape");
    };
    Ok((user + nice + system + interrupts + soft_interrupts + stolen) / TICKS_PER_SECOND)
}

/// PostgreSQL has a process for each connection; those that ended are in their parent's account.
fn with_children(pid: u32) -> anyhow::Result<f64> {
    let parent = Stat::of(pid)?;
    let mut sum = parent.own() + parent.ended_children();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // A process may end between being listed and being read.
        let stat = name.to_str().and_then(|name| name.parse().ok());
        if let Some(stat) = stat.and_then(|child| Stat::of(child).ok())
            && stat.parent() == Some(pid)
        {
            sum += stat.own();
        }
    }
    Ok(sum)
}

/// `/proc/<pid>/stat` from its third field on: the second one is a name that may hold blanks.
struct Stat(Vec<String>);

impl Stat {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} is gone"))?;
        let (_, fields) = stat.rsplit_once(") ").context("a stat without a name")?;
        Ok(Self(fields.split(' ').map(str::to_owned).collect()))
    }

    fn parent(&self) -> Option<u32> {
        self.0.get(1)?.parse().ok()
    }

    fn own(&self) -> f64 {
        self.seconds(11) + self.seconds(12)
    }

    fn ended_children(&self) -> f64 {
        self.seconds(13) + self.seconds(14)
    }

    fn seconds(&self, field: usize) -> f64 {
        let ticks = self
            .0
            .get(field)
            .and_then(|ticks| ticks.parse::<f64>().ok());
        ticks.unwrap_or_default() / TICKS_PER_SECOND
    }
}
