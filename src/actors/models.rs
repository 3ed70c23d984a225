//! The models of the tasks that were seen, read from the engine once each.
//!
//! A BPMN error that nothing catches ends the process instance without a word, so the catch is
//! looked for in the task's own version of the model before the error is thrown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::camunda::bpmn::{self, ProcessModel};
use crate::camunda::model::LockedTask;
use crate::camunda::{Client, EngineError};

/// Models by process definition id. A definition never changes under its id.
#[derive(Default)]
pub(crate) struct Models {
    known: Mutex<HashMap<String, Arc<Vec<ProcessModel>>>>,
}

/// Whether a model has a path for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Catch {
    /// It catches the code.
    Found,
    /// It does not, or it cannot be read: throwing would end the instance silently.
    Missing,
}

impl Models {
    /// Looks for a catch of `code` around the task's activity.
    pub(crate) async fn catch(
        &self,
        engine: &Client,
        task: &LockedTask,
        code: &str,
    ) -> Result<Catch, EngineError> {
        let models = match self.find(&task.process_definition_id) {
            Some(models) => models,
            None => self.read(engine, &task.process_definition_id).await?,
        };
        let caught = models
            .iter()
            .filter(|model| model.id == task.process_definition_key)
            .any(|model| model.catches(&task.activity_id, code));
        Ok(if caught { Catch::Found } else { Catch::Missing })
    }

    fn find(&self, definition_id: &str) -> Option<Arc<Vec<ProcessModel>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(definition_id).cloned()
    }

    async fn read(
        &self,
        engine: &Client,
        definition_id: &str,
    ) -> Result<Arc<Vec<ProcessModel>>, EngineError> {
        let xml = engine.definition_xml(definition_id).await?;
        // The engine has deployed it, so only a model of another kind of tool could be unreadable
        // here; it then counts as one that catches nothing.
        let models = Arc::new(bpmn::parse(definition_id, &xml).unwrap_or_default());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(definition_id.to_owned(), Arc::clone(&models));
        Ok(models)
    }
}
