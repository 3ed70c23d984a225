//! Servers at work in a test, and a client that speaks to them byte by byte.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_rt::System;
use actix_web::web::ServiceConfig;
use secrecy::SecretBox;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::camunda::Client;
use crate::camunda::client::EngineSettings;
use crate::camunda::cockpit::{Cockpit, CockpitProduct};
use crate::http::limits::Limits;
use crate::http::pages::Pages;
use crate::http::refusals::Audience;
use crate::http::routes::Headers;
use crate::http::{
    HttpParts, HttpSettings, OpsDesk, Public, Servers, ServersHandle, Site, bind_within,
};
use crate::links::{KEY_BYTES, LinkSettings, Links};
use crate::metrics::{Build, Metrics, Templates, TopicLabels};
use crate::readiness::Readiness;
use crate::store::{Pool, StoreSettings};
use crate::telemetry::LogLevel;

pub(super) const TOPIC: &str = "validate-wallet-request";
pub(super) const REPLICA: &str = "phantom-worker:a-host:1";
const COCKPIT: &str = "http://localhost:8080";
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const BRAND: &str = "Phantom & Sons";
/// Far more than any answer takes, and the end of a test that waits for one in vain.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Servers at work on a thread that stands for the main arbiter, as in the app.
pub(super) struct Worker {
    pub(super) ops: SocketAddr,
    pub(super) public: SocketAddr,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Readiness>,
    handle: ServersHandle,
    main: Option<JoinHandle<io::Result<()>>>,
}

impl Worker {
    pub(super) fn healthy() -> Self {
        Self::start(Limits::default(), healthy())
    }

    /// A worker whose database is away.
    pub(super) fn start(limits: Limits, readiness: Readiness) -> Self {
        Self::with(limits, settings(LOOPBACK, LOOPBACK), parts(readiness))
    }

    pub(super) fn with(limits: Limits, settings: HttpSettings, parts: HttpParts) -> Self {
        let ops = &parts.ops;
        let (metrics, readiness) = (ops.metrics.clone(), ops.readiness.clone());
        let servers = bind_within(limits, settings, parts).unwrap();
        Self::run(servers, metrics, readiness)
    }

    pub(super) fn with_routes(routes: fn(&mut ServiceConfig)) -> Self {
        let site = |headers, audience| Site {
            setting: "HTTP_BIND",
            address: LOOPBACK,
            headers,
            audience,
            routes,
        };
        let limits = Limits::default();
        let ops = site(Headers::common(), Audience::Programs);
        let customers = Audience::Customers(Arc::new(Pages::new(BRAND)));
        let public = site(Headers::public(true), customers);
        let (ops, ops_address) = ops.bind(limits).unwrap();
        let (public, public_address) = public.bind(limits).unwrap();
        let servers = Servers {
            ops,
            public,
            ops_address,
            public_address,
        };
        Self::run(servers, Arc::new(test_metrics()), Arc::new(healthy()))
    }

    fn run(servers: Servers, metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let (ops, public) = (servers.ops_address(), servers.public_address());
        let handle = servers.handle();
        let main = thread::spawn(move || multi_thread_system().block_on(servers.serve()));
        Self {
            ops,
            public,
            metrics,
            readiness,
            handle,
            main: Some(main),
        }
    }

    pub(super) fn stop(&mut self, graceful: bool) {
        if let Some(main) = self.main.take() {
            block_on(self.handle.stop(graceful));
            main.join().unwrap().unwrap();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop(false);
    }
}

pub(super) struct Answer {
    pub(super) status: u16,
    /// As it came, but for the date.
    pub(super) head: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(super) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path)
}

pub(super) fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    ask_with(address, method, path, "Host: worker\r\n")
}

/// With these header lines.
pub(super) fn ask_with(address: SocketAddr, method: &str, path: &str, lines: &str) -> Answer {
    read_answer(send(
        address,
        &format!("{method} {path} HTTP/1.1\r\n{lines}\r\n"),
    ))
}

pub(super) fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Reads until the server closes, so a connection that stays open fails the test.
pub(super) fn read_answer(mut stream: TcpStream) -> Answer {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    let dated = |line: &str| line.starts_with("date: ");
    Answer {
        head: head.split("\r\n").filter(|line| !dated(line)).collect(),
        status: status.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: headers.split("\r\n").map(header).collect(),
        body: body.to_owned(),
    }
}

pub(super) fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream
        .peek(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

pub(super) fn bound(limits: Limits, readiness: Readiness) -> (Servers, Arc<Readiness>) {
    let parts = parts(readiness);
    let readiness = parts.ops.readiness.clone();
    let servers = bind_within(limits, settings(LOOPBACK, LOOPBACK), parts);
    (servers.unwrap(), readiness)
}

pub(super) fn settings(ops_bind: SocketAddr, public_bind: SocketAddr) -> HttpSettings {
    HttpSettings {
        ops_bind,
        public_bind,
        trusted_proxies: Vec::new(),
    }
}

/// What the servers work with, but for a database: nobody listens where it should be.
pub(super) fn parts(readiness: Readiness) -> HttpParts {
    let nowhere = StoreSettings::parse("postgres://nobody@127.0.0.1:1/nothing".into()).unwrap();
    HttpParts {
        ops: OpsDesk {
            metrics: Arc::new(test_metrics()),
            readiness: Arc::new(readiness),
            replica: REPLICA.to_owned(),
            build: TEST_BUILD,
            topics: vec![TOPIC],
            cockpit: Cockpit::at(CockpitProduct::Camunda7, COCKPIT.parse().unwrap()),
            engine: engine(),
            runtime: runtime(),
            admin_token: None,
            log_level: LogLevel::of_nothing("info"),
            on_log_level: Arc::new(|_| {}),
        },
        public: Public {
            pool: Pool::new(&nowhere, runtime()).unwrap(),
            links: Arc::new(links()),
            runtime: runtime(),
            brand: BRAND.into(),
            is_https: true,
            outbox_grew: Arc::new(|| {}),
        },
    }
}

/// The runtime that asks the database.
pub(super) fn runtime() -> Handle {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(multi_thread);
    RUNTIME.handle().clone()
}

pub(super) fn links() -> Links {
    Links::new(LinkSettings {
        base_url: "https://wallets.bank.example/".parse().unwrap(),
        key: SecretBox::new(Box::new([7; KEY_BYTES])),
        previous_key: None,
    })
}

pub(super) fn healthy() -> Readiness {
    Readiness::at_work(&[TOPIC], Instant::now())
}

pub(super) fn test_metrics() -> Metrics {
    let topic = TopicLabels {
        name: TOPIC,
        errors: &[],
    };
    Metrics::new(
        &[topic],
        Templates {
            mails: &[],
            engine_messages: &[],
        },
        TEST_BUILD,
    )
}

const TEST_BUILD: Build = Build {
    version: "0.0.0",
    revision: "test",
};

/// Nobody listens there.
fn engine() -> Client {
    // Another test may have done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(EngineSettings {
        url: "http://127.0.0.1:1/engine-rest".parse().unwrap(),
        credentials: None,
        tenant_ids: Vec::new(),
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        ca_file: None,
    })
    .unwrap()
}

pub(super) fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(super) fn multi_thread_system() -> actix_rt::SystemRunner {
    System::with_tokio_rt(multi_thread)
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
