//! How sessions begin, are shared, and end, with servers that hang or hang up.

use std::error::Error as _;
use std::time::Duration;

use tokio::net::TcpSocket;

use super::server::{Act, Connection, Server};
use super::{mail, mailer, send, settings};
use crate::mail::{Mailer, SendError, SmtpError, Stage};

/// A mailer that does not wait for long.
fn hasty(server: &Server) -> Mailer {
    let mut settings = settings(&server.url());
    settings.connect_timeout = Duration::from_millis(300);
    settings.send_timeout = Duration::from_millis(600);
    Mailer::new(settings).unwrap()
}

/// Of a server that is not there. The socket does not listen, and keeps its port from who would.
fn nobody() -> (Mailer, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (mailer(&format!("smtp://{address}")), socket)
}

#[tokio::test]
async fn mails_share_a_session_and_each_is_answered_for_itself() {
    let refusing = Connection::default().on("RCPT", Act::Say("550 5.1.1 unknown"));
    let server = Server::start([refusing]);
    let mailer = mailer(&server.url());

    send(&mailer, "a", &mail()).await.unwrap_err();
    send(&mailer, "b", &mail()).await.unwrap_err();

    assert_eq!(server.connections(), 1);
    assert_eq!(
        server
            .commands()
            .iter()
            .filter(|line| *line == "RSET")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_server_that_hangs_after_the_dot_costs_one_timeout_and_its_connection() {
    let hanging = Connection::default().on(".", Act::SayNothing);
    let server = Server::start([hanging, Connection::default()]);
    let mailer = hasty(&server);

    let error = send(&mailer, "first", &mail()).await.unwrap_err();

    assert!(matches!(
        error,
        SendError::Transient {
            source: SmtpError::Timeout {
                stage: Stage::Content
            }
        }
    ));
    server.wait_for_closed(1);
    send(&mailer, "second", &mail()).await.unwrap();
    assert_eq!(
        server.connections(),
        2,
        "the next mail must not read the late answer as its own"
    );
}

#[tokio::test]
async fn a_send_that_is_dropped_takes_its_connection_along() {
    let server = Server::start([Connection::default().on("RCPT", Act::SayNothing)]);
    let mailer = mailer(&server.url());
    let mail = mail();

    let sent = tokio::select! {
        sent = send(&mailer, "key", &mail) => Some(sent.is_ok()),
        () = server.heard("RCPT") => None,
    };

    assert_eq!(sent, None);
    server.wait_for_closed(1);
}

#[tokio::test]
async fn a_session_that_died_while_idle_is_replaced() {
    for act in [
        Act::HangUp,
        Act::SayNothing,
        Act::Say("421 4.4.2 too long idle"),
    ] {
        let server = Server::start([Connection::default().on("RSET", act), Connection::default()]);
        let mailer = hasty(&server);

        send(&mailer, "first", &mail()).await.unwrap();
        send(&mailer, "second", &mail()).await.unwrap();

        assert_eq!(server.connections(), 2);
        assert_eq!(server.mails().len(), 2);
    }
}

#[tokio::test]
async fn a_session_idle_for_long_is_closed_politely() {
    let server = Server::start([Connection::default()]);
    let mut settings = settings(&server.url());
    settings.max_idle = Duration::ZERO;
    let mailer = Mailer::new(settings).unwrap();

    send(&mailer, "key", &mail()).await.unwrap();
    mailer.close_idle().await;

    server.wait_for_closed(1);
    assert_eq!(server.commands().last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_session_used_lately_is_kept() {
    let server = Server::start([Connection::default()]);
    let mailer = mailer(&server.url());

    send(&mailer, "first", &mail()).await.unwrap();
    mailer.close_idle().await;
    send(&mailer, "second", &mail()).await.unwrap();

    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_never_greets_is_tried_again_later() {
    let silent = Server::start([Connection::default().on("greeting", Act::SayNothing)]);

    let (nobody, _port) = nobody();
    let absent = send(&nobody, "key", &mail()).await.unwrap_err();
    let mute = send(&hasty(&silent), "key", &mail()).await.unwrap_err();

    assert!(matches!(
        absent,
        SendError::Transient {
            source: SmtpError::Connection {
                stage: Stage::Open,
                ..
            }
        }
    ));
    assert!(matches!(
        mute,
        SendError::Transient {
            source: SmtpError::Timeout { stage: Stage::Open }
        }
    ));
}

#[tokio::test]
async fn a_connection_that_fails_is_told_with_the_kind_of_its_fault() {
    let (nobody, _port) = nobody();

    let error = send(&nobody, "key", &mail()).await.unwrap_err();

    assert_eq!(
        error.source().unwrap().to_string(),
        "the connection failed at the greeting: connection refused"
    );
}

#[tokio::test]
async fn answers_that_are_one_off_never_pass_for_a_mail_taken() {
    let early = Act::Say("250 a word too many\r\n250 2.1.0 fine");
    let server = Server::start([Connection::default().on("MAIL", early)]);

    let error = send(&mailer(&server.url()), "key", &mail())
        .await
        .unwrap_err();

    assert!(matches!(
        error,
        SendError::Transient {
            source: SmtpError::Garbled { stage: Stage::Data }
        }
    ));
}

#[tokio::test]
async fn a_check_signs_in_and_leaves_without_a_mail() {
    let server = Server::start([Connection::default().offers("AUTH PLAIN")]);

    mailer(&server.url().replace("//", "//neo:secret@"))
        .check()
        .await
        .unwrap();

    server.wait_for_closed(1);
    let commands = server.commands();
    let verbs: Vec<_> = commands.iter().map(|line| &line[..4]).collect();
    assert_eq!(verbs, ["EHLO", "AUTH", "QUIT"]);
}

#[tokio::test]
async fn a_check_names_the_step_that_fails() {
    let wrong = Act::Say("535 5.7.8 no such user");
    let server = Server::start([
        Connection::default().offers("AUTH PLAIN").on("AUTH", wrong),
        Connection::default().on("greeting", Act::SayNothing),
    ]);
    let url = server.url().replace("//", "//neo:secret@");

    let refused = mailer(&url).check().await.unwrap_err();
    let silent = hasty(&server).check().await.unwrap_err();

    assert_eq!(refused.to_string(), "the server answered 535 5.7.8 to AUTH");
    assert_eq!(
        silent.to_string(),
        "the server gave no answer to the greeting in time"
    );
}
