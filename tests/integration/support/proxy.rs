//! A network that fails when the story says so: it stands between the worker and a server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// How the network is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Network {
    /// Every byte passes.
    Up,
    /// Nobody listens, and connections are closed.
    Refusing,
    /// Connections open, and no byte passes: as a lost route, or a server that stands still.
    Silent,
}

/// The network between the worker and one server.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    server: SocketAddr,
    network: Network,
    /// Counts the changes: what was connected before the last one stays cut off.
    change: u64,
    open: Vec<TcpStream>,
    over: bool,
}

impl Proxy {
    /// A network to this server that works, for now.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                server,
                network: Network::Up,
                change: 0,
                open: Vec::new(),
                over: false,
            }),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || serving.serve(listener));
        Self { address, shared }
    }

    /// Where the worker connects to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the network. What was connected while it was silent never comes back to life.
    pub(crate) fn set(&self, network: Network) {
        self.change(|state| {
            state.network = network;
            if network == Network::Refusing {
                state.close_all();
            }
        });
    }

    /// Leads connections from now on to another server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.change(|state| state.server = server);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        {
            let mut state = self.shared.state.lock().unwrap();
            state.change += 1;
            change(&mut state);
        }
        self.shared.changed.notify_all();
        // The thread that waits for connections looks up at the next one.
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| {
            state.over = true;
            state.close_all();
        });
    }
}

impl State {
    fn close_all(&mut self) {
        for stream in self.open.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: TcpListener) {
        let address = listener.local_addr().unwrap();
        let mut listener = Some(listener);
        loop {
            match self.network() {
                None => return,
                Some(Network::Refusing) => {
                    drop(listener.take());
                    self.wait_while(|state| state.network == Network::Refusing);
                }
                Some(_) => {
                    let listener =
                        listener.get_or_insert_with(|| TcpListener::bind(address).unwrap());
                    let (client, _) = listener.accept().unwrap();
                    if !matches!(self.network(), None | Some(Network::Refusing)) {
                        self.connect(client);
                    }
                }
            }
        }
    }

    fn network(&self) -> Option<Network> {
        let state = self.state.lock().unwrap();
        (!state.over).then_some(state.network)
    }

    fn wait_while(&self, is_so: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        let waited = self
            .changed
            .wait_while(state, |state| !state.over && is_so(state));
        drop(waited.unwrap());
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        // A server that is away closes the connection, as its own kernel would.
        let server = self.state.lock().unwrap().server;
        let Ok(server) = TcpStream::connect(server) else {
            return;
        };
        let change = {
            let mut state = self.state.lock().unwrap();
            state
                .open
                .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
            state.change
        };
        let halves = [
            (client.try_clone().unwrap(), server.try_clone().unwrap()),
            (server, client),
        ];
        for (from, to) in halves {
            let shared = Arc::clone(self);
            // A broken connection is what stories are about.
            thread::spawn(move || drop(shared.pump(from, to, change)));
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, since: u64) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return to.shutdown(Shutdown::Write);
            }
            let is_lost = |state: &State| state.network == Network::Silent || state.change != since;
            self.wait_while(is_lost);
            to.write_all(&buffer[..length])?;
        }
    }
}
