//! `create-wallet`: makes the one wallet of an approved request.
//!
//! Round trips: BEGIN and claim (one), request, lock on the national id, request's lock and customer
//! (one), user's lock, merchant's lock and wallet (one), wallet and request (one), answer and audit
//! rows (one), COMMIT: nine. A new customer is one more, a new user another. Asked again: five.

mod decision;

use diesel_async::AsyncPgConnection;
use futures_util::try_join;
use rand::rngs::SysError;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::decision::{Applicant, Facts, Holder, Person, Refusal, decide};
use super::ids::RequestId;
use super::wallet_number::WalletNumber;
use crate::store::customers::{self, Customer, NewCustomer};
use crate::store::merchants;
use crate::store::users::{self, CUSTOMER, NewUser};
use crate::store::wallet_creation_requests::{self as requests, WalletCreationRequest};
use crate::store::wallets::{self, NewWallet, Opened};
use crate::tasks::{Event, Outcome, TaskError, TaskHandler, Tx};

/// What every new wallet is.
const WALLET_TYPE: &str = "basic";
const STATUS: &str = "active";
const CURRENCY: &str = "BWP";
const BALANCE: Decimal = pula(0);
/// That may leave it a day.
const DAILY_LIMIT: Decimal = pula(1_000);
/// That may leave it a month.
const MONTHLY_LIMIT: Decimal = pula(10_000);

/// Whole pula, kept with two decimals.
const fn pula(amount: u32) -> Decimal {
    Decimal::from_parts(amount * 100, 0, 0, false, 2)
}

/// Of 2⁵⁰ numbers, meeting taken ones this often in a row is a broken generator.
const DRAWS: u32 = 3;

/// Makes the wallet of an approved request, and its holder when they are new.
pub struct CreateWallet {
    draw: fn() -> Result<WalletNumber, SysError>,
}

impl Default for CreateWallet {
    fn default() -> Self {
        Self {
            draw: WalletNumber::draw,
        }
    }
}

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    request_id: RequestId,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    wallet_id: WalletNumber,
    creation_success: bool,
}

impl TaskHandler for CreateWallet {
    const TOPIC: &'static str = "create-wallet";
    const ERRORS: &'static [&'static str] = &Refusal::CODES;
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let id = input.request_id;
        let request = requests::find(tx.conn(), id.0)
            .await?
            .ok_or_else(|| TaskError::fatal("request_id: there is no such wallet request"))?;
        let applicant = match standing(request) {
            Ok(applicant) => applicant,
            Err(settled) => return answer_again(tx, id, settled).await,
        };
        customers::lock_identity(tx.conn(), &applicant.national_id).await?;
        let conn = &*tx.conn();
        let (request, customer) = try_join!(
            requests::lock(conn, id.0),
            customers::find_by_national_id(conn, &applicant.national_id),
        )?;
        // While we waited for the lock, another task may have settled the same request.
        if let Err(settled) = standing(request) {
            return answer_again(tx, id, settled).await;
        }
        let facts = Facts::gather(tx, &applicant, customer).await?;
        match decide(&applicant, &facts, tx.now()) {
            Ok(holder) => self.fulfil(tx, id, &applicant, holder).await,
            Err(refusal) => refuse(tx, id, refusal).await,
        }
    }
}

/// A request that no wallet is to be made for, now or ever.
enum Settled {
    Fulfilled,
    Refused(Refusal),
    /// The model sent on what `validate-wallet-request` had answered with no.
    Invalid,
    /// The row breaks the table's own rules.
    Unreadable,
}

/// The applicant of a request that waits for its wallet.
fn standing(request: WalletCreationRequest) -> Result<Applicant, Settled> {
    match (request.status.as_str(), request.bpmn_error) {
        (requests::APPROVED, None) => {}
        (requests::FULFILLED, None) => return Err(Settled::Fulfilled),
        (requests::REJECTED, None) => return Err(Settled::Invalid),
        (requests::REJECTED, Some(code)) => {
            let refusal = Refusal::of_code(&code).ok_or(Settled::Unreadable)?;
            return Err(Settled::Refused(refusal));
        }
        _ => return Err(Settled::Unreadable),
    }
    Ok(Applicant {
        merchant_id: request.merchant_id,
        first_name: request.first_name.ok_or(Settled::Unreadable)?,
        last_name: request.last_name.ok_or(Settled::Unreadable)?,
        email: request.email.ok_or(Settled::Unreadable)?,
        phone_number: request.phone_number.ok_or(Settled::Unreadable)?,
        national_id: request.national_id.ok_or(Settled::Unreadable)?,
        date_of_birth: request.date_of_birth.ok_or(Settled::Unreadable)?,
    })
}

/// What an operator's restart gets: the answer that was given before.
async fn answer_again(
    tx: &mut Tx<'_>,
    id: RequestId,
    settled: Settled,
) -> Result<Outcome<Output>, TaskError> {
    match settled {
        Settled::Fulfilled => {
            let wallet_id = wallets::find_by_request(tx.conn(), id.0).await?;
            let wallet_id = wallet_id.and_then(|number| number.try_into().ok());
            wallet_id
                .map(Output::of)
                .ok_or_else(|| TaskError::fatal("a fulfilled wallet request has no wallet"))
        }
        Settled::Refused(refusal) => Ok(refusal.into()),
        Settled::Invalid => Err(TaskError::fatal(
            "request_id: validation refused this wallet request, the model must not send it here",
        )),
        Settled::Unreadable => Err(TaskError::fatal("the stored wallet request cannot be read")),
    }
}

