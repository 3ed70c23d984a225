//! One SMTP session, step by step, each step with its own name and within one deadline.
//!
//! lettre's own transport is not used: its time-out covers connecting only, and its pool takes back
//! a connection whose sender stopped waiting, so that the next mail is given the answer to the
//! previous one. A session here is owned by the future that uses it and closed when that is dropped.

use std::future::Future;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::{Instant, timeout_at};

use super::error::{SmtpError, Stage};

/// A farewell is a courtesy: a server that does not answer it is left.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where sessions are opened.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
}

/// An open session: greeted, encrypted and signed in as the settings say.
pub(super) struct Session(AsyncSmtpConnection);

impl Server {
    pub(super) async fn open(&self, deadline: Instant) -> Result<Session, SmtpError> {
        let mut connection = step(deadline, Stage::Open, self.connect()).await?;
        if let Some(credentials) = &self.credentials {
            let sign_in = connection.auth(DEFAULT_MECHANISMS, credentials);
            step(deadline, Stage::SignIn, sign_in).await?;
        }
        Ok(Session(connection))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let address = (self.host.as_str(), self.port);
        let tls = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, tls, None).await?;
        if let Tls::Required(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        Ok(connection)
    }
}

impl Session {
    /// Ends whatever was going on, and so proves that the server is still there.
    pub(super) async fn reset(&mut self, deadline: Instant) -> Result<(), SmtpError> {
        step(deadline, Stage::Reset, self.0.command(Rset))
            .await
            .map(drop)
    }

    /// Hands over one mail.
    pub(super) async fn deliver(
        &mut self,
        envelope: &Envelope,
        mail: &[u8],
        deadline: Instant,
    ) -> Result<(), SmtpError> {
        let sender = Mail::new(envelope.from().cloned(), self.parameters(envelope)?);
        step(deadline, Stage::Sender, self.0.command(sender)).await?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            step(deadline, Stage::Recipient, self.0.command(recipient)).await?;
        }
        let answer = step(deadline, Stage::Data, self.0.command(Data)).await?;
        expect(Severity::PositiveIntermediate, Stage::Data, &answer)?;
        let answer = step(deadline, Stage::Content, self.0.message(mail)).await?;
        expect(Severity::PositiveCompletion, Stage::Content, &answer)
    }

    /// An address beyond ASCII stands in a header too, which then needs all eight bits.
    fn parameters(&self, envelope: &Envelope) -> Result<Vec<MailParameter>, SmtpError> {
        if envelope
            .to()
            .iter()
            .all(|address| AsRef::<str>::as_ref(address).is_ascii())
        {
            Ok(Vec::new())
        } else if self
            .0
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            Ok(vec![
                MailParameter::Body(MailBodyParameter::EightBitMime),
                MailParameter::SmtpUtfEight,
            ])
        } else {
            Err(SmtpError::NoSmtpUtf8)
        }
    }

    pub(super) async fn close(mut self) {
        let farewell = self.0.command(Quit);
        // Nothing depends on the answer: the connection is closed either way.
        drop(timeout_at(Instant::now() + FAREWELL, farewell).await);
    }
}

async fn step<T>(
    deadline: Instant,
    stage: Stage,
    work: impl Future<Output = Result<T, smtp::Error>>,
) -> Result<T, SmtpError> {
    match timeout_at(deadline, work).await {
        Ok(done) => done.map_err(|source| SmtpError::at(stage, source)),
        Err(_) => Err(SmtpError::Timeout { stage }),
    }
}

/// Tells answers that are one off, as after one that somebody slipped in before STARTTLS: the go-ahead
/// for DATA would pass for the word that the mail was taken.
fn expect(severity: Severity, stage: Stage, answer: &Response) -> Result<(), SmtpError> {
    if answer.code().severity == severity {
        Ok(())
    } else {
        Err(SmtpError::Garbled { stage })
    }
}
