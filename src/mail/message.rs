//! What each mail says: one variant a mail, one folder of templates each.
//!
//! A mail lies in the outbox as JSON tagged with its `template` and is rendered when it is sent. The
//! texts are compiled in; values are escaped in the HTML part and made one line in all parts.
//! A further mail is a variant, its key, and a folder with `subject.txt`, `body.txt`, `body.html`.

use askama::Template;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::text::{money, one_line};

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

impl Mail {
    /// Every [`Self::template`], for the metrics.
    pub const TEMPLATES: &'static [&'static str] = &["wallet_created"];

    /// The notification key: what is announced twice under one key is sent once.
    pub fn key(&self) -> String {
        match self {
            Self::WalletCreated { wallet_id, .. } => format!("wallet-created:{wallet_id}"),
        }
    }

    /// Which mail it is, from a closed set.
    pub fn template(&self) -> &'static str {
        match self {
            Self::WalletCreated { .. } => "wallet_created",
        }
    }

    /// The address it goes to, not yet checked.
    pub fn recipient(&self) -> &str {
        match self {
            Self::WalletCreated { recipient, .. } => recipient,
        }
    }

    /// The texts, signed with the `sender`'s name.
    pub fn render(&self, sender: &str) -> Rendered {
        match self {
            Self::WalletCreated {
                recipient: _,
                first_name,
                wallet_id,
                merchant,
                daily_limit,
                monthly_limit,
                currency,
            } => WalletCreated {
                sender: one_line(sender),
                first_name: one_line(first_name),
                merchant: one_line(merchant),
                wallet_id: one_line(wallet_id),
                daily_limit: money(*daily_limit, currency),
                monthly_limit: money(*monthly_limit, currency),
            }
            .render(),
        }
    }
}

/// What the templates in `wallet_created/` show.
struct WalletCreated {
    sender: String,
    first_name: String,
    merchant: String,
    wallet_id: String,
    daily_limit: String,
    monthly_limit: String,
}

#[derive(Template)]
#[template(path = "wallet_created/subject.txt")]
struct WalletCreatedSubject<'a> {
    mail: &'a WalletCreated,
}

#[derive(Template)]
#[template(path = "wallet_created/body.txt")]
struct WalletCreatedText<'a> {
    mail: &'a WalletCreated,
}

#[derive(Template)]
#[template(path = "wallet_created/body.html")]
struct WalletCreatedHtml<'a> {
    mail: &'a WalletCreated,
}

impl WalletCreated {
    fn render(&self) -> Rendered {
        Rendered {
            subject: fill(&WalletCreatedSubject { mail: self })
                .trim_end()
                .to_owned(),
            text: fill(&WalletCreatedText { mail: self }),
            html: fill(&WalletCreatedHtml { mail: self }),
        }
    }
}

fn fill(template: &impl Template) -> String {
    template
        .render()
        .expect("writing strings to memory cannot fail")
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
