//! Mails: what they say ([`Mail`]) and how they reach the mail server ([`Mailer`]).
//!
//! A handler makes a [`Mail`] and queues it within its transaction; whoever drains the outbox makes a
//! [`Letter`] of it, adding the link if it carries one, and hands it to the [`Mailer`]. The same
//! notification key always gives the same Message-ID, so that a mail sent twice is recognised as
//! one. This room knows nothing of tasks, the database or the engine.
//!
//! Mails hold personal data: no type here that carries any has a `Debug`, and no error does either.

mod compose;
mod error;
mod local_time;
mod mailer;
mod message;
mod session;
mod settings;
mod smtp_url;
mod text;

pub use compose::MessageId;
pub use error::{EnhancedStatus, SendError, SmtpError, Stage, Status};
pub use mailer::Mailer;
pub use message::{Letter, Mail, Rendered, Verification};
pub use settings::{CaFile, CaFileError, MailSettings, Sender, SenderError};
pub use smtp_url::{SmtpUrl, SmtpUrlError};

#[cfg(test)]
mod tests;
