//! A mail server that is never satisfied.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The server.
pub(crate) struct SmtpServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
}

impl SmtpServer {
    /// Refuses each recipient.
    pub(crate) fn refusing_recipients(line: &'static str) -> Self {
        Self::start(line, 0, "250 taken")
    }

    /// Takes each recipient, and answers so to the end of each mail.
    pub(crate) fn answering_mails(line: &'static str) -> Self {
        Self::start("250 fine", 0, line)
    }

    /// Says nothing to the end of the first mails, and takes those after them.
    pub(crate) fn hanging(first: usize) -> Self {
        Self::start("250 fine", first, "250 taken")
    }

    fn start(recipient: &'static str, hanging: usize, end: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            mails: Arc::default(),
        };
        let manners = Manners {
            recipient,
            hanging,
            end,
            mails: Arc::clone(&server.mails),
        };
        // They end with the process: they hold nothing that anybody waits for.
        thread::spawn(move || {
            for client in listener.incoming() {
                let manners = manners.clone();
                thread::spawn(move || client.and_then(|client| manners.talk(&client)));
            }
        });
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Message-IDs of the mails that came, whole.
    pub(crate) fn message_ids(&self) -> Vec<String> {
        let mails = self.mails.lock().unwrap();
        mails.iter().map(|mail| message_id(mail)).collect()
    }
}

fn message_id(mail: &str) -> String {
    let line = mail
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "));
    line.expect("a mail has a Message-ID").to_owned()
}

/// How it talks.
#[derive(Clone)]
struct Manners {
    recipient: &'static str,
    hanging: usize,
    end: &'static str,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Manners {
    fn talk(&self, client: &TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(client).lines();
        say(client, "220 localhost")?;
        while let Some(line) = lines.next() {
            match line?.split([' ', ':']).next() {
                Some("RCPT") => say(client, self.recipient)?,
                Some("DATA") => {
                    say(client, "354 go on")?;
                    if self.keep(read_mail(&mut lines)?) > self.hanging {
                        say(client, self.end)?;
                    }
                }
                Some("QUIT") => return say(client, "221 bye"),
                _ => say(client, "250 fine")?,
            }
        }
        Ok(())
    }

    /// How many mails there are then.
    fn keep(&self, mail: String) -> usize {
        let mut mails = self.mails.lock().unwrap();
        mails.push(mail);
        mails.len()
    }
}

fn read_mail(lines: &mut impl Iterator<Item = io::Result<String>>) -> io::Result<String> {
    let mut mail = String::new();
    for line in lines {
        match line? {
            end if end == "." => return Ok(mail),
            line => mail.extend([&line, "\n"]),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn say(mut client: &TcpStream, line: &str) -> io::Result<()> {
    client.write_all(format!("{line}\r\n").as_bytes())
}
