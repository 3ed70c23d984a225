//! The mail server: there, encrypted as asked for, and willing to let us in.

use super::report::{Look, given};
use crate::mail::{MailSettings, Mailer};

pub(super) async fn visit(settings: Option<MailSettings>) -> Look<()> {
    let settings = given(settings, "its settings are wrong")?;
    let sender = settings.sender.domain().to_owned();
    Mailer::new(settings)?.check().await?;
    Ok((format!("lets us in; mails come from {sender}"), ()))
}
