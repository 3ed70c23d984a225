//! Sends one mail.
//!
//! The link of a mail that carries one is made here, each time it is sent: it lies in no database.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tracing::Level;
use url::Url;

use super::attempt::{Attempt, Later, Peer, Waits};
use crate::actors::parts::Parts;
use crate::links::{Claim, Links};
use crate::mail::{Letter, Mail, SendError, Verification};
use crate::metrics::MailOutcome;
use crate::store::outbox::ClaimedMessage;

/// For a server that does not take the mail yet.
const SERVER_WAITS: Waits = Waits {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(15 * 60),
};
/// Attempts after which a mail is set aside: about three days. The mail server's own, so that one
/// which waited long for its key survives the server's first "later".
const MOST_ATTEMPTS: i32 = 300;
/// For a key that is not here. Looking costs nothing, and a replica that has the key may be
/// starting just now.
const KEY_WAITS: Waits = Waits {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(40),
};

/// Sends a claimed mail.
pub(super) async fn send(parts: &Parts, message: &ClaimedMessage) -> Attempt {
    let Ok(mail) = serde_json::from_value::<Mail>(message.payload.clone()) else {
        // Of a newer version: its replica knows the mail, or this one will when it is newer.
        let reason = "this version does not know the mail".to_owned();
        return not_yet(reason, &SERVER_WAITS, message);
    };
    let make_link =
        |verification: &_, email: &_| link(&parts.links, verification, email, message.claimed_at);
    match Letter::new(&mail, make_link) {
        Ok(letter) => post(parts, message, &mail, &letter).await,
        // Neither is an answer of the mail server, which is what the series of mails tells.
        Err(no_link @ NoLink::KeyMissing { .. }) => {
            not_yet(no_link.to_string(), &KEY_WAITS, message)
        }
        Err(no_link @ NoLink::Expired) => Attempt::Dead(no_link.to_string()),
    }
}

async fn post(
    parts: &Parts,
    message: &ClaimedMessage,
    mail: &Mail,
    letter: &Letter<'_>,
) -> Attempt {
    let key = &message.notification_key;
    let began = Instant::now();
    let (outcome, attempt) = match parts.mailer.send(key, letter).await {
        Ok(message_id) => {
            tracing::info!(
                mail.key = key, mail.message_id = %message_id, mail.template = mail.template(),
                process.instance = message.process_instance_id, "sent mail {key}"
            );
            (MailOutcome::Sent, Attempt::Sent)
        }
        Err(SendError::Permanent { source }) => {
            (MailOutcome::Permanent, Attempt::Dead(source.to_string()))
        }
        Err(SendError::Transient { source }) if message.attempts >= MOST_ATTEMPTS => {
            let given_up = format!("given up after {MOST_ATTEMPTS} attempts: {source}");
            (MailOutcome::Transient, Attempt::Dead(given_up))
        }
        Err(SendError::Transient { source }) => {
            let wait = SERVER_WAITS.after(message.attempts);
            (
                MailOutcome::Transient,
                later(source.to_string(), wait, true),
            )
        }
    };
    let took = began.elapsed();
    parts.metrics.mail_finished(mail.template(), outcome, took);
    attempt
}

/// What the mail takes is not here, so the mail server was not asked.
fn not_yet(reason: String, waits: &Waits, message: &ClaimedMessage) -> Attempt {
    let waited = message.claimed_at - message.created_at;
    later(reason, waits.once_more(waited), false)
}

fn later(reason: String, wait: Duration, counts: bool) -> Attempt {
    Attempt::Later(Later {
        reason,
        wait,
        counts,
        level: Level::WARN,
        // Each mail has a back-off of its own, and one that hangs holds up no other.
        peer: Peer::Well,
    })
}

/// Why there is no link for a mail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum NoLink {
    #[error("its link has expired")]
    Expired,
    #[error(
        "key {key_id}, which signs its link, is not here: it belongs in TOKEN_KEY_PREVIOUS \
         until the last such link has expired"
    )]
    KeyMissing { key_id: String },
}

fn link(
    links: &Links,
    verification: &Verification,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Url, NoLink> {
    if verification.expires_at <= now {
        return Err(NoLink::Expired);
    }
    let claim = Claim {
        verification_id: verification.verification_id,
        user_id: verification.user_id,
        email,
        expires_at: verification.expires_at,
    };
    links
        .make(&verification.key_id, &claim)
        .ok_or_else(|| NoLink::KeyMissing {
            key_id: verification.key_id.clone(),
        })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use secrecy::SecretBox;
    use uuid::Uuid;

    use super::*;
    use crate::links::{KEY_BYTES, KeyId, LinkSettings};

    const KEY: [u8; KEY_BYTES] = [1; KEY_BYTES];

    fn links() -> Links {
        Links::new(LinkSettings {
            base_url: "https://bank.example".parse().unwrap(),
            key: SecretBox::new(Box::new(KEY)),
            previous_key: None,
        })
    }

    fn verification(key_id: String) -> Verification {
        Verification {
            verification_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            key_id,
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::days(1),
        }
    }

    #[test]
    fn a_link_is_made_until_it_would_be_of_no_use() {
        let verification = verification(KeyId::of(&KEY).to_string());
        let at = |now| link(&links(), &verification, "a@b.example", now);

        assert!(at(verification.expires_at - TimeDelta::microseconds(1)).is_ok());
        assert_eq!(at(verification.expires_at), Err(NoLink::Expired));
    }

    #[test]
    fn a_missing_key_is_told_by_its_name_and_place_until_the_link_has_expired() {
        let verification = verification("0badc0de".to_owned());
        let at = |now| link(&links(), &verification, "a@b.example", now);

        let missing = at(DateTime::UNIX_EPOCH).unwrap_err().to_string();

        assert!(missing.contains("0badc0de"), "{missing}");
        assert!(missing.contains("TOKEN_KEY_PREVIOUS"), "{missing}");
        assert_eq!(at(verification.expires_at), Err(NoLink::Expired));
    }
}
