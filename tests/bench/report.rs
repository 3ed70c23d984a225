//! What came out: every figure in a file, and on the terminal each beside its goal.

use std::fs;
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::cost::Cost;
use super::goals::{Goal, Line, SEALING_COST, SEALING_LAG, percentile};
use super::rival::Rival;
use super::sealing::Sealing;
use super::stand::Stand;
use super::throughput::Load;

/// Above this many cores, others took enough to bend the figures.
const STRANGERS: f64 = 0.15;
/// Idle polls that goals allow for each topic: seven topics may make 1.5 calls a second.
const IDLE_CALLS_PER_TOPIC: f64 = 1.5 / 7.0;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    cores: usize,
    /// Settings of our worker that differ from the bench's own.
    settings: Vec<(String, String)>,
    pub(crate) loads: Vec<Load>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) sealings: Vec<Sealing>,
}

/// The single instances of one series, in milliseconds.
#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) rival: Rival,
    pub(crate) durations: Vec<f64>,
}

impl Report {
    pub(crate) fn new(stand: &Stand) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            settings: stand.settings.clone(),
            loads: Vec::new(),
            latencies: Vec::new(),
            costs: Vec::new(),
            sealings: Vec::new(),
        }
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            report: &'a Report,
            lines: Vec<Line>,
        }
        let lines = self.lines();
        let json = serde_json::to_string_pretty(&Written {
            report: self,
            lines,
        })?;
        fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
        println!("\nEvery figure: {}", file.display());
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!("\n{}\n\n{}", self.rivals(), self.verdict());
        self.warn_of_strangers();
    }

    /// Medians, rival by rival.
    fn rivals(&self) -> Table {
        let mut table = table(&[
            "",
            "handler",
            "tasks/s",
            "own CPU ms/task",
            "engine + PG ms/task",
            "peak MiB",
            "first complete s",
        ]);
        let mut kinds: Vec<(Rival, u64)> = Vec::new();
        for load in &self.loads {
            if !kinds.contains(&(load.rival, load.pause_ms)) {
                kinds.push((load.rival, load.pause_ms));
            }
        }
        for (rival, pause) in kinds {
            let median = |read: fn(&Load) -> f64| {
                let mut values = self.values(rival, pause, read);
                values.sort_by(f64::total_cmp);
                percentile(&values, 0.5).unwrap_or_default()
            };
            table.add_row([
                rival.to_string(),
                format!("{pause} ms"),
                format!("{:.0}", median(|load| load.rate)),
                format!("{:.2}", median(|load| load.cpu_ms)),
                format!(
                    "{:.1} + {:.1}",
                    median(|load| load.engine_cpu_ms),
                    median(|load| load.postgres_cpu_ms)
                ),
                format!("{:.1}", median(|load| load.peak_mib)),
                format!("{:.2}", median(|load| load.first_complete_s)),
            ]);
        }
        align_right(&mut table, 2..7);
        table
    }

    fn verdict(&self) -> Table {
        let mut table = table(&["", "median", "range", "goal", ""]);
        for line in self.lines() {
            table.add_row(line.cells());
        }
        align_right(&mut table, 1..3);
        table
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = self.ratios();
        for rival in [Rival::Ours, Rival::Worker] {
            lines.extend(self.latency_lines(rival));
            lines.extend(self.load_lines(rival));
            lines.extend(self.cost_lines(rival));
        }
        lines.extend(self.sealing_lines());
        lines.into_iter().flatten().collect()
    }

    fn ratios(&self) -> Vec<Option<Line>> {
        let (ceiling, js) = (Some(Goal::AtLeast(0.90)), Some(Goal::AtLeast(0.98)));
        vec![
            self.ratio(Rival::Ours, Rival::Ceiling, 0, ceiling),
            self.ratio(Rival::Ours, Rival::JavaScript, 0, js),
            self.ratio(Rival::Ours, Rival::Ceiling, 20, ceiling),
            self.ratio(Rival::Ours, Rival::JavaScript, 20, js),
            self.ratio(Rival::Worker, Rival::CeilingWithVariables, 0, ceiling),
            // What the engine does with the variables is in these two.
            self.ratio(Rival::Worker, Rival::Ceiling, 0, None),
            self.ratio(Rival::Worker, Rival::JavaScript, 0, None),
        ]
    }

    /// One quotient a round, so that what a round did to both cancels out.
    fn ratio(&self, rival: Rival, other: Rival, pause: u64, goal: Option<Goal>) -> Option<Line> {
        let rates = |rival| self.values(rival, pause, |load| load.rate);
        let pairs = rates(rival).into_iter().zip(rates(other));
        Line::new(
            format!("{rival} ÷ {other}, {pause} ms handler"),
            pairs.map(|(one, other)| one / other).collect(),
            "×",
            goal,
        )
    }

    fn latency_lines(&self, rival: Rival) -> Vec<Option<Line>> {
        let beyond = |other, part| Some(self.latency(rival, part)? - self.latency(other, part)?);
        let line = |name: &str, value: Option<f64>, goal| {
            Line::new(format!("{rival}: {name}"), vec![value?], "ms", goal)
        };
        // What the engine does for variables, and for parked polls of other topics, no client can save.
        let beyond_its_own = |ceiling, part| match rival {
            Rival::Worker => beyond(ceiling, part),
            _ => None,
        };
        let (variables, topics) = (Rival::CeilingWithVariables, Rival::CeilingOnAllTopics);
        let of_part = |name, part, goal| {
            [
                line(name, self.latency(rival, part), None),
                line("… beyond the ceiling's", beyond(Rival::Ceiling, part), goal),
                line(
                    "… beyond that with variables",
                    beyond_its_own(variables, part),
                    None,
                ),
                line("… and with all topics", beyond_its_own(topics, part), None),
                line("… beyond js's", beyond(Rival::JavaScript, part), None),
            ]
        };
        let mut lines = Vec::from(of_part("idle latency p50", 0.5, Some(Goal::AtMost(3.0))));
        lines.extend(of_part("idle latency p95", 0.95, Some(Goal::AtMost(8.0))));
        lines
    }

    /// The latency below which this part of a rival's single instances stayed, all series together.
    fn latency(&self, rival: Rival, part: f64) -> Option<f64> {
        let of_rival = self
            .latencies
            .iter()
            .filter(|latency| latency.rival == rival);
        let mut durations: Vec<f64> = of_rival
            .flat_map(|latency| latency.durations.iter().copied())
            .collect();
        durations.sort_by(f64::total_cmp);
        percentile(&durations, part)
    }

    fn load_lines(&self, rival: Rival) -> Vec<Option<Line>> {
        let line = |name: &str, read: fn(&Load) -> f64, unit, most| {
            let values = self.values(rival, 0, read);
            let goal = Some(Goal::AtMost(most));
            Line::new(format!("{rival}: {name}"), values, unit, goal)
        };
        vec![
            line("CPU a task", |load| load.cpu_ms, "ms", 0.5),
            line("peak memory", |load| load.peak_mib, "MiB", 25.0),
            line("first complete", |load| load.first_complete_s, "s", 0.5),
        ]
    }

    fn cost_lines(&self, rival: Rival) -> Vec<Option<Line>> {
        let topics = match rival {
            Rival::Worker => phantom_worker::topics::catalogue().iter().count(),
            _ => 1,
        } as f64;
        let line = |name: &str, read: fn(&Cost) -> f64, unit, goal: Option<f64>| {
            let of_rival = self.costs.iter().filter(|cost| cost.rival == rival);
            let goal = goal.map(Goal::AtMost);
            Line::new(
                format!("{rival}: {name}"),
                of_rival.map(read).collect(),
                unit,
                goal,
            )
        };
        let idle_calls = Some(IDLE_CALLS_PER_TOPIC * topics);
        vec![
            line("calls a task", |cost| cost.calls, "", Some(1.05)),
            line(
                "round trips to PostgreSQL a task",
                |cost| cost.round_trips,
                "",
                None,
            ),
            line(
                "idle calls a second",
                |cost| cost.idle_calls,
                "",
                idle_calls,
            ),
            line("idle CPU, of a core", |cost| cost.idle_cpu, "%", Some(0.2)),
        ]
    }

    fn sealing_lines(&self) -> Vec<Option<Line>> {
        let line = |name: &str, read: fn(&Sealing) -> f64, unit, goal: Option<f64>| {
            let values = self.sealings.iter().map(read).collect();
            Line::new(
                format!("sealing: {name}"),
                values,
                unit,
                goal.map(Goal::AtMost),
            )
        };
        let lags = self.sealings.iter().flat_map(|sealing| &sealing.lags_s);
        let worst = self.sealings.iter().map(Sealing::worst_lag_s);
        // What was watched for less long than a row may lag behind could never miss that goal.
        let is_long = |sealing: &Sealing| sealing.watched_s > 1.5 * SEALING_LAG;
        let lag_goal = self.sealings.iter().all(is_long).then_some(SEALING_LAG);
        let lag = |name: &str, values, goal: Option<f64>| {
            Line::new(
                format!("sealing: {name}"),
                values,
                "s",
                goal.map(Goal::AtMost),
            )
        };
        vec![
            line("watched for", |sealing| sealing.watched_s, "s", None),
            lag(
                "age of the oldest row without a seal",
                lags.copied().collect(),
                None,
            ),
            lag(
                "… at its worst",
                worst.reduce(f64::max).into_iter().collect(),
                lag_goal,
            ),
            line("CPU a task", |sealing| sealing.seal.own(), "ms", None),
            line(
                "CPU, beside worker and PostgreSQL",
                Sealing::cost,
                "%",
                Some(SEALING_COST),
            ),
            line(
                "… beside the worker's part of PostgreSQL",
                Sealing::cost_beside_own,
                "%",
                None,
            ),
            line(
                "… beside the engine too",
                Sealing::cost_beside_all,
                "%",
                None,
            ),
        ]
    }

    /// The figures of one rival, round by round.
    fn values(&self, rival: Rival, pause: u64, read: impl Fn(&Load) -> f64) -> Vec<f64> {
        self.loads
            .iter()
            .filter(|load| load.rival == rival && load.pause_ms == pause)
            .map(read)
            .collect()
    }

    fn warn_of_strangers(&self) {
        let of_loads = self.loads.iter().map(|load| load.strangers);
        let of_sealings = self.sealings.iter().map(|sealing| sealing.strangers);
        let strangers: Vec<f64> = of_loads.chain(of_sealings).collect();
        let worst = strangers.iter().copied().fold(0.0, f64::max);
        let disturbed = strangers.iter().filter(|&&cores| cores > STRANGERS).count();
        if disturbed > 0 {
            println!(
                "\nOther programs were at work in {disturbed} of {} measurements (up to {worst:.2} \
                 cores): do not trust these figures; make the machine quiet and run again.",
                strangers.len()
            );
        }
    }
}

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().copied());
    table
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
