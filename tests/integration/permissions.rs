//! deploy/engine/permissions: the worker does all its work as a user who may do nothing else, and
//! tells of each permission that is missing. So does whoever deploys.

mod deployer;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use phantom_worker::processes::BUILT_IN;
use reqwest::redirect::Policy;
use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::demo::{demo, free_address};
use crate::support::command::{Said, phantom_worker, said};
use crate::support::database::database;
use crate::support::engine::{ADMINISTRATOR, Engine};
use crate::support::service::Stack;
use crate::support::worker::WorkerBuilder;
use crate::support::{World, until};

const SCRIPT: &str = "deploy/engine/permissions";
const TENANT: &str = "retail";
const PASSWORD: &str = r#"a "long\ one"#;
/// What the worker needs on each process.
const NEEDED: [&str; 3] = ["READ", "READ_INSTANCE", "UPDATE_INSTANCE"];
const KYC: &str = "kyc-validation-process";
const KYC_TOPIC: &str = "validate-kyc-data";

/// A user that the script makes, and the group that it gives it.
#[derive(Clone, Copy)]
struct Account {
    user: &'static str,
    group: &'static str,
}

const WORKER: Account = Account {
    user: "walletworker",
    group: "phantomworker",
};

/// An engine that asks for users.
struct Guarded {
    world: World,
    password_file: PathBuf,
    _stack: Stack,
}

impl Guarded {
    async fn new() -> Self {
        let stack = Stack::with_guarded_engine().await;
        let engine = Engine::administered(&stack.engine_url().await, TENANT);
        for model in BUILT_IN {
            engine.deploy(model.file, model.xml).await;
        }
        let password_file = std::env::temp_dir().join(format!("password-{}", Uuid::new_v4()));
        // As an editor on Windows leaves it.
        fs::write(&password_file, format!("{PASSWORD}\r\n")).unwrap();
        let database = database().await;
        Self {
            world: World { database, engine },
            password_file,
            _stack: stack,
        }
    }

    /// The worker's settings, with its user.
    fn worker(&self) -> WorkerBuilder {
        self.settings(WORKER)
    }

    fn settings(&self, account: Account) -> WorkerBuilder {
        self.world.worker().set("CAMUNDA_USER", account.user).set(
            "CAMUNDA_PASSWORD_FILE",
            self.password_file.to_str().unwrap(),
        )
    }

    /// Runs the script as the administrator does.
    async fn grant(&self, account: Account, arguments: &[&str]) -> String {
        let (admin, password) = ADMINISTRATOR;
        let mut command = script(arguments);
        command
            .env("CAMUNDA_REST_URL", self.world.engine.url.as_str())
            .env("CAMUNDA_TENANT_IDS", TENANT)
            .env("CAMUNDA_USER", account.user)
            .env("CAMUNDA_PASSWORD_FILE", &self.password_file)
            .env("ENGINE_ADMIN_USER", admin)
            .env("ENGINE_ADMIN_PASSWORD", password);
        let output = spawn_blocking(move || output(command)).await.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{SCRIPT}: {told}{complaint}");
        assert_eq!(complaint, "");
        told
    }

    /// A command of the binary, as this user.
    async fn run(&self, account: Account, command: &'static str) -> Said {
        let settings = self.settings(account);
        let run = move || said(phantom_worker(&[command]).envs(settings.environment()));
        spawn_blocking(run).await.unwrap()
    }

    /// What is granted to the group, in the order of the resources. That its members may read the
    /// group and its tenants is the engine's own addition.
    async fn grants(&self, Account { group, .. }: Account) -> Vec<Json> {
        let path =
            format!("authorization?type=1&groupIdIn={group}&sortBy=resourceId&sortOrder=asc");
        let mut grants = self.world.engine.get(&path).await;
        let grants = grants.as_array_mut().unwrap();
        grants.retain(|grant| {
            ![group, TENANT]
                .map(Json::from)
                .contains(&grant["resourceId"])
        });
        std::mem::take(grants)
    }

    /// The group's grant on one resource.
    async fn grant_on(&self, account: Account, resource: &str) -> Json {
        let grants = self.grants(account).await;
        let on_it = |grant: &Json| grant["resourceId"] == resource;
        grants.into_iter().find(on_it).unwrap()
    }

