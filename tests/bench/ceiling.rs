//! The ceiling: a client that only fetches and completes, with nothing around it that could cost.
//!
//! One thread, one fetch loop of batches, and completers that share what it brings. It has no
//! database, no leases, no retries: the first answer that is not a success ends it. No worker that
//! keeps its promises can be faster; how close one comes is the measure.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::{try_join_all, try_join3};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, mpsc};

use super::rival::Place;

const COMPLETERS: usize = 32;
const BATCH: usize = 50;
const POLL: Duration = Duration::from_secs(5);
const LOCK: Duration = Duration::from_secs(10);

/// Where the bare client works.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    engine: String,
    #[arg(long)]
    tenant: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    pause_ms: u64,
    /// Reads and writes the variables that `validate-wallet-request` does.
    #[arg(long)]
    variables: bool,
    /// A topic without tasks that it polls beside its own; may be repeated.
    #[arg(long = "idle-topic")]
    idle_topics: Vec<String>,
}

/// The bare client as a process of its own.
pub(crate) fn command(
    place: &Place,
    pause: Duration,
    variables: bool,
    idle_topics: &[&str],
) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("ceiling")
        .args(["--engine", &place.engine])
        .args(["--tenant", &place.tenant])
        .args(["--topic", place.topic])
        .args(["--pause-ms", &pause.as_millis().to_string()]);
    if variables {
        command.arg("--variables");
    }
    for topic in idle_topics {
        command.args(["--idle-topic", topic]);
    }
    Ok(command)
}

/// Works until it is killed.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(Ceiling::new(arguments)?.work())
}

struct Ceiling {
    http: reqwest::Client,
    engine: String,
    fetch: Json,
    idle_fetches: Vec<Json>,
    complete: Json,
    pause: Duration,
}

#[derive(Deserialize)]
struct Task {
    id: String,
}

impl Ceiling {
    fn new(arguments: Arguments) -> anyhow::Result<Self> {
        let worker_id = format!("bench-ceiling-{}", std::process::id());
        let (read, written) = if arguments.variables {
            (json!(["merchant_id", "request_data"]), answer_variables())
        } else {
            (json!([]), json!({}))
        };
        let fetch = |topic: &String| {
            json!({
                "workerId": worker_id,
                "maxTasks": BATCH,
                "asyncResponseTimeout": POLL.as_millis(),
                "topics": [{
                    "topicName": topic,
                    "lockDuration": LOCK.as_millis(),
                    "variables": read,
                    "tenantIdIn": [arguments.tenant],
                }],
            })
        };
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            engine: arguments.engine,
            fetch: fetch(&arguments.topic),
            idle_fetches: arguments.idle_topics.iter().map(fetch).collect(),
            complete: json!({ "workerId": worker_id, "variables": written }),
            pause: Duration::from_millis(arguments.pause_ms),
        })
    }

    async fn work(self) -> anyhow::Result<()> {
        // One batch waits while another is at work, so completers never wait for a fetch.
        let (fetched, tasks) = mpsc::channel(BATCH);
        let tasks = Mutex::new(tasks);
        let completers = (0..COMPLETERS).map(|_| self.complete_all(&tasks));
        let pollers = self.idle_fetches.iter().map(|fetch| self.poll(fetch));
        try_join3(
            self.fetch_all(fetched),
            try_join_all(completers),
            try_join_all(pollers),
        )
        .await?;
        Ok(())
    }

    async fn poll(&self, fetch: &Json) -> anyhow::Result<()> {
        loop {
            let answer = self.post("external-task/fetchAndLock", fetch).await?;
            let tasks: Vec<Task> = answer.json().await?;
            anyhow::ensure!(tasks.is_empty(), "a topic that should be idle has tasks");
        }
    }

    async fn fetch_all(&self, fetched: mpsc::Sender<Task>) -> anyhow::Result<()> {
        loop {
            let answer = self.post("external-task/fetchAndLock", &self.fetch).await?;
            for task in answer.json::<Vec<Task>>().await? {
                fetched.send(task).await?;
            }
        }
    }

    async fn complete_all(&self, tasks: &Mutex<mpsc::Receiver<Task>>) -> anyhow::Result<()> {
        loop {
            let task = tasks.lock().await.recv().await;
            let task = task.context("the fetch loop has ended")?;
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
            let path = format!("external-task/{}/complete", task.id);
            self.post(&path, &self.complete).await?.bytes().await?;
        }
    }

    async fn post(&self, path: &str, body: &Json) -> anyhow::Result<reqwest::Response> {
        let address = format!("{}/{path}", self.engine);
        let answer = self.http.post(address).json(body).send().await?;
        Ok(answer.error_for_status()?)
    }
}

/// What `validate-wallet-request` answers to a valid request, type by type.
fn answer_variables() -> Json {
    json!({
        "request_id": { "type": "String", "value": "01890a5d-ac96-774b-bcce-b302099a8057" },
        "validation_success": { "type": "Boolean", "value": true },
        "validation_errors": { "type": "Json", "value": "[]" },
    })
}
