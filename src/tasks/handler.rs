//! The trait that a topic implements.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::TaskError;
use super::tx::Tx;

/// One external-task topic: what it reads, what it changes, what it answers.
pub trait TaskHandler: Send + Sync + 'static {
    /// The topic as the BPMN spells it.
    const TOPIC: &'static str;
    /// The BPMN error codes this topic may throw; `check` and the start compare them with the model.
    const ERRORS: &'static [&'static str] = &[];
    /// The codes that a refusal may hold beside those of a field (`<field>_missing` and
    /// `<field>_invalid`), for whoever reads the README.
    const CODES: &'static [&'static str] = &[];
    /// The process variables read, fetched by name; decoded before the transaction opens.
    type Input: DeserializeOwned + Send;
    /// The variables given back to the process.
    type Output: Serialize + Send;

    /// Makes the change. What is written through `tx` commits or vanishes together with the answer.
    fn handle(
        &self,
        tx: &mut Tx<'_>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Outcome<Self::Output>, TaskError>> + Send;
}

/// What the business decided. Both outcomes commit what the handler wrote.
pub enum Outcome<O> {
    /// The task completes with these variables.
    Complete(O),
    /// The business knows this case and the model has a path for it.
    BpmnError {
        /// One of [`TaskHandler::ERRORS`].
        code: &'static str,
        /// For the engine's history: no personal data.
        message: String,
    },
}
