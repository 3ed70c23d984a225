//! Where our own servers listen, and whose word they take for a caller's address.

use clap::Args;

use super::faults::{Faults, Raw};
use super::parse;
use crate::http::HttpSettings;
use crate::links::LinkSettings;

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
    /// The proxies in front of the public port, by comma: addresses, or networks like 10.0.0.0/8.
    /// From these alone X-Forwarded-For is taken for the customer's address, which the limits of
    /// the public port count by.
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NETWORKS")]
    trusted_proxies: Option<Raw>,
}

const OPS: &str = "0.0.0.0:9464";
const PUBLIC: &str = "0.0.0.0:8088";
const PROXIES: &str = "10.4.0.0/16,2001:db8::7";

impl HttpArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<HttpSettings> {
        let ops = faults.defaulted("HTTP_BIND", &self.http_bind, OPS, parse::socket);
        let public = faults.defaulted(
            "PUBLIC_HTTP_BIND",
            &self.public_http_bind,
            PUBLIC,
            parse::socket,
        );
        let proxies = faults.optional(
            "TRUSTED_PROXIES",
            &self.trusted_proxies,
            PROXIES,
            parse::networks,
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
            trusted_proxies: proxies?.unwrap_or_default(),
        })
    }
}

/// What an operator should know of settings that are not wrong: behind a proxy that nobody named,
/// all customers are one caller to the limits of the public port. `None` where there is nothing to
/// say.
///
/// The public port speaks plain http and links lead to it unencrypted on this machine alone, so
/// https means a proxy. One that keeps the customers' addresses (a balancer of connections) has no
/// need to be named; hence a word, and no fault.
pub fn unnamed_proxy(links: &LinkSettings, http: &HttpSettings) -> Option<&'static str> {
    let is_unnamed = links.base_url.scheme() == "https" && http.trusted_proxies.is_empty();
    is_unnamed.then_some(
        "TRUSTED_PROXIES is not set, and PUBLIC_BASE_URL leads through a proxy: unless that keeps \
         the customers' addresses, they all share the limits of one, and one of them can keep out \
         the others; name the proxy's addresses or networks",
    )
}

#[cfg(test)]
mod tests {
    use secrecy::SecretBox;

    use super::*;
    use crate::links::KEY_BYTES;

    fn is_told(base_url: &str, proxies: &str) -> bool {
        let links = LinkSettings {
            base_url: base_url.parse().unwrap(),
            key: SecretBox::new(Box::new([1; KEY_BYTES])),
            previous_key: None,
        };
        let http = HttpSettings {
            ops_bind: OPS.parse().unwrap(),
            public_bind: PUBLIC.parse().unwrap(),
            trusted_proxies: proxies
                .split_whitespace()
                .map(|p| p.parse().unwrap())
                .collect(),
        };
        unnamed_proxy(&links, &http).is_some()
    }

    #[test]
    fn a_proxy_that_nobody_named_is_told() {
        assert!(is_told("https://wallets.bank.example", ""));
        assert!(!is_told("https://wallets.bank.example", "10.4.0.0/16"));
        assert!(!is_told("http://127.0.0.1:8088", ""));
    }
}
