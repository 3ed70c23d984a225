//! What each mail says: one variant a mail, one folder of templates each.
//!
//! A [`Mail`] lies in the outbox as JSON tagged with its `template`. When it is sent it becomes a
//! [`Letter`], which has what must not lie there, and is rendered. The texts are compiled in.
//! A further mail is a variant, its key, its page in `page.rs`, and a folder with `subject.txt`,
//! `body.txt`, `body.html`.

mod letter;
mod page;
mod reason;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use letter::{Letter, Rendered};

/// A mail to one person. No `Debug`: it holds personal data.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Mail {
    /// Tells customers that their wallet is there.
    WalletCreated {
        /// The customer's e-mail address.
        recipient: String,
        /// How the customer is greeted.
        first_name: String,
        /// The new wallet.
        wallet_id: String,
        /// The business name of the merchant who asked for the wallet.
        merchant: String,
        /// What can be spent in a day.
        #[serde(with = "amount")]
        daily_limit: Decimal,
        /// What can be spent in a month.
        #[serde(with = "amount")]
        monthly_limit: Decimal,
        /// ISO 4217.
        currency: String,
    },
    /// Tells merchants that they may open wallets.
    MerchantApproved {
        /// The merchant's e-mail address.
        recipient: String,
        /// What the merchant is called.
        business_name: String,
        /// The merchant.
        merchant_id: Uuid,
        /// Since when.
        approved_at: DateTime<Utc>,
    },
    /// Tells merchants why they may not open wallets, and what to do.
    MerchantDeclined {
        /// The merchant's e-mail address.
        recipient: String,
        /// What the merchant is called.
        business_name: String,
        /// The merchant.
        merchant_id: Uuid,
        /// The decision.
        security_event_id: Uuid,
        /// Stable codes such as `registration_number_invalid`.
        reasons: Vec<String>,
    },
    /// Tells users that nobody can sign in to their account for a while.
    AccountLocked {
        /// The user's e-mail address.
        recipient: String,
        /// How the user is greeted.
        greeting_name: Option<String>,
        /// What the account was locked for.
        security_event_id: Uuid,
        /// Until when; the far future means for good.
        locked_until: DateTime<Utc>,
    },
    /// Tells users that somebody will look at what happened on their account.
    UnusualActivity {
        /// The user's e-mail address.
        recipient: String,
        /// How the user is greeted.
        greeting_name: Option<String>,
        /// What was noticed.
        security_event_id: Uuid,
        /// Since when the account is to be looked at.
        flagged_at: DateTime<Utc>,
    },
    /// Asks users to confirm that the address is theirs.
    VerifyEmail {
        /// The e-mail address to confirm.
        recipient: String,
        /// How the user is greeted.
        greeting_name: Option<String>,
        /// What the link is made of when the mail is sent.
        verification: Verification,
    },
}

/// What the link of a [`Mail::VerifyEmail`] is made of, beside the e-mail address and the key. The
/// link itself lies in no database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The verification.
    pub verification_id: Uuid,
    /// Whose address it is.
    pub user_id: Uuid,
    /// Which key signs the link.
    pub key_id: String,
    /// When the link stops working.
    pub expires_at: DateTime<Utc>,
}

impl Mail {
    /// Every [`Self::template`], for the metrics.
    pub const TEMPLATES: &'static [&'static str] = &[
        "wallet_created",
        "merchant_approved",
        "merchant_declined",
        "account_locked",
        "unusual_activity",
        "verify_email",
    ];

    /// Which mail it is, from a closed set.
    pub fn template(&self) -> &'static str {
        match self {
            Self::WalletCreated { .. } => "wallet_created",
            Self::MerchantApproved { .. } => "merchant_approved",
            Self::MerchantDeclined { .. } => "merchant_declined",
            Self::AccountLocked { .. } => "account_locked",
            Self::UnusualActivity { .. } => "unusual_activity",
            Self::VerifyEmail { .. } => "verify_email",
        }
    }

    /// The notification key: what is announced twice under one key is sent once.
    pub fn key(&self) -> String {
        match self {
            Self::WalletCreated { wallet_id, .. } => format!("wallet-created:{wallet_id}"),
            Self::MerchantApproved { merchant_id, .. } => {
                format!("merchant-approved:{merchant_id}")
            }
            Self::MerchantDeclined {
                security_event_id, ..
            } => format!("merchant-declined:{security_event_id}"),
            Self::AccountLocked {
                security_event_id, ..
            } => format!("account-locked:{security_event_id}"),
            Self::UnusualActivity {
                security_event_id, ..
            } => format!("unusual-activity:{security_event_id}"),
            Self::VerifyEmail { verification, .. } => {
                format!("verify-email:{}", verification.verification_id)
            }
        }
    }

    /// The address it goes to, not yet checked.
    pub fn recipient(&self) -> &str {
        match self {
            Self::WalletCreated { recipient, .. }
            | Self::MerchantApproved { recipient, .. }
            | Self::MerchantDeclined { recipient, .. }
            | Self::AccountLocked { recipient, .. }
            | Self::UnusualActivity { recipient, .. }
            | Self::VerifyEmail { recipient, .. } => recipient,
        }
    }
}

/// Amounts travel as text: as a JSON number `1000.10` would become a float.
mod amount {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(amount: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(amount)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
