//! What `tests/bench/run` has prepared: servers, programs, folders.

use std::env;
use std::path::PathBuf;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

use super::measure::Machine;
use super::proxy::Proxy;
use super::rival::{Place, Rival};

/// What the bench stands on.
pub(crate) struct Stand {
    /// The engine's REST interface.
    pub(crate) engine: Url,
    /// Our database, as the worker is told of it.
    database: Url,
    /// The engine's database, for its superuser.
    pub(crate) engine_database: Database,
    /// Our database, to see what was written.
    pub(crate) own_database: Database,
    /// Round trips to the engine, of who goes through it.
    pub(crate) engine_proxy: Proxy,
    /// Round trips to our database, of who goes through it.
    pub(crate) database_proxy: Proxy,
    pub(crate) machine: Machine,
    pub(crate) node: PathBuf,
    /// Where the JavaScript client is installed.
    pub(crate) peer: PathBuf,
    /// The worker's binary.
    pub(crate) worker: PathBuf,
    /// Where report and logs go.
    pub(crate) output: PathBuf,
    /// Further settings of our worker.
    pub(crate) settings: Vec<(String, String)>,
    /// The merchant of all requests.
    pub(crate) merchant: Uuid,
}

impl Stand {
    /// Reads what the script says, and sees whether it is so.
    pub(crate) async fn new(settings: Vec<(String, String)>) -> anyhow::Result<Self> {
        let engine = Url::parse(&variable("CAMUNDA_REST_URL")?)?;
        let database = Url::parse(&variable("DATABASE_URL")?)?;
        let stand = Self {
            engine_database: Database::connect(&variable("BENCH_ENGINE_DATABASE_URL")?).await?,
            own_database: Database::connect(database.as_str()).await?,
            engine_proxy: proxy_to(&engine)?,
            database_proxy: proxy_to(&database)?,
            machine: Machine {
                engine: variable("BENCH_ENGINE_PID")?.parse()?,
                postgres: variable("BENCH_POSTGRES_PID")?.parse()?,
            },
            node: variable("BENCH_NODE")?.into(),
            peer: variable("BENCH_PEER")?.into(),
            worker: variable("BENCH_WORKER")?.into(),
            output: variable("BENCH_OUTPUT")?.into(),
            merchant: Uuid::new_v4(),
            engine,
            database,
            settings,
        };
        stand.ensure_durable().await?;
        stand.add_merchant().await?;
        Ok(stand)
    }

    /// A database that does not wait for its disk would flatter everybody, and us most of all.
    async fn ensure_durable(&self) -> anyhow::Result<()> {
        for setting in ["fsync", "synchronous_commit"] {
            let value = self.own_database.text(&format!("SHOW {setting}")).await?;
            anyhow::ensure!(value == "on", "PostgreSQL runs with {setting} = {value}");
        }
        Ok(())
    }

    async fn add_merchant(&self) -> anyhow::Result<()> {
        let merchant = self.merchant;
        self.own_database
            .run(&format!(
                "INSERT INTO merchants (merchant_id, business_name, registration_number, \
                 contact_email, is_approved) \
                 VALUES ('{merchant}', 'Kalahari Foods', 'BW12345678901', 'a@b.example', true)"
            ))
            .await
    }

    /// A further connection to our database.
    pub(crate) async fn connect(&self) -> anyhow::Result<Database> {
        Database::connect(self.database.as_str()).await
    }

    /// Where a rival works when nobody counts.
    pub(crate) fn place(&self, tenant: &str, topic: &'static str) -> Place {
        Place {
            engine: self.engine.as_str().trim_end_matches('/').to_owned(),
            database: self.database.as_str().to_owned(),
            tenant: tenant.to_owned(),
            topic,
        }
    }

    /// The same through the proxies.
    pub(crate) fn counted_place(&self, tenant: &str, topic: &'static str) -> anyhow::Result<Place> {
        let (engine, database) = (&self.engine_proxy, &self.database_proxy);
        Ok(Place {
            engine: through(&self.engine, engine)?
                .as_str()
                .trim_end_matches('/')
                .to_owned(),
            database: through(&self.database, database)?.into(),
            tenant: tenant.to_owned(),
            topic,
        })
    }

    /// Where a rival's output goes; the last one's.
    pub(crate) fn log_of(&self, rival: Rival, replica: usize) -> PathBuf {
        let name = rival.to_string().replace(", ", "-");
        let name = match replica {
            1 => name,
            replica => format!("{name}-{replica}"),
        };
        self.output.join(format!("{name}.log"))
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: start the bench by tests/bench/run"))
}

fn proxy_to(url: &Url) -> anyhow::Result<Proxy> {
    let addresses = url.socket_addrs(|| None)?;
    let address = addresses.first().context("an address without a port")?;
    Ok(Proxy::start(*address)?)
}

fn through(url: &Url, proxy: &Proxy) -> anyhow::Result<Url> {
    let mut url = url.clone();
    url.set_ip_host(proxy.address.ip())
        .and_then(|()| url.set_port(Some(proxy.address.port())))
        .map_err(|()| anyhow::anyhow!("an address without a host"))?;
    Ok(url)
}

/// A connection that asks simple questions.
pub(crate) struct Database {
    client: tokio_postgres::Client,
    /// Drives the connection, and ends with it.
    _connection: JoinSet<()>,
}

impl Database {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let mut driving = JoinSet::new();
        driving.spawn(async move {
            // What ends it is told to whoever asks the next question.
            drop(connection.await);
        });
        Ok(Self {
            client,
            _connection: driving,
        })
    }

    pub(crate) async fn run(&self, statement: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(statement).await?)
    }

    pub(crate) async fn count(&self, query: &str) -> anyhow::Result<u64> {
        let count: i64 = self.client.query_one(query, &[]).await?.try_get(0)?;
        Ok(count.try_into()?)
    }

    pub(crate) async fn number(&self, query: &str) -> anyhow::Result<f64> {
        Ok(self.client.query_one(query, &[]).await?.try_get(0)?)
    }

    pub(crate) async fn ids(&self, query: &str) -> anyhow::Result<Vec<i64>> {
        let rows = self.client.query(query, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?)
    }

    async fn text(&self, query: &str) -> anyhow::Result<String> {
        Ok(self.client.query_one(query, &[]).await?.try_get(0)?)
    }
}
