//! What a series is: the shape of an entry of the catalogue.

/// What the names of all our series begin with.
pub(super) const PREFIX: &str = "phantom_worker_";

/// A family of series, as the catalogue declares it.
pub struct Series {
    /// The whole name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What a value counts or measures.
    pub unit: Unit,
    /// The labels, in the order in which values are given.
    pub labels: &'static [Label],
    /// Where its values come from.
    pub source: Source,
    /// What it tells, in one sentence.
    pub(super) about: &'static str,
}

/// The type of a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations, by the upper bounds of these buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The type as Prometheus spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What a value counts or measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things or events.
    Count,
    /// Seconds of time that passed.
    Seconds,
    /// An instant, in seconds since 1970; 0 for none.
    Timestamp,
    /// A share, from 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// 1 for yes and 0 for no.
    Flag,
}

impl Unit {
    /// The unit for readers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Timestamp => "unix time in seconds",
            Self::Ratio => "ratio",
            Self::Bytes => "bytes",
            Self::Flag => "0 or 1",
        }
    }
}

/// Where values come from, which tells how replicas are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Counted in this process: sum them.
    Process,
    /// Read from the engine, and equal in each replica.
    Engine,
    /// Read from our database, and equal in each replica.
    Database,
}

impl Source {
    /// How a query puts the replicas together.
    #[must_use]
    pub const fn over_replicas(self) -> &'static str {
        match self {
            Self::Process => "each its own",
            Self::Engine | Self::Database => "max, never sum",
        }
    }

    const fn note(self) -> &'static str {
        match self {
            Self::Process => "",
            Self::Engine => " (read from the engine and equal in each replica: max, never sum)",
            Self::Database => " (read from the database and equal in each replica: max, never sum)",
        }
    }
}

/// A label and the closed set of its values.
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub values: Values,
}

/// What a label may be.
#[derive(Clone, Copy)]
pub enum Values {
    /// One of these.
    Closed(&'static [&'static str]),
    /// A registered topic.
    Topics,
    /// A BPMN error that the topic beside it declares.
    BpmnErrors,
    /// The template of a mail.
    Mails,
    /// The template of a message to a process instance.
    EngineMessages,
    /// One value for as long as the build or the engine stays the same.
    Fixed(&'static str),
}

impl Values {
    /// The values for readers.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Closed(values) => values.join("|"),
            Self::Topics => "a registered topic".to_owned(),
            Self::BpmnErrors => "a BPMN error that the topic declares".to_owned(),
            Self::Mails => "a mail's template".to_owned(),
            Self::EngineMessages => "a message's template".to_owned(),
            Self::Fixed(what) => what.to_owned(),
        }
    }
}

impl Series {
    /// The HELP line.
    #[must_use]
    pub fn help(&self) -> String {
        format!("{}{}", self.about, self.source.note())
    }

    pub(super) fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }
}
