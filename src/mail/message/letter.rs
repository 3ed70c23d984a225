//! A mail that has all it needs to be sent.

use url::Url;

use super::page::{
    AccountLocked, MerchantApproved, MerchantDeclined, Page, UnusualActivity, VerifyEmail,
    WalletCreated,
};
use super::reason::sentences;
use super::{Mail, Verification};
use crate::mail::local_time::{date, moment, wait_until};
use crate::mail::text::{greeting, money, one_line};

/// A mail together with the link it carries, if it carries one: the only thing that is sent. No
/// `Debug`: it holds personal data, and whoever has the link can use it.
pub struct Letter<'a> {
    recipient: &'a str,
    page: Box<dyn Page>,
}

/// A mail as its reader sees it. No `Debug`: it holds personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

impl<'a> Letter<'a> {
    /// Makes a letter of `mail`. Asks `link` for the link from a verification and the e-mail address
    /// it is about, if the mail carries one.
    ///
    /// # Errors
    /// When the mail carries a link, and `link` has none.
    pub fn new<E>(
        mail: &'a Mail,
        link: impl FnOnce(&Verification, &str) -> Result<Url, E>,
    ) -> Result<Self, E> {
        Ok(Self {
            recipient: mail.recipient(),
            page: page(mail, link)?,
        })
    }

    /// The address it goes to, not yet checked.
    pub(in crate::mail) fn recipient(&self) -> &str {
        self.recipient
    }

    /// The texts, signed with the `sender`'s name.
    pub fn render(&self, sender: &str) -> Rendered {
        self.page.write(&one_line(sender))
    }
}

/// Every value is made fit to be shown here, so that the templates need not think of it.
fn page<E>(
    mail: &Mail,
    link: impl FnOnce(&Verification, &str) -> Result<Url, E>,
) -> Result<Box<dyn Page>, E> {
    Ok(match mail {
        Mail::WalletCreated {
            recipient: _,
            first_name,
            wallet_id,
            merchant,
            daily_limit,
            monthly_limit,
            currency,
        } => Box::new(WalletCreated {
            greeting: greeting(Some(first_name)),
            merchant: one_line(merchant),
            wallet_id: one_line(wallet_id),
            daily_limit: money(*daily_limit, currency),
            monthly_limit: money(*monthly_limit, currency),
        }),
        Mail::MerchantApproved {
            recipient: _,
            business_name,
            merchant_id,
            approved_at,
        } => Box::new(MerchantApproved {
            business_name: one_line(business_name),
            merchant_id: *merchant_id,
            approved_on: date(*approved_at),
        }),
        Mail::MerchantDeclined {
            recipient: _,
            business_name,
            merchant_id,
            security_event_id,
            reasons,
        } => Box::new(MerchantDeclined {
            business_name: one_line(business_name),
            merchant_id: *merchant_id,
            reference: *security_event_id,
            reasons: sentences(reasons),
        }),
        Mail::AccountLocked {
            recipient: _,
            greeting_name,
            security_event_id,
            locked_until,
        } => Box::new(AccountLocked {
            greeting: greeting(greeting_name.as_deref()),
            reference: *security_event_id,
            until: wait_until(*locked_until),
        }),
        Mail::UnusualActivity {
            recipient: _,
            greeting_name,
            security_event_id,
            flagged_at,
        } => Box::new(UnusualActivity {
            greeting: greeting(greeting_name.as_deref()),
            reference: *security_event_id,
            noticed_at: moment(*flagged_at),
        }),
        Mail::VerifyEmail {
            recipient,
            greeting_name,
            verification,
        } => Box::new(VerifyEmail {
            greeting: greeting(greeting_name.as_deref()),
            email: one_line(recipient),
            link: link(verification, recipient)?,
            expires_at: moment(verification.expires_at),
        }),
    })
}
