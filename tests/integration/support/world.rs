//! One story's world: its database, its tenant, its mailbox, its worker.

use std::net::{SocketAddr, ToSocketAddrs};

use phantom_worker::store::{Pool, StoreSettings, migrations};
use tokio::runtime::Handle;
use url::Url;

use super::database::{TestDatabase, database};
use super::engine::Engine;
use super::mailbox;
use super::proxy::Proxy;
use super::service::Stack;
use super::worker::WorkerBuilder;

/// Everything a story needs, apart from all other stories.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) engine: Engine,
}

impl World {
    /// An empty database, and a tenant with the built-in models.
    pub(crate) async fn new() -> Self {
        Self {
            database: database().await,
            engine: Engine::new().await,
        }
    }

    /// A world whose database is on a server of its own.
    pub(crate) async fn on_database(stack: &Stack) -> Self {
        let mut world = Self::new().await;
        let url = stack.database_url().await;
        let settings = StoreSettings::parse(url.into()).unwrap();
        let pool = Pool::new(&settings, Handle::current()).unwrap();
        migrations::apply(&pool).await.unwrap();
        // The database on the shared server is still the one that goes when the story ends.
        world.database.pool = pool;
        world
    }

    /// Where the story's database is.
    pub(crate) fn database_url(&self) -> String {
        let server = std::env::var("TEST_DATABASE_URL").expect("the database was made there");
        let mut url = Url::parse(&server).expect("the database was made there");
        url.set_path(&self.database.name);
        url.into()
    }

    /// Where the server of the story's database is.
    pub(crate) fn database_address(&self) -> SocketAddr {
        address_of(&self.database_url())
    }

    /// The story's database, behind a network that can fail.
    pub(crate) fn database_url_through(&self, proxy: &Proxy) -> String {
        through(&self.database_url(), proxy)
    }

    /// A worker of this world, still to be started.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        WorkerBuilder::new()
            .set("DATABASE_URL", self.database_url())
            .set("CAMUNDA_REST_URL", self.engine.url.as_str())
            .set("CAMUNDA_TENANT_IDS", &self.engine.tenant)
            .set("SMTP_URL", mailbox::smtp_url())
    }
}

/// The first address behind a URL's host and port.
pub(crate) fn address_of(url: &str) -> SocketAddr {
    let url = Url::parse(url).unwrap();
    let port = url.port_or_known_default().unwrap_or(5432);
    let mut addresses = (url.host_str().unwrap(), port).to_socket_addrs().unwrap();
    addresses.next().unwrap()
}

/// The same URL, with the proxy instead of the server.
pub(crate) fn through(url: &str, proxy: &Proxy) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    url.into()
}
