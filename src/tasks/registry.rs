//! Every topic of this binary, with the types of its handler erased.

use std::any::Any;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::answer::Answer;
use super::error::TaskError;
use super::handler::{Outcome, TaskHandler};
use super::tx::Tx;
use crate::camunda::variables::{DecodeError, Variables, field_names};

/// The topics, in the order in which they were registered.
#[derive(Default)]
pub struct Registry {
    registrations: Vec<Arc<Registration>>,
}

impl Registry {
    /// Adds a topic.
    ///
    /// # Panics
    /// When the topic is there already: two handlers of one topic are a mistake in the program.
    pub fn register<H: TaskHandler>(&mut self, handler: H) -> &mut Self {
        assert!(
            self.registrations
                .iter()
                .all(|known| known.topic != H::TOPIC),
            "two handlers for the topic {}",
            H::TOPIC
        );
        self.registrations.push(Arc::new(Registration {
            topic: H::TOPIC,
            errors: H::ERRORS,
            codes: H::CODES,
            variables: field_names::<H::Input>(),
            handler: Box::new(Erased(handler)),
        }));
        self
    }

    /// The topics in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Registration>> {
        self.registrations.iter()
    }
}

/// One topic: its label, and the handler behind it.
pub struct Registration {
    /// The topic as the BPMN spells it.
    pub topic: &'static str,
    /// The BPMN error codes it may throw.
    pub errors: &'static [&'static str],
    /// The codes of its refusals that are no field's own.
    pub codes: &'static [&'static str],
    /// The variables to fetch, read off the handler's input type.
    pub variables: &'static [&'static str],
    handler: Box<dyn ErasedHandler>,
}

impl Registration {
    /// Decodes the task's variables, before any transaction is open.
    ///
    /// # Errors
    /// Which variable is missing or of the wrong type.
    pub(super) fn decode(&self, variables: &Variables) -> Result<DecodedInput, DecodeError> {
        self.handler.decode(variables).map(DecodedInput)
    }

    /// Runs the handler in a transaction.
    pub(super) fn handle<'t, 'c: 't>(
        &'t self,
        tx: &'t mut Tx<'c>,
        input: DecodedInput,
    ) -> BoxFuture<'t, Result<Answer, TaskError>> {
        self.handler.handle(tx, input.0)
    }
}

/// A handler's input on its way from decoding to handling.
pub(super) struct DecodedInput(Box<dyn Any + Send>);

trait ErasedHandler: Send + Sync {
    fn decode(&self, variables: &Variables) -> Result<Box<dyn Any + Send>, DecodeError>;

    fn handle<'t, 'c: 't>(
        &'t self,
        tx: &'t mut Tx<'c>,
        input: Box<dyn Any + Send>,
    ) -> BoxFuture<'t, Result<Answer, TaskError>>;
}

struct Erased<H>(H);

impl<H: TaskHandler> ErasedHandler for Erased<H>
where
    H::Input: 'static,
{
    fn decode(&self, variables: &Variables) -> Result<Box<dyn Any + Send>, DecodeError> {
        variables
            .decode::<H::Input>()
            .map(|input| Box::new(input) as Box<dyn Any + Send>)
    }

    fn handle<'t, 'c: 't>(
        &'t self,
        tx: &'t mut Tx<'c>,
        input: Box<dyn Any + Send>,
    ) -> BoxFuture<'t, Result<Answer, TaskError>> {
        let input = input
            .downcast::<H::Input>()
            .expect("the input was decoded by this same handler");
        Box::pin(async move {
            match self.0.handle(tx, *input).await? {
                Outcome::Complete(output) => Variables::from_output(&output)
                    .map(|variables| Answer::Complete { variables })
                    .map_err(|fault| TaskError::Fatal(fault.into())),
                Outcome::BpmnError { code, message } => Ok(Answer::BpmnError {
                    code: code.to_owned(),
                    message,
                }),
            }
        })
    }
}
