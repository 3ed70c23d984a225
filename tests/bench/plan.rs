//! How much is measured: the full bench and the quick one.

use std::time::Duration;

/// How much to measure.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// Three minutes instead of fourteen: one round of everything, good for a first look alone.
    #[arg(long)]
    quick: bool,
    /// Rounds of the throughput series.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=50))]
    runs: Option<u32>,
    /// Instead of all rivals: one worker and then so many, on the same backlog.
    #[arg(long, value_name = "COUNT", value_parser = replicas)]
    pub(crate) replicas: Option<usize>,
    /// Settings of our worker for this run, such as CAMUNDA_CLIENT_MAX_REPORTS=32; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
}

fn replicas(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (2..=20).contains(count));
    count.ok_or_else(|| "should be 2 to 20".to_owned())
}

fn setting(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "should be NAME=VALUE".to_owned())
}

/// How much is measured.
pub(crate) struct Plan {
    /// Tasks that only warm the engine: its CPU time a task falls for thousands of them.
    pub(crate) warm_up: usize,
    /// Tasks of one measurement of throughput.
    pub(crate) tasks: usize,
    /// Measurements of throughput for each rival and pause.
    pub(crate) rounds: u32,
    /// Series of single instances for each rival.
    pub(crate) latency_rounds: u32,
    /// Single instances in one such series.
    pub(crate) starts: usize,
    /// Tasks whose calls and round trips are counted.
    pub(crate) counted: usize,
    /// How long a rival with nothing to do is watched; whole polls.
    pub(crate) idle: Duration,
    /// Times that the audit chain is watched.
    pub(crate) sealing_rounds: u32,
    /// Tasks of one of them; enough for longer than the chain may lag behind.
    pub(crate) sealed: usize,
    /// When to be done: what was not measured by then is left out.
    pub(crate) budget: Duration,
}

impl Plan {
    pub(crate) fn new(wanted: &Wanted) -> Self {
        let mut plan = if wanted.quick { QUICK } else { FULL };
        if let Some(runs) = wanted.runs {
            plan.budget += ROUND * runs.saturating_sub(plan.rounds);
            plan.rounds = runs;
        }
        plan
    }
}

/// What one more round of the full bench takes at most.
const ROUND: Duration = Duration::from_secs(180);

const FULL: Plan = Plan {
    warm_up: 4000,
    tasks: 1000,
    rounds: 3,
    latency_rounds: 2,
    starts: 25,
    counted: 500,
    idle: Duration::from_secs(15),
    sealing_rounds: 2,
    sealed: 3000,
    budget: Duration::from_secs(850),
};

const QUICK: Plan = Plan {
    warm_up: 800,
    tasks: 250,
    rounds: 1,
    latency_rounds: 1,
    starts: 12,
    counted: 200,
    idle: Duration::from_secs(5),
    sealing_rounds: 1,
    sealed: 1000,
    budget: Duration::from_secs(180),
};
