//! Which connections are used, seen from the engine's side.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use wiremock::MockServer;

use super::super::scripted::settings;
use super::super::{Client, EngineSettings};

/// An engine that tells its version, and fails to on some of its connections.
struct Engine {
    client: Client,
    opened: Arc<AtomicUsize>,
}

impl Engine {
    /// `serve` is told which connection it serves, counted from 0, and how many answers it has
    /// given; `None` is no word more.
    async fn start(
        serve: impl Fn(usize, usize) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/engine-rest", listener.local_addr().unwrap());
        let opened = Arc::new(AtomicUsize::new(0));
        let (serve, counted) = (Arc::new(serve), Arc::clone(&opened));
        // Both kinds of threads end with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || talk(stream.unwrap(), |given| serve(number, given)));
            }
        });
        let client = Client::new(EngineSettings {
            url: url.parse().unwrap(),
            request_timeout: Duration::from_secs(1),
            ..settings(&MockServer::start().await)
        });
        Self {
            client: client.unwrap(),
            opened,
        }
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

fn talk(stream: TcpStream, serve: impl Fn(usize) -> Option<&'static str>) {
    let body = r#"{"version":"7.24.0"}"#;
    let length = body.len();
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    for given in 0.. {
        // An empty line ends a request, and the end of all lines the connection.
        if !lines.any(|line| line.is_empty()) {
            return;
        }
        let Some(status) = serve(given) else {
            // Open, and silent, until the other side has had enough.
            return lines.for_each(drop);
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        (&stream).write_all(answer.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn one_silent_connection_condemns_those_that_were_opened_with_it() {
    let both_are_open = Barrier::new(2);
    let engine = Engine::start(move |connection, given| {
        if connection < 2 && given == 0 {
            both_are_open.wait();
        }
        (connection >= 2 || given == 0).then_some("200 OK")
    })
    .await;
    let client = &engine.client;
    let (one, other) = tokio::join!(client.version(), client.version());
    assert!(one.is_ok() && other.is_ok());

    let first = client.version().await;
    let second = client.version().await;

    assert!(first.is_err(), "the connection was to be silent");
    second.unwrap();
    assert_eq!(engine.opened(), 3);
    // The new ones are trusted.
    client.version().await.unwrap();
    assert_eq!(engine.opened(), 3);
}

#[tokio::test]
async fn an_answer_keeps_its_connection_whatever_it_says() {
    let statuses = ["200 OK", "500 No", "401 No", "503 No", "200 OK"];
    let engine = Engine::start(move |_, given| statuses.get(given).copied()).await;

    for status in statuses {
        let version = engine.client.version().await;
        assert_eq!(version.is_ok(), status == "200 OK", "{status}");
    }

    assert_eq!(engine.opened(), 1);
}
