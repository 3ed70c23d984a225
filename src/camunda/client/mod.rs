//! The calls to the engine, each one verb.
//!
//! Everything goes through one private `send`: a time-out on every call, an answer of bounded
//! size, an error sorted by [`EngineError`]. A call whose connection failed leaves new ones to the
//! next. None is repeated here: what a second attempt may conclude (a 404 after a report that was
//! perhaps heard) is the caller's to know.

mod connections;
mod deploy;
mod query;
#[cfg(test)]
pub(crate) mod scripted;
mod tasks;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub use deploy::DeployError;
pub use watch::{CallWatch, Came, Operation};

use super::error::{EngineError, Malformed, Position};
use super::text::parse_json;
use connections::Connections;
use watch::Exchange;

/// Where the engine is and how it is spoken to. It holds a secret, so it has no `Debug`.
#[derive(Clone)]
pub struct EngineSettings {
    /// The REST interface's address, such as `http://localhost:8080/engine-rest`.
    pub url: Url,
    /// For basic authentication.
    pub credentials: Option<Credentials>,
    /// The tenants whose tasks are fetched and counted; none means all and those without. What
    /// is deployed or started belongs to the first.
    pub tenant_ids: Vec<String>,
    /// The most time for a connection.
    pub connect_timeout: Duration,
    /// The most time for a call; a fetch has its long poll on top.
    pub request_timeout: Duration,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
}

/// A user of the engine.
#[derive(Clone)]
pub struct Credentials {
    /// The user's id.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one of HTTP.
    #[error("the engine's address must start with http:// or https://")]
    Address,
    /// The certificate authorities cannot be read.
    #[error("reading {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The HTTP client cannot be built.
    #[error("building the HTTP client")]
    Http(#[from] reqwest::Error),
}

/// The engine, spoken to. Clones share their connections and their count of calls.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    connections: Connections,
    settings: EngineSettings,
    /// The address, for what is said about it.
    server: String,
    calls: AtomicU64,
    watch: Option<Arc<dyn CallWatch>>,
}

/// The engine answers an expired long poll up to a second late.
const LONG_POLL_GRACE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

impl Client {
    /// Makes a client; it connects with its first call. A rustls provider must be installed.
    ///
    /// # Errors
    /// When the address is not HTTP's or the certificate authorities cannot be read.
    pub fn new(settings: EngineSettings) -> Result<Self, ClientError> {
        Self::build(settings, None)
    }

    /// A client each of whose calls is told to `watch`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn watched(
        settings: EngineSettings,
        watch: Arc<dyn CallWatch>,
    ) -> Result<Self, ClientError> {
        Self::build(settings, Some(watch))
    }

    fn build(
        settings: EngineSettings,
        watch: Option<Arc<dyn CallWatch>>,
    ) -> Result<Self, ClientError> {
        if !matches!(settings.url.scheme(), "http" | "https") {
            return Err(ClientError::Address);
        }
        Ok(Self(Arc::new(Shared {
            connections: Connections::new(&settings)?,
            server: without_secrets(&settings.url),
            settings,
            calls: AtomicU64::new(0),
            watch,
        })))
    }

    /// How many calls were sent by this client and its clones.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Whether calls carry a user's name, without which there are no permissions to ask about.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.0.settings.credentials.is_some()
    }

    /// The tenants whose tasks are fetched and counted; none means all and those without.
    #[must_use]
    pub fn tenant_ids(&self) -> &[String] {
        &self.0.settings.tenant_ids
    }

    /// The tenants as the engine's queries take them.
    fn tenant_query(&self) -> Vec<(&'static str, String)> {
        match self.tenant_ids() {
            [] => Vec::new(),
            tenant_ids => vec![("tenantIdIn", tenant_ids.join(","))],
        }
    }

    fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path)
    }

    fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// A call to a path below the engine's address, whose steps are escaped one by one.
    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        let operation = Operation::of(&method, path);
        let mut url = self.0.settings.url.clone();
        if let Ok(mut steps) = url.path_segments_mut() {
            steps.pop_if_empty().extend(path);
        }
        let generation = self.0.connections.current();
        let mut request = generation
            .http
            .request(method, url)
            .header(ACCEPT, "application/json");
        if let Some(Credentials { user, password }) = &self.0.settings.credentials {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        Call {
            client: self,
            operation,
            generation: generation.number,
            request,
            position: Position::Elsewhere,
        }
    }
}

