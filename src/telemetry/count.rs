//! How many lines were logged, by level.
//!
//! Counted for the whole process, as there is one log for the whole process.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// In the order of [`place`].
static LOGGED: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// How many lines of this level this process has logged.
#[must_use]
pub fn logged(level: Level) -> u64 {
    LOGGED[place(level)].load(Ordering::Relaxed)
}

fn place(level: Level) -> usize {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

/// Counts what the level lets through.
pub(super) struct Counting;

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LOGGED[place(*event.metadata().level())].fetch_add(1, Ordering::Relaxed);
    }
}
