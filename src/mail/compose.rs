//! Puts a mail into the form that goes over the wire.

use std::fmt;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use url::Host;

use super::error::SmtpError;
use super::message::Letter;
use super::settings::Sender;

/// A Message-ID, `<…@host>`. The same notification key has the same one for ever, so that whoever
/// receives a mail twice can tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// The Message-ID of the mail with this notification key from this `domain`.
    pub fn new(key: &str, domain: &str) -> Self {
        let hash = Sha256::digest(key);
        let half: String = hash
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("<{half}@{domain}>"))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mail ready for the wire. No `Debug`: it holds personal data.
pub(super) struct Composed {
    pub(super) id: MessageId,
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

/// Composes `letter` as multipart/alternative, every part quoted-printable: a bare line break in a
/// 7-bit body could end the mail early (RUSTSEC-2026-0561).
pub(super) fn compose(
    sender: &Sender,
    key: &str,
    letter: &Letter<'_>,
) -> Result<Composed, SmtpError> {
    let id = MessageId::new(key, sender.domain());
    let rendered = letter.render(sender.name());
    let recipient = address(letter.recipient())?;
    // Set here: lettre would read it back from the headers, and cannot read every address it writes.
    let envelope = Envelope::new(
        Some(sender.mailbox().email.clone()),
        vec![recipient.clone()],
    )
    .expect("there is one recipient");
    let message = Message::builder()
        .envelope(envelope.clone())
        .from(sender.mailbox().clone())
        // Without a display name: lettre panics at a line break there, and names fool readers.
        .to(Mailbox::new(None, recipient))
        .subject(rendered.subject)
        .message_id(Some(id.to_string()))
        .raw_header(auto_submitted())
        .multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, rendered.text))
                .singlepart(part(ContentType::TEXT_HTML, rendered.html)),
        )
        .expect("the sender is one that lettre can read back");
    Ok(Composed {
        id,
        envelope,
        bytes: message.formatted(),
    })
}

/// A host name beyond ASCII is sent in the ASCII form that every server takes.
fn address(raw: &str) -> Result<Address, SmtpError> {
    let address: Address = raw.parse().map_err(|_| SmtpError::Address)?;
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain = Host::parse(address.domain())
        .map_err(|_| SmtpError::Address)?
        .to_string();
    Address::new(address.user(), domain).map_err(|_| SmtpError::Address)
}

/// Keeps out-of-office notices away (RFC 3834).
fn auto_submitted() -> HeaderValue {
    HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    )
}

fn part(content_type: ContentType, text: String) -> SinglePart {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
        .unwrap_or_else(|_| unreachable!("quoted-printable takes any text"));
    SinglePart::builder().header(content_type).body(body)
}

#[cfg(test)]
mod tests {
    use super::MessageId;

    #[test]
    fn a_key_and_a_host_make_one_message_id_for_ever() {
        let id = MessageId::new("wallet-created:W0123456789", "pay.example");

        assert_eq!(
            id.to_string(),
            "<3558e3b76515765114b08603300929df@pay.example>"
        );
        assert_ne!(
            id,
            MessageId::new("wallet-created:W0123456780", "pay.example")
        );
    }
}
