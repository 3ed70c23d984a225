//! Who gets how many of this process's database connections.

use crate::config::RunSettings;
use crate::store::StoreSettings;
use crate::tasks::longest_rest;

/// Connections that the actors keep for their own chores.
const CHORE_CONNECTIONS: usize = 2;
/// Connections for the pages behind the links.
const PAGE_CONNECTIONS: usize = 2;

/// Shares out the connections of this process: a chore must never wait behind tasks that wait for
/// each other's locks, or the database would seem to be away; and no crowd at the public port may
/// keep the tasks waiting.
pub(super) struct Shares {
    pub(super) tasks: StoreSettings,
    pub(super) chores: StoreSettings,
    pub(super) pages: StoreSettings,
}

impl Shares {
    pub(super) fn of(settings: &RunSettings) -> Self {
        let share = |connections| {
            let mut store = settings.store.clone();
            store.pool_size = connections;
            store.longest_rest = longest_rest(settings.work.handler_limit());
            store
        };
        let others = CHORE_CONNECTIONS + PAGE_CONNECTIONS;
        Self {
            tasks: share(settings.store.pool_size.saturating_sub(others).max(1)),
            chores: share(CHORE_CONNECTIONS),
            pages: share(PAGE_CONNECTIONS),
        }
    }
}
