//! The demo, on the real engine with a real worker, a real database and a real mailbox.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use phantom_worker::processes::BUILT_IN;
use uuid::Uuid;

use crate::support::command::{Said, phantom_worker, said};
use crate::support::readme::Section;
use crate::support::worker::WorkerBuilder;
use crate::support::{World, mailbox};

/// For everybody to come to an end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Everybody walks through all processes.
pub(crate) fn demo(worker: &WorkerBuilder) -> Said {
    demo_reading(worker, &mailbox::api())
}

/// A demo whose people read their mails there.
fn demo_reading(worker: &WorkerBuilder, mailbox: &str) -> Said {
    let mut command = phantom_worker(&["demo"]);
    command
        .timeout(PATIENCE)
        .envs(worker.environment())
        .env("COCKPIT_URL", "http://localhost:8080/camunda")
        .env("MAILBOX_URL", mailbox);
    said(&mut command)
}

/// An address for a server that has to know it before it starts: below the ports that the system
/// gives away by itself.
pub(crate) fn free_address() -> SocketAddr {
    let ports = (20_000..30_000)
        .cycle()
        .skip(usize::from(Uuid::new_v4().as_bytes()[0]) * 39);
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses
        .find(|address| TcpListener::bind(address).is_ok())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_ends_as_expected_and_may_come_again() {
    let world = World::new().await;
    let public = free_address();
    let settings = world
        .worker()
        .set("PUBLIC_HTTP_BIND", public.to_string())
        .set("PUBLIC_BASE_URL", format!("http://{public}"));
    let _worker = settings.start().await;

    let first = demo(&settings);
    let second = demo(&settings);

    for said in [&first, &second] {
        assert_eq!(said.code, 0, "{}\n{}", said.stdout, said.stderr);
        let total = "54 process instances; 30 customers, 11 wallets\n";
        assert!(said.stdout.contains(total), "{}", said.stdout);
        for told in [
            "IDENTITY_CONFLICT",
            "national_id_taken",
            "MERCHANT_NOT_FOUND",
            "flagged_for_review",
            "wait for the link",
            "security event: kyc_validated",
        ] {
            assert!(said.stdout.contains(told), "no {told}: {}", said.stdout);
        }
        let pressed = "pressed the button and read: Your e-mail address is confirmed\n";
        assert_eq!(said.stdout.matches(pressed).count(), 2, "{}", said.stdout);
        assert_eq!(said.stdout.matches("/#/process-instance/").count(), 54);
        assert!(!said.stdout.contains("/metrics"), "nobody listens there");
        assert!(
            said.stdout
                .contains(&format!("Mailbox  {}", mailbox::api()))
        );
    }
    assert_eq!(
        world.database.count("SELECT count(*) FROM wallets").await,
        22
    );
    invited(&second, &settings);
    for model in BUILT_IN {
        assert_variables_are_told(&world, model.key).await;
    }
    assert_eq!(
        world.database.count("SELECT count(*) FROM wallets").await,
        23
    );
}

/// What the instances read and got, every way of which was walked, stands in the README's tables,
/// and nothing else does.
async fn assert_variables_are_told(world: &World, process: &str) {
    let path = format!(
        "history/variable-instance?processDefinitionKey={process}&tenantIdIn={}\
         &deserializeValues=false",
        world.engine.tenant
    );
    let rows = world.engine.get(&path).await;
    let names = rows.as_array().unwrap().iter();
    let mut names: BTreeSet<_> = names.map(|row| row["name"].as_str().unwrap()).collect();
    // The models' own.
    names.remove("error_code");

    let topics = Section::of_process(process).topics().into_values();
    let told = topics.flat_map(|topic| topic.reads.into_iter().chain(topic.answers));
    assert_eq!(names, told.collect(), "{process}");
}

/// Does what the last line of the demo invites to.
fn invited(demo: &Said, worker: &WorkerBuilder) {
    let line = demo.stdout.lines().last().unwrap();
    let (command, variables) = line.split_once(" --variables ").unwrap();
    let mut arguments: Vec<_> = command.split_whitespace().skip(1).collect();
    arguments.extend(["--variables", variables.trim_matches('\'')]);

    let said = said(phantom_worker(&arguments).envs(worker.environment()));

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout.contains("Wallet created (end event"),
        "{}",
        said.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_away_costs_nobody_the_tables() {
    let world = World::new().await;
    let settings = world.worker();
    let _worker = settings.start().await;

    let said = demo_reading(&settings, "http://127.0.0.1:1");

    assert_eq!(said.code, 1, "{}\n{}", said.stdout, said.stderr);
    assert!(
        said.stderr.contains("E-mail verification: "),
        "{}",
        said.stderr
    );
    let total = "54 process instances; 30 customers, 11 wallets\n";
    assert!(said.stdout.contains(total), "{}", said.stdout);
    for told in [
        "IDENTITY_CONFLICT",
        "wait for the link",
        "security event: kyc_validated",
    ] {
        assert!(said.stdout.contains(told), "no {told}: {}", said.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_demo_says_how_to_get_one() {
    let world = World::new().await;
    let mut command = phantom_worker(&["demo"]);
    command
        .envs(world.worker().environment())
        .env("CAMUNDA_TENANT_IDS", "nobody-deployed-here");

    let said = said(&mut command);

    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("`phantom-worker deploy` brings it"),
        "{}",
        said.stderr
    );
}
