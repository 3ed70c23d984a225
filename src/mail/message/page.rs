//! What the templates of each mail may show, ready to be shown.

use askama::Template;
use url::Url;
use uuid::Uuid;

use super::Rendered;

/// What one mail shows.
pub(super) trait Page: Send + Sync {
    /// The texts, signed with the `sender`'s name.
    fn write(&self, sender: &str) -> Rendered;
}

/// Writes both bodies of a page; the page itself is the template of its subject, which shows none of
/// its fields in most mails.
macro_rules! bodies {
    ($page:ty: $text:literal, $html:literal) => {
        impl Page for $page {
            fn write(&self, sender: &str) -> Rendered {
                #[derive(Template)]
                #[template(path = $text)]
                struct Text<'a> {
                    mail: &'a $page,
                    sender: &'a str,
                }

                #[derive(Template)]
                #[template(path = $html)]
                struct Html<'a> {
                    mail: &'a $page,
                    sender: &'a str,
                }

                Rendered {
                    subject: fill(self).trim_end().to_owned(),
                    text: fill(&Text { mail: self, sender }),
                    html: fill(&Html { mail: self, sender }),
                }
            }
        }
    };
}

fn fill(template: &impl Template) -> String {
    template
        .render()
        .expect("writing strings to memory cannot fail")
}

#[derive(Template)]
#[template(path = "wallet_created/subject.txt")]
pub(super) struct WalletCreated {
    pub(super) greeting: String,
    pub(super) merchant: String,
    pub(super) wallet_id: String,
    pub(super) daily_limit: String,
    pub(super) monthly_limit: String,
}

bodies!(WalletCreated: "wallet_created/body.txt", "wallet_created/body.html");

#[derive(Template)]
#[template(path = "merchant_approved/subject.txt")]
pub(super) struct MerchantApproved {
    pub(super) business_name: String,
    pub(super) merchant_id: Uuid,
    pub(super) approved_on: String,
}

bodies!(MerchantApproved: "merchant_approved/body.txt", "merchant_approved/body.html");

#[derive(Template)]
#[template(path = "merchant_declined/subject.txt")]
pub(super) struct MerchantDeclined {
    pub(super) business_name: String,
    pub(super) merchant_id: Uuid,
    pub(super) reference: Uuid,
    /// At least one sentence.
    pub(super) reasons: Vec<&'static str>,
}

bodies!(MerchantDeclined: "merchant_declined/body.txt", "merchant_declined/body.html");

#[derive(Template)]
#[template(path = "account_locked/subject.txt")]
pub(super) struct AccountLocked {
    pub(super) greeting: String,
    pub(super) reference: Uuid,
    /// `None`: until somebody unlocks it.
    pub(super) until: Option<String>,
}

bodies!(AccountLocked: "account_locked/body.txt", "account_locked/body.html");

#[derive(Template)]
#[template(path = "unusual_activity/subject.txt")]
pub(super) struct UnusualActivity {
    pub(super) greeting: String,
    pub(super) reference: Uuid,
    pub(super) noticed_at: String,
}

bodies!(UnusualActivity: "unusual_activity/body.txt", "unusual_activity/body.html");

#[derive(Template)]
#[template(path = "verify_email/subject.txt")]
pub(super) struct VerifyEmail {
    pub(super) greeting: String,
    pub(super) email: String,
    pub(super) link: Url,
    pub(super) expires_at: String,
}

bodies!(VerifyEmail: "verify_email/body.txt", "verify_email/body.html");
