//! Where the pages of other programs are, for links.

use clap::Args;
use url::Url;

use super::cockpit::CockpitArgs;
use super::faults::{Faults, Raw};
use super::parse;
use super::{EngineArgs, alone};
use crate::camunda::client::EngineSettings;
use crate::camunda::cockpit::Cockpit;

/// Pages of other programs.
#[derive(Args)]
#[command(next_help_heading = "Pages")]
pub struct PageArgs {
    #[command(flatten)]
    cockpit: CockpitArgs,
    /// The page of a mailbox that shows the mails.
    #[arg(long, env = "MAILBOX_URL", value_name = "URL")]
    mailbox_url: Option<Raw>,
}

/// Pages of other programs.
pub struct PageSettings {
    /// The engine's web application.
    pub cockpit: Cockpit,
    /// The page of a mailbox.
    pub mailbox: Option<Url>,
}

impl PageArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<PageSettings> {
        let cockpit = self.cockpit.read(faults);
        let mailbox = faults.optional(
            "MAILBOX_URL",
            &self.mailbox_url,
            "http://localhost:1080",
            parse::http_url,
        );
        Some(PageSettings {
            cockpit: cockpit?,
            mailbox: mailbox?,
        })
    }
}

/// What it takes to start an instance and to point to it.
#[derive(Args)]
pub struct StartArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    cockpit: CockpitArgs,
}

/// What it takes to start an instance and to point to it, checked. It holds secrets, so it has no
/// `Debug`.
pub struct StartSettings {
    /// The engine.
    pub engine: EngineSettings,
    /// The engine's web application.
    pub cockpit: Cockpit,
}

impl StartArgs {
    /// Reads the settings of a start.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self) -> Result<StartSettings, Faults> {
        alone(|faults| {
            let engine = self.engine.read(faults);
            let cockpit = self.cockpit.read(faults);
            Some(StartSettings {
                engine: engine?,
                cockpit: cockpit?,
            })
        })
    }
}
