//! Mails on a real mail server, MailDev: what its mailbox shows is what was meant.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

use std::time::Duration;

use phantom_worker::mail::{
    Letter, Mail, MailSettings, Mailer, MessageId, Sender, SmtpError, SmtpUrl, Stage,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::{Instant, interval};
use url::Url;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);

/// The mailbox that all stories share; each writes to an address of its own.
struct Mailbox {
    smtp: SecretString,
    api: Url,
    address: String,
}

impl Mailbox {
    fn open() -> Self {
        // A second installation fails and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let smtp = std::env::var("TEST_SMTP_URL")
            .expect("TEST_SMTP_URL must name a MailDev's SMTP port, such as smtp://127.0.0.1:1025");
        let api = std::env::var("TEST_MAIL_API").expect(
            "TEST_MAIL_API must name the same MailDev's page, such as http://127.0.0.1:1080",
        );
        Self {
            smtp: SecretString::from(smtp),
            api: Url::parse(&api).expect("TEST_MAIL_API is no URL"),
            address: format!("customer-{}@example.test", Uuid::new_v4()),
        }
    }

    fn mailer(&self) -> Mailer {
        let url = SmtpUrl::parse(&self.smtp, false).expect("TEST_SMTP_URL is no mail server's");
        let sender = Sender::parse("Example Wallets <no-reply@pay.example>").unwrap();
        Mailer::new(MailSettings::new(url, sender)).unwrap()
    }

    fn mail(&self, first_name: &str, merchant: &str) -> Mail {
        Mail::WalletCreated {
            recipient: self.address.clone(),
            first_name: first_name.to_owned(),
            wallet_id: "W0123456789".to_owned(),
            merchant: merchant.to_owned(),
            daily_limit: "1000.00".parse().unwrap(),
            monthly_limit: "10000.00".parse().unwrap(),
            currency: "BWP".to_owned(),
        }
    }

    /// Our mails, once there are this many.
    async fn mails(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut rounds = interval(Duration::from_millis(50));
        loop {
            rounds.tick().await;
            let mut mails: Vec<Value> = self.get("api/email").await.json().await.unwrap();
            mails.retain(|mail| mail["envelope"]["to"][0]["address"] == self.address.as_str());
            if mails.len() >= count {
                return mails;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} mails arrived",
                mails.len()
            );
        }
    }

    async fn source(&self, mail: &Value) -> String {
        let path = format!("api/email/{}/source", mail["id"].as_str().unwrap());
        self.get(&path).await.text().await.unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let url = self.api.join(path).unwrap();
        reqwest::get(url).await.unwrap().error_for_status().unwrap()
    }
}

fn letter(mail: &Mail) -> Letter<'_> {
    Letter::new(mail, |_, _| Err("a link was asked for")).unwrap_or_else(|fault| panic!("{fault}"))
}

#[tokio::test]
async fn a_mail_arrives_with_both_parts_and_its_message_id() {
    let mailbox = Mailbox::open();
    let mail = mailbox.mail("Kgomotso", "Kgale Hardware & Sons");
    let key = format!("{}/{}", mail.key(), mailbox.address);

    let id = mailbox.mailer().send(&key, &letter(&mail)).await.unwrap();

    let arrived = mailbox.mails(1).await.remove(0);
    assert_eq!(id, MessageId::new(&key, "pay.example"));
    assert_eq!(arrived["headers"]["message-id"], id.to_string());
    assert_eq!(arrived["headers"]["auto-submitted"], "auto-generated");
    assert_eq!(
        arrived["subject"],
        "Your wallet with Kgale Hardware & Sons is ready"
    );
    assert_eq!(arrived["from"][0]["name"], "Example Wallets");
    assert_eq!(arrived["from"][0]["address"], "no-reply@pay.example");
    assert_eq!(arrived["to"][0]["address"], mailbox.address.as_str());
    let rendered = letter(&mail).render("Example Wallets");
    assert_eq!(
        arrived["text"].as_str().unwrap().trim_end(),
        rendered.text.trim_end()
    );
    let html = arrived["html"].as_str().unwrap();
    assert!(
        html.contains("<strong>Kgale Hardware &#38; Sons</strong> has opened a wallet for you.")
    );
    assert_eq!(html.trim_end(), rendered.html.trim_end());
}

#[tokio::test]
async fn a_hostile_name_arrives_as_text_and_adds_nothing() {
    let mailbox = Mailbox::open();
    let name = "<script>x</script>\r\n.\r\nBcc: victim@example.test\r\n\r\n👩🏾‍💻 {{ mail }}\u{202e}";
    let mail = mailbox.mail(name, name);

    mailbox
        .mailer()
        .send(&mailbox.address, &letter(&mail))
        .await
        .unwrap();

    let arrived = mailbox.mails(1).await.remove(0);
    let shown = "<script>x</script> . Bcc: victim@example.test 👩🏾‍💻 {{ mail }}";
    assert_eq!(
        arrived["subject"],
        format!("Your wallet with {shown} is ready")
    );
    assert!(
        arrived["text"]
            .as_str()
            .unwrap()
            .starts_with(&format!("Hello {shown},\n"))
    );
    assert!(!arrived["html"].as_str().unwrap().contains("<script"));
    assert!(arrived["headers"].get("bcc").is_none());
    assert_eq!(arrived["envelope"]["to"].as_array().unwrap().len(), 1);
    assert!(
        mailbox
            .source(&arrived)
            .await
            .contains("Content-Transfer-Encoding: quoted-printable")
    );
}

#[tokio::test]
async fn a_mail_sent_twice_can_be_told_by_its_message_id() {
    let mailbox = Mailbox::open();
    let mail = mailbox.mail("Kgomotso", "Kgale Hardware");
    let mailer = mailbox.mailer();

    let ids = [
        mailer.send(&mailbox.address, &letter(&mail)).await.unwrap(),
        mailer
            .clone()
            .send(&mailbox.address, &letter(&mail))
            .await
            .unwrap(),
    ];

    let arrived = mailbox.mails(2).await;
    assert_eq!(ids[0], ids[1]);
    assert!(
        arrived
            .iter()
            .all(|mail| mail["headers"]["message-id"] == ids[0].to_string())
    );
}

#[tokio::test]
async fn many_mails_at_once_each_arrive_once() {
    let mailbox = Mailbox::open();
    let (mail, mailer) = (mailbox.mail("Kgomotso", "Kgale Hardware"), mailbox.mailer());
    let keys: Vec<_> = (0..40)
        .map(|number| format!("{}/{number}", mailbox.address))
        .collect();

    let letter = letter(&mail);
    let sends = keys.iter().map(|key| mailer.send(key, &letter));
    let sent = futures_util::future::join_all(sends).await;

    let mut expected: Vec<_> = sent.into_iter().map(|id| id.unwrap().to_string()).collect();
    let mut arrived: Vec<_> = mailbox.mails(40).await.iter().map(message_id).collect();
    expected.sort();
    arrived.sort();
    assert_eq!(arrived, expected);
}

fn message_id(mail: &Value) -> String {
    mail["headers"]["message-id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_without_tls_is_not_trusted_with_a_mail_that_needs_it() {
    let mut mailbox = Mailbox::open();
    mailbox.smtp = SecretString::from(format!("{}?tls=required", mailbox.smtp.expose_secret()));

    let checked = mailbox.mailer().check().await;

    assert!(matches!(
        checked,
        Err(SmtpError::Connection {
            stage: Stage::Open,
            ..
        })
    ));
}

#[tokio::test]
async fn a_check_finds_the_server() {
    Mailbox::open().mailer().check().await.unwrap();
}
