//! Servers of a story's own, for stories that stop and kill them: `deploy/local/service` with a
//! folder of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tokio::task::spawn_blocking;
use uuid::Uuid;

/// The parts that the story starts. Killed and removed when it ends.
pub(crate) struct Stack {
    state: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Stack {
    /// Starts a PostgreSQL that keeps what it has committed.
    pub(crate) async fn with_postgres() -> Self {
        Self::start("postgres", Vec::new()).await
    }

    /// Starts a PostgreSQL without fsync.
    pub(crate) async fn with_unsafe_postgres() -> Self {
        let unsafely = ("PHANTOM_PG_UNSAFE", "1".to_owned());
        Self::start("postgres", vec![unsafely]).await
    }

    /// Starts a PostgreSQL and an engine on it.
    pub(crate) async fn with_engine() -> Self {
        // A killed process loses nothing that the kernel has; only a killed machine would.
        let stack = Self::with_unsafe_postgres().await;
        stack.does("engine", "start").await;
        stack
    }

    /// Starts a PostgreSQL and an engine that asks for a user and looks what it may do.
    pub(crate) async fn with_guarded_engine() -> Self {
        let environment = [("PHANTOM_PG_UNSAFE", "1"), ("PHANTOM_ENGINE_AUTH", "true")];
        let environment = environment.map(|(name, value)| (name, value.to_owned()));
        let stack = Self::start("postgres", environment.into()).await;
        stack.does("engine", "start").await;
        stack
    }

    /// Starts a Prometheus with these settings.
    pub(crate) async fn with_prometheus(environment: Vec<(&'static str, String)>) -> Self {
        Self::start("prometheus", environment).await
    }

    async fn start(part: &str, environment: Vec<(&'static str, String)>) -> Self {
        let root = std::env::var("TEST_STATE_ROOT")
            .expect("TEST_STATE_ROOT must name a folder for servers; tests/run makes one");
        let stack = Self {
            state: PathBuf::from(root).join(format!("story-{}", Uuid::new_v4().simple())),
            environment,
        };
        stack.does(part, "start").await;
        stack
    }

    /// Does something to a part, such as `kill`.
    pub(crate) async fn does(&self, part: &str, verb: &str) {
        self.run(&[part, verb]).await;
    }

    /// Where the engine answers.
    pub(crate) async fn engine_url(&self) -> String {
        self.run(&["engine", "url"]).await
    }

    /// Where the worker's database is.
    pub(crate) async fn database_url(&self) -> String {
        self.run(&["postgres", "url", "phantom_worker"]).await
    }

    /// Where the Prometheus answers.
    pub(crate) async fn prometheus_url(&self) -> String {
        self.run(&["prometheus", "url"]).await
    }

    async fn run(&self, words: &[&str]) -> String {
        let command = self.command(words);
        spawn_blocking(|| output(command)).await.unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let program = std::env::var("TEST_SERVICE")
            .expect("TEST_SERVICE must name deploy/local/service; tests/run does");
        let mut command = Command::new(program);
        command
            .args(words)
            .env("PHANTOM_LOCAL_STATE", &self.state)
            .env("PHANTOM_POSTGRES_PORT", "0")
            .env("PHANTOM_ENGINE_PORT", "0")
            .env("PHANTOM_PROMETHEUS_PORT", "0")
            .env_remove("PHANTOM_PG_UNSAFE")
            .env_remove("PHANTOM_ENGINE_AUTH")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Drop for Stack {
    fn drop(&mut self) {
        for part in ["prometheus", "engine", "postgres"] {
            if self.state.join(part).join("process").exists() {
                output(self.command(&[part, "kill"]));
            }
        }
        // What is left is cleared by tests/run.
        let _ = std::fs::remove_dir_all(&self.state);
    }
}
