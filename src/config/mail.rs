//! The mail server, and who mails come from.

use std::path::Path;

use clap::Args;

use super::faults::{Faults, Raw, RawSecret};
use super::parse;
use crate::mail::{CaFile, CaFileError, MailSettings, Sender, SmtpUrl};

/// How mails are sent.
#[derive(Args)]
#[command(next_help_heading = "Mail")]
pub struct MailArgs {
    /// Required, here or in its file: the mail server, `smtps://…` for TLS or
    /// `smtp://…?tls=required` for STARTTLS; a user and a password stand percent-encoded before the
    /// host.
    #[arg(long, env = "SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<Raw>,
    /// The file that holds the URL instead.
    #[arg(
        long,
        env = "SMTP_URL_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    smtp_url_file: Option<Raw>,
    /// Lets mails go unencrypted to a mail server on another machine.
    #[arg(
        long,
        env = "SMTP_ALLOW_PLAIN",
        value_name = "BOOL",
        default_value = "false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    smtp_allow_plain: Option<Raw>,
    /// A PEM file with the certificate authorities to trust for the mail server instead of the
    /// system's.
    #[arg(long, env = "SMTP_CA_FILE", value_name = "FILE")]
    smtp_ca_file: Option<Raw>,
    /// Required: the sender of every mail.
    #[arg(long, env = "MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<Raw>,
}

impl MailArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<MailSettings> {
        let smtp_url = self.read_url(faults);
        let ca_file = faults.optional(
            "SMTP_CA_FILE",
            &self.smtp_ca_file,
            "/etc/phantom-worker/smtp-ca.pem",
            ca_file,
        );
        let sender = faults.required(
            "MAIL_FROM",
            &self.mail_from,
            "Phantom Wallets <wallets@bank.example>",
            |text| Sender::parse(text.trim()).map_err(|fault| fault.to_string()),
        );
        let mut settings = MailSettings::new(smtp_url?, sender?);
        settings.ca_file = ca_file?;
        Some(settings)
    }

    fn read_url(&self, faults: &mut Faults) -> Option<SmtpUrl> {
        let allow_plain = faults.defaulted(
            "SMTP_ALLOW_PLAIN",
            &self.smtp_allow_plain,
            "false",
            parse::flag,
        );
        let url = RawSecret {
            value: &self.smtp_url,
            file: &self.smtp_url_file,
        };
        // An unreadable permission has its own line; one about the URL would mislead.
        let allow = allow_plain.unwrap_or(true);
        faults.required_secret("SMTP_URL", url, SMTP_EXAMPLE, |url| {
            SmtpUrl::parse(&url, allow).map_err(|fault| fault.to_string())
        })
    }
}

const SMTP_EXAMPLE: &str = "smtps://phantom:…@smtp.bank.example:465";

fn ca_file(text: &str) -> Result<CaFile, String> {
    CaFile::read(Path::new(text.trim())).map_err(|fault| match fault {
        CaFileError::Read { source, .. } => parse::unreadable(&source),
        CaFileError::NoCertificate(_) => "names a file without a certificate in PEM".to_owned(),
    })
}
