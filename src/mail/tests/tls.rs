//! TLS or nothing: no server that cannot prove its name hears more than a greeting.

use std::error::Error;
use std::path::Path;

use secrecy::SecretString;

use super::server::{Act, Connection, Server};
use super::{mail, send, sender};
use crate::mail::{CaFile, MailSettings, Mailer, SendError, SmtpError, SmtpUrl, Stage};

pub(super) const CERTIFICATES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/tests/certificates");

fn mailer(url: &str) -> Mailer {
    let url = SmtpUrl::parse(&SecretString::from(url), false).unwrap();
    let mut settings = MailSettings::new(url, sender());
    let authority = Path::new(CERTIFICATES).join("authority.pem");
    settings.ca_file = Some(CaFile::read(&authority).unwrap());
    Mailer::new(settings).unwrap()
}

fn implicit(server: &Server) -> Mailer {
    mailer(&format!("smtps://neo:secret@localhost:{}", server.port()))
}

fn starttls(server: &Server) -> Mailer {
    mailer(&format!(
        "smtp://neo:secret@127.0.0.1:{}?tls=required",
        server.port()
    ))
}

/// The whole chain of reasons.
fn reasons(error: &dyn Error) -> String {
    let mut reasons = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reasons = format!("{reasons}: {error}");
        cause = error.source();
    }
    reasons
}

#[tokio::test]
async fn a_mail_goes_out_over_tls_from_the_first_byte() {
    let server = Server::start([Connection::default()
        .implicit_tls("valid")
        .offers("AUTH PLAIN")]);

    send(&implicit(&server), "key", &mail()).await.unwrap();

    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_goes_out_after_starttls_and_nothing_of_it_before() {
    let server = Server::start([Connection::default().starttls("valid").offers("AUTH PLAIN")]);

    send(&starttls(&server), "key", &mail()).await.unwrap();

    let commands = server.commands();
    assert_eq!(commands[1], "STARTTLS");
    assert!(
        commands[2].starts_with("EHLO"),
        "the second greeting is the one that counts"
    );
    // base64 of NUL neo NUL secret
    assert_eq!(commands[3], "AUTH PLAIN AG5lbwBzZWNyZXQ=");
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused() {
    for certificate in ["expired", "other-host", "self-signed"] {
        let server = Server::start([
            Connection::default().implicit_tls(certificate),
            Connection::default().starttls(certificate),
        ]);

        let implicit = send(&implicit(&server), "key", &mail()).await.unwrap_err();
        let starttls = send(&starttls(&server), "key", &mail()).await.unwrap_err();

        for error in [implicit, starttls] {
            assert!(
                reasons(&error).contains("certificate"),
                "{certificate}: {}",
                reasons(&error)
            );
            let SendError::Transient { source } = error else {
                panic!("{certificate}: a certificate can be replaced, the mail must wait")
            };
            let SmtpError::Connection {
                stage: Stage::Open,
                source,
            } = source
            else {
                panic!("{certificate}: {source}")
            };
            assert!(source.status().is_none(), "the server was not even asked");
        }
        server.wait_for_closed(2);
        let commands = server.commands();
        assert_eq!(commands.len(), 2, "{certificate}: {commands:?}");
        assert!(commands[0].starts_with("EHLO"));
        assert_eq!(commands[1], "STARTTLS");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_when_the_machine_decides_whom_to_trust() {
    let server = Server::start([Connection::default().implicit_tls("valid")]);
    let url = format!("smtps://localhost:{}", server.port());

    let error = send(&super::mailer(&url), "key", &mail())
        .await
        .unwrap_err();

    assert!(
        reasons(&error).contains("certificate"),
        "{}",
        reasons(&error)
    );
    server.wait_for_closed(1);
    assert_eq!(server.commands(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_sent_when_starttls_was_stripped() {
    let server = Server::start([Connection::default().offers("AUTH PLAIN")]);

    let error = send(&starttls(&server), "key", &mail()).await.unwrap_err();

    let SendError::Transient { source } = error else {
        panic!("a server can be mended, the mail must wait")
    };
    assert!(matches!(
        source,
        SmtpError::Connection {
            stage: Stage::Open,
            ..
        }
    ));
    // No fault of the network, which could be told.
    let told = source.to_string();
    assert_eq!(told, "the connection failed at the greeting");
    server.wait_for_closed(1);
    assert_eq!(
        server.commands().len(),
        1,
        "no more than EHLO: {:?}",
        server.commands()
    );
}

#[tokio::test]
async fn nothing_is_sent_when_starttls_is_refused() {
    let refusal = Act::Say("454 4.7.0 not now");
    let server = Server::start([Connection::default()
        .starttls("valid")
        .on("STARTTLS", refusal)]);

    let error = send(&starttls(&server), "key", &mail()).await.unwrap_err();

    assert!(matches!(
        error,
        SendError::Transient {
            source: SmtpError::Refused {
                stage: Stage::Open,
                ..
            }
        }
    ));
    assert_eq!(server.mails(), Vec::<String>::new());
}
