//! What does not fit, said so that it can be put right.

use std::fmt;

/// Where in a model something does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file or definition.
    pub file: String,
    /// The process.
    pub process: String,
    /// The activity.
    pub activity: String,
    /// Its topic.
    pub topic: String,
}

/// A model and the handlers do not fit. Displays where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The engine would not deploy the process, and not say so.
    NotExecutable {
        /// The file.
        file: String,
        /// The process.
        process: String,
    },
    /// Two files hold one process; the later deployment would win.
    DuplicateProcess {
        /// The process.
        process: String,
        /// The files.
        files: [String; 2],
    },
    /// Two handlers serve one topic.
    DuplicateHandler {
        /// The topic.
        topic: String,
    },
    /// Nobody would ever do this task.
    NoHandler {
        /// The task.
        place: Place,
        /// The topics that are served.
        served: Vec<String>,
    },
    /// A handler that no model asks for.
    NoModel {
        /// The handler's topic.
        topic: String,
    },
    /// The code would end the instance silently.
    Uncaught {
        /// The task.
        place: Place,
        /// The code that its handler may throw.
        code: String,
    },
    /// A path of the model that is never taken.
    NeverThrown {
        /// The task.
        place: Place,
        /// The code caught on the task itself.
        code: String,
        /// The codes that its handler may throw.
        thrown: Vec<String>,
    },
    /// A catching event that points to no error.
    UndeclaredError {
        /// The file.
        file: String,
        /// The process.
        process: String,
        /// The catching event.
        event: String,
        /// What it points to.
        error_ref: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            process,
            activity,
            topic,
        } = self;
        write!(formatter, "{file}: {process}: {activity} (topic {topic})")
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExecutable { file, process } => write!(
                formatter,
                "{file}: {process}: the engine deploys only what is executable; set \
                 isExecutable=\"true\""
            ),
            Self::DuplicateProcess {
                process,
                files: [one, other],
            } => write!(
                formatter,
                "{other}: {process}: {one} holds a process of the same id; give one of them another"
            ),
            Self::DuplicateHandler { topic } => {
                write!(
                    formatter,
                    "two handlers serve the topic {topic}; register one of them"
                )
            }
            Self::NoHandler { place, served } => write!(
                formatter,
                "{place}: no handler serves this topic; served are {}",
                listed(served)
            ),
            Self::NoModel { topic } => write!(
                formatter,
                "no model has a task with the topic {topic}; add one or remove the handler"
            ),
            Self::Uncaught { place, code } => write!(
                formatter,
                "{place}: the handler may throw {code} and nothing catches it; add an error \
                 boundary event with errorCode=\"{code}\""
            ),
            Self::NeverThrown {
                place,
                code,
                thrown,
            } => write!(
                formatter,
                "{place}: the handler never throws {code}; it may throw {}",
                listed(thrown)
            ),
            Self::UndeclaredError {
                file,
                process,
                event,
                error_ref,
            } => write!(
                formatter,
                "{file}: {process}: {event}: there is no bpmn:error with the id {error_ref}; \
                 declare it with an errorCode"
            ),
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
