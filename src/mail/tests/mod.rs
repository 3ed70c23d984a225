//! Tests of the whole room, on a mail server that does as it is told.

mod hostile;
mod outbox;
mod rendering;
mod samples;
mod sending;
mod server;
mod sessions;
mod tls;

use secrecy::SecretString;

use super::{Mail, MailSettings, Mailer, MessageId, SendError, Sender, SmtpUrl};

fn mail() -> Mail {
    mail_to("neo@example.test")
}

fn mail_to(recipient: &str) -> Mail {
    Mail::WalletCreated {
        recipient: recipient.to_owned(),
        first_name: "Neo".to_owned(),
        wallet_id: "W0123456789".to_owned(),
        merchant: "Kgale Hardware & Sons".to_owned(),
        daily_limit: "1000.00".parse().unwrap(),
        monthly_limit: "10000.00".parse().unwrap(),
        currency: "BWP".to_owned(),
    }
}

async fn send(mailer: &Mailer, key: &str, mail: &Mail) -> Result<MessageId, SendError> {
    mailer.send(key, &samples::letter(mail)).await
}

fn sender() -> Sender {
    Sender::parse("Example Wallets <no-reply@pay.example>").unwrap()
}

fn settings(url: &str) -> MailSettings {
    MailSettings::new(
        SmtpUrl::parse(&SecretString::from(url), false).unwrap(),
        sender(),
    )
}

fn mailer(url: &str) -> Mailer {
    Mailer::new(settings(url)).unwrap()
}
