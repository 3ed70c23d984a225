//! The poison guard: a task that takes its worker down each time must not do so for ever.
//!
//! The engine does not count deliveries that end without a word, so we do. A batch is counted
//! before any of it runs, so a crash counts against the innocent too; therefore from its third
//! silent delivery on a task runs alone in its process, and only those runs can condemn it.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// From this silent delivery on a task runs alone.
const SUSPECT: i32 = 3;
/// So many runs alone may end without a word. With the two deliveries before them, it is the
/// fifth that does not run any more.
const MOST_ALONE: i32 = 2;

/// What the count of a task's silent deliveries, this one included, says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Runs like any other.
    None,
    /// Runs alone.
    Suspect,
}

impl Suspicion {
    /// Judges a task by its silent deliveries.
    pub fn of(silent: i32) -> Self {
        match silent {
            SUSPECT.. => Self::Suspect,
            _ => Self::None,
        }
    }
}

/// Whether a suspect is not to be run: `alone` counts its runs alone, this one included.
pub fn is_poisonous(alone: i32) -> bool {
    alone > MOST_ALONE
}

/// The place where handlers run, one for the whole process.
#[derive(Default)]
pub struct Ward(RwLock<()>);

/// Permission to run; held while the handler runs.
pub enum Stay<'a> {
    /// Among others.
    Shared(RwLockReadGuard<'a, ()>),
    /// Alone.
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Ward {
    /// Waits until a task under this suspicion may run.
    pub async fn admit(&self, suspicion: Suspicion) -> Stay<'_> {
        match suspicion {
            Suspicion::None => Stay::Shared(self.0.read().await),
            Suspicion::Suspect => Stay::Alone(self.0.write().await),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_third_silent_delivery_runs_alone_and_the_fifth_not_at_all() {
        let judged: Vec<_> = (1..=3).map(Suspicion::of).collect();
        let condemned: Vec<_> = (1..=3).map(is_poisonous).collect();

        assert_eq!(
            judged,
            [Suspicion::None, Suspicion::None, Suspicion::Suspect]
        );
        assert_eq!(condemned, [false, false, true]);
    }

    #[test]
    fn a_suspect_waits_for_the_others_and_the_others_for_it() {
        let ward = Ward::default();

        let first = ward.admit(Suspicion::None).now_or_never().unwrap();
        let second = ward.admit(Suspicion::None).now_or_never().unwrap();
        assert!(ward.admit(Suspicion::Suspect).now_or_never().is_none());
        drop((first, second));
        let _alone = ward.admit(Suspicion::Suspect).now_or_never().unwrap();

        assert!(ward.admit(Suspicion::None).now_or_never().is_none());
    }
}
