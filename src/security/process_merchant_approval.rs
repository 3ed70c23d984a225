//! `process-merchant-approval`: may this merchant have wallets opened?
//!
//! Seven round trips: BEGIN and claim (one), merchant's owner, owner's lock, merchant's lock, merchant
//! and mail queued before? (one), answer with audit row, security event and mail (one), COMMIT. A
//! merchant without an owner is one less, one that is not approved now another; an unknown one is
//! four.

mod decision;

use futures_util::try_join;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use self::decision::{CONTACT, Decision, KYC_NOT_APPROVED, Recipient, decide};
use super::ids::MerchantId;
use crate::mail::Mail;
use crate::store::merchants::{self, Merchant};
use crate::store::{outbox, users};
use crate::tasks::fields::{EmailAddress, FieldError};
use crate::tasks::{
    EngineDate, Event, Outcome, SecurityEvent, SecurityEventKind, Subject, TaskError, TaskHandler,
    Tx,
};

const MERCHANT_NOT_FOUND: &str = "MERCHANT_NOT_FOUND";

/// Approves or declines a merchant, once for good when it approves, and tells it.
pub struct ProcessMerchantApproval;

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    merchant_id: MerchantId,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    approval_success: bool,
    /// Since when the merchant is approved. Null for one that is declined, and for one that the
    /// banking application approved without a date: none is made up.
    approval_timestamp: Option<EngineDate>,
    approval_errors: Vec<FieldError>,
}

impl TaskHandler for ProcessMerchantApproval {
    const TOPIC: &'static str = "process-merchant-approval";
    const ERRORS: &'static [&'static str] = &[MERCHANT_NOT_FOUND];
    const CODES: &'static [&'static str] = &[KYC_NOT_APPROVED];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let id = input.merchant_id;
        let Some(owner) = merchants::find_owner(tx.conn(), id.0).await? else {
            return Ok(not_found(tx, id));
        };
        let owner_kyc = match owner {
            Some(user) => users::lock_kyc_status(tx.conn(), user).await?,
            None => None,
        };
        let Some(merchant) = merchants::lock(tx.conn(), id.0).await? else {
            return Ok(not_found(tx, id));
        };
        // Users are locked before merchants, so the owner was read without a lock on the merchant.
        if merchant.user_id != owner {
            return Err(TaskError::Conflict);
        }
        let output = match decide(&merchant, owner_kyc.as_deref()) {
            Decision::Stands(since) => stand(tx, id, since.map(EngineDate)),
            Decision::Approve(contact) => approve(tx, id, merchant, &contact).await?,
            Decision::Decline(errors, recipient) => decline(tx, id, merchant, errors, recipient),
        };
        Ok(Outcome::Complete(output))
    }
}

/// Gives the answer that was given before. There is no second security event: the fact is the
/// approval, not the question. That it was asked again stands in the audit log.
fn stand(tx: &mut Tx<'_>, id: MerchantId, since: Option<EngineDate>) -> Output {
    tx.audit(decided(id, "already_approved", Value::Null));
    Output {
        approval_success: true,
        approval_timestamp: since,
        approval_errors: Vec::new(),
    }
}

async fn approve(
    tx: &mut Tx<'_>,
    id: MerchantId,
    merchant: Merchant,
    contact: &EmailAddress,
) -> Result<Output, TaskError> {
    let approved_at = tx.now();
    let mail = Mail::MerchantApproved {
        recipient: contact.as_str().to_owned(),
        business_name: merchant.business_name,
        merchant_id: id.0,
        approved_at,
    };
    let (conn, key) = (&*tx.conn(), mail.key());
    let ((), told_before) = try_join!(
        merchants::approve(conn, id.0, approved_at),
        outbox::is_queued(conn, &key),
    )?;
    // Who lost the approval and gets it back was told once, and the outbox keeps to that.
    let told = if told_before { "told_before" } else { CONTACT };
    if !told_before {
        tx.notify(mail);
    }
    tx.audit(decided(
        id,
        "approved",
        json!({ "codes": [], "mail": told }),
    ));
    tx.security_event(SecurityEvent {
        id: Uuid::now_v7(),
        kind: SecurityEventKind::MerchantApproved,
        subject: Subject::Merchant(id.0),
        outcome: "approved",
        details: json!({ "codes": [] }),
    });
    Ok(Output {
        approval_success: true,
        approval_timestamp: Some(EngineDate(approved_at)),
        approval_errors: Vec::new(),
    })
}

fn decline(
    tx: &mut Tx<'_>,
    id: MerchantId,
    merchant: Merchant,
    errors: Vec<FieldError>,
    recipient: Option<Recipient>,
) -> Output {
    let security_event_id = Uuid::now_v7();
    let codes: Vec<_> = errors.iter().map(|error| error.code.to_string()).collect();
    let told = recipient.as_ref().map_or("nobody", |to| to.role);
    tx.audit(decided(
        id,
        "declined",
        json!({ "codes": codes, "mail": told }),
    ));
    tx.security_event(SecurityEvent {
        id: security_event_id,
        kind: SecurityEventKind::MerchantDeclined,
        subject: Subject::Merchant(id.0),
        outcome: "declined",
        details: json!({ "codes": codes }),
    });
    if let Some(recipient) = recipient {
        tx.notify(Mail::MerchantDeclined {
            recipient: recipient.address.as_str().to_owned(),
            business_name: merchant.business_name,
            merchant_id: id.0,
            security_event_id,
            reasons: codes,
        });
    }
    Output {
        approval_success: false,
        approval_timestamp: None,
        approval_errors: errors,
    }
}

/// Audited, and no security event: that is a fact about a merchant, and there is none.
fn not_found(tx: &mut Tx<'_>, id: MerchantId) -> Outcome<Output> {
    tx.audit(decided(id, MERCHANT_NOT_FOUND, Value::Null));
    Outcome::BpmnError {
        code: MERCHANT_NOT_FOUND,
        message: "there is no merchant with this merchant_id".to_owned(),
    }
}

fn decided(id: MerchantId, outcome: &str, detail: Value) -> Event {
    Event {
        action: "merchant_approval_decided",
        subject_kind: "merchant",
        subject_id: id.to_string(),
        outcome: outcome.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests;
