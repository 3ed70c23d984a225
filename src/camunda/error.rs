//! What can go wrong with a call, sorted by what a caller may conclude.
//!
//! Classes come from the status and from which call it was, never from a text: the engines word
//! their messages differently and an answer need not even be JSON. One 500 proves nothing,
//! whatever its code: the loser of a race between two reports may get any of them.

use serde::Deserialize;

use super::text::{JsonFault, one_line, parse_json};

/// Why a call to the engine gave no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Connecting, sending or reading failed, or something before the engine answered. The call
    /// may or may not have taken effect.
    #[error("the engine at {server} cannot be reached")]
    Unreachable {
        /// The address of its REST interface, without any secret.
        server: String,
        /// How.
        source: Unreachable,
    },
    /// Nothing was changed, and the same call may succeed at once: the row was changed meanwhile,
    /// the engine's database was in a deadlock, or the engine asks for patience.
    #[error("the engine is busy: {0}")]
    Busy(Answer),
    /// The engine does not do this. With status 500 not yet final, see [`Self::is_transient`].
    #[error("the engine refuses: {0}")]
    Refused(Answer),
    /// The task is locked by another worker or by nobody, its lock expired before an extension, or
    /// its instance is suspended. Also what was sent may be at fault: reading the task tells.
    #[error("the task is not ours: {0}")]
    NotOurs(Answer),
    /// There is no such task: completed, cancelled or deleted.
    #[error("the task is gone: {0}")]
    Gone(Answer),
    /// No, wrong or too few rights.
    #[error("the engine does not let us: {0}")]
    Unauthorised(Answer),
    /// The engine took the call, and its answer cannot be read.
    #[error("the engine's answer cannot be read")]
    Malformed(#[source] Malformed),
    /// What was to be sent cannot be written: a variable that was only read.
    #[error("the request cannot be written")]
    Unwritable(#[source] serde_json::Error),
}

/// How a call failed to reach the engine.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The connection: refused, reset, too slow, not to be trusted.
    #[error(transparent)]
    Transport(reqwest::Error),
    /// A gateway's answer, or one that the engine does not write.
    #[error("something before the engine answered {0}{hint}", hint = hint(.0))]
    Gateway(Answer),
}

/// How an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not the JSON that belongs to the call.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// It is longer than any answer to our calls.
    #[error("it is longer than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
}

/// What the engine answered instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The engine's name for the error; none when the body is not the engine's JSON.
    pub kind: Option<String>,
    /// The engine's number for the error; 0 and none say nothing.
    pub code: Option<i64>,
    /// The engine's words, in one bounded line; empty when there are none.
    pub message: String,
}

/// Which call it was, as far as a status means something else for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// complete, failure, bpmnError, extendLock: 400 and 404 speak of the task.
    HeldTask,
    /// Every other call.
    Elsewhere,
}

const OPTIMISTIC_LOCKING: i64 = 1;
const DEADLOCK: i64 = 10_000;
/// The kind of a 404 for a path that is not the engine's.
const NO_SUCH_PATH: &str = "NotFoundException";

