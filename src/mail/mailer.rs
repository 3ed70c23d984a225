//! Hands mails to the mail server, over sessions that are kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lettre::transport::smtp;
use lettre::transport::smtp::client::{CertificateStore, Tls, TlsParameters};
use tokio::time::Instant;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::compose::{Composed, MessageId, compose};
use super::error::{SendError, SmtpError};
use super::message::Letter;
use super::session::{Server, Session};
use super::settings::{CaFile, MailSettings, Sender};
use super::smtp_url::{Security, SmtpUrl};

/// A session kept beyond what is sent at once is of no use.
const MAX_PARKED: usize = 8;

/// Sends mails. Clones share their sessions.
#[derive(Clone)]
pub struct Mailer {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    sender: Sender,
    connect_timeout: Duration,
    send_timeout: Duration,
    max_idle: Duration,
    parked: Mutex<Vec<Parked>>,
}

struct Parked {
    session: Session,
    since: Instant,
}

impl Mailer {
    /// A mailer that connects when it first has something to send.
    ///
    /// # Errors
    /// When TLS cannot be set up, for want of any trusted certificate on this machine.
    pub fn new(settings: MailSettings) -> Result<Self, smtp::Error> {
        let tls = tls(&settings)?;
        let SmtpUrl {
            host,
            port,
            security: _,
            credentials,
            hello,
        } = settings.smtp_url;
        Ok(Self {
            inner: Arc::new(Inner {
                server: Server {
                    host,
                    port,
                    tls,
                    credentials,
                    hello,
                },
                sender: settings.sender,
                connect_timeout: settings.connect_timeout,
                send_timeout: settings.send_timeout,
                max_idle: settings.max_idle,
                parked: Mutex::default(),
            }),
        })
    }

    /// Sends `letter`, whose Message-ID is made from `key`. Dropping the future closes its connection.
    ///
    /// # Errors
    /// Sorted by whether the same mail may go out later. After a time-out or a broken connection it
    /// may have gone out already (RFC 1047); it then goes out again with the same Message-ID.
    pub async fn send(&self, key: &str, letter: &Letter<'_>) -> Result<MessageId, SendError> {
        let mail = compose(&self.inner.sender, key, letter)?;
        // lettre writes what it sends to its debug log, addresses and passwords included.
        self.inner
            .send(&mail)
            .with_subscriber(NoSubscriber::new())
            .await?;
        Ok(mail.id)
    }

    /// Host and port of the mail server, for what is said about it.
    pub fn server(&self) -> String {
        let Server { host, port, .. } = &self.inner.server;
        format!("{host}:{port}")
    }

    /// Connects, greets and signs in, and leaves again.
    ///
    /// # Errors
    /// When any of that fails or takes longer than the time-out for connecting.
    pub async fn check(&self) -> Result<(), SmtpError> {
        let visit = async {
            let deadline = Instant::now() + self.inner.connect_timeout;
            self.inner.server.open(deadline).await?.close().await;
            Ok(())
        };
        visit.with_subscriber(NoSubscriber::new()).await
    }

    /// Closes sessions that have been idle for long, so that the server need not. To be called now
    /// and then while there is nothing to send.
    pub async fn close_idle(&self) {
        for session in self.inner.take_idle() {
            session.close().with_subscriber(NoSubscriber::new()).await;
        }
    }
}

fn tls(settings: &MailSettings) -> Result<Tls, smtp::Error> {
    Ok(match settings.smtp_url.security {
        // Without asking for certificates: a machine that needs none may have none.
        Security::Plain => Tls::None,
        Security::Starttls => Tls::Required(tls_parameters(settings)?),
        Security::Tls => Tls::Wrapper(tls_parameters(settings)?),
    })
}

fn tls_parameters(settings: &MailSettings) -> Result<TlsParameters, smtp::Error> {
    let mut parameters = TlsParameters::builder(settings.smtp_url.host.clone());
    if let Some(CaFile(authorities)) = &settings.ca_file {
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authorities.clone());
    }
    parameters.build()
}

impl Inner {
    async fn send(&self, mail: &Composed) -> Result<(), SmtpError> {
        let deadline = Instant::now() + self.send_timeout;
        let mut session = self.session(deadline).await?;
        let result = session.deliver(&mail.envelope, &mail.bytes, deadline).await;
        // A refusal leaves the session in order. Whatever else went wrong, it may still hold the
        // answer to this mail, and the next one must not read that as its own.
        if matches!(result, Ok(()) | Err(SmtpError::Refused { .. })) {
            self.park(session);
        }
        result
    }

    /// A parked session if it still lives, else a new one.
    async fn session(&self, deadline: Instant) -> Result<Session, SmtpError> {
        if let Some(mut session) = self.unpark() {
            let reset = session
                .reset(deadline.min(Instant::now() + self.connect_timeout))
                .await;
            if reset.is_ok() {
                return Ok(session);
            }
        }
        self.server
            .open(deadline.min(Instant::now() + self.connect_timeout))
            .await
    }

    fn unpark(&self) -> Option<Session> {
        let mut parked = self.parked();
        parked.retain(|parked| parked.since.elapsed() < self.max_idle);
        parked.pop().map(|parked| parked.session)
    }

    fn take_idle(&self) -> Vec<Session> {
        let is_idle = |parked: &mut Parked| parked.since.elapsed() >= self.max_idle;
        self.parked()
            .extract_if(.., is_idle)
            .map(|parked| parked.session)
            .collect()
    }

    fn park(&self, session: Session) {
        let mut parked = self.parked();
        if parked.len() < MAX_PARKED {
            parked.push(Parked {
                session,
                since: Instant::now(),
            });
        }
    }

    fn parked(&self) -> MutexGuard<'_, Vec<Parked>> {
        // Nothing panics while it is held, and a list of sessions is right at any moment.
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
