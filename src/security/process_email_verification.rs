//! `process-email-verification`: sends the link by which a user shows that an address is theirs.
//!
//! Six round trips: BEGIN and claim (one), user's lock, older verification's end, verification,
//! answer with mail and audit row (one), COMMIT. Already verified: four.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ids::UserId;
use crate::links::KeyId;
use crate::mail::{Mail, Verification};
use crate::store::email_verifications::{self, NewEmailVerification};
use crate::store::users::{self, Contact};
use crate::tasks::fields::EmailAddress;
use crate::tasks::{Event, Outcome, TaskError, TaskHandler, Tx};

/// How long a link works.
const LIFE: TimeDelta = TimeDelta::hours(24);

const USER_NOT_FOUND: &str = "USER_NOT_FOUND";

/// Makes a verification of a user's present address, and queues the mail with its link.
pub struct ProcessEmailVerification {
    signing_key: KeyId,
}

impl ProcessEmailVerification {
    /// Links will be signed with the key of this name.
    pub fn new(signing_key: KeyId) -> Self {
        Self { signing_key }
    }
}

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    user_id: UserId,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    /// The mail is durably queued; the outbox tracks its delivery.
    verification_sent: bool,
    /// Null when no mail was needed.
    verification_id: Option<Uuid>,
    email_verified: bool,
}

impl TaskHandler for ProcessEmailVerification {
    const TOPIC: &'static str = "process-email-verification";
    const ERRORS: &'static [&'static str] = &[USER_NOT_FOUND];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let user_id = input.user_id;
        let Some(user) = users::lock_contact(tx.conn(), user_id.0).await? else {
            tx.audit(requested(user_id, USER_NOT_FOUND, Value::Null));
            return Ok(Outcome::BpmnError {
                code: USER_NOT_FOUND,
                message: "no user has this user_id".to_owned(),
            });
        };
        let verification_id = if user.email_is_verified {
            tx.audit(requested(user_id, "already_verified", Value::Null));
            None
        } else {
            Some(self.verify(tx, user_id, user).await?)
        };
        Ok(Outcome::Complete(Output {
            verification_sent: verification_id.is_some(),
            verification_id,
            email_verified: verification_id.is_none(),
        }))
    }
}

impl ProcessEmailVerification {
    /// Makes the user's one open verification, in place of an older one.
    ///
    /// An address that no mail can be delivered to is an incident: the model has no end for it
    /// (*Already verified* would be a lie, and waiting for a link that nobody gets a loss of 25
    /// hours), and an operator can have the address corrected and let the task run again.
    async fn verify(
        &self,
        tx: &mut Tx<'_>,
        user_id: UserId,
        user: Contact,
    ) -> Result<Uuid, TaskError> {
        let email = EmailAddress::parse(&user.email).map_err(|_| {
            TaskError::fatal("users.email: no mail can be delivered to the user's present address")
        })?;
        let verification_id = Uuid::now_v7();
        let superseded = email_verifications::supersede(tx.conn(), user_id.0).await?;
        let expires_at = tx.now() + LIFE;
        let origin = tx.origin();
        let verification = NewEmailVerification {
            verification_id,
            user_id: user_id.0,
            email: email.as_str(),
            key_id: self.signing_key.as_str(),
            engine_id: origin.engine_id.expect(ONLY_TASKS),
            process_instance_id: origin.process_instance_id.expect(ONLY_TASKS),
            expires_at,
        };
        verification.insert(tx.conn()).await?;
        tx.notify(Mail::VerifyEmail {
            recipient: email.as_str().to_owned(),
            greeting_name: user.username,
            verification: Verification {
                verification_id,
                user_id: user_id.0,
                key_id: self.signing_key.to_string(),
                expires_at,
            },
        });
        let detail = json!({ "verification_id": verification_id, "superseded": superseded });
        tx.audit(requested(user_id, "sent", detail));
        Ok(verification_id)
    }
}

const ONLY_TASKS: &str = "a handler works for a task of an engine";

fn requested(user_id: UserId, outcome: &str, detail: Value) -> Event {
    Event {
        action: "email_verification_requested",
        subject_kind: "user",
        subject_id: user_id.to_string(),
        outcome: outcome.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests;