impl EngineError {
    /// Whether the same call may succeed later without anybody's doing.
    ///
    /// A 500 of any code is: a caller judges it by repetition, and only then takes it for an
    /// answer.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy(_) => true,
            Self::Refused(answer) => answer.status >= 500,
            _ => false,
        }
    }

    /// Whether it is known that the engine did not do what was asked.
    #[must_use]
    pub fn is_without_effect(&self) -> bool {
        !matches!(self, Self::Unreachable { .. } | Self::Malformed(_))
    }

    /// What the engine said, if it was the engine that answered.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Busy(answer)
            | Self::Refused(answer)
            | Self::NotOurs(answer)
            | Self::Gone(answer)
            | Self::Unauthorised(answer) => Some(answer),
            Self::Unreachable { .. } | Self::Malformed(_) | Self::Unwritable(_) => None,
        }
    }

    /// The same without the engine's own words, which may repeat what a variable holds: its class,
    /// the status, and the name and number of the error are left.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        match &mut self {
            Self::Busy(answer)
            | Self::Refused(answer)
            | Self::NotOurs(answer)
            | Self::Gone(answer)
            | Self::Unauthorised(answer)
            | Self::Unreachable {
                source: Unreachable::Gateway(answer),
                ..
            } => answer.forget_words(),
            Self::Unreachable { .. } | Self::Malformed(_) | Self::Unwritable(_) => {}
        }
        self
    }

    /// A call to `server` that broke off.
    pub(crate) fn from_transport(server: &str, error: reqwest::Error) -> Self {
        Self::Unreachable {
            server: server.to_owned(),
            source: Unreachable::Transport(error.without_url()),
        }
    }

    /// Sorts an answer of `server` that is no success.
    pub(crate) fn from_answer(
        server: &str,
        position: Position,
        status: u16,
        body: Vec<u8>,
    ) -> Self {
        let answer = Answer::read(status, body);
        let gateway = |answer| Self::Unreachable {
            server: server.to_owned(),
            source: Unreachable::Gateway(answer),
        };
        match (status, position) {
            (401 | 403, _) => Self::Unauthorised(answer),
            (408 | 429, _) => Self::Busy(answer),
            (502..=504, _) => gateway(answer),
            (500, _) if matches!(answer.code, Some(OPTIMISTIC_LOCKING | DEADLOCK)) => {
                Self::Busy(answer)
            }
            (400, Position::HeldTask) => Self::NotOurs(answer),
            (404, Position::HeldTask) if answer.is_no_such_thing() => Self::Gone(answer),
            // A proxy that lost its route, or sends us to its login page, says nothing of the engine.
            (404, _) if answer.kind.is_none() => gateway(answer),
            (300..=399, _) => gateway(answer),
            _ => Self::Refused(answer),
        }
    }
}

impl From<JsonFault> for EngineError {
    fn from(fault: JsonFault) -> Self {
        Self::Malformed(fault.into())
    }
}

/// What a 404 that is not the engine's most often comes from.
fn hint(answer: &Answer) -> &'static str {
    match answer.status {
        404 => "; does its address end in /engine-rest?",
        _ => "",
    }
}

impl Answer {
    /// The most UTF-16 units kept of the engine's words.
    const MESSAGE_UNITS: usize = 600;

    /// Whether the engine itself knows no such thing, or shows none to this user.
    pub(crate) fn is_no_such_thing(&self) -> bool {
        self.status == 404
            && self
                .kind
                .as_deref()
                .is_some_and(|kind| kind != NO_SUCH_PATH)
    }

    fn forget_words(&mut self) {
        self.message.clear();
        // Whoever answered may have put words where a name belongs.
        let is_named = |kind: &mut String| {
            let mut letters = kind.bytes();
            kind.len() <= 100
                && letters.all(|it| it.is_ascii_alphanumeric() || b"._$".contains(&it))
        };
        self.kind.take_if(|kind| !is_named(kind));
    }

