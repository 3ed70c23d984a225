//! The settings: every flag and environment variable, read here and nowhere else.
//!
//! Each room's settings are one group of clap arguments, whose doc comments are the text of
//! `--help`. clap takes every value as it comes; a group's `read` turns the values into the room's
//! own type and notes what is wrong in [`Faults`], so that an operator sees every fault at once.
//! A command asks for the groups it uses and for nothing else.
//!
//! Whatever is a secret can be given by a `…_FILE` variant, is hidden from `--help`, and never
//! appears in a fault.

mod admin;
mod audit;
mod by_topic;
mod cockpit;
mod defaults;
mod engine;
mod faults;
mod http;
mod links;
mod mail;
mod metrics;
mod pages;
mod parse;
mod purge;
mod store;
mod telemetry;
mod work;

use clap::Args;
use secrecy::SecretString;

pub use admin::AdminArgs;
pub use audit::{AuditArgs, AuditSettings};
pub use cockpit::CockpitArgs;
pub use engine::EngineArgs;
pub use faults::{Faults, Raw};
pub use http::{HttpArgs, unnamed_proxy};
pub use links::LinkArgs;
pub use mail::MailArgs;
pub use metrics::{MetricsArgs, MetricsSettings};
pub use pages::{PageArgs, PageSettings, StartArgs, StartSettings};
pub use purge::{PurgeArgs, PurgeCommandArgs, PurgeSettings};
pub use store::{MigrateArgs, StoreArgs};
pub use telemetry::TelemetryArgs;
pub use work::{TopicSettings, WorkArgs, WorkSettings};

use crate::camunda::client::EngineSettings;
use crate::camunda::cockpit::Cockpit;
use crate::housekeeping::Ages;
use crate::http::HttpSettings;
use crate::links::LinkSettings;
use crate::mail::MailSettings;
use crate::store::StoreSettings;
use crate::telemetry::TelemetrySettings;

/// Everything a worker needs.
#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    mail: MailArgs,
    #[command(flatten)]
    links: LinkArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    cockpit: CockpitArgs,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    purge: PurgeArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// Everything a worker needs, checked. It holds secrets, so it has no `Debug`.
pub struct RunSettings {
    /// The engine.
    pub engine: EngineSettings,
    /// How tasks are fetched, kept and tried again.
    pub work: WorkSettings,
    /// Our own database.
    pub store: StoreSettings,
    /// Mails.
    pub mail: MailSettings,
    /// The links in mails.
    pub links: LinkSettings,
    /// Our own servers.
    pub http: HttpSettings,
    /// The engine's web application.
    pub cockpit: Cockpit,
    /// Who knows it may change something in a worker at work.
    pub admin_token: Option<SecretString>,
    /// Figures.
    pub metrics: MetricsSettings,
    /// What leaves the database about the audit log.
    pub audit: AuditSettings,
    /// What is deleted when.
    pub purge: Ages,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// What the demo needs to walk customers past running workers.
#[derive(Args)]
pub struct DemoArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    pages: PageArgs,
}

/// What the demo needs, checked. It holds secrets, so it has no `Debug`.
pub struct DemoSettings {
    /// The engine.
    pub engine: EngineSettings,
    /// The workers' database.
    pub store: StoreSettings,
    /// Where the worker of this machine serves its metrics.
    pub http: HttpSettings,
    /// Pages to point to.
    pub pages: PageSettings,
}

impl DemoArgs {
    /// Reads the settings of the demo.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self) -> Result<DemoSettings, Faults> {
        alone(|faults| {
            let engine = self.engine.read(faults);
            let store = self.store.read(faults);
            let http = self.http.read(faults);
            let pages = self.pages.read(faults);
            Some(DemoSettings {
                engine: engine?,
                store: store?,
                http: http?,
                pages: pages?,
            })
        })
    }
}

/// What of a worker's settings could be read; none where something is wrong.
pub struct Parts {
    /// The engine.
    pub engine: Option<EngineSettings>,
    /// How tasks are fetched, kept and tried again.
    pub work: Option<WorkSettings>,
    /// Our own database.
    pub store: Option<StoreSettings>,
    /// Mails.
    pub mail: Option<MailSettings>,
    /// The links in mails.
    pub links: Option<LinkSettings>,
    /// Our own servers.
    pub http: Option<HttpSettings>,
    /// The engine's web application.
    pub cockpit: Option<Cockpit>,
    /// Who knows it may change something in a worker at work.
    pub admin_token: Option<Option<SecretString>>,
    /// Figures.
    pub metrics: Option<MetricsSettings>,
    /// What leaves the database about the audit log.
    pub audit: Option<AuditSettings>,
    /// What is deleted when.
    pub purge: Option<Ages>,
    /// Logs.
    pub telemetry: Option<TelemetrySettings>,
}

impl RunArgs {
    /// Reads the settings of a worker with these topics.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self, topics: &[&'static str]) -> Result<RunSettings, Faults> {
        let (parts, faults) = self.read_parts(topics);
        parts.whole().filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// Reads what can be read, for somebody who wants to go on with it.
    pub fn read_parts(&self, topics: &[&'static str]) -> (Parts, Faults) {
        let mut faults = Faults::default();
        let parts = Parts {
            engine: self.engine.read(&mut faults),
            work: self.work.read(&mut faults, topics),
            store: self.store.read(&mut faults),
            mail: self.mail.read(&mut faults),
            links: self.links.read(&mut faults),
            http: self.http.read(&mut faults),
            cockpit: self.cockpit.read(&mut faults),
            admin_token: self.admin.read(&mut faults),
            metrics: self.metrics.read(&mut faults),
            audit: self.audit.read(&mut faults),
            purge: self.purge.read(&mut faults),
            telemetry: self.telemetry.read(&mut faults),
        };
        (parts, faults)
    }
}

impl Parts {
    fn whole(self) -> Option<RunSettings> {
        Some(RunSettings {
            engine: self.engine?,
            work: self.work?,
            store: self.store?,
            mail: self.mail?,
            links: self.links?,
            http: self.http?,
            cockpit: self.cockpit?,
            admin_token: self.admin_token?,
            metrics: self.metrics?,
            audit: self.audit?,
            purge: self.purge?,
            telemetry: self.telemetry?,
        })
    }
}

/// Reads one group of settings.
///
/// # Errors
/// Everything that is wrong with it.
fn alone<T>(read: impl FnOnce(&mut Faults) -> Option<T>) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let settings = read(&mut faults);
    settings.filter(|_| faults.is_empty()).ok_or(faults)
}

impl EngineArgs {
    /// Reads the settings of a command that needs the engine alone.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read_alone(&self) -> Result<EngineSettings, Faults> {
        alone(|faults| self.read(faults))
    }
}

impl StoreArgs {
    /// Reads the settings of a command that needs the database alone.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read_alone(&self) -> Result<StoreSettings, Faults> {
        alone(|faults| self.read(faults))
    }
}

impl MigrateArgs {
    /// Reads the settings of the migrations.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read_alone(&self) -> Result<StoreSettings, Faults> {
        alone(|faults| self.read(faults))
    }
}
