//! How to reach the database and how long to wait for it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Host, SslMode};

/// Where the database is and how patient we are with it.
#[derive(Clone)]
pub struct StoreSettings {
    url: SecretString,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The most connections one process opens. Eight are enough for what an engine delivers.
    pub pool_size: usize,
    /// Accept a server that may lose committed work (`fsync` or `synchronous_commit` off).
    pub allow_unsafe: bool,
    /// How long a transaction may rest between two statements before the server ends it. After a
    /// lost route it rests with its row locks, and nobody can end it but the server.
    pub longest_rest: Duration,
}

/// No statement of ours works longer than this, so a stuck one cannot hold its locks for long.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement waits for a row that another transaction holds.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon the server notices that a killed client is gone. With PostgreSQL's default a dead
/// worker's running statement keeps its row locks until the statement ends.
pub const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer to one statement may be on its way. The server gives up sooner, so after this
/// it or the network stands still.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);
/// How long what was sent may go unacknowledged, or a silent server unproved, before the kernel
/// closes a connection. Its own default is a quarter of an hour.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may rest where no handler works in it.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long opening a connection may take, authentication included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl StoreSettings {
    /// Checks a `postgres://` URL.
    ///
    /// # Errors
    /// What is wrong with the URL, without repeating it: it holds a password.
    pub fn parse(url: SecretString) -> Result<Self, UrlFault> {
        let settings = Self {
            url,
            ca_file: None,
            pool_size: 10,
            allow_unsafe: false,
            longest_rest: LONGEST_REST,
        };
        let config = settings.config()?;
        if config.get_hosts().is_empty() {
            return Err(UrlFault::NoHost);
        }
        if config.get_dbname().is_none() {
            return Err(UrlFault::NoDatabase);
        }
        Ok(settings)
    }

    /// The driver's configuration: the URL, our time-outs on every connection, and TLS.
    pub(super) fn config(&self) -> Result<tokio_postgres::Config, UrlFault> {
        // libpq's verifying modes: we always verify chain and host name, so they mean "require".
        let url = self
            .url
            .expose_secret()
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UrlFault::Scheme);
        }
        let mut config = tokio_postgres::Config::from_str(&url).map_err(|_| UrlFault::Syntax)?;
        if !url.contains("sslmode=") {
            config.ssl_mode(default_ssl_mode(config.get_hosts()));
        }
        let own_options = config.get_options().unwrap_or_default().to_owned();
        config
            .application_name("phantom-worker")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(NETWORK_TIMEOUT)
            .keepalives_idle(NETWORK_TIMEOUT / 2)
            .keepalives_interval(NETWORK_TIMEOUT / 5)
            .options(self.session_options(&own_options));
        Ok(config)
    }

    /// Set as start-up options, so they cost no round trip and hold from the first statement on.
    fn session_options(&self, own: &str) -> String {
        format!(
            "{own} -c statement_timeout={} -c lock_timeout={} -c client_connection_check_interval={} -c idle_in_transaction_session_timeout={}",
            STATEMENT_TIMEOUT.as_millis(),
            LOCK_TIMEOUT.as_millis(),
            CLIENT_CHECK_INTERVAL.as_millis(),
            self.longest_rest.as_millis(),
        )
    }
}

/// Opportunistic TLS protects nobody: what leaves the machine is encrypted and verified unless the
/// URL says otherwise.
fn default_ssl_mode(hosts: &[Host]) -> SslMode {
    let local = hosts.iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    });
    if local {
        SslMode::Disable
    } else {
        SslMode::Require
    }
}

/// What is wrong with a database URL.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UrlFault {
    /// Another scheme than PostgreSQL's.
    #[error("does not start with postgres://")]
    Scheme,
    /// Not a URL the driver understands.
    #[error("is not a valid PostgreSQL URL")]
    Syntax,
    /// No server named.
    #[error("names no host")]
    NoHost,
    /// No database named.
    #[error("names no database")]
    NoDatabase,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<tokio_postgres::Config, UrlFault> {
        StoreSettings::parse(url.to_owned().into()).and_then(|settings| settings.config())
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
        let mode = |url| config(url).unwrap().get_ssl_mode();

        assert_eq!(mode("postgres://a:b@127.0.0.1/db"), SslMode::Disable);
        assert_eq!(mode("postgres://a:b@db.bank.example/db"), SslMode::Require);
        assert_eq!(
            mode("postgres://a:b@db.bank.example/db?sslmode=verify-full"),
            SslMode::Require
        );
        assert_eq!(
            mode("postgres://a:b@db.bank.example/db?sslmode=disable"),
            SslMode::Disable
        );
    }

    #[test]
    fn a_faulty_url_is_named_without_repeating_it() {
        let fault = |url| config(url).err().map(|fault| fault.to_string());

        assert_eq!(
            fault("mysql://u:secret@h/db").as_deref(),
            Some("does not start with postgres://")
        );
        assert_eq!(
            fault("postgres://u:secret@h").as_deref(),
            Some("names no database")
        );
        assert_eq!(
            fault("postgres://u:secret@h:port/db").as_deref(),
            Some("is not a valid PostgreSQL URL")
        );
    }
}