    /// Reads an answer of any content type; only the engine's own JSON tells more than the status.
    fn read(status: u16, body: Vec<u8>) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "type")]
            kind: Option<String>,
            code: Option<i64>,
            message: Option<String>,
        }
        let body = parse_json(body).unwrap_or(Body {
            kind: None,
            code: None,
            message: None,
        });
        Self {
            status,
            kind: body.kind.map(|kind| one_line(&kind, Self::MESSAGE_UNITS)),
            code: body.code,
            message: one_line(&body.message.unwrap_or_default(), Self::MESSAGE_UNITS),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status)?;
        if let Some(kind) = &self.kind {
            write!(formatter, " {kind}")?;
        }
        if let Some(code) = self.code.filter(|code| *code != 0) {
            write!(formatter, " code {code}")?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "http://localhost:8080/engine-rest";
    const GONE: &str =
        r#"{"type":"RestException","message":"External task with id X does not exist","code":0}"#;
    const NO_PATH: &str =
        r#"{"type":"NotFoundException","message":"HTTP 404 Not Found","code":null}"#;
    const FOREIGN: &str = r#"{"type":"RestException","message":"External Task X cannot be completed by worker 'A'. It is locked by worker 'B'.","code":0}"#;
    const RACE: &str = r#"{"type":"OptimisticLockingException","message":"ENGINE-03005","code":1}"#;
    const DEADLOCKED: &str =
        r#"{"type":"ProcessEnginePersistenceException","message":"m","code":10000}"#;
    const LOSER: &str = r#"{"type":"NullPointerException","message":null,"code":null}"#;
    const STUCK: &str = r#"{"type":"ProcessEngineException","message":"ENGINE-02004 No outgoing sequence flow","code":0}"#;
    const HTML: &str = "<html><body>nginx</body></html>";

    /// The name of the class, for a table that reads like the engine's own.
    fn class(position: Position, status: u16, body: &str) -> &'static str {
        match EngineError::from_answer(SERVER, position, status, body.as_bytes().to_vec()) {
            EngineError::Unreachable { .. } => "unreachable",
            EngineError::Busy(_) => "busy",
            EngineError::Refused(_) => "refused",
            EngineError::NotOurs(_) => "not ours",
            EngineError::Gone(_) => "gone",
            EngineError::Unauthorised(_) => "unauthorised",
            EngineError::Malformed(_) | EngineError::Unwritable(_) => "never from an answer",
        }
    }

    #[test]
    fn a_held_tasks_answers_are_sorted_by_status_and_kind() {
        for (status, body, expected) in [
            (400, FOREIGN, "not ours"),
            (400, "Unexpected character ('x')", "not ours"),
            (404, GONE, "gone"),
            (
                404,
                &GONE.replace("RestException", "InvalidRequestException"),
                "gone",
            ),
            (404, NO_PATH, "refused"),
            (404, HTML, "unreachable"),
            (404, "", "unreachable"),
            (500, RACE, "busy"),
            (500, DEADLOCKED, "busy"),
            (500, LOSER, "refused"),
            (500, STUCK, "refused"),
            (500, HTML, "refused"),
            (401, "", "unauthorised"),
            (403, HTML, "unauthorised"),
            (405, "", "refused"),
            (415, HTML, "refused"),
            (302, "", "unreachable"),
            (408, "", "busy"),
            (429, HTML, "busy"),
            (502, HTML, "unreachable"),
            (503, "", "unreachable"),
            (504, HTML, "unreachable"),
        ] {
            assert_eq!(
                class(Position::HeldTask, status, body),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn elsewhere_400_and_404_are_refusals() {
        for (status, body) in [(400, FOREIGN), (404, GONE), (404, NO_PATH)] {
            assert_eq!(
                class(Position::Elsewhere, status, body),
                "refused",
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_a_gateway_says_is_no_word_of_the_engine() {
        for (status, body) in [(404, HTML), (404, ""), (302, HTML), (502, HTML)] {
            let class = class(Position::Elsewhere, status, body);
            assert_eq!(class, "unreachable", "{status} {body}");
        }
    }

    #[test]
    fn a_404_of_somebody_else_names_the_address_and_what_to_look_at() {
        let error = |status| {
            let error = EngineError::from_answer(SERVER, Position::Elsewhere, status, HTML.into());
            format!("{:#}", anyhow::Error::from(error))
        };

        assert_eq!(
            error(404),
            "the engine at http://localhost:8080/engine-rest cannot be reached: something before \
             the engine answered 404; does its address end in /engine-rest?"
        );
        assert!(error(502).ends_with("answered 502"));
    }

    #[test]
    fn no_500_is_final_by_itself() {
        for body in [RACE, DEADLOCKED, LOSER, STUCK, HTML, ""] {
            let error = EngineError::from_answer(SERVER, Position::HeldTask, 500, body.into());
            assert!(error.is_transient(), "{body}");
        }
        for (status, body) in [(400, FOREIGN), (404, GONE), (404, NO_PATH), (401, "")] {
            let error = EngineError::from_answer(SERVER, Position::HeldTask, status, body.into());
            assert!(!error.is_transient(), "{status} {body}");
        }
    }

    #[test]
    fn an_answer_reads_as_one_bounded_line() {
        let body = format!(
            r#"{{"type":"RestException","message":"a\n{}","code":7}}"#,
            "x".repeat(2000)
        );

        let error = EngineError::from_answer(SERVER, Position::Elsewhere, 400, body.into_bytes());

        let text = error.to_string();
        assert!(
            text.starts_with("the engine refuses: 400 RestException code 7: a\\nxxx"),
            "{text}"
        );
        assert!(text.len() < 700);
    }
}
