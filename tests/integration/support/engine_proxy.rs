//! What stands before a real engine and fails as the story says: it cuts answers off, or refuses
//! calls before the engine hears them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use url::Url;

use super::world::address_of;

/// The proxy. Each connection carries one call.
pub(crate) struct EngineProxy {
    url: Url,
    shared: Arc<Shared>,
}

/// A call that came by.
#[derive(Clone)]
pub(crate) struct Call {
    /// The path, such as `/engine-rest/external-task/fetchAndLock`.
    pub(crate) path: String,
    /// What was sent.
    pub(crate) body: String,
    /// When it came.
    pub(crate) at: Instant,
    /// It was refused or its answer was cut off.
    pub(crate) failed: bool,
}

/// What goes wrong.
enum Script {
    Refuse(Box<Refuse>),
    Cut(Box<Cut>),
}

/// With which status a path is answered, so that the engine hears nothing.
type Refuse = dyn FnMut(&str) -> Option<u16> + Send;
/// Whether only half arrives of the engine's answer to a call to this path.
type Cut = dyn FnMut(&str, &str) -> bool + Send;

struct Shared {
    engine: SocketAddr,
    script: Mutex<Script>,
    /// What came: the path and what was sent.
    begun: Mutex<Vec<(String, String)>>,
    calls: Mutex<Vec<Call>>,
}

impl EngineProxy {
    /// Refuses the calls to whose path `refuse` gives a status.
    pub(crate) fn refusing(
        engine: &Url,
        refuse: impl FnMut(&str) -> Option<u16> + Send + 'static,
    ) -> Self {
        Self::start(engine, Script::Refuse(Box::new(refuse)))
    }

    /// Cuts the answers for which `cut`, told path and answer, says so.
    pub(crate) fn cutting(
        engine: &Url,
        cut: impl FnMut(&str, &str) -> bool + Send + 'static,
    ) -> Self {
        Self::start(engine, Script::Cut(Box::new(cut)))
    }

    fn start(engine: &Url, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut url = engine.clone();
        url.set_host(Some("127.0.0.1")).unwrap();
        let port = listener.local_addr().unwrap().port();
        url.set_port(Some(port)).unwrap();
        let shared = Arc::new(Shared {
            engine: address_of(engine.as_str()),
            script: Mutex::new(script),
            begun: Mutex::default(),
            calls: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        // Both end with the process: they hold nothing that anybody waits for.
        thread::spawn(move || {
            for client in listener.incoming() {
                let shared = Arc::clone(&serving);
                // A broken connection is what stories are about.
                thread::spawn(move || client.and_then(|client| shared.pass(client)));
            }
        });
        Self { url, shared }
    }

    /// Where the worker looks for the engine.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// What was sent with the calls whose path ends like this, answered or not.
    pub(crate) fn begun(&self, end: &str) -> Vec<String> {
        let begun = self.shared.begun.lock().unwrap();
        let fitting = begun.iter().filter(|(path, _)| path.ends_with(end));
        fitting.map(|(_, body)| body.clone()).collect()
    }

    /// The calls that were answered, whose path ends like this.
    pub(crate) fn calls(&self, end: &str) -> Vec<Call> {
        let calls = self.shared.calls.lock().unwrap();
        let fits = |call: &&Call| call.path.ends_with(end);
        calls.iter().filter(fits).cloned().collect()
    }
}

impl Shared {
    fn pass(&self, mut client: TcpStream) -> io::Result<()> {
        let at = Instant::now();
        let request = Request::read(&client)?;
        let what = (request.path.clone(), request.body.clone());
        self.begun.lock().unwrap().push(what);
        let (answer, failed) = self.answer(&request)?;
        self.calls.lock().unwrap().push(Call {
            path: request.path,
            body: request.body,
            at,
            failed,
        });
        client.write_all(&answer)?;
        client.shutdown(Shutdown::Both)
    }

    fn answer(&self, request: &Request) -> io::Result<(Vec<u8>, bool)> {
        if let Script::Refuse(refuse) = &mut *self.script.lock().unwrap()
            && let Some(status) = refuse(&request.path)
        {
            let refusal =
                format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return Ok((refusal.into_bytes(), true));
        }
        let mut answer = request.pass_on(self.engine)?;
        let mut cut_off = false;
        if let Script::Cut(cut) = &mut *self.script.lock().unwrap() {
            cut_off = cut(&request.path, &String::from_utf8_lossy(&answer));
        }
        if cut_off {
            answer.truncate(answer.len() / 2);
        }
        Ok((answer, cut_off))
    }
}

/// A call as it came over the wire.
struct Request {
    path: String,
    head: String,
    body: String,
}

impl Request {
    fn read(client: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(client);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let target = head.split(' ').nth(1).unwrap();
        Ok(Self {
            path: target.split('?').next().unwrap().to_owned(),
            head,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// Gives it to the engine and reads the answer to its end.
    fn pass_on(&self, engine: SocketAddr) -> io::Result<Vec<u8>> {
        let mut engine = TcpStream::connect(engine)?;
        let Self { head, body, .. } = self;
        engine.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())?;
        let mut answer = Vec::new();
        engine.read_to_end(&mut answer)?;
        Ok(answer)
    }
}
