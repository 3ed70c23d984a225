//! A mail server that follows a script: one [`Connection`] for each that it accepts, in their order.
//!
//! It runs on threads of its own and writes down what it hears before it answers, so that what a
//! finished `send` has sent is there to be read.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(10);

/// What the server does at a command, or at the greeting or the end of a mail.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Say(&'static str),
    SayNothing,
    HangUp,
}

/// How one connection goes. Keys are a command's first word, `greeting`, and `.` for a mail's end.
#[derive(Clone, Default)]
pub(super) struct Connection {
    acts: Vec<(&'static str, Act)>,
    features: Vec<&'static str>,
    tls: Option<(bool, &'static str)>,
}

impl Connection {
    pub(super) fn on(mut self, key: &'static str, act: Act) -> Self {
        self.acts.push((key, act));
        self
    }

    pub(super) fn offers(mut self, feature: &'static str) -> Self {
        self.features.push(feature);
        self
    }

    /// TLS from the first byte, with a certificate from `certificates/`.
    pub(super) fn implicit_tls(mut self, certificate: &'static str) -> Self {
        self.tls = Some((true, certificate));
        self
    }

    /// TLS after STARTTLS, with a certificate from `certificates/`.
    pub(super) fn starttls(mut self, certificate: &'static str) -> Self {
        self.tls = Some((false, certificate));
        self.offers("STARTTLS")
    }

    fn act(&self, key: &str) -> Act {
        let set = self
            .acts
            .iter()
            .find(|(set, _)| *set == key)
            .map(|(_, act)| *act);
        set.unwrap_or(Act::Say(match key {
            "greeting" => "220 localhost",
            "STARTTLS" => "220 go ahead",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => "354 go on",
            "." => "250 2.0.0 taken",
            "QUIT" => "221 bye",
            _ => "250 2.1.0 fine",
        }))
    }
}

/// The server; its port is free again when all its connections are used up.
pub(super) struct Server {
    port: u16,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Default)]
struct Heard {
    opened: usize,
    closed: usize,
    lines: Vec<String>,
    mails: Vec<String>,
}

impl Server {
    pub(super) fn start(connections: impl IntoIterator<Item = Connection>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Log::default());
        let connections: Vec<_> = connections.into_iter().collect();
        let logged = Arc::clone(&log);
        thread::spawn(move || {
            for connection in connections {
                let (stream, _) = listener.accept().unwrap();
                logged.write(|heard| heard.opened += 1);
                let log = Arc::clone(&logged);
                thread::spawn(move || {
                    // Whatever breaks the connection is the client's doing, and what is tested.
                    drop(serve(stream, &connection, &log));
                    log.write(|heard| heard.closed += 1);
                });
            }
        });
        Self { port, log }
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn connections(&self) -> usize {
        self.log.heard.lock().unwrap().opened
    }

    /// The commands heard, without their line ends.
    pub(super) fn commands(&self) -> Vec<String> {
        self.log.heard.lock().unwrap().lines.clone()
    }

    /// The mails taken or not, as they came over the wire.
    pub(super) fn mails(&self) -> Vec<String> {
        self.log.heard.lock().unwrap().mails.clone()
    }

    /// Waits until this many connections are over.
    pub(super) fn wait_for_closed(&self, closed: usize) {
        self.log.wait(|heard| heard.closed >= closed);
    }

    /// Waits until a command was heard that begins like this.
    pub(super) async fn heard(&self, start: &'static str) {
        let log = Arc::clone(&self.log);
        let is_heard = move |heard: &Heard| heard.lines.iter().any(|line| line.starts_with(start));
        tokio::task::spawn_blocking(move || log.wait(is_heard))
            .await
            .unwrap();
    }
}

impl Log {
    fn write(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().unwrap());
        self.news.notify_all();
    }

    fn wait(&self, is_there: impl Fn(&Heard) -> bool) {
        let heard = self.heard.lock().unwrap();
        let (_heard, waited) = self
            .news
            .wait_timeout_while(heard, PATIENCE, |heard| !is_there(heard))
            .unwrap();
        assert!(
            !waited.timed_out(),
            "what the test waits for did not happen"
        );
    }
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn serve(stream: TcpStream, script: &Connection, log: &Log) -> io::Result<()> {
    match script.tls {
        Some((true, certificate)) => {
            let mut wire = encrypt(stream, certificate);
            talk(&mut wire, script, log, true).map(drop)
        }
        Some((false, certificate)) => {
            let mut stream = stream;
            if talk(&mut stream, script, log, true)? {
                talk(&mut encrypt(stream, certificate), script, log, false)?;
            }
            Ok(())
        }
        None => talk(&mut { stream }, script, log, true).map(drop),
    }
}

/// Talks until the client leaves (`false`) or asks for TLS (`true`).
fn talk(wire: &mut impl Wire, script: &Connection, log: &Log, greet: bool) -> io::Result<bool> {
    if greet && !perform(wire, script.act("greeting"))? {
        return Ok(false);
    }
    while let Some(line) = read_until(wire, b"\r\n")? {
        log.write(|heard| heard.lines.push(line.clone()));
        let key = line.split(' ').next().unwrap_or_default();
        let goes_on = match (key, script.act(key)) {
            ("EHLO", Act::Say(answer)) if answer.starts_with("250") => greet_back(wire, script)?,
            (_, act) => perform(wire, act)?,
        };
        if !goes_on || key == "QUIT" {
            return Ok(false);
        }
        if key == "STARTTLS" {
            return Ok(true);
        }
        if key == "DATA" && matches!(script.act(key), Act::Say(answer) if answer.starts_with('3')) {
            let Some(mail) = read_until(wire, b"\r\n.\r\n")? else {
                return Ok(false);
            };
            log.write(|heard| heard.mails.push(mail));
            if !perform(wire, script.act("."))? {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

fn greet_back(wire: &mut impl Wire, script: &Connection) -> io::Result<bool> {
    for feature in &script.features {
        write!(wire, "250-{feature}\r\n")?;
    }
    perform(wire, Act::Say("250 8BITMIME"))
}

fn perform(wire: &mut impl Wire, act: Act) -> io::Result<bool> {
    match act {
        Act::Say(answer) => {
            write!(wire, "{answer}\r\n")?;
            wire.flush()?;
            Ok(true)
        }
        Act::SayNothing => Ok(true),
        Act::HangUp => Ok(false),
    }
}

/// Byte by byte, so that nothing of what follows STARTTLS is read before its time.
fn read_until(wire: &mut impl Wire, end: &[u8]) -> io::Result<Option<String>> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end) {
        if wire.read(&mut byte)? == 0 {
            return Ok(None);
        }
        read.push(byte[0]);
    }
    read.truncate(read.len() - end.len());
    Ok(Some(
        String::from_utf8(read).expect("the mail room sends UTF-8"),
    ))
}

fn encrypt(stream: TcpStream, certificate: &str) -> StreamOwned<ServerConnection, TcpStream> {
    let pem = |name: &str| format!("{}/{name}", super::tls::CERTIFICATES);
    let chain = CertificateDer::from_pem_file(pem(&format!("{certificate}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream)
}
