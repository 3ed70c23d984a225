//! Opening connections: encrypted where the settings say so, and watched.

use std::fs;
use std::sync::Arc;

use diesel_async::pooled_connection::{self, deadpool};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::watch::{PoolWatch, Statements};
use super::{PoolFailure, StoreSettings};

/// The first that looks after its client while a statement runs (`client_connection_check_interval`).
const OLDEST_SERVER: u32 = 14;

pub(super) async fn open(
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    watch: Option<Arc<dyn PoolWatch>>,
) -> diesel::ConnectionResult<AsyncPgConnection> {
    let mut conn = connect(config, tls).await?;
    if let Some(watch) = watch {
        conn.set_instrumentation(Statements::new(watch));
    }
    Ok(conn)
}

async fn connect(
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
) -> diesel::ConnectionResult<AsyncPgConnection> {
    let refused =
        |fault: tokio_postgres::Error| diesel::ConnectionError::BadConnection(refusal(&fault));
    match tls {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await.map_err(refused)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        }
        None => {
            let (client, connection) = config
                .connect(tokio_postgres::NoTls)
                .await
                .map_err(refused)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        }
    }
}

/// The driver's words, and what to do about a server that is too old for the settings of a session.
fn refusal(fault: &tokio_postgres::Error) -> String {
    let words = describe(fault);
    if fault.code() == Some(&SqlState::UNDEFINED_OBJECT) {
        format!("{words}; PostgreSQL {OLDEST_SERVER} or newer knows all that the worker sets")
    } else {
        words
    }
}

/// Where the database is, as it may be told.
pub(super) fn server_name(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let servers = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
        match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => format!("{} (port {port})", folder.display()),
        }
    });
    servers.collect::<Vec<_>>().join(", ")
}

/// What opening a connection came to, without the pool's words around it.
pub(super) fn why(error: &deadpool::PoolError) -> String {
    match error {
        deadpool::PoolError::Backend(pooled_connection::PoolError::ConnectionError(
            diesel::ConnectionError::BadConnection(why),
        )) => why.clone(),
        other => describe(other),
    }
}

/// The whole chain in one line. Some errors repeat their source and some do not.
pub(super) fn describe(fault: &dyn std::error::Error) -> String {
    let mut line = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !line.ends_with(&words) {
            line.push_str(": ");
            line.push_str(&words);
        }
        source = cause.source();
    }
    line
}

pub(super) fn tls_connector(settings: &StoreSettings) -> Result<MakeRustlsConnect, PoolFailure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| PoolFailure::Settings(fault.to_string()))?;
    let config = match &settings.ca_file {
        Some(path) => {
            let named = |fault: &dyn std::fmt::Display| {
                PoolFailure::Settings(format!("the CA file {}: {fault}", path.display()))
            };
            let pem = fs::read(path).map_err(|fault| named(&fault))?;
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|fault| named(&fault))?;
                roots.add(certificate).map_err(|fault| named(&fault))?;
            }
            if roots.is_empty() {
                return Err(named(&"holds no certificate"));
            }
            builder.with_root_certificates(roots)
        }
        None => builder
            .with_platform_verifier()
            .map_err(|fault| PoolFailure::Settings(fault.to_string()))?,
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}
