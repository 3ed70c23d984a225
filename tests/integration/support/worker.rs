//! The worker as its users run it: the binary, with its settings in the environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use phantom_worker::links::KEY_BYTES;
use serde_json::Value as Json;
use uuid::Uuid;

use super::until;

/// Each byte of the key that signs the links.
pub(crate) const TOKEN_KEY_BYTE: u8 = 0x5c;

/// The settings of a worker to be started.
#[derive(Clone)]
pub(crate) struct WorkerBuilder {
    environment: BTreeMap<String, String>,
}

/// A running worker. Killed when the story ends before it does.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl WorkerBuilder {
    pub(crate) fn new() -> Self {
        let environment = BTreeMap::new();
        Self { environment }
            .set("MAIL_FROM", "Phantom Wallet <no-reply@wallet.example>")
            .set("PUBLIC_BASE_URL", "https://wallet.example")
            .set(
                "TOKEN_KEY",
                format!("{TOKEN_KEY_BYTE:02x}").repeat(KEY_BYTES),
            )
            .set("HTTP_BIND", "127.0.0.1:0")
            .set("PUBLIC_HTTP_BIND", "127.0.0.1:0")
            .set("METRICS_INTERVAL", "1s")
            .set("LOG_FORMAT", "json")
            .set("LOG_LEVEL", "info,phantom_worker=debug")
            // The tests' own server may run without fsync; what crashes here is never the machine.
            .set("ALLOW_UNSAFE_DATABASE", "true")
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The settings, for other commands.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Starts the worker and waits until it says that it is ready.
    pub(crate) async fn start(&self) -> Worker {
        let worker = self.spawn();
        until("the worker is ready", async || {
            worker.assert_alive();
            (worker.get("/readyz").await?.0 == 200).then_some(())
        })
        .await;
        worker
    }

    /// Starts the worker and waits for nothing.
    pub(crate) fn spawn(&self) -> Worker {
        let log = std::env::temp_dir().join(format!("phantom-worker-{}.log", Uuid::new_v4()));
        let child = self
            .command("run")
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Worker { child, log }
    }

    /// Another command of the binary, with the same settings.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phantom-worker"));
        command
            .arg(name)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }
}

impl Worker {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Asks it to leave, and waits until it has.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.exited().await
    }

    /// Waits for the worker's own end.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        until("the worker exits", async || self.find_exit()).await
    }

    /// How it ended, if it has.
    pub(crate) fn find_exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// All it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How many of its log lines hold these words.
    pub(crate) fn lines_about(&self, words: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }

    /// A page of the ops port: status and body. `None` while nobody listens.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("{}{path}", self.address("http.ops")?))
            .await
            .ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// The address of a page of the ops port, once somebody listens.
    pub(crate) fn ops_url(&self, path: &str) -> String {
        format!("{}{path}", self.address("http.ops").unwrap())
    }

    /// The value of a series, such as `phantom_worker_tasks_finished_total{…}`.
    pub(crate) async fn series(&self, series: &str) -> f64 {
        let (_, page) = self.get("/metrics").await.unwrap();
        page.lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or_else(|| panic!("no series {series} in\n{page}"))
    }

    /// The sum of a series over all its labels but this one, such as `outcome="unlocked"`.
    pub(crate) async fn sum(&self, series: &str, label: &str) -> f64 {
        let (_, page) = self.get("/metrics").await.unwrap();
        page.lines()
            .filter(|line| line.starts_with(series) && line.contains(label))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Where customers find it.
    pub(crate) fn public_address(&self) -> String {
        self.address("http.public")
            .expect("a worker that is ready has told its addresses")
    }

    /// Where probes and Prometheus find it, as host and port.
    pub(crate) fn ops_address(&self) -> String {
        let url = self
            .address("http.ops")
            .expect("a worker that is ready has told its addresses");
        url.trim_start_matches("http://").to_owned()
    }

    /// Where it serves, in its own words.
    fn address(&self, field: &str) -> Option<String> {
        self.log().lines().find_map(|line| {
            let entry: Json = serde_json::from_str(line).ok()?;
            Some(entry[field].as_str()?.to_owned())
        })
    }

    fn assert_alive(&self) {
        assert!(
            fs::metadata(format!("/proc/{}/exe", self.pid())).is_ok(),
            "the worker has ended:\n{}",
            self.log()
        );
    }
}

impl Drop for Worker {
    #[expect(
        clippy::print_stderr,
        reason = "who looks into a failed story needs the log"
    )]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the worker's log is in {}", self.log.display());
        } else {
            let _ = fs::remove_file(&self.log);
        }
    }
}
