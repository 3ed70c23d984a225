//! The engine: where it is and who we are to it.

use clap::Args;
use url::Url;

use super::defaults;
use super::faults::{Faults, Raw, RawSecret};
use super::parse;
use crate::camunda::client::{Credentials, EngineSettings};

/// How to reach the engine.
#[derive(Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArgs {
    /// The REST interface of the engine.
    // A password in it is refused, and must not be shown by --help either.
    #[arg(
        long,
        env = "CAMUNDA_REST_URL",
        value_name = "URL",
        default_value = URL,
        hide_env_values = true
    )]
    camunda_rest_url: Option<Raw>,
    /// Allows plain http to an engine on another machine, where everybody on the way can read
    /// the customers' data.
    #[arg(long, env = "CAMUNDA_ALLOW_PLAIN_HTTP", value_name = "BOOL", default_value = "false",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    camunda_allow_plain_http: Option<Raw>,
    /// The engine's user, for basic authentication.
    #[arg(long, env = "CAMUNDA_USER", value_name = "USER")]
    camunda_user: Option<Raw>,
    /// The password of that user.
    #[arg(
        long,
        env = "CAMUNDA_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    camunda_password: Option<Raw>,
    /// The file that holds the password instead.
    #[arg(
        long,
        env = "CAMUNDA_PASSWORD_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    camunda_password_file: Option<Raw>,
    /// The tenants to work for, separated by commas; what is deployed or started belongs to the
    /// first. Without it, every tenant and none.
    #[arg(long, env = "CAMUNDA_TENANT_IDS", value_name = "TENANTS")]
    camunda_tenant_ids: Option<Raw>,
    /// A PEM file with further certificate authorities to trust for the engine.
    #[arg(long, env = "CAMUNDA_CA_FILE", value_name = "FILE")]
    camunda_ca_file: Option<Raw>,
}

const URL: &str = "http://localhost:8080/engine-rest";

impl EngineArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<EngineSettings> {
        let url = self.read_url(faults);
        let credentials = self.read_credentials(faults);
        let tenant_ids = faults.optional(
            "CAMUNDA_TENANT_IDS",
            &self.camunda_tenant_ids,
            "retail,business",
            parse::list,
        );
        let ca_file = faults.optional(
            "CAMUNDA_CA_FILE",
            &self.camunda_ca_file,
            "/etc/phantom-worker/engine-ca.pem",
            parse::readable_file,
        );
        Some(EngineSettings {
            url: url?,
            credentials: credentials?,
            tenant_ids: tenant_ids?.unwrap_or_default(),
            connect_timeout: defaults::ENGINE_CONNECT_TIMEOUT,
            request_timeout: defaults::ENGINE_REQUEST_TIMEOUT,
            ca_file: ca_file?,
        })
    }

    fn read_url(&self, faults: &mut Faults) -> Option<Url> {
        let allow = faults.defaulted(
            "CAMUNDA_ALLOW_PLAIN_HTTP",
            &self.camunda_allow_plain_http,
            "false",
            parse::flag,
        );
        let url = faults.defaulted(
            "CAMUNDA_REST_URL",
            &self.camunda_rest_url,
            URL,
            parse::http_url,
        )?;
        // An unreadable permission has its own line; a second one about the URL would mislead.
        if !allow? && parse::leaves_machine_unencrypted(&url) {
            faults.add(
                "CAMUNDA_REST_URL",
                "is plain http to another machine, which needs CAMUNDA_ALLOW_PLAIN_HTTP=true",
                "https://engine.bank.example/engine-rest",
            );
            return None;
        }
        Some(url)
    }

    fn read_credentials(&self, faults: &mut Faults) -> Option<Option<Credentials>> {
        let user = faults.optional("CAMUNDA_USER", &self.camunda_user, "phantom", parse::text);
        let secret = RawSecret {
            value: &self.camunda_password,
            file: &self.camunda_password_file,
        };
        let password = faults.optional_secret("CAMUNDA_PASSWORD", secret, "…", Ok);
        match (user?, password?) {
            (Some(user), Some(password)) => Some(Some(Credentials { user, password })),
            (None, None) => Some(None),
            (Some(_), None) => {
                let problem = "is missing, and CAMUNDA_USER is set";
                faults.add("CAMUNDA_PASSWORD", problem, "…");
                None
            }
            (None, Some(_)) => {
                let problem = "is missing, and CAMUNDA_PASSWORD is set";
                faults.add("CAMUNDA_USER", problem, "phantom");
                None
            }
        }
    }
}
