//! Whether a merchant may have wallets opened, and who is told. Pure: what the database knows comes
//! in as the merchant's row and the owner's KYC status, both locked.

use chrono::{DateTime, Utc};

use crate::store::merchants::Merchant;
use crate::store::users::KYC_APPROVED;
use crate::tasks::fields::{EmailAddress, FieldError, RegistrationNumber};

/// What is done with a merchant.
pub(super) enum Decision {
    /// It was approved before, since then if that is known, and is not judged again.
    Stands(Option<DateTime<Utc>>),
    /// It keeps every rule, that of its contact address included.
    Approve(EmailAddress),
    /// It does not, and this is why.
    Decline(Vec<FieldError>, Option<Recipient>),
}

/// An address that mail can be sent to, and whose it is.
pub(super) struct Recipient {
    pub(super) address: EmailAddress,
    /// For the audit log, which has no addresses.
    pub(super) role: &'static str,
}

pub(super) const KYC_NOT_APPROVED: &str = "kyc_not_approved";

pub(super) const CONTACT: &str = "contact";
pub(super) const ADMIN: &str = "admin";

/// Every reason against the merchant at once. `owner_kyc` is the KYC status of the owning user, if
/// there is one.
pub(super) fn decide(merchant: &Merchant, owner_kyc: Option<&str>) -> Decision {
    if merchant.is_approved {
        return Decision::Stands(merchant.approval_date);
    }
    let registration_number = RegistrationNumber::parse(&merchant.registration_number)
        .map_err(|fault| FieldError::of("registration_number", fault));
    let contact_email = EmailAddress::parse(&merchant.contact_email)
        .map_err(|fault| FieldError::of("contact_email", fault));
    let owner = match owner_kyc {
        None | Some(KYC_APPROVED) => Ok(()),
        Some(_) => Err(FieldError::new("user_id", KYC_NOT_APPROVED)),
    };
    match (registration_number, contact_email, owner) {
        (Ok(_), Ok(contact_email), Ok(())) => Decision::Approve(contact_email),
        (registration_number, contact_email, owner) => {
            let (contact, contact_fault) = match contact_email {
                Ok(address) => (Some(address), None),
                Err(fault) => (None, Some(fault)),
            };
            let errors = [registration_number.err(), contact_fault, owner.err()];
            Decision::Decline(
                errors.into_iter().flatten().collect(),
                recipient(contact, merchant.admin_email.as_deref()),
            )
        }
    }
}

/// The contact, else the admin, else nobody: a mail that cannot be delivered is never queued.
fn recipient(contact: Option<EmailAddress>, admin: Option<&str>) -> Option<Recipient> {
    let contact = contact.map(|address| Recipient {
        address,
        role: CONTACT,
    });
    contact.or_else(|| {
        let address = EmailAddress::parse(admin?).ok()?;
        Some(Recipient {
            address,
            role: ADMIN,
        })
    })
}

#[cfg(test)]
mod tests;
