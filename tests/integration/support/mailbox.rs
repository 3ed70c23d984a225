//! The real mailbox that all stories share. Recipients keep them apart.

use serde_json::Value as Json;

use super::until;

/// The mailbox's page, below which its interface is.
pub(crate) fn api() -> String {
    std::env::var("TEST_MAIL_API")
        .expect("TEST_MAIL_API must name the mailbox's address; tests/run starts one")
}

pub(crate) fn smtp_url() -> String {
    std::env::var("TEST_SMTP_URL")
        .expect("TEST_SMTP_URL must name an SMTP server; tests/run starts one")
}

/// All mails that have arrived, those of other stories too.
pub(crate) async fn mails() -> Vec<Json> {
    let answer = reqwest::get(format!("{}/api/email", api())).await.unwrap();
    answer.json().await.unwrap()
}

/// The mails to this address that have arrived.
pub(crate) async fn mails_to(address: &str) -> Vec<Json> {
    let is_to = |mail: &Json| {
        mail["to"]
            .as_array()
            .unwrap()
            .iter()
            .any(|to| to["address"] == address)
    };
    mails().await.into_iter().filter(is_to).collect()
}

/// Waits for the first mail to this address.
pub(crate) async fn mail_to(address: &str) -> Json {
    until("a mail arrives", async || {
        mails_to(address).await.into_iter().next()
    })
    .await
}
