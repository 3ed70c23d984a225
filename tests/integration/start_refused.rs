//! Starts that are refused or wait, and what the user is told.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::patience::within;
use crate::support::service::Stack;
use crate::support::worker::{Worker, WorkerBuilder};
use crate::support::{World, until};

/// Something is wrong that starting again does not cure.
const REFUSED: Option<i32> = Some(78);
const SECRET: &str = "Tr0ub4dor-and-3";

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_told_at_once_and_no_secret_with_it() {
    let mut worker = WorkerBuilder::new()
        .set(
            "DATABASE_URL",
            format!("mysql://worker:{SECRET}@db.bank.example/wallets"),
        )
        .set("TOKEN_KEY", SECRET)
        .set("CAMUNDA_PASSWORD", SECRET)
        .set("CAMUNDA_CLIENT_LOCK_DURATION", "a while")
        .set("MAIL_FROM", "nobody at all")
        .spawn();

    let status = worker.exited().await;
    let told = worker.log();

    assert_eq!(status.code(), REFUSED, "{told}");
    // SMTP_URL is missing, the others are malformed; a password without a user is of no use.
    for setting in [
        "DATABASE_URL",
        "TOKEN_KEY",
        "CAMUNDA_USER",
        "CAMUNDA_CLIENT_LOCK_DURATION",
        "MAIL_FROM",
        "SMTP_URL",
    ] {
        let lines = told.lines().filter(|line| line.contains(setting)).count();
        assert_eq!(lines, 1, "{setting} in\n{told}");
    }
    assert!(!told.contains(SECRET), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_commits_is_refused_unless_that_is_wanted() {
    let stack = Stack::with_unsafe_postgres().await;
    let world = World::on_database(&stack).await;
    let worker = world
        .worker()
        .set("DATABASE_URL", stack.database_url().await);

    let mut refused = worker.clone().set("ALLOW_UNSAFE_DATABASE", "false").spawn();
    let status = refused.exited().await;

    assert_eq!(status.code(), REFUSED);
    let told = refused.log();
    for word in ["fsync", "synchronous_commit", "ALLOW_UNSAFE_DATABASE"] {
        assert!(told.contains(word), "{word} in\n{told}");
    }
    let allowed = worker.start().await;
    assert_eq!(allowed.lines_about("may lose what it has committed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_migrations_and_goes_on_with_them() {
    let stack = Stack::with_postgres().await;
    let world = World::new().await;
    let worker = world
        .worker()
        .set("DATABASE_URL", stack.database_url().await);

    let waiting = worker.spawn();
    until("it waits for the migrations", async || {
        (waiting.lines_about("phantom-worker migrate") > 0).then_some(())
    })
    .await;
    let before = probes(&waiting).await;
    let migrated = worker.command("migrate").output().unwrap();
    within(Duration::from_secs(10), "it is ready", async || {
        (waiting.get("/readyz").await?.0 == 200).then_some(())
    })
    .await;

    assert_eq!(before, [200, 503, 503]);
    assert!(migrated.status.success(), "{migrated:?}");
    assert_eq!(probes(&waiting).await, [200, 200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_with_its_setting() {
    let world = World::new().await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();

    for setting in ["HTTP_BIND", "PUBLIC_HTTP_BIND"] {
        let mut worker = world.worker().set(setting, &address).spawn();
        let status = worker.exited().await;

        assert_eq!(status.code(), REFUSED);
        let told = worker.log();
        let line = told.lines().find(|line| line.contains(&address));
        assert!(line.is_some_and(|line| line.contains(setting)), "{told}");
    }
}

async fn probes(worker: &Worker) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip(["/livez", "/startupz", "/readyz"]) {
        *status = worker.get(path).await.unwrap().0;
    }
    statuses
}
