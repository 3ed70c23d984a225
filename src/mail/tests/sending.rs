//! What becomes of a mail that the server takes or refuses, and what is told of it.

use std::error::Error;
use std::io::Read;
use std::sync::Mutex;

use super::server::{Act, Connection, Server};
use super::{mail, mail_to, mailer, send};
use crate::mail::{SendError, SmtpError, Stage};

/// Everything that an error says, to people and to programmers.
fn everything(error: &SendError) -> String {
    format!(
        "{error} {error:?} {}",
        error.source().map(ToString::to_string).unwrap_or_default()
    )
}

fn is_final(error: &SendError) -> bool {
    matches!(error, SendError::Permanent { .. })
}

#[tokio::test]
async fn a_mail_goes_out_with_two_parts_and_the_headers_it_needs() {
    let server = Server::start([Connection::default()]);

    let id = send(
        &mailer(&server.url()),
        "wallet-created:W0123456789",
        &mail(),
    )
    .await
    .unwrap();

    assert_eq!(
        server.commands()[1..],
        [
            "MAIL FROM:<no-reply@pay.example>",
            "RCPT TO:<neo@example.test>",
            "DATA"
        ]
    );
    let mail = &server.mails()[0];
    for header in [
        "From: \"Example Wallets\" <no-reply@pay.example>\r\n",
        "To: neo@example.test\r\n",
        "Subject: Your wallet with Kgale Hardware & Sons is ready\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(mail.contains(header), "{header:?} is missing in\n{mail}");
    }
    assert!(mail.contains(&format!("Message-ID: {id}\r\n")));
    assert_eq!(
        mail.matches("Content-Transfer-Encoding: quoted-printable\r\n")
            .count(),
        2
    );
    assert!(mail.find("text/plain").unwrap() < mail.find("text/html").unwrap());
}

#[tokio::test]
async fn only_what_is_said_of_the_mail_itself_is_final() {
    for (key, stage, finality) in [
        ("greeting", Stage::Open, false),
        ("EHLO", Stage::Open, false),
        ("AUTH", Stage::SignIn, false),
        ("MAIL", Stage::Sender, false),
        ("RCPT", Stage::Recipient, true),
        ("DATA", Stage::Data, true),
        (".", Stage::Content, true),
    ] {
        for (answer, expected) in [("450 4.2.1 later", false), ("554 5.7.1 never", finality)] {
            let server = Server::start([Connection::default()
                .offers("AUTH PLAIN")
                .on(key, Act::Say(answer))]);
            let mailer = mailer(&server.url().replace("//", "//neo:secret@"));

            let error = send(&mailer, "key", &mail()).await.unwrap_err();

            assert_eq!(is_final(&error), expected, "{answer} to {key}");
            let (SendError::Transient { source } | SendError::Permanent { source }) = error;
            let SmtpError::Refused {
                stage: refused,
                status,
            } = source
            else {
                panic!("{answer} to {key}: {source}")
            };
            assert_eq!(refused, stage);
            assert_eq!(status.to_string(), answer.rsplit_once(' ').unwrap().0);
        }
    }
}

#[tokio::test]
async fn no_error_repeats_the_address_that_a_server_echoes() {
    for act in [
        Act::Say("550 <neo@example.test> is unknown here"),
        Act::Say("450 4.2.0 neo@example.test: greylisted"),
        Act::Say("neo@example.test what?"),
        Act::HangUp,
    ] {
        let server = Server::start([Connection::default().on("RCPT", act)]);

        let error = send(&mailer(&server.url()), "key", &mail())
            .await
            .unwrap_err();

        assert!(
            !everything(&error).contains("neo"),
            "{}",
            everything(&error)
        );
    }
}

#[tokio::test]
async fn a_mail_cut_off_after_the_dot_goes_out_again_under_the_same_id() {
    let server = Server::start([
        Connection::default().on(".", Act::HangUp),
        Connection::default(),
    ]);
    let mailer = mailer(&server.url());

    let error = send(&mailer, "key", &mail()).await.unwrap_err();
    let id = send(&mailer, "key", &mail()).await.unwrap();

    assert!(matches!(
        error,
        SendError::Transient {
            source: SmtpError::Garbled {
                stage: Stage::Content
            }
        }
    ));
    let header = format!("Message-ID: {id}\r\n");
    assert!(server.mails().iter().all(|mail| mail.contains(&header)));
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn an_address_beyond_ascii_waits_for_no_server_that_cannot_take_it() {
    let server = Server::start([
        Connection::default(),
        Connection::default().offers("SMTPUTF8"),
    ]);

    let refused = send(
        &mailer(&server.url()),
        "key",
        &mail_to("mošwela@example.test"),
    )
    .await;
    let taken = send(
        &mailer(&server.url()),
        "key",
        &mail_to("mošwela@example.test"),
    )
    .await;

    assert!(is_final(&refused.unwrap_err()));
    assert!(taken.is_ok());
    assert!(
        server
            .commands()
            .contains(&"MAIL FROM:<no-reply@pay.example> BODY=8BITMIME SMTPUTF8".to_owned())
    );
}

#[tokio::test]
async fn a_host_name_beyond_ascii_is_sent_in_its_ascii_form() {
    let server = Server::start([Connection::default()]);

    send(
        &mailer(&server.url()),
        "key",
        &mail_to("neo@bücher.example"),
    )
    .await
    .unwrap();

    assert!(
        server
            .commands()
            .contains(&"RCPT TO:<neo@xn--bcher-kva.example>".to_owned())
    );
}

#[tokio::test]
async fn what_is_no_address_is_refused_without_asking_a_server() {
    let server = Server::start([Connection::default()]);
    let mailer = mailer(&server.url());

    for recipient in [
        "",
        "neo",
        "@",
        "neo@",
        "a@b@c",
        "neo@example.test\r\nRCPT TO:<x@y>",
        "a b@c",
    ] {
        let error = send(&mailer, "key", &mail_to(recipient)).await.unwrap_err();

        assert!(is_final(&error));
        assert!(matches!(
            error,
            SendError::Permanent {
                source: SmtpError::Address
            }
        ));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_log_line_holds_an_address_a_password_or_a_mail() {
    let server = Server::start([Connection::default().offers("AUTH PLAIN")]);
    let mailer = mailer(&server.url().replace("//", "//neo:secret@"));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(Mutex::new(writer))
        .finish();
    let listening = tracing::subscriber::set_default(log);

    tracing::info!("the log is listening");
    send(&mailer, "key", &mail()).await.unwrap();
    send(&mailer, "key", &mail()).await.unwrap();
    mailer.check().await.unwrap_err();

    drop(listening);
    let mut lines = String::new();
    reader.read_to_string(&mut lines).unwrap();
    assert!(lines.contains("the log is listening"));
    for secret in ["neo@", "Neo", "AG5lbwBzZWNyZXQ=", "W0123456789"] {
        assert!(!lines.contains(secret), "{secret} in\n{lines}");
    }
}
