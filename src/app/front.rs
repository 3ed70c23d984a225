//! What the HTTP servers are made of, beside the tree.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::shares::Shares;
use crate::actors::Parts;
use crate::actors::messages::OutboxGrew;
use crate::actors::notification::NotificationActor;
use crate::config::RunSettings;
use crate::http::{HttpParts, Public};
use crate::store::Pool;

/// The public port's share of the settings.
pub(super) struct Front {
    pub(super) pool: Pool,
    brand: String,
    is_https: bool,
}

impl Front {
    pub(super) fn new(settings: &RunSettings) -> anyhow::Result<Self> {
        Ok(Self {
            pool: Pool::new(&Shares::of(settings).pages, Handle::current())?,
            brand: settings.mail.sender.name().to_owned(),
            is_https: settings.links.base_url.scheme() == "https",
        })
    }

    /// What the HTTP servers work with, beside this tree.
    pub(super) fn beside(&self, parts: &Arc<Parts>) -> HttpParts {
        let tree = Arc::clone(parts);
        HttpParts {
            metrics: Arc::clone(&parts.metrics),
            readiness: Arc::clone(&parts.readiness),
            public: Public {
                pool: self.pool.clone(),
                links: Arc::clone(&parts.links),
                runtime: Handle::current(),
                brand: self.brand.clone(),
                is_https: self.is_https,
                outbox_grew: Arc::new(move || {
                    tree.directory.tell::<NotificationActor, _>(OutboxGrew);
                }),
            },
        }
    }
}
