//! `phantom-worker check`: looks at everything that a worker needs, and says how it is.
//!
//! Each thing is looked at whatever became of the others, so that one run shows all that is wrong.

mod database;
mod engine;
mod mail;
mod models;
mod report;

use clap::Args;

use self::report::Report;
use super::outcome::Outcome;
use crate::config::{RunArgs, unnamed_proxy};
use crate::topics;

/// Looks at everything that a worker needs, and changes nothing.
///
/// The settings; the database, its migrations and whether it keeps what it commits; the engine,
/// its version and our permissions; the mail server; the built-in models against the handlers, and
/// the deployed models against both. Everything is looked at, also after something is wrong.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Check {
    #[command(flatten)]
    settings: RunArgs,
}

const EXAMPLES: &str = "\
Each line has a verdict (\u{2713} good, ! worth a look, \u{2717} wrong, - not looked at), what was looked at,
how long that took, and what was found.

Exit codes: 0 nothing is wrong, 1 something is wrong, 64 usage, 78 settings";

impl Check {
    pub(super) async fn execute(&self) -> Outcome {
        let (settings, faults) = self.settings.read_parts(&topics::names());
        let allow_unsafe = settings
            .store
            .as_ref()
            .is_some_and(|store| store.allow_unsafe);
        let tenants = settings
            .engine
            .as_ref()
            .map(|engine| engine.tenant_ids.clone());
        let tenants = tenants.unwrap_or_default();
        let mut report = Report::new();
        report.settings(&faults, settings.work.as_ref());
        let public_port = settings.links.as_ref().zip(settings.http.as_ref());
        if let Some(why) = public_port.and_then(|(links, http)| unnamed_proxy(links, http)) {
            report.doubt("public port", why);
        }

        let pool = report
            .look("database", database::connect(settings.store))
            .await;
        report
            .look("migrations", database::migrations(pool.as_ref()))
            .await;
        report
            .look(
                "durability",
                database::durability(pool.as_ref(), allow_unsafe),
            )
            .await;
        if let Some(pool) = pool {
            pool.close();
        }

        let engine = report
            .look("engine", engine::connect(settings.engine))
            .await;
        report
            .look("permissions", engine::permissions(engine.as_ref()))
            .await;
        report.look("mail server", mail::visit(settings.mail)).await;
        report.look("built-in models", models::built_in()).await;
        let deployed = models::deployed(engine.as_ref(), &tenants);
        report.look("deployed models", deployed).await;

        report.conclude(faults)
    }
}
