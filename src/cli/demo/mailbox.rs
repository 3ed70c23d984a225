//! Somebody who reads their mail: follows the link in it and presses the button on its page.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::header::LOCATION;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use url::Url;

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// The mailbox of the local stack, MailDev, and a browser of sorts.
pub(super) struct Mailbox {
    page: Url,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Mail {
    to: Vec<Recipient>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Recipient {
    address: String,
}

impl Mailbox {
    pub(super) fn new(page: Url) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            // The answer to the button is looked at before it is followed.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { page, http })
    }

    /// Waits until so many mails with a link have come to this address; gives the newest link.
    pub(super) async fn newest_link(&self, address: &str, mails: usize) -> anyhow::Result<Url> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let links = self.links(address).await?;
            match links.last() {
                Some(link) if links.len() >= mails => return Ok(link.clone()),
                _ if Instant::now() > patience => {
                    bail!("no mail with a link has come to {address}")
                }
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// In the order in which they came.
    async fn links(&self, address: &str) -> anyhow::Result<Vec<Url>> {
        let list = self.page.join("api/email").context("MAILBOX_URL")?;
        let answer = self.http.get(list).send().await?.error_for_status()?;
        let mails: Vec<Mail> = answer.json().await.context("reading the mailbox")?;
        let to_them = |mail: &&Mail| mail.to.iter().any(|to| to.address == address);
        let mut links = Vec::new();
        for mail in mails.iter().filter(to_them) {
            links.extend(link_in(&mail.text));
        }
        Ok(links)
    }

    /// Opens the link, presses the button, and tells what the page says then.
    pub(super) async fn follow(&self, link: &Url) -> anyhow::Result<String> {
        let page = answer_to(self.http.get(link.clone())).await?;
        let page = text_of(page, StatusCode::OK).await?;
        ensure!(page.contains("method=\"post\""), "the page has no button");
        let pressed = answer_to(self.http.post(link.clone())).await?;
        ensure!(
            pressed.status() == StatusCode::SEE_OTHER,
            "the button was answered with {}",
            pressed.status()
        );
        let thanks = pressed.headers().get(LOCATION).context("no Location")?;
        let thanks = link.join(thanks.to_str()?)?;
        let thanks = answer_to(self.http.get(thanks)).await?;
        let thanks = text_of(thanks, StatusCode::OK).await?;
        heading_of(&thanks).context("the last page has no heading")
    }
}

/// A link is a secret, so no error names the address.
async fn answer_to(request: RequestBuilder) -> reqwest::Result<Response> {
    request.send().await.map_err(reqwest::Error::without_url)
}

async fn text_of(answer: Response, expected: StatusCode) -> anyhow::Result<String> {
    ensure!(answer.status() == expected, "answered {}", answer.status());
    Ok(answer.text().await.map_err(reqwest::Error::without_url)?)
}

fn link_in(text: &str) -> Option<Url> {
    text.split_whitespace()
        .filter_map(|word| word.parse::<Url>().ok())
        .find(|url| url.path().contains("/verify-email/"))
}

fn heading_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<h1")?;
    let (_, rest) = rest.split_once('>')?;
    let (heading, _) = rest.split_once("</h1>")?;
    Some(without_tags(heading).trim().to_owned())
}

fn without_tags(html: &str) -> String {
    let mut pieces = html.split('<');
    let first = pieces.next().unwrap_or_default();
    let rest = pieces.filter_map(|piece| piece.split_once('>'));
    rest.fold(first.to_owned(), |text, (_, after)| text + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_that_cannot_be_opened_is_not_told() {
        let mailbox = Mailbox::new("http://127.0.0.1:1".parse().unwrap()).unwrap();
        let link = "http://127.0.0.1:1/verify-email/secret".parse().unwrap();

        let fault = mailbox.follow(&link).await.unwrap_err();

        assert!(!format!("{fault:#}").contains("secret"), "{fault:#}");
    }

    #[test]
    fn the_link_and_the_heading_are_found() {
        let link = "http://127.0.0.1:8088/verify-email/abc";
        assert_eq!(
            link_in(&format!("Hello,\n\n{link}\n\nIt works for 24 hours."))
                .unwrap()
                .as_str(),
            link
        );
        assert!(link_in("see http://elsewhere.example/").is_none());
        assert_eq!(
            heading_of("<h1 class=\"big\">\n Your <b>e-mail</b> address </h1>").as_deref(),
            Some("Your e-mail address")
        );
    }
}
