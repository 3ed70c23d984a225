//! Which connections are used, seen from the engine's side.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use wiremock::MockServer;

use super::super::scripted::settings;
use super::super::{Client, EngineSettings};

/// What comes of a call.
enum Act {
    /// The version, with this status.
    Answer(&'static str),
    /// No word more on this connection.
    Silence,
    /// The end of the connection.
    Close,
}

/// An engine that tells its version, and fails to on some of its connections.
struct Engine {
    client: Client,
    opened: Arc<AtomicUsize>,
}

impl Engine {
    /// `serve` is told which connection it serves, counted from 0, and how many answers that has had.
    async fn start(serve: impl Fn(usize, usize) -> Act + Send + Sync + 'static) -> Self {
        Self::start_for(usize::MAX, serve).await
    }

    /// After so many connections it is not there for new ones.
    async fn start_for(
        connections: usize,
        serve: impl Fn(usize, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/engine-rest", listener.local_addr().unwrap());
        let opened = Arc::new(AtomicUsize::new(0));
        let (serve, counted) = (Arc::new(serve), Arc::clone(&opened));
        // Both kinds of threads end with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().take(connections) {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || talk(stream.unwrap(), |given| serve(number, given)));
            }
        });
        let client = Client::new(EngineSettings {
            url: url.parse().unwrap(),
            // Whoever is to be answered has it on a slow machine too.
            request_timeout: Duration::from_secs(5),
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

fn talk(stream: TcpStream, serve: impl Fn(usize) -> Act) {
    let body = r#"{"version":"7.24.0"}"#;
    let length = body.len();
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    for given in 0.. {
        // An empty line ends a request, and the end of all lines the connection.
        if !lines.any(|line| line.is_empty()) {
            return;
        }
        let status = match serve(given) {
            Act::Answer(status) => status,
            // Open until the other side has had enough.
            Act::Silence => return lines.for_each(drop),
            Act::Close => return,
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
        match connection >= 2 || given == 0 {
            true => Act::Answer("200 OK"),
            false => Act::Silence,
        }
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
    let engine = Engine::start(move |_, given| Act::Answer(statuses[given])).await;

    for status in statuses {
        let version = engine.client.version().await;
        assert_eq!(version.is_ok(), status == "200 OK", "{status}");
    }

    assert_eq!(engine.opened(), 1);
}

#[tokio::test]
async fn one_that_never_opened_condemns_none() {
    let both_know = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&both_know);
    let engine = Engine::start_for(1, move |_, given| {
        if given == 1 {
            // It is here; and it has failed to open another.
            gate.wait();
            gate.wait();
        }
        Act::Answer("200 OK")
    })
    .await;
    let client = &engine.client;
    client.version().await.unwrap();

    let (busy, refused) = tokio::join!(client.version(), async {
        meet(&both_know).await;
        let refused = client.version().await;
        meet(&both_know).await;
        refused
    });

    assert!(refused.is_err(), "a second connection was to be refused");
    busy.unwrap();
    client.version().await.unwrap();
}

#[tokio::test]
async fn one_that_fails_late_condemns_none_of_those_opened_since() {
    let (both_are_open, both_know) = (Barrier::new(2), Arc::new(Barrier::new(2)));
    let (gate, calls) = (Arc::clone(&both_know), AtomicUsize::new(0));
    let engine = Engine::start(move |connection, given| {
        if connection >= 2 {
            return Act::Answer("200 OK");
        }
        if given == 0 {
            both_are_open.wait();
            return Act::Answer("200 OK");
        }
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            gate.wait();
            gate.wait();
        }
        Act::Close
    })
    .await;
    let client = &engine.client;
    let (one, other) = tokio::join!(client.version(), client.version());
    assert!(one.is_ok() && other.is_ok());

    let (late, early) = tokio::join!(client.version(), async {
        meet(&both_know).await;
        let early = client.version().await;
        // Over a new one.
        client.version().await.unwrap();
        meet(&both_know).await;
        early
    });

    assert!(early.is_err() && late.is_err());
    client.version().await.unwrap();
    assert_eq!(engine.opened(), 3);
}

/// Waits at the gate without holding up the calls under way.
async fn meet(gate: &Arc<Barrier>) {
    let gate = Arc::clone(gate);
    tokio::task::spawn_blocking(move || gate.wait())
        .await
        .unwrap();
}
