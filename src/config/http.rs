//! Where our own servers listen.

use clap::Args;

use super::faults::{Faults, Raw};
use super::parse;
use crate::http::HttpSettings;

/// Where to listen.
#[derive(Args)]
#[command(next_help_heading = "Servers")]
pub struct HttpArgs {
    /// Where probes and metrics are served, for the cluster.
    #[arg(long, env = "HTTP_BIND", value_name = "ADDRESS", default_value = OPS)]
    http_bind: Option<Raw>,
    /// Where the links in mails are served, for everybody.
    #[arg(long, env = "PUBLIC_HTTP_BIND", value_name = "ADDRESS", default_value = PUBLIC)]
    public_http_bind: Option<Raw>,
}

const OPS: &str = "0.0.0.0:9464";
const PUBLIC: &str = "0.0.0.0:8088";

impl HttpArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<HttpSettings> {
        let ops = faults.defaulted("HTTP_BIND", &self.http_bind, OPS, parse::socket);
        let public = faults.defaulted(
            "PUBLIC_HTTP_BIND",
            &self.public_http_bind,
            PUBLIC,
            parse::socket,
        );
        let (ops_bind, public_bind) = (ops?, public?);
        // Port 0 asks for any free port, each time another one.
        if ops_bind == public_bind && ops_bind.port() != 0 {
            faults.add("PUBLIC_HTTP_BIND", "is the same as HTTP_BIND", PUBLIC);
            return None;
        }
        Some(HttpSettings {
            ops_bind,
            public_bind,
        })
    }
}
