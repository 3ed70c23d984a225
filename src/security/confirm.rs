//! What an e-mail link does: it shows whether it can be used, and it confirms an address once.
//!
//! To whoever has no genuine link, nothing tells an id that exists from one that does not: either
//! way it is one query and one HMAC. Only a proven link goes on to locks and further queries.
//!
//! Round trips of a confirmation: BEGIN, verification, user's lock, verifications' lock, what
//! changes with audit row and messages (one), COMMIT: six. [`look`] takes one.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use diesel::result::Error::DeserializationError;
use diesel_async::AsyncPgConnection;
use futures_util::future::try_join;
use serde_json::json;
use uuid::Uuid;

use crate::links::{Claim, Links, Token};
use crate::store::email_verifications::{self, Awaited, EmailVerification};
use crate::store::users;
use crate::tasks::{EngineMessage, Event, Origin, Tx};

/// Who makes the change, in the audit log.
const ORIGIN: &str = "e-mail link";

/// How long after the end of its link a process instance may still be told. The model waits an
/// hour longer than the link lives.
const GRACE: TimeDelta = TimeDelta::hours(1);

/// What the page of a link may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its button will confirm the address.
    Open,
    /// Unknown, forged, used, expired, superseded, or the address was changed: the same to
    /// everybody.
    Over,
}

/// Tells whether a link can be used. Changes nothing, takes no lock and opens no transaction: mail
/// scanners open links too.
///
/// # Errors
/// Those of the query.
pub async fn look(
    conn: &mut AsyncPgConnection,
    links: &Links,
    token: &str,
) -> QueryResult<Standing> {
    let Ok(token) = Token::parse(token) else {
        return Ok(Standing::Over);
    };
    let found = email_verifications::find(conn, token.verification_id()).await?;
    Ok(match proven(links, &token, found) {
        Some(verification) if verification.is_open => Standing::Open,
        _ => Standing::Over,
    })
}

/// What came of pressing the button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The address is the user's, and this link has shown it.
    Confirmed {
        /// There are new messages in the outbox.
        outbox_grew: bool,
    },
    /// As in [`Standing::Over`].
    Over,
}

/// Confirms the address behind a link: once, in a transaction of its own.
///
/// # Errors
/// Those of the queries. Nothing was written then, unless the connection broke during COMMIT; and
/// after a [conflict](crate::store::DatabaseFailure::Conflict) it may be called again at once.
pub async fn confirm(
    conn: &mut AsyncPgConnection,
    links: &Links,
    token: &str,
) -> QueryResult<Confirmation> {
    let Ok(token) = Token::parse(token) else {
        return Ok(Confirmation::Over);
    };
    // Whatever the role's default is: what is read after the user's lock must be what the holder
    // before us has written.
    conn.build_transaction()
        .read_committed()
        .run(async |conn| confirm_in_transaction(conn, links, &token).await)
        .await
}

async fn confirm_in_transaction(
    conn: &mut AsyncPgConnection,
    links: &Links,
    token: &Token,
) -> QueryResult<Confirmation> {
    let id = token.verification_id();
    let found = email_verifications::find(conn, id).await?;
    // A link that was used or has expired is turned away here, after as much work as one that never
    // was; who presses at the same time as somebody else is turned away below, under the lock.
    let proven = proven(links, token, found).filter(|verification| verification.is_open);
    let Some(verification) = proven else {
        return Ok(Confirmation::Over);
    };
    let user_id = verification.user_id;
    let Some(user) = users::lock_contact(conn, user_id).await? else {
        return Ok(Confirmation::Over);
    };
    // Of the present address: a link to one that the user no longer has is not among them.
    let awaited = email_verifications::lock_awaited(conn, user_id, &user.email).await?;
    if !is_open(&awaited, id) {
        return Ok(Confirmation::Over);
    }
    let origin = Origin::command(ORIGIN);
    let mut tx = Tx::new(conn, verification.read_at, origin);
    record(&mut tx, user_id, id, awaited)?;
    let flushed = tx
        .flush(async |conn| {
            let verified = users::mark_email_verified(conn, user_id);
            let confirmed = email_verifications::mark_confirmed(conn, id);
            try_join(verified, confirmed).await.map(drop)
        })
        .await?;
    Ok(Confirmation::Confirmed {
        outbox_grew: flushed.outbox_grew,
    })
}

/// The verification that was found, if the token proves it.
///
/// An id that does not exist is held against a claim that nobody can prove, so that it takes the
/// time of one that exists.
fn proven(
    links: &Links,
    token: &Token,
    found: Option<EmailVerification>,
) -> Option<EmailVerification> {
    let verification_id = token.verification_id();
    let (key_id, claim) = match &found {
        Some(verification) => (
            verification.key_id.as_str(),
            Claim {
                verification_id,
                user_id: verification.user_id,
                email: &verification.email,
                expires_at: verification.expires_at,
            },
        ),
        None => (
            links.signing_key().as_str(),
            Claim {
                verification_id,
                user_id: Uuid::nil(),
                email: "nobody@mail.example",
                expires_at: DateTime::<Utc>::UNIX_EPOCH,
            },
        ),
    };
    let proves = links.prove(token, key_id, &claim);
    found.filter(|_| proves)
}

/// Whether this one is among the user's awaited verifications and no newer one took its place.
fn is_open(awaited: &[Awaited], id: Uuid) -> bool {
    awaited
        .iter()
        .any(|each| each.verification_id == id && each.superseded_at.is_none())
}

/// Queues a message to every instance that waits for this address, those of superseded links too:
/// what they wait for has come true.
fn record(
    tx: &mut Tx<'_>,
    user_id: Uuid,
    verification_id: Uuid,
    awaited: Vec<Awaited>,
) -> QueryResult<()> {
    tx.audit(Event {
        action: "email_verified",
        subject_kind: "user",
        subject_id: user_id.to_string(),
        outcome: "confirmed".to_owned(),
        detail: json!({ "verification_id": verification_id }),
    });
    for each in awaited {
        let instance = each.process_instance_id.try_into();
        tx.message(EngineMessage::EmailVerified {
            engine_id: each.engine_id,
            process_instance_id: instance.map_err(|fault| DeserializationError(Box::new(fault)))?,
            verification_id: each.verification_id,
            until: each.expires_at + GRACE,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
