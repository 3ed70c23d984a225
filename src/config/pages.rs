//! Where the pages of other programs are, for links.

use clap::Args;
use url::Url;

use super::faults::{Faults, Raw};
use super::parse;

/// Pages of other programs.
#[derive(Args)]
#[command(next_help_heading = "Pages")]
pub struct PageArgs {
    /// The engine's web apps, or Cockpit itself, for links to process instances.
    #[arg(long, env = "COCKPIT_URL", value_name = "URL")]
    cockpit_url: Option<Raw>,
    /// The page of a mailbox that shows the mails.
    #[arg(long, env = "MAILBOX_URL", value_name = "URL")]
    mailbox_url: Option<Raw>,
}

/// Pages of other programs.
pub struct PageSettings {
    /// Cockpit's own address.
    pub cockpit: Option<Url>,
    /// The page of a mailbox.
    pub mailbox: Option<Url>,
}

impl PageArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<PageSettings> {
        let cockpit = faults.optional(
            "COCKPIT_URL",
            &self.cockpit_url,
            "http://localhost:8080/camunda",
            |text| parse::http_url(text).map(cockpit),
        );
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

/// Cockpit below the address of the web apps, unless the address is Cockpit's already.
fn cockpit(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    let path = match path.contains("/app/cockpit/") {
        true => format!("{path}/"),
        false => format!("{path}/app/cockpit/default/"),
    };
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cockpit_is_found_from_either_address() {
        let found = |url: &str| cockpit(url.parse().unwrap()).to_string();

        let expected = "http://localhost:8080/camunda/app/cockpit/default/";
        assert_eq!(found("http://localhost:8080/camunda"), expected);
        assert_eq!(found("http://localhost:8080/camunda/"), expected);
        assert_eq!(
            found("http://localhost:8080/camunda/app/cockpit/default"),
            expected
        );
    }
}
