//! The connections to the engine, and when those that are open are trusted no more.
//!
//! A network can cut them without a word, a proxy in between can go on accepting for an engine it
//! has lost, and those that lay idle are then as dead as the one that was seen to fail. Each would
//! cost its next call a whole time-out, so one that fails condemns all that were opened with it.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Certificate;
use reqwest::redirect::Policy;

use super::{ClientError, EngineSettings};

/// Below the engine's own 61 s, after which it closes without a word.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// How long what was sent may go unacknowledged, or a still engine unproved, before the kernel
/// closes a connection: half the usual lock, so that a heartbeat has time for a second try. Only
/// the kernel knows of acknowledgements: a proxy's, for an engine it has lost, deceive it too, and
/// then the call's own time-out has to do.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// How long a connection may be still, as a parked poll's is, before the kernel asks whether
/// anybody is there, and how soon it asks again. What both leave of `UNACKNOWLEDGED` is the longest
/// hiccup of the network that costs no poll.
const STILL: Duration = Duration::from_secs(2);
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// The connections that calls share.
pub(super) struct Connections {
    // Read once: what a file that changes meanwhile holds may fit no engine.
    authorities: Vec<Certificate>,
    current: Mutex<Generation>,
}

/// Those that were opened since the last one failed.
#[derive(Clone)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) http: reqwest::Client,
}

impl Connections {
    pub(super) fn new(settings: &EngineSettings) -> Result<Self, ClientError> {
        let authorities = match &settings.ca_file {
            Some(path) => authorities(path)?,
            None => Vec::new(),
        };
        let http = http(settings, &authorities)?;
        Ok(Self {
            authorities,
            current: Mutex::new(Generation { number: 0, http }),
        })
    }

    /// Those that a call is to use now.
    pub(super) fn current(&self) -> Generation {
        self.lock().clone()
    }

    /// Judges those of this number, which a call used, by how it failed.
    pub(super) fn judge(&self, used: u64, error: &reqwest::Error, settings: &EngineSettings) {
        // One that never opened says nothing of the others; of many that fail the first is enough.
        if error.is_connect() || self.lock().number != used {
            return;
        }
        // Not under the lock: it takes milliseconds, and every call would wait for it.
        match http(settings, &self.authorities) {
            Ok(http) => {
                let mut current = self.lock();
                if current.number == used {
                    let number = used + 1;
                    *current = Generation { number, http };
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "could not leave the connections to the engine, of which one failed");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Generation> {
        // What is held is replaced as a whole, so a panic elsewhere does not spoil it.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn http(
    settings: &EngineSettings,
    authorities: &[Certificate],
) -> Result<reqwest::Client, reqwest::Error> {
    let mut http = reqwest::Client::builder()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_keepalive(STILL)
        .tcp_keepalive_interval(ASKED_AGAIN)
        // A login page is no answer, and no proxy but a configured one may hold our polls.
        .redirect(Policy::none())
        .no_proxy()
        .http1_only();
    #[cfg(target_os = "linux")]
    {
        http = http.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if !authorities.is_empty() {
        http = http.tls_certs_merge(authorities.iter().cloned());
    }
    http.build()
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    let pem = fs::read(path).map_err(|source| ClientError::CaFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(Certificate::from_pem_bundle(&pem)?)
}
