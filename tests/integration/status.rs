//! What an operator sees of a worker at work: the status page, the way to Cockpit, the log level.

use reqwest::redirect::Policy;
use serde_json::{Value as Json, json};

use crate::support::browser::{Looks, visit};
use crate::support::engine::variables;
use crate::support::worker::Worker;
use crate::support::{World, until};

const PROCESS: &str = "kyc-validation-process";
const TOPIC: &str = "validate-kyc-data";
const COCKPIT: &str = "https://bpm.bank.example/camunda/app/cockpit/default/";
/// Nothing but the addresses, which stories read off the log.
const QUIET: &str = "warn,phantom_worker::app=info";
const TOKEN: &str = "an-administrator-of-these-stories";

async fn at_work() -> (World, Worker) {
    let world = World::new().await;
    let builder = world
        .worker()
        .set("COCKPIT_URL", "https://bpm.bank.example");
    let worker = builder.set("ADMIN_TOKEN", TOKEN).start().await;
    (world, worker)
}

/// An instance whose first task cannot be read, which is an incident.
async fn failed_instance(world: &World) -> String {
    let input = variables(json!({ "user_id": "nobody" }));
    world.engine.start(PROCESS, input).await.to_string()
}

async fn status(worker: &Worker) -> Option<Json> {
    let (_, body) = worker.get("/status").await?;
    serde_json::from_str(&body).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_on_the_page_with_its_way_to_cockpit() {
    let (world, worker) = at_work().await;
    let instance = failed_instance(&world).await;

    let status = until("the failure is shown", async || {
        status(&worker)
            .await
            .filter(|status| !status["failures"][0].is_null())
    })
    .await;

    let failure = &status["failures"][0];
    assert_eq!(failure["topic"], TOPIC);
    assert_eq!(failure["retries_left"], 0);
    let page = format!("{COCKPIT}#/process-instance/{instance}/runtime");
    assert_eq!(failure["cockpit_url"], page);
    assert_eq!(worker.lines_about(&page), 1);
    assert!(!status.to_string().contains("nobody"), "{status}");
    let topics = status["topics"].as_array().unwrap();
    let mut topic = topics.iter().filter(|topic| topic["topic"] == TOPIC);
    assert_eq!(topic.next().unwrap()["last_failure"], *failure);
    let actors = status["actors"].as_array().unwrap();
    // Three of the process, and of each topic a poller, a pool and its handlers.
    assert_eq!(actors.len(), 3 + 3 * topics.len());
    assert!(actors.iter().all(|actor| actor["up"] == true), "{status}");

    let looks: Looks = visit("look", &worker.ops_url("/status?refresh=off")).await;
    for (screen, seen) in looks {
        assert_eq!(seen.heading(), "At work", "{screen}");
        assert!(seen.text.contains(&instance), "{screen}");
        assert_eq!(seen.is_dark(), screen.ends_with("dark"), "{screen}");
        seen.assert_good_for_everybody(&screen, "phantom-worker");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_leads_to_its_newest_version() {
    let (world, worker) = at_work().await;
    let versions = world
        .engine
        .client
        .definitions(PROCESS, true)
        .await
        .unwrap();
    let standing = reqwest::Client::builder().redirect(Policy::none());
    let client = standing.build().unwrap();
    let go = async |key: &str| {
        let url = worker.ops_url(&format!("/go/definition/{key}"));
        client.get(url).send().await.unwrap()
    };

    let found = go(PROCESS).await;
    let unknown = go("no-such-process").await;

    assert_eq!(found.status(), 302);
    let page = format!("{COCKPIT}#/process-definition/{}/runtime", versions[0].id);
    assert_eq!(found.headers()["location"].to_str().unwrap(), page);
    assert_eq!(unknown.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_changes_at_work_and_that_is_written_down() {
    let world = World::new().await;
    let builder = world.worker().set("ADMIN_TOKEN", TOKEN);
    let worker = builder.set("LOG_LEVEL", QUIET).start().await;

    assert_eq!(worker.lines_about("\"TRACE\""), 0);
    let client = reqwest::Client::new();
    let change = client.put(worker.ops_url("/log-level")).bearer_auth(TOKEN);
    let answer = change.body("trace").send().await.unwrap();

    assert_eq!(answer.status(), 200);
    until("the finest lines are there", async || {
        (worker.lines_about("\"TRACE\"") > 0).then_some(())
    })
    .await;
    let written = "audit_log WHERE action = 'log_level_changed' AND detail LIKE '%trace%'";
    until("the change is written down", async || {
        (world.count(written).await == 1).then_some(())
    })
    .await;
}
