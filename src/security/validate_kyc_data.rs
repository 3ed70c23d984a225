//! `validate-kyc-data`: does the bank know this person?
//!
//! Seven round trips: BEGIN and claim (one), lock on the national id, user's lock, who else has the
//! national id (one), user, answer with audit row and security event (one), COMMIT. A national id
//! that cannot be read saves two of them, an unknown user too.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use futures_util::try_join;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ids::UserId;
use crate::store::customers::{self, Identity};
use crate::store::users::{self, KYC_APPROVED, KYC_REJECTED, ProvenPerson};
use crate::tasks::fields::{self, BirthDate, FieldError, Fields, NationalId, PhoneNumber};
use crate::tasks::{
    EngineDate, Event, Outcome, SecurityEvent, SecurityEventKind, Subject, TaskError, TaskHandler,
    Tx,
};

const USER_NOT_FOUND: &str = "USER_NOT_FOUND";
const NATIONAL_ID_TAKEN: &str = "national_id_taken";
const NATIONAL_ID_MISMATCH: &str = "national_id_mismatch";

/// Decides whether a user is who they say they are, and stores what proves it.
pub struct ValidateKycData;

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    user_id: UserId,
    kyc_data: BTreeMap<String, Value>,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    kyc_validation_success: bool,
    validation_timestamp: EngineDate,
    kyc_errors: Vec<FieldError>,
}

impl TaskHandler for ValidateKycData {
    const TOPIC: &'static str = "validate-kyc-data";
    const ERRORS: &'static [&'static str] = &[USER_NOT_FOUND];
    const CODES: &'static [&'static str] =
        &[fields::UNDER_AGE, NATIONAL_ID_TAKEN, NATIONAL_ID_MISMATCH];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let user = input.user_id;
        let form = Form::read(&input.kyc_data, fields::today(tx.now()));
        // The lock comes before any row's: `create-wallet` takes them in this order too.
        if let Ok(national_id) = &form.national_id {
            customers::lock_identity(tx.conn(), national_id.as_str()).await?;
        }
        let Some(kyc_status) = users::lock_kyc_status(tx.conn(), user.0).await? else {
            return Ok(not_found(tx, user));
        };
        // Only now: whoever held the user's row may have made a customer of them.
        let facts = Facts::gather(tx, user, &form).await?;
        let decision = decide(user, form, &facts);

        store(tx, user, &kyc_status, &decision).await?;
        record(tx, user, &kyc_status, &decision);
        Ok(Outcome::Complete(Output {
            kyc_validation_success: decision.is_ok(),
            validation_timestamp: EngineDate(tx.now()),
            kyc_errors: decision.err().unwrap_or_default(),
        }))
    }
}

/// The person's fields, each read by its rule.
struct Form {
    national_id: Result<NationalId, FieldError>,
    date_of_birth: Result<BirthDate, FieldError>,
    phone_number: Result<PhoneNumber, FieldError>,
}

impl Form {
    fn read(kyc_data: &BTreeMap<String, Value>, today: NaiveDate) -> Self {
        let fields = Fields::of(kyc_data);
        Self {
            national_id: fields.read("national_id", NationalId::parse),
            date_of_birth: fields.read("date_of_birth", |text| BirthDate::parse(text, today)),
            phone_number: fields.read("phone_number", PhoneNumber::parse),
        }
    }
}

/// A person whose every field keeps its rule.
struct Person {
    national_id: NationalId,
    date_of_birth: BirthDate,
    phone_number: PhoneNumber,
}

/// What the database knows about the national id; nothing of one that cannot be read.
#[derive(Default)]
struct Facts {
    /// Another user has it.
    another_has_it: bool,
    /// The customers who have it or are this user's.
    customers: Vec<Identity>,
}

impl Facts {
    async fn gather(tx: &mut Tx<'_>, user: UserId, form: &Form) -> Result<Self, TaskError> {
        let Ok(national_id) = &form.national_id else {
            return Ok(Self::default());
        };
        let conn = &*tx.conn();
        let (another_has_it, customers) = try_join!(
            users::another_has_national_id(conn, user.0, national_id.as_str()),
            customers::find_identities(conn, national_id.as_str(), user.0),
        )?;
        Ok(Self {
            another_has_it,
            customers,
        })
    }

