//! Why a mail did not go out.
//!
//! Servers like to repeat the recipient's address in their answers, so of an answer only the codes
//! are kept. Only what a server says of this one mail is final: a refused sender or password would
//! otherwise turn every mail of the hour into a dead letter.

use std::error::Error as _;
use std::fmt;
use std::io;

use lettre::transport::smtp;
use lettre::transport::smtp::response::Severity;
use thiserror::Error;

/// Why a mail did not go out, sorted by whether trying again makes sense.
#[derive(Debug, Error)]
pub enum SendError {
    /// Later it may work.
    #[error("the mail did not go out this time")]
    Transient {
        /// What happened.
        source: SmtpError,
    },
    /// It never will.
    #[error("the mail was refused for good")]
    Permanent {
        /// What happened.
        source: SmtpError,
    },
}

/// What went wrong between us and the mail server. Holds no address and nothing of the mail.
#[derive(Debug, Error)]
pub enum SmtpError {
    /// The recipient is not an address that mails can be sent to.
    #[error("the recipient's address is not valid")]
    Address,
    /// The recipient's address needs SMTPUTF8, which the server does not offer.
    #[error("the server takes no addresses beyond ASCII")]
    NoSmtpUtf8,
    /// The server said no.
    #[error("the server answered {status} to {stage}")]
    Refused {
        /// To what.
        stage: Stage,
        /// Its answer.
        status: Status,
    },
    /// The server said nothing in time.
    #[error("the server gave no answer to {stage} in time")]
    Timeout {
        /// To what.
        stage: Stage,
    },
    /// The server hung up, or its answer was not SMTP.
    #[error("the server gave no proper answer to {stage}")]
    Garbled {
        /// To what.
        stage: Stage,
    },
    /// The network, TLS, or a missing capability.
    #[error("the connection failed at {stage}{}", because(source))]
    Connection {
        /// Where.
        stage: Stage,
        /// Why.
        source: smtp::Error,
    },
}

/// A step of an SMTP session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connecting, TLS, greeting and EHLO.
    Open,
    /// AUTH.
    SignIn,
    /// RSET, by which an idle connection proves that it lives.
    Reset,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA.
    Data,
    /// The mail itself up to its final dot. After a failure here it may have gone out.
    Content,
}

/// What a server answered, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The three digits of RFC 5321.
    pub code: u16,
    /// The finer code of RFC 3463, where the server gives one.
    pub enhanced: Option<EnhancedStatus>,
}

/// Class, subject and detail of RFC 3463, as in `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedStatus(pub u16, pub u16, pub u16);

impl From<SmtpError> for SendError {
    fn from(source: SmtpError) -> Self {
        if source.is_about_this_mail() {
            Self::Permanent { source }
        } else {
            Self::Transient { source }
        }
    }
}

impl SmtpError {
    fn is_about_this_mail(&self) -> bool {
        match self {
            Self::Address | Self::NoSmtpUtf8 => true,
            Self::Refused {
                stage: Stage::Recipient | Stage::Data | Stage::Content,
                status,
            } => status.is_permanent(),
            Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Garbled { .. }
            | Self::Connection { .. } => false,
        }
    }

    pub(super) fn at(stage: Stage, source: smtp::Error) -> Self {
        match source.status() {
            Some(code) => {
                let words = source.source().map(ToString::to_string).unwrap_or_default();
                Self::Refused {
                    stage,
                    status: Status::new(code.into(), &words),
                }
            }
            // Its source quotes what the server wrote.
            None if source.is_response() => Self::Garbled { stage },
            None => Self::Connection { stage, source },
        }
    }
}

/// What the network said, in the words of its kind: they quote nobody.
fn because(source: &smtp::Error) -> String {
    let mut cause = source.source();
    while let Some(error) = cause {
        if let Some(network) = error.downcast_ref::<io::Error>() {
            return format!(": {}", network.kind());
        }
        cause = error.source();
    }
    String::new()
}

impl Status {
    fn new(code: u16, words: &str) -> Self {
        Self {
            code,
            enhanced: words
                .split_whitespace()
                .next()
                .and_then(EnhancedStatus::parse),
        }
    }

    fn is_permanent(self) -> bool {
        self.code / 100 == Severity::PermanentNegativeCompletion as u16
    }
}

impl EnhancedStatus {
    fn parse(word: &str) -> Option<Self> {
        let mut numbers = word.split('.').map(|number| number.parse().ok());
        match (
            numbers.next()??,
            numbers.next()??,
            numbers.next()??,
            numbers.next(),
        ) {
            (class @ (2 | 4 | 5), subject, detail, None) => Some(Self(class, subject, detail)),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.enhanced {
            Some(EnhancedStatus(class, subject, detail)) => {
                write!(f, " {class}.{subject}.{detail}")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "the greeting",
            Self::SignIn => "AUTH",
            Self::Reset => "RSET",
            Self::Sender => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the mail's end",
        })
    }
}
