//! Who may hold the wallet of a request, and the business's reasons to make none. Pure: what the
//! database knows comes in as [`Facts`].

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::store::customers::Customer;
use crate::store::users::{CUSTOMER, Claimant, User};
use crate::tasks::Outcome;

/// The business's reasons to make no wallet; the model has a path for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The e-mail address or the national id belongs to somebody else.
    IdentityConflict,
    /// The person's account is locked or inactive.
    CustomerBlocked,
    /// The merchant is gone or no longer approved.
    MerchantNotApproved,
    /// Another request's wallet stands.
    WalletExists,
}

impl Refusal {
    const ALL: [Self; 4] = [
        Self::IdentityConflict,
        Self::CustomerBlocked,
        Self::MerchantNotApproved,
        Self::WalletExists,
    ];
    pub(super) const CODES: [&'static str; 4] = [
        Self::IdentityConflict.code(),
        Self::CustomerBlocked.code(),
        Self::MerchantNotApproved.code(),
        Self::WalletExists.code(),
    ];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::IdentityConflict => "IDENTITY_CONFLICT",
            Self::CustomerBlocked => "CUSTOMER_BLOCKED",
            Self::MerchantNotApproved => "MERCHANT_NOT_APPROVED",
            Self::WalletExists => "WALLET_EXISTS",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::IdentityConflict => "the request's person is stored with other data",
            Self::CustomerBlocked => "the customer's account is locked or inactive",
            Self::MerchantNotApproved => "the merchant is gone or not approved",
            Self::WalletExists => "the customer holds a wallet with this merchant already",
        }
    }

    pub(super) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

impl<O> From<Refusal> for Outcome<O> {
    fn from(refusal: Refusal) -> Self {
        Self::BpmnError {
            code: refusal.code(),
            message: refusal.message().to_owned(),
        }
    }
}

/// The person of an approved request.
pub(super) struct Applicant {
    pub(super) merchant_id: Uuid,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) phone_number: String,
    pub(super) national_id: String,
    pub(super) date_of_birth: NaiveDate,
}

/// What the database knows about the person and the merchant, every row of it locked.
pub(super) struct Facts {
    pub(super) person: Person,
    pub(super) merchant_approved: bool,
    pub(super) holds_wallet: bool,
}

/// Who the applicant may be.
pub(super) enum Person {
    /// The national id has a customer, and this is the user behind it.
    Customer(Customer, User),
    /// It has none; these users have the national id or the e-mail address.
    Claimants(Vec<Claimant>),
}

/// Who will hold the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// This customer.
    Customer(Uuid),
    /// A new customer, for this user.
    User(Uuid),
    /// A new user and customer.
    Nobody,
}

pub(super) fn decide(
    applicant: &Applicant,
    facts: &Facts,
    now: DateTime<Utc>,
) -> Result<Holder, Refusal> {
    if !facts.merchant_approved {
        return Err(Refusal::MerchantNotApproved);
    }
    let (holder, user) = identify(applicant, &facts.person)?;
    if user.is_some_and(|user| user.is_blocked(now)) {
        return Err(Refusal::CustomerBlocked);
    }
    if facts.holds_wallet {
        return Err(Refusal::WalletExists);
    }
    Ok(holder)
}

/// The national id is the identity: nobody gets a wallet under somebody else's e-mail address, and
/// nobody's stored data are changed by a request.
fn identify<'f>(
    applicant: &Applicant,
    person: &'f Person,
) -> Result<(Holder, Option<&'f User>), Refusal> {
    match person {
        Person::Customer(customer, user) if customer.date_of_birth == applicant.date_of_birth => {
            Ok((Holder::Customer(customer.customer_id), Some(user)))
        }
        Person::Claimants(claimants) => match claimants.as_slice() {
            [] => Ok((Holder::Nobody, None)),
            [claimant] if is_applicant(claimant, applicant) => {
                Ok((Holder::User(claimant.user.id), Some(&claimant.user)))
            }
            _ => Err(Refusal::IdentityConflict),
        },
        Person::Customer(..) => Err(Refusal::IdentityConflict),
    }
}

fn is_applicant(claimant: &Claimant, applicant: &Applicant) -> bool {
    let user = &claimant.user;
    claimant.same_email
        && user.role == CUSTOMER
        && user.national_id.as_deref() == Some(&applicant.national_id)
        && user.date_of_birth.is_none_or(|date| date == applicant.date_of_birth)
        // A customer of theirs would have another national id, or it had been found by this one.
        && !claimant.is_customer
}

#[cfg(test)]
mod tests;
