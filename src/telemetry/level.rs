//! The level of a process that is at work, to be read and changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::reload::Handle;
use tracing_subscriber::{EnvFilter, Registry};

use super::{TelemetryError, filter};

/// What this process logs, until somebody changes it or it ends.
#[derive(Clone)]
pub struct LogLevel {
    handle: Handle<EnvFilter, Registry>,
    /// As it was asked for, without what is always added to it.
    level: Arc<Mutex<String>>,
}

impl LogLevel {
    pub(super) fn new(handle: Handle<EnvFilter, Registry>, level: &str) -> Self {
        Self {
            handle,
            level: Arc::new(Mutex::new(level.to_owned())),
        }
    }

    /// What is logged now.
    pub fn now(&self) -> String {
        self.level().clone()
    }

    /// Logs so from now on; gives back what was logged before.
    ///
    /// # Errors
    /// When the level cannot be read; nothing changes then.
    pub fn change(&self, level: &str) -> Result<String, TelemetryError> {
        let filter = filter(level)?;
        // Held until the filter is in place, so that two changes cannot cross.
        let mut known = self.level();
        self.handle.reload(filter).map_err(TelemetryError::Gone)?;
        Ok(std::mem::replace(&mut known, level.to_owned()))
    }

    fn level(&self) -> MutexGuard<'_, String> {
        // A string that is replaced as a whole is whole after a panic, too.
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl LogLevel {
    /// Of a process that logs nothing.
    pub(crate) fn of_nothing(level: &str) -> Self {
        let (layer, handle) = tracing_subscriber::reload::Layer::new(EnvFilter::default());
        // The handle works as long as the layer lives.
        Box::leak(Box::new(layer));
        Self::new(handle, level)
    }
}
