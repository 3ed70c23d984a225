//! `validate-wallet-request`: may this person have a wallet with this merchant?
//!
//! Five round trips: BEGIN and claim (one), merchant and wallet (one), insert, answer and audit row
//! (one), COMMIT; the wallet is only looked for when the national id can be read.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ids::{MerchantId, RequestId};
use crate::store::wallet_creation_requests::{APPROVED, NewWalletCreationRequest, REJECTED};
use crate::store::{customers, merchants};
use crate::tasks::fields::{
    self, BirthDate, EmailAddress, FieldError, Fields, NationalId, PersonName, PhoneNumber,
};
use crate::tasks::{Event, Outcome, TaskError, TaskHandler, Tx};

const MERCHANT_UNKNOWN: &str = "merchant_unknown";
const MERCHANT_NOT_APPROVED: &str = "merchant_not_approved";
const WALLET_EXISTS: &str = "wallet_exists";

/// Decides a request for a wallet and records the decision.
pub struct ValidateWalletRequest;

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    merchant_id: MerchantId,
    request_data: BTreeMap<String, Value>,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    request_id: RequestId,
    validation_success: bool,
    validation_errors: Vec<FieldError>,
}

impl TaskHandler for ValidateWalletRequest {
    const TOPIC: &'static str = "validate-wallet-request";
    const CODES: &'static [&'static str] = &[
        fields::UNDER_AGE,
        MERCHANT_UNKNOWN,
        MERCHANT_NOT_APPROVED,
        WALLET_EXISTS,
    ];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let form = Form::read(&input.request_data, fields::today(tx.now()));
        let facts = Facts::gather(tx, input.merchant_id, &form).await?;
        let decision = decide(form, &facts);

        let request_id = RequestId(Uuid::now_v7());
        record(tx, request_id, input.merchant_id, &decision).await?;
        Ok(Outcome::Complete(Output {
            request_id,
            validation_success: decision.is_ok(),
            validation_errors: decision.err().unwrap_or_default(),
        }))
    }
}

/// The person's fields, each read by its rule.
struct Form {
    first_name: Result<PersonName, FieldError>,
    last_name: Result<PersonName, FieldError>,
    email: Result<EmailAddress, FieldError>,
    phone_number: Result<PhoneNumber, FieldError>,
    national_id: Result<NationalId, FieldError>,
    date_of_birth: Result<BirthDate, FieldError>,
}

impl Form {
    fn read(request_data: &BTreeMap<String, Value>, today: NaiveDate) -> Self {
        let fields = Fields::of(request_data);
        Self {
            first_name: fields.read("first_name", PersonName::parse),
            last_name: fields.read("last_name", PersonName::parse),
            email: fields.read("email", EmailAddress::parse),
            phone_number: fields.read("phone_number", PhoneNumber::parse),
            national_id: fields.read("national_id", NationalId::parse),
            date_of_birth: fields.read("date_of_birth", |text| BirthDate::parse(text, today)),
        }
    }
}

/// A person whose every field keeps its rule.
struct Applicant {
    first_name: PersonName,
    last_name: PersonName,
    email: EmailAddress,
    phone_number: PhoneNumber,
    national_id: NationalId,
    date_of_birth: BirthDate,
}

/// What the database knows about the request.
struct Facts {
    /// Whether the merchant is approved; none when there is no such merchant.
    merchant_approved: Option<bool>,
    /// The person holds a wallet with this merchant.
    holds_wallet: bool,
}

impl Facts {
    /// Locks the merchant. The wallet is a courtesy and not locked: `create-wallet` has the last
    /// word, under the lock on the national id.
    async fn gather(tx: &mut Tx<'_>, merchant: MerchantId, form: &Form) -> Result<Self, TaskError> {
        let conn = &*tx.conn();
        let holds_wallet = async {
            match &form.national_id {
                Ok(id) => customers::holds_wallet(conn, id.as_str(), merchant.0).await,
                Err(_) => Ok(false),
            }
        };
        let merchant_approved = merchants::lock_approval(conn, merchant.0);
        let (merchant_approved, holds_wallet) =
            futures_util::try_join!(merchant_approved, holds_wallet)?;
        Ok(Self {
            merchant_approved,
            holds_wallet,
        })
    }
}

/// The merchant first: whether there is somebody to ask comes before what was asked. Then every
/// fault of the form at once, in the order of the fields.
fn decide(form: Form, facts: &Facts) -> Result<Applicant, Vec<FieldError>> {
    let merchant = |code| Err(vec![FieldError::new("merchant_id", code)]);
    match facts.merchant_approved {
        None => return merchant(MERCHANT_UNKNOWN),
        Some(false) => return merchant(MERCHANT_NOT_APPROVED),
        Some(true) => {}
    }
    let wallet_exists = facts
        .holds_wallet
        .then(|| FieldError::new("national_id", WALLET_EXISTS));
    match form {
        Form {
            first_name: Ok(first_name),
            last_name: Ok(last_name),
            email: Ok(email),
            phone_number: Ok(phone_number),
            national_id: Ok(national_id),
            date_of_birth: Ok(date_of_birth),
        } if wallet_exists.is_none() => Ok(Applicant {
            first_name,
            last_name,
            email,
            phone_number,
            national_id,
            date_of_birth,
        }),
        form => Err([
            form.first_name.err(),
            form.last_name.err(),
            form.email.err(),
            form.phone_number.err(),
            form.national_id.err().or(wallet_exists),
            form.date_of_birth.err(),
        ]
        .into_iter()
        .flatten()
        .collect()),
    }
}

/// Writes the request's row and its audit row. A rejected request keeps nothing of the person.
async fn record(
    tx: &mut Tx<'_>,
    request_id: RequestId,
    merchant_id: MerchantId,
    decision: &Result<Applicant, Vec<FieldError>>,
) -> Result<(), TaskError> {
    let applicant = decision.as_ref().ok();
    let errors = decision.as_ref().err().map_or(&[][..], Vec::as_slice);
    let status = if applicant.is_some() {
        APPROVED
    } else {
        REJECTED
    };
    NewWalletCreationRequest {
        request_id: request_id.0,
        merchant_id: merchant_id.0,
        status,
        first_name: applicant.map(|person| person.first_name.as_str()),
        last_name: applicant.map(|person| person.last_name.as_str()),
        email: applicant.map(|person| person.email.as_str()),
        phone_number: applicant.map(|person| person.phone_number.as_str()),
        national_id: applicant.map(|person| person.national_id.as_str()),
        date_of_birth: applicant.map(|person| person.date_of_birth.date()),
        validation_errors: json!(errors),
    }
    .insert(tx.conn())
    .await?;
    let codes: Vec<_> = errors.iter().map(|error| &*error.code).collect();
    tx.audit(Event {
        action: "wallet_request_validated",
        subject_kind: "wallet_creation_request",
        subject_id: request_id.to_string(),
        outcome: status.to_owned(),
        detail: json!({ "codes": codes }),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
