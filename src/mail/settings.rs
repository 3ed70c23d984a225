//! What the mail room is told from outside, each value checked once where it enters.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::header::{From, Headers};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::client::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

use super::smtp_url::SmtpUrl;

/// How mails are sent. No `Debug`: the URL holds a password.
pub struct MailSettings {
    /// The mail server.
    pub smtp_url: SmtpUrl,
    /// The sender of every mail.
    pub sender: Sender,
    /// Who vouches for the mail server's certificate; unset, the machine's own list.
    pub ca_file: Option<CaFile>,
    /// How long reaching the server may take, TLS and greeting included.
    pub connect_timeout: Duration,
    /// How long one mail may take, the server's word after the final dot included. RFC 5321
    /// (4.5.3.2.6) asks for patience there: a mail given up too early is sent twice.
    pub send_timeout: Duration,
    /// How long a session is kept for the next mail. Servers hang up on silent clients, the
    /// impatient ones after half a minute.
    pub max_idle: Duration,
}

impl MailSettings {
    /// For [`MailSettings::connect_timeout`].
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// For [`MailSettings::send_timeout`].
    pub const SEND_TIMEOUT: Duration = Duration::from_secs(300);
    /// For [`MailSettings::max_idle`].
    pub const MAX_IDLE: Duration = Duration::from_secs(20);

    /// Settings with the machine's certificates and the default time-outs.
    pub fn new(smtp_url: SmtpUrl, sender: Sender) -> Self {
        Self {
            smtp_url,
            sender,
            ca_file: None,
            connect_timeout: Self::CONNECT_TIMEOUT,
            send_timeout: Self::SEND_TIMEOUT,
            max_idle: Self::MAX_IDLE,
        }
    }
}

/// Who mails come from: an address, and a name to show with it.
#[derive(Clone)]
pub struct Sender(Mailbox);

/// What is wrong with a sender.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SenderError {
    /// Neither `name@host` nor `Name <name@host>`.
    #[error("must be an address like `Name <name@host>`")]
    NotAMailbox,
    /// The Message-ID and servers without SMTPUTF8 need ASCII.
    #[error("must have an address of ASCII letters")]
    NotAscii,
    /// lettre panics at a line break in a name.
    #[error("must not have control characters")]
    ControlCharacter,
}

impl Sender {
    /// Reads `name@host` or `Name <name@host>`.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(mailbox: &str) -> Result<Self, SenderError> {
        if mailbox.chars().any(char::is_control) {
            return Err(SenderError::ControlCharacter);
        }
        let mailbox: Mailbox = mailbox.parse().map_err(|_| SenderError::NotAMailbox)?;
        // lettre reads the sender back from its header to build a mail.
        let mut headers = Headers::new();
        headers.set(From::from(Mailboxes::from(mailbox.clone())));
        headers.get::<From>().ok_or(SenderError::NotAMailbox)?;
        let address: &str = mailbox.email.as_ref();
        if address.is_ascii() {
            Ok(Self(mailbox))
        } else {
            Err(SenderError::NotAscii)
        }
    }

    /// The name that mails are signed with: without one, the address's host.
    pub fn name(&self) -> &str {
        self.0.name.as_deref().unwrap_or_else(|| self.domain())
    }

    /// The address's host, which Message-IDs end in.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

/// Certificate authorities that alone are trusted to vouch for the mail server.
#[derive(Clone)]
pub struct CaFile(pub(super) Certificate);

/// Why a CA file cannot be used.
#[derive(Debug, Error)]
pub enum CaFileError {
    /// Not there, or not readable.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No PEM, or none with a certificate.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
}

impl CaFile {
    /// Reads a file of PEM certificates.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub fn read(path: &Path) -> Result<Self, CaFileError> {
        let pem = std::fs::read(path).map_err(|source| CaFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let none = || CaFileError::NoCertificate(path.to_owned());
        // lettre takes a file without any for an empty list.
        if CertificateDer::pem_slice_iter(&pem).next().is_none() {
            return Err(none());
        }
        Certificate::from_pem(&pem).map(Self).map_err(|_| none())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{CaFile, CaFileError, Sender, SenderError};

    #[test]
    fn a_sender_is_shown_by_name_or_else_by_host() {
        let named = Sender::parse("Example Wallets <no-reply@pay.example>").unwrap();
        let bare = Sender::parse("no-reply@pay.example").unwrap();

        assert_eq!(named.name(), "Example Wallets");
        assert_eq!(bare.name(), "pay.example");
    }

    #[test]
    fn senders_that_no_mail_can_come_from_are_refused() {
        for (sender, fault) in [
            ("", SenderError::NotAMailbox),
            ("Example Wallets", SenderError::NotAMailbox),
            ("a@b.example, c@d.example", SenderError::NotAMailbox),
            ("\"a b\"@c.example", SenderError::NotAMailbox),
            (
                "Example\r\nBcc: x <a@b.example>",
                SenderError::ControlCharacter,
            ),
            ("Example <a@bücher.example>", SenderError::NotAscii),
        ] {
            assert_eq!(Sender::parse(sender).err(), Some(fault), "{sender:?}");
        }
    }

    #[test]
    fn a_ca_file_must_be_there_and_hold_a_certificate() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/tests/certificates");

        assert!(CaFile::read(&folder.join("authority.pem")).is_ok());
        assert!(matches!(
            CaFile::read(&folder.join("none")),
            Err(CaFileError::Read { .. })
        ));
        for without in ["server.key", "make"] {
            let read = CaFile::read(&folder.join(without));
            assert!(
                matches!(read, Err(CaFileError::NoCertificate(_))),
                "{without}"
            );
        }
    }
}