impl Output {
    fn of(wallet_id: WalletNumber) -> Outcome<Self> {
        Outcome::Complete(Self {
            wallet_id,
            creation_success: true,
        })
    }
}

impl Facts {
    async fn gather(
        tx: &mut Tx<'_>,
        applicant: &Applicant,
        customer: Option<Customer>,
    ) -> Result<Self, TaskError> {
        let person = match customer {
            Some(customer) => {
                let user = users::lock(tx.conn(), customer.user_id).await?;
                let user = user.ok_or_else(|| TaskError::fatal("a customer has no user"))?;
                Person::Customer(customer, user)
            }
            None => Person::Claimants(
                users::lock_claimants(tx.conn(), &applicant.email, &applicant.national_id).await?,
            ),
        };
        let conn = &*tx.conn();
        let (merchant_approved, holds_wallet) = try_join!(
            merchants::lock_approval(conn, applicant.merchant_id),
            customers::holds_wallet(conn, &applicant.national_id, applicant.merchant_id),
        )?;
        Ok(Self {
            person,
            merchant_approved: merchant_approved == Some(true),
            holds_wallet,
        })
    }
}

impl CreateWallet {
    async fn fulfil(
        &self,
        tx: &mut Tx<'_>,
        id: RequestId,
        applicant: &Applicant,
        holder: Holder,
    ) -> Result<Outcome<Output>, TaskError> {
        let customer_id = match holder {
            Holder::Customer(customer_id) => customer_id,
            Holder::User(user_id) => add_customer(tx, applicant, user_id).await?,
            Holder::Nobody => {
                let user_id = add_user(tx, applicant).await?;
                add_customer(tx, applicant, user_id).await?
            }
        };
        let conn = &*tx.conn();
        let opening = self.open(conn, id, customer_id, applicant.merchant_id);
        let marking = async { Ok(requests::mark_fulfilled(conn, id.0).await?) };
        let (wallet_id, ()) = try_join!(opening, marking)?;
        tx.audit(created("wallet_created", "wallet", wallet_id.to_string()));
        tx.audit(Event {
            action: "wallet_request_fulfilled",
            subject_kind: "wallet_creation_request",
            subject_id: id.to_string(),
            outcome: requests::FULFILLED.to_owned(),
            detail: Value::Null,
        });
        Ok(Output::of(wallet_id))
    }

    /// Opens the wallet under the first number that is free.
    async fn open(
        &self,
        conn: &AsyncPgConnection,
        id: RequestId,
        customer_id: Uuid,
        merchant_id: Uuid,
    ) -> Result<WalletNumber, TaskError> {
        for _ in 0..DRAWS {
            let number = (self.draw)().map_err(|fault| TaskError::Retry(fault.into()))?;
            let wallet = NewWallet {
                wallet_id: number.as_str(),
                request_id: id.0,
                customer_id,
                merchant_id,
                wallet_type: WALLET_TYPE,
                status: STATUS,
                currency: CURRENCY,
                balance: BALANCE,
                daily_limit: DAILY_LIMIT,
                monthly_limit: MONTHLY_LIMIT,
            };
            match wallet.insert(conn).await? {
                Opened::Inserted => return Ok(number),
                Opened::NumberTaken => {}
                Opened::AlreadyThere => return Err(TaskError::Conflict),
            }
        }
        Err(TaskError::Retry(anyhow::anyhow!(
            "{DRAWS} wallet numbers in a row were taken"
        )))
    }
}

/// Somebody outside our locks was quicker when nothing is inserted: then all is decided again.
fn inserted(inserted: bool) -> Result<(), TaskError> {
    if inserted {
        Ok(())
    } else {
        Err(TaskError::Conflict)
    }
}

async fn add_user(tx: &mut Tx<'_>, applicant: &Applicant) -> Result<Uuid, TaskError> {
    let id = Uuid::now_v7();
    let user = NewUser {
        id,
        email: &applicant.email,
        role: CUSTOMER,
        national_id: &applicant.national_id,
        date_of_birth: applicant.date_of_birth,
        phone_number: &applicant.phone_number,
    };
    inserted(user.insert(tx.conn()).await?)?;
    tx.audit(created("user_created", "user", id.to_string()));
    Ok(id)
}

async fn add_customer(
    tx: &mut Tx<'_>,
    applicant: &Applicant,
    user_id: Uuid,
) -> Result<Uuid, TaskError> {
    let customer_id = Uuid::now_v7();
    let customer = NewCustomer {
        customer_id,
        user_id,
        national_id: &applicant.national_id,
        first_name: &applicant.first_name,
        last_name: &applicant.last_name,
        date_of_birth: applicant.date_of_birth,
        phone_number: &applicant.phone_number,
    };
    inserted(customer.insert(tx.conn()).await?)?;
    tx.audit(created(
        "customer_created",
        "customer",
        customer_id.to_string(),
    ));
    Ok(customer_id)
}

fn created(action: &'static str, subject_kind: &'static str, subject_id: String) -> Event {
    Event {
        action,
        subject_kind,
        subject_id,
        outcome: "created".to_owned(),
        detail: Value::Null,
    }
}

/// Settles the request with a BPMN error, for this task and every later one.
async fn refuse(
    tx: &mut Tx<'_>,
    id: RequestId,
    refusal: Refusal,
) -> Result<Outcome<Output>, TaskError> {
    requests::mark_rejected(tx.conn(), id.0, refusal.code()).await?;
    tx.audit(Event {
        action: "wallet_request_rejected",
        subject_kind: "wallet_creation_request",
        subject_id: id.to_string(),
        outcome: refusal.code().to_owned(),
        detail: Value::Null,
    });
    Ok(refusal.into())
}

#[cfg(test)]
mod tests;