    /// What stands against this user's having this national id.
    fn clash(&self, user: UserId, national_id: &NationalId) -> Option<&'static str> {
        let mut others = self
            .customers
            .iter()
            .filter(|other| other.user_id != user.0);
        let mut own = self.customers.iter().filter(|own| own.user_id == user.0);
        if self.another_has_it || others.next().is_some() {
            Some(NATIONAL_ID_TAKEN)
        } else if own.any(|customer| customer.national_id != national_id.as_str()) {
            Some(NATIONAL_ID_MISMATCH)
        } else {
            None
        }
    }
}

/// Every fault of the form at once, in the order of the fields.
fn decide(user: UserId, form: Form, facts: &Facts) -> Result<Person, Vec<FieldError>> {
    let national_id = form
        .national_id
        .and_then(|id| match facts.clash(user, &id) {
            Some(code) => Err(FieldError::new("national_id", code)),
            None => Ok(id),
        });
    match (national_id, form.date_of_birth, form.phone_number) {
        (Ok(national_id), Ok(date_of_birth), Ok(phone_number)) => Ok(Person {
            national_id,
            date_of_birth,
            phone_number,
        }),
        (national_id, date_of_birth, phone_number) => {
            Err([national_id.err(), date_of_birth.err(), phone_number.err()]
                .into_iter()
                .flatten()
                .collect())
        }
    }
}

/// The user's KYC status after the decision: what was proven once stays so.
fn status_after<T, E>(kyc_status: &str, decision: &Result<T, E>) -> &'static str {
    if decision.is_ok() || kyc_status == KYC_APPROVED {
        KYC_APPROVED
    } else {
        KYC_REJECTED
    }
}

/// Writes the user's row. Of refused data nothing is kept.
async fn store(
    tx: &mut Tx<'_>,
    user: UserId,
    kyc_status: &str,
    decision: &Result<Person, Vec<FieldError>>,
) -> Result<(), TaskError> {
    match decision {
        Ok(person) => {
            let proven = ProvenPerson {
                national_id: person.national_id.as_str(),
                date_of_birth: person.date_of_birth.date(),
                phone_number: person.phone_number.as_str(),
            };
            proven.approve(tx.conn(), user.0).await?;
        }
        Err(_) if status_after(kyc_status, decision) == kyc_status => {}
        Err(_) => users::reject_kyc(tx.conn(), user.0).await?,
    }
    Ok(())
}

/// The audit row and the security event: what was decided, by codes alone.
fn record(
    tx: &mut Tx<'_>,
    user: UserId,
    kyc_status: &str,
    decision: &Result<Person, Vec<FieldError>>,
) {
    let errors = decision.as_ref().err().map_or(&[][..], Vec::as_slice);
    let codes: Vec<_> = errors.iter().map(|error| &*error.code).collect();
    let outcome = match decision {
        Ok(_) => "approved",
        Err(_) => "rejected",
    };
    tx.audit(Event {
        action: "kyc_validated",
        subject_kind: "user",
        subject_id: user.to_string(),
        outcome: outcome.to_owned(),
        detail: json!({ "codes": codes, "kyc_status": status_after(kyc_status, decision) }),
    });
    tx.security_event(SecurityEvent {
        id: Uuid::now_v7(),
        kind: SecurityEventKind::KycValidated,
        subject: Subject::User(user.0),
        outcome,
        details: json!({ "codes": codes }),
    });
}

/// Audited, and no security event: that is a fact about a user, and there is none.
fn not_found(tx: &mut Tx<'_>, user: UserId) -> Outcome<Output> {
    tx.audit(Event {
        action: "kyc_validated",
        subject_kind: "user",
        subject_id: user.to_string(),
        outcome: USER_NOT_FOUND.to_owned(),
        detail: Value::Null,
    });
    Outcome::BpmnError {
        code: USER_NOT_FOUND,
        message: "there is no user with this user_id".to_owned(),
    }
}

#[cfg(test)]
mod tests;