    /// Leaves the worker's group these permissions on one process.
    async fn leave(&self, process: &str, permissions: &[&str]) {
        let mut grant = self.grant_on(WORKER, process).await;
        grant["permissions"] = json!(permissions);
        let path = format!("authorization/{}", grant["id"].as_str().unwrap());
        self.world.engine.put(&path, grant).await;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.password_file);
    }
}

/// The script, with nothing in its environment but the way to its tools.
fn script(arguments: &[&str]) -> Command {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/engine/permissions");
    let mut command = Command::new(path);
    command.args(arguments).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn output(mut command: Command) -> Output {
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_granted_permissions_are_enough_and_each_one_less_is_told() {
    let guarded = Guarded::new().await;

    script_grants_exactly_what_is_needed_once(&guarded).await;
    everything_works(&guarded).await;
    check_tells_of_each_missing_grant(&guarded).await;
    worker_tells_of_each_missing_grant(&guarded).await;
    check_tells_of_a_missing_membership(&guarded).await;
    deployer::brings_models_and_touches_no_task(&guarded).await;
    deployments_are_granted_when_asked_for(&guarded).await;
}

async fn script_grants_exactly_what_is_needed_once(guarded: &Guarded) {
    let first = guarded.grant(WORKER, &[]).await;
    let second = guarded.grant(WORKER, &[]).await;

    assert_eq!(
        first.matches(": granted\n").count(),
        BUILT_IN.len(),
        "{first}"
    );
    let unchanged = second.lines().all(|line| line.ends_with(": as it was"));
    assert!(unchanged, "{second}");
    let granted: Vec<_> = guarded.grants(WORKER).await.iter().map(what).collect();
    let mut needed: Vec<_> = BUILT_IN
        .iter()
        .map(|model| {
            (
                json!(6),
                json!(model.key),
                NEEDED.map(str::to_owned).to_vec(),
            )
        })
        .collect();
    needed.sort_by_key(|(_, key, _)| key.to_string());
    assert_eq!(granted, needed);
}

fn what(grant: &Json) -> (Json, Json, Vec<String>) {
    let permissions = grant["permissions"].as_array().unwrap().iter();
    let mut permissions: Vec<_> = permissions
        .map(|permission| permission.as_str().unwrap().to_owned())
        .collect();
    permissions.sort();
    (
        grant["resourceType"].clone(),
        grant["resourceId"].clone(),
        permissions,
    )
}

/// Every process from its start to its end, the figures, the way to Cockpit, the commands.
async fn everything_works(guarded: &Guarded) {
    let public = free_address();
    let settings = guarded
        .worker()
        .set("PUBLIC_HTTP_BIND", public.to_string())
        .set("PUBLIC_BASE_URL", format!("http://{public}"))
        .set("COCKPIT_URL", "https://bpm.bank.example");
    let worker = settings.start().await;
    // Whoever starts processes needs permissions of their own.
    let (admin, password) = ADMINISTRATOR;
    let mut starter = guarded.world.worker();
    for name in ["PUBLIC_HTTP_BIND", "PUBLIC_BASE_URL"] {
        starter = starter.set(name, &settings.environment()[name]);
    }
    let starter = starter
        .set("CAMUNDA_USER", admin)
        .set("CAMUNDA_PASSWORD", password);

    let walked = spawn_blocking(move || demo(&starter)).await.unwrap();
    let started = guarded
        .world
        .engine
        .start_as_written(KYC, json!({ "variables": {} }).to_string());
    started.await.unwrap();
    let exhausted =
        format!("phantom_worker_engine_tasks{{state=\"exhausted\",topic=\"{KYC_TOPIC}\"}}");
    until("the figures tell of the incident", async || {
        (worker.series(&exhausted).await == 1.0).then_some(())
    })
    .await;
    let standing = reqwest::Client::builder().redirect(Policy::none());
    let page = worker.ops_url(&format!("/go/definition/{KYC}"));
    let led = standing.build().unwrap().get(page).send().await.unwrap();

    assert_eq!(walked.code, 0, "{}\n{}", walked.stdout, walked.stderr);
    assert_eq!(led.status(), 302);
    let unread = "phantom_worker_collector_errors_total{collector=\"engine\"}";
    assert_eq!(worker.series(unread).await, 0.0);
    assert_eq!(worker.lines_about("is degraded"), 0, "{}", worker.log());
    for command in ["check", "purge"] {
        let said = guarded.run(WORKER, command).await;
        assert_eq!(said.code, 0, "{command}: {}{}", said.stdout, said.stderr);
    }
}

async fn check_tells_of_each_missing_grant(guarded: &Guarded) {
    for model in BUILT_IN {
        for (missing, left) in one_less() {
            guarded.leave(model.key, &left).await;

            let said = guarded.run(WORKER, "check").await;

            assert_eq!(said.code, 1, "{missing} on {}: {}", model.key, said.stdout);
            let line = said
                .stdout
                .lines()
                .find(|line| line.contains(" permissions "));
            let told = format!(
                "CAMUNDA_USER lacks {missing} on the process definition {}",
                model.key
            );
            assert!(line.unwrap().ends_with(&told), "{}", said.stdout);
        }
        guarded.leave(model.key, &NEEDED).await;
    }
    assert_eq!(guarded.run(WORKER, "check").await.code, 0);
}

/// A worker that is let in and given nothing would look idle.
async fn worker_tells_of_each_missing_grant(guarded: &Guarded) {
    for (missing, left) in one_less() {
        guarded.leave(KYC, &left).await;

        let worker = guarded.worker().start().await;

        let told = format!("CAMUNDA_USER lacks {missing} on the process definition {KYC}");
        until(&format!("it tells that {missing} is missing"), async || {
            let (status, body) = worker.get("/readyz").await?;
            let body: Json = serde_json::from_str(&body).unwrap();
            let checks = body["checks"].as_array().unwrap();
            let topic = checks.iter().find(|check| check["detail"] == told)?;
            assert_eq!(topic["name"], format!("topic {KYC_TOPIC}"));
            assert_eq!((status, &topic["status"]), (200, &json!("degraded")));
            Some(())
        })
        .await;
        assert_eq!(worker.lines_about(&told), 1, "{}", worker.log());
    }
    let mended = guarded.grant(WORKER, &[]).await;
    let line = format!(
        "{} on the process definition {KYC}: made exactly that",
        NEEDED.join(", ")
    );
    assert!(mended.contains(&line), "{mended}");
}

/// Without its group the user has no permission, and without the tenant none of its processes.
async fn check_tells_of_a_missing_membership(guarded: &Guarded) {
    for (path, told) in [
        (
            format!("group/{}/members/{}", WORKER.group, WORKER.user),
            "CAMUNDA_USER lacks READ_INSTANCE on".to_owned(),
        ),
        (
            format!("tenant/{TENANT}/group-members/{}", WORKER.group),
            format!("{KYC} is not deployed, or not ours to read"),
        ),
    ] {
        guarded.world.engine.delete(&path).await;

        let said = guarded.run(WORKER, "check").await;

        assert_eq!(said.code, 1, "{path}: {}", said.stdout);
        assert!(said.stdout.contains(&told), "{path}: {}", said.stdout);
        guarded.grant(WORKER, &[]).await;
    }
}

async fn deployments_are_granted_when_asked_for(guarded: &Guarded) {
    let refused = guarded.run(WORKER, "deploy").await;
    guarded
        .grant(WORKER, &["--role", "both", "--history"])
        .await;
    let deployed = guarded.run(WORKER, "deploy").await;

    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("CREATE"), "{}", refused.stderr);
    assert_eq!(deployed.code, 0, "{}", deployed.stderr);
    let on_deployments = json!({ "resourceType": 9, "resourceId": "*", "permissions": ["CREATE"] });
    let grants = guarded.grants(WORKER).await;
    assert!(
        grants
            .iter()
            .any(|grant| what(grant) == what(&on_deployments))
    );
    let with_history = |grant: &&Json| what(grant).2.contains(&"READ_HISTORY".to_owned());
    assert_eq!(grants.iter().filter(with_history).count(), BUILT_IN.len());
}

#[test]
fn a_password_that_no_call_could_carry_is_refused_before_any() {
    for password in ["with a\ttab", "two\nlines"] {
        let mut command = script(&[]);
        command
            .env("ENGINE_ADMIN_USER", "admin")
            .env("ENGINE_ADMIN_PASSWORD", password);

        let output = output(command);

        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{complaint}");
        assert!(complaint.contains("ENGINE_ADMIN_PASSWORD holds a control character"));
        assert!(!complaint.contains(password), "{complaint}");
    }
}

/// Each of the needed permissions, and the others.
fn one_less() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    NEEDED.into_iter().map(|missing| {
        let left = NEEDED.into_iter().filter(|kept| *kept != missing);
        (missing, left.collect())
    })
}