/// What came back, whatever its status.
struct Answered<'a> {
    status: u16,
    body: Vec<u8>,
    exchange: Exchange<'a>,
}

impl Answered<'_> {
    /// Reads the answer as JSON.
    fn json<T: DeserializeOwned>(mut self) -> Result<T, EngineError> {
        let read = parse_json(self.body);
        if read.is_err() {
            self.exchange.came = Some(Came::Unreadable);
        }
        Ok(read?)
    }
}

/// Why an answer could not be read to its end.
enum Cut {
    Broken(reqwest::Error),
    TooLarge,
}

impl From<reqwest::Error> for Cut {
    fn from(error: reqwest::Error) -> Self {
        Self::Broken(error)
    }
}

/// A call in the making.
struct Call<'a> {
    client: &'a Client,
    operation: Operation,
    generation: u64,
    request: RequestBuilder,
    position: Position,
}

impl<'a> Call<'a> {
    fn query<T: Serialize + ?Sized>(mut self, query: &T) -> Self {
        self.request = self.request.query(query);
        self
    }

    fn body<T: Serialize + ?Sized>(mut self, body: &T) -> Result<Self, EngineError> {
        let json = serde_json::to_vec(body).map_err(EngineError::Unwritable)?;
        self.request = self
            .request
            .header(CONTENT_TYPE, "application/json")
            .body(json);
        Ok(self)
    }

    fn form(mut self, form: Form) -> Self {
        self.request = self.request.multipart(form);
        self
    }

    fn of_held_task(mut self) -> Self {
        self.position = Position::HeldTask;
        self
    }

    /// For a call that the engine keeps waiting.
    fn waiting(mut self, wait: Duration) -> Self {
        self.request = self.request.timeout(wait + LONG_POLL_GRACE);
        self
    }

    /// Sends the call and reads what comes back, whatever its status.
    async fn send(self) -> Result<Answered<'a>, EngineError> {
        self.client.0.calls.fetch_add(1, Ordering::Relaxed);
        let mut exchange = Exchange::begin(self.client, self.operation);
        match exchanged(self.request).await {
            Ok((status, body)) => {
                exchange.came = Some(Came::Status(status));
                Ok(Answered {
                    status,
                    body,
                    exchange,
                })
            }
            Err(Cut::Broken(error)) => {
                exchange.came = Some(Came::from(&error));
                let shared = &self.client.0;
                let connections = &shared.connections;
                connections.judge(self.generation, &error, &shared.settings);
                Err(EngineError::from_transport(&shared.server, error))
            }
            Err(Cut::TooLarge) => {
                exchange.came = Some(Came::Unreadable);
                let limit = MAX_ANSWER;
                Err(EngineError::Malformed(Malformed::TooLarge { limit }))
            }
        }
    }

    /// What a success answered.
    async fn succeed(self) -> Result<Answered<'a>, EngineError> {
        let position = self.position;
        let server = &self.client.0.server;
        let answered = self.send().await?;
        match answered.status {
            200..=299 => Ok(answered),
            status => {
                let body = answered.body;
                Err(EngineError::from_answer(server, position, status, body))
            }
        }
    }

    /// The call has no answer but its success.
    async fn success(self) -> Result<(), EngineError> {
        self.succeed().await.map(drop)
    }

    /// The answer is JSON.
    async fn json<T: DeserializeOwned>(self) -> Result<T, EngineError> {
        self.succeed().await?.json()
    }

    /// The answer is JSON, or the engine's own 404.
    async fn find<T: DeserializeOwned>(self) -> Result<Option<T>, EngineError> {
        match self.json().await {
            Ok(found) => Ok(Some(found)),
            Err(EngineError::Refused(answer)) if answer.is_no_such_thing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn exchanged(request: RequestBuilder) -> Result<(u16, Vec<u8>), Cut> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Cut::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// Settings refuse a password in the address; what is said about it does not rely on that.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail for addresses that cannot hold any.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.into()
}
