//! What the HTTP servers are made of, beside the tree.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use tokio::runtime::Handle;

use super::BUILD;
use super::shares::Shares;
use super::watches;
use crate::actors::Parts;
use crate::actors::audit::Happened;
use crate::actors::messages::OutboxGrew;
use crate::actors::notification::NotificationActor;
use crate::config::RunSettings;
use crate::http::{HttpParts, OpsDesk, Public};
use crate::metrics::{Metrics, PoolName};
use crate::store::Pool;
use crate::telemetry::LogLevel;

/// The public port's share of the settings.
pub(super) struct Front {
    pub(super) pool: Pool,
    admin_token: Option<SecretString>,
    log_level: LogLevel,
    brand: String,
    is_https: bool,
}

impl Front {
    pub(super) fn new(
        settings: &RunSettings,
        log_level: LogLevel,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let share = Shares::of(settings).pages;
        Ok(Self {
            pool: watches::pool(&share, PoolName::Pages, metrics)?,
            admin_token: settings.admin_token.clone(),
            log_level,
            brand: settings.mail.sender.name().to_owned(),
            is_https: settings.links.base_url.scheme() == "https",
        })
    }

    fn ops(&self, parts: &Arc<Parts>) -> OpsDesk {
        let tree = Arc::clone(parts);
        OpsDesk {
            metrics: Arc::clone(&parts.metrics),
            readiness: Arc::clone(&parts.readiness),
            replica: parts.instance.clone(),
            build: BUILD,
            topics: parts.topics.iter().map(|topic| topic.name()).collect(),
            cockpit: parts.cockpit.clone(),
            engine: parts.engine.clone(),
            runtime: Handle::current(),
            admin_token: self.admin_token.clone(),
            log_level: self.log_level.clone(),
            on_log_level: Arc::new(move |level| {
                let worker = tree.instance.clone();
                let changed = Happened::now("log_level_changed", "worker", worker, "changed");
                tree.note(changed.with(json!({ "level": level })));
            }),
        }
    }

    /// What the HTTP servers work with, beside this tree.
    pub(super) fn beside(&self, parts: &Arc<Parts>) -> HttpParts {
        let tree = Arc::clone(parts);
        HttpParts {
            ops: self.ops(parts),
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
