//! `handle-suspicious-activity`: an alert of the monitoring is answered with a measure.
//!
//! Five round trips: BEGIN and claim (one), user's lock, measure, answer with security event, audit
//! row and mail (one), COMMIT.

mod alert;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use self::alert::{ActivityType, Details};
use super::ids::UserId;
use crate::mail::Mail;
use crate::store::users::{self, Contact};
use crate::tasks::fields::EmailAddress;
use crate::tasks::{
    Event, Outcome, SecurityEvent, SecurityEventKind, Subject, TaskError, TaskHandler, Tx,
};

/// How long nobody can sign in after too many failed attempts.
const LOCK: TimeDelta = TimeDelta::minutes(30);

const USER_NOT_FOUND: &str = "USER_NOT_FOUND";
const UNKNOWN_ACTIVITY_TYPE: &str = "UNKNOWN_ACTIVITY_TYPE";

/// Locks an account or has it looked at, records why, and tells the user.
pub struct HandleSuspiciousActivity;

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    user_id: UserId,
    event_data: BTreeMap<String, Value>,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    /// True whenever the task completes.
    handled_successfully: bool,
    security_event_id: Uuid,
    measure: &'static str,
}

impl TaskHandler for HandleSuspiciousActivity {
    const TOPIC: &'static str = "handle-suspicious-activity";
    const ERRORS: &'static [&'static str] = &[USER_NOT_FOUND, UNKNOWN_ACTIVITY_TYPE];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let user_id = input.user_id;
        let Some(user) = users::lock_contact(tx.conn(), user_id.0).await? else {
            let message = "no user has this user_id";
            return Ok(refuse(tx, user_id, USER_NOT_FOUND, message));
        };
        let Some(activity) = ActivityType::of(&input.event_data) else {
            let message = "the alert's type is missing or has no measure";
            return Ok(refuse(tx, user_id, UNKNOWN_ACTIVITY_TYPE, message));
        };
        let measure = Measure::take(tx, user_id, activity).await?;
        let details = Details::of(&input.event_data);
        let security_event_id = record(tx, user_id, &user, measure, &details);
        Ok(Outcome::Complete(Output {
            handled_successfully: true,
            security_event_id,
            measure: measure.as_str(),
        }))
    }
}

/// What was done to the account.
#[derive(Clone, Copy)]
enum Measure {
    AccountLocked { until: DateTime<Utc> },
    FlaggedForReview { at: DateTime<Utc> },
}

impl Measure {
    async fn take(
        tx: &mut Tx<'_>,
        user_id: UserId,
        activity: ActivityType,
    ) -> Result<Self, TaskError> {
        let now = tx.now();
        Ok(match activity {
            ActivityType::MultipleFailedLogins => Self::AccountLocked {
                until: users::lock_account(tx.conn(), user_id.0, now + LOCK).await?,
            },
            ActivityType::UnusualTransactionPattern => {
                users::flag_for_review(tx.conn(), user_id.0).await?;
                Self::FlaggedForReview { at: now }
            }
        })
    }

    /// As the process, the audit log and the security log are told.
    fn as_str(self) -> &'static str {
        match self {
            Self::AccountLocked { .. } => "account_locked",
            Self::FlaggedForReview { .. } => "flagged_for_review",
        }
    }

    fn answers_to(self) -> SecurityEventKind {
        match self {
            Self::AccountLocked { .. } => SecurityEventKind::MultipleFailedLogins,
            Self::FlaggedForReview { .. } => SecurityEventKind::UnusualTransactionPattern,
        }
    }

    /// The mail about it, if the user's address can be delivered to.
    fn mail(self, user: &Contact, security_event_id: Uuid) -> Option<Mail> {
        let recipient = EmailAddress::parse(&user.email).ok()?.as_str().to_owned();
        let greeting_name = user.username.clone();
        Some(match self {
            Self::AccountLocked { until } => Mail::AccountLocked {
                recipient,
                greeting_name,
                security_event_id,
                locked_until: until,
            },
            Self::FlaggedForReview { at } => Mail::UnusualActivity {
                recipient,
                greeting_name,
                security_event_id,
                flagged_at: at,
            },
        })
    }
}

/// Queues the security event, the mail and the audit row of a measure that was taken.
fn record(
    tx: &mut Tx<'_>,
    user_id: UserId,
    user: &Contact,
    measure: Measure,
    details: &Details,
) -> Uuid {
    let security_event_id = Uuid::now_v7();
    let mail = measure.mail(user, security_event_id);
    let detail = json!({ "security_event_id": security_event_id, "mail_queued": mail.is_some() });
    tx.security_event(SecurityEvent {
        id: security_event_id,
        kind: measure.answers_to(),
        subject: Subject::User(user_id.0),
        outcome: measure.as_str(),
        details: json!(details),
    });
    if let Some(mail) = mail {
        tx.notify(mail);
    }
    tx.audit(handled(user_id, measure.as_str(), detail));
    security_event_id
}

/// Nothing is done, and the audit log keeps that there was an alert.
fn refuse(
    tx: &mut Tx<'_>,
    user_id: UserId,
    code: &'static str,
    message: &'static str,
) -> Outcome<Output> {
    tx.audit(handled(user_id, code, Value::Null));
    Outcome::BpmnError {
        code,
        message: message.to_owned(),
    }
}

fn handled(user_id: UserId, outcome: &str, detail: Value) -> Event {
    Event {
        action: "suspicious_activity_handled",
        subject_kind: "user",
        subject_id: user_id.to_string(),
        outcome: outcome.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests;
