//! The goals, and whether a figure reaches one.

use serde::Serialize;

/// One line of the verdict.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) measure: String,
    /// Median and range, or the one value there is.
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Option<Goal>,
    /// Whether the median reaches the goal, if there is one.
    pub(crate) reached: Option<bool>,
}

/// What was set out to be reached.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// How old a row may get without a seal while the worker has all it can do, in seconds.
pub(crate) const SEALING_LAG: f64 = 10.0;
/// What sealing may add to the CPU time of worker and PostgreSQL, in per cent.
pub(crate) const SEALING_COST: f64 = 5.0;

impl Goal {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", number(least)),
            Self::AtMost(most) => format!("≤ {}", number(most)),
        }
    }
}

impl Line {
    /// The median of several values and their range; none without values.
    pub(crate) fn new(
        measure: String,
        mut values: Vec<f64>,
        unit: &'static str,
        goal: Option<Goal>,
    ) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let value = percentile(&values, 0.5)?;
        Some(Self {
            measure,
            value,
            least,
            most,
            unit,
            goal,
            reached: goal.map(|goal| goal.is_reached(value)),
        })
    }

    pub(crate) fn cells(&self) -> [String; 5] {
        let mark = match self.reached {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        };
        let range = if self.least == self.most {
            String::new()
        } else {
            format!("{} – {}", number(self.least), number(self.most))
        };
        [
            self.measure.clone(),
            format!("{} {}", number(self.value), self.unit),
            range,
            self.goal.map(Goal::text).unwrap_or_default(),
            mark.to_owned(),
        ]
    }
}

/// Three figures, more or less.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The value below which this part of the sorted values lies, between two of them if need be.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = part * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let weight = position - position.floor();
    Some(sorted[below] + (sorted[above] - sorted[below]) * weight)
}
