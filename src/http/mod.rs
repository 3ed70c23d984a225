//! The two HTTP servers of a worker: the ops port for probes, metrics and the status page, the
//! public port for the links that customers get in their mails.
//!
//! Each server has one thread of its own, apart from the actors, so that `/livez` can tell of a
//! main arbiter that is blocked. A connection carries one request, whose head and body have to
//! arrive within seconds; nothing here trusts its caller, and a handler that panics is answered
//! with 500. The servers know nothing of the actors: they read what those left in `readiness` and
//! `metrics`, and call back when an outbox grew.

mod caller;
mod cockpit;
mod desk;
mod limits;
mod log_level;
mod ops;
mod pages;
mod rates;
mod refusals;
mod routes;
mod status;
mod verify;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use ipnet::IpNet;
use tokio::runtime::Handle;
use tokio::{join, try_join};

use crate::links::Links;
use crate::store::Pool;
pub use desk::OpsDesk;
use limits::Limits;
use pages::Pages;
use refusals::Audience;
use routes::Headers;
use verify::Desk;

/// Connections that one server holds at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
/// How long a graceful stop waits for the requests at work.
const STOP_SECONDS: u64 = 2;

/// Where the servers listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Probes, metrics and status, for the cluster (`HTTP_BIND`).
    pub ops_bind: SocketAddr,
    /// The links in mails, for everybody (`PUBLIC_HTTP_BIND`).
    pub public_bind: SocketAddr,
    /// Whose word is taken for a customer's address (`TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
}

/// What the servers work with.
pub struct HttpParts {
    /// What the ops port needs.
    pub ops: OpsDesk,
    /// What the public port needs.
    pub public: Public,
}

/// What the public port works with.
pub struct Public {
    /// Our database, for these pages alone: a crowd at the door takes no connection from a task.
    pub pool: Pool,
    /// Checks the links.
    pub links: Arc<Links>,
    /// The multi-thread runtime, where the database is asked. The servers' own threads only answer.
    pub runtime: Handle,
    /// Whose pages they are, by the name that signs the mails.
    pub brand: String,
    /// Whether customers come by https, through a proxy of ours.
    pub is_https: bool,
    /// Called when a confirmation has put something into the outbox.
    pub outbox_grew: Arc<dyn Fn() + Send + Sync>,
}

/// Takes both ports. Nothing is answered before [`Servers::serve`] is polled.
///
/// # Errors
/// When an address cannot be listened on.
pub fn bind(settings: HttpSettings, parts: HttpParts) -> Result<Servers, BindError> {
    bind_within(Limits::default(), settings, parts)
}

fn bind_within(
    limits: Limits,
    settings: HttpSettings,
    parts: HttpParts,
) -> Result<Servers, BindError> {
    let ops = Site {
        setting: "HTTP_BIND",
        address: settings.ops_bind,
        headers: Headers::common(),
        audience: Audience::Programs,
        routes: routes::ops(Arc::new(parts.ops)),
    };
    let headers = Headers::public(parts.public.is_https);
    let pages = Arc::new(Pages::new(&parts.public.brand));
    let audience = Audience::Customers(Arc::clone(&pages));
    let desk = Desk::new(parts.public, pages, settings.trusted_proxies, &limits.rates);
    let public = Site {
        setting: "PUBLIC_HTTP_BIND",
        address: settings.public_bind,
        headers,
        audience,
        routes: routes::public(Arc::new(desk)),
    };
    let (ops, ops_address) = ops.bind(limits)?;
    let (public, public_address) = public.bind(limits)?;
    Ok(Servers {
        ops,
        public,
        ops_address,
        public_address,
    })
}

/// One of the two servers.
struct Site<F> {
    setting: &'static str,
    address: SocketAddr,
    headers: Headers,
    audience: Audience,
    routes: F,
}

impl<F> Site<F>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    fn bind(self, limits: Limits) -> Result<(Server, SocketAddr), BindError> {
        let (setting, address) = (self.setting, self.address);
        let app = move || {
            App::new()
                .app_data(Data::new(limits))
                .app_data(Data::new(self.audience.clone()))
                .app_data(Data::new(self.headers.clone()))
                .configure(&self.routes)
                .wrap(from_fn(limits::whole_request))
                .wrap(from_fn(limits::panic_is_500))
                .wrap(self.headers.middleware())
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .max_connections(MAX_CONNECTIONS)
            // actix times the head of a connection's first request only, so there is no second one.
            .keep_alive(KeepAlive::Disabled)
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(limits.disconnect)
            .shutdown_timeout(STOP_SECONDS)
            .bind(address)
            .map_err(|source| BindError {
                setting,
                address,
                source,
            })?;
        let bound = server.addrs().first().copied().unwrap_or(address);
        Ok((server.run(), bound))
    }
}

/// Both servers, with their ports taken.
#[must_use = "nothing is answered before `serve` is polled"]
pub struct Servers {
    ops: Server,
    public: Server,
    ops_address: SocketAddr,
    public_address: SocketAddr,
}

impl Servers {
    /// Where the ops port is, which tells the port number when the settings asked for port 0.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Where the public port is.
    pub fn public_address(&self) -> SocketAddr {
        self.public_address
    }

    /// What stops them.
    pub fn handle(&self) -> ServersHandle {
        ServersHandle {
            ops: self.ops.handle(),
            public: self.public.handle(),
        }
    }

    /// Answers until stopped. Requests are answered on threads of the servers; this future only
    /// starts those and waits, and dropping it stops them.
    ///
    /// # Errors
    /// When the operating system refuses a thread or a poll instance.
    pub async fn serve(self) -> io::Result<()> {
        try_join!(self.ops, self.public)?;
        Ok(())
    }
}

/// Stops both servers, from anywhere.
#[derive(Clone)]
pub struct ServersHandle {
    ops: ServerHandle,
    public: ServerHandle,
}

impl ServersHandle {
    /// Accepts nobody any more and, when `graceful`, waits for the requests at work, two seconds
    /// at most. [`Servers::serve`] returns then.
    pub async fn stop(&self, graceful: bool) {
        join!(self.ops.stop(graceful), self.public.stop(graceful));
    }
}

/// A port that could not be taken, and what to change.
#[derive(thiserror::Error, Debug)]
#[error("{setting}: cannot listen on {address}; {}", advice(.source.kind()))]
pub struct BindError {
    /// The setting that holds the address.
    pub setting: &'static str,
    /// The address it holds.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "another process has this port: stop it, or set another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: set a higher port, or grant CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: set 0.0.0.0 or an address of its own"
        }
        _ => "set another address or port",
    }
}
