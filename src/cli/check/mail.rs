//! The mail server: there, encrypted as asked for, and willing to let us in.

use anyhow::Context;

use super::report::{Look, given};
use crate::mail::{MailSettings, Mailer};

pub(super) async fn visit(settings: Option<MailSettings>) -> Look<()> {
    let settings = given(settings, "its settings are wrong")?;
    let sender = settings.sender.domain().to_owned();
    let mailer = Mailer::new(settings)?;
    let server = mailer.server();
    let visit = mailer.check().await;
    visit.with_context(|| format!("the mail server at {server}"))?;
    Ok((format!("lets us in; mails come from {sender}"), ()))
}
