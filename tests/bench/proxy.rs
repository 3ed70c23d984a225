//! Counts round trips: a forwarder on the loopback address that notes each time a client speaks
//! after it was answered.
//!
//! Over HTTP/1.1 that is a call; to PostgreSQL it is a round trip, whatever number of statements
//! share it. Counted the same way for every rival, and in series of their own, because whoever
//! looks on costs time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// A forwarder to one server, for as long as the bench runs.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    trips: Arc<AtomicU64>,
}

impl Proxy {
    /// Forwards to `target` from a free port on.
    pub(crate) fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let proxy = Self {
            address: listener.local_addr()?,
            trips: Arc::default(),
        };
        let trips = Arc::clone(&proxy.trips);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is away looks to the client like one that hangs up.
                if let Ok(server) = TcpStream::connect(target) {
                    drop(forward(client, server, &trips));
                }
            }
        });
        Ok(proxy)
    }

    /// The round trips so far.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

fn forward(client: TcpStream, server: TcpStream, trips: &Arc<AtomicU64>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let trips = Arc::clone(trips);
    // The first word of a connection follows an answer as well: none is awaited.
    let answered = Arc::new(AtomicBool::new(true));
    let heard = Arc::clone(&answered);
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        copy(from_client, to_server, || {
            if answered.swap(false, Ordering::SeqCst) {
                trips.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    thread::spawn(move || copy(server, client, || heard.store(true, Ordering::SeqCst)));
    Ok(())
}

/// Notes each piece before it is passed on, so that no answer can overtake its note.
fn copy(mut from: TcpStream, mut to: TcpStream, note: impl Fn()) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        note();
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // Fails only when the other side has closed already.
    let _ = to.shutdown(Shutdown::Write);
}
