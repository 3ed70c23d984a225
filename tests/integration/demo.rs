//! The thirty customers, on the real engine with a real worker.

use crate::support::World;
use crate::support::command::{Said, phantom_worker, said};

fn demo(world: &World) -> Said {
    let mut command = phantom_worker(&["demo"]);
    command
        .envs(world.worker().environment())
        .env("COCKPIT_URL", "http://localhost:8080/camunda")
        .env("MAILBOX_URL", "http://localhost:1080");
    said(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_customers_end_as_expected_and_may_come_again() {
    let world = World::new().await;
    let _worker = world.worker().start().await;

    let first = demo(&world);
    let second = demo(&world);

    for said in [first, second] {
        assert_eq!(said.code, 0, "{}\n{}", said.stdout, said.stderr);
        assert!(
            said.stdout.contains("30 customers, 11 wallets\n"),
            "{}",
            said.stdout
        );
        assert!(said.stdout.contains("IDENTITY_CONFLICT"));
        assert_eq!(said.stdout.matches("/#/process-instance/").count(), 30);
        assert!(said.stdout.contains("Mailbox  http://localhost:1080/\n"));
    }
    assert_eq!(
        world.database.count("SELECT count(*) FROM wallets").await,
        22
    );
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
