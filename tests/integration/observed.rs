//! A real Prometheus beside two replicas under load: every query of every panel and every rule finds
//! data, the first command of each runbook works, and a scrape stays cheap.

mod faults;
mod queries;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::crowd::Crowd;
use crate::support::patience::within;
use crate::support::prometheus::Prometheus;
use crate::support::proxy::{Network, Proxy};
use crate::support::worker::Worker;
use crate::support::world::{address_of, through};
use crate::support::{World, mailbox, until};

/// For a crowd of customers, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(180);
/// A process in which a task that lacks its variables becomes an incident.
const KYC: &str = "kyc-validation-process";

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_panels_rules_and_runbooks_finds_data() {
    let world = World::new().await;
    let engine = Proxy::to(address_of(world.engine.url.as_str()));
    let mail = Proxy::to(address_of(&mailbox::smtp_url()));
    mail.set(Network::Refusing);
    let replica = world
        .worker()
        .set(
            "CAMUNDA_REST_URL",
            through(world.engine.url.as_str(), &engine),
        )
        .set("SMTP_URL", format!("smtp://{}", mail.address()));
    let workers = [replica.start().await, replica.start().await];
    let prometheus = Prometheus::beside(&workers).await;
    // A rate is seen by those alone who saw the counter before.
    scraped_again(&prometheus).await;

    let crowd = Crowd::start(&world, 40).await;
    let without_variables = json!({ "variables": {} }).to_string();
    world
        .engine
        .start_as_written(KYC, without_variables)
        .await
        .unwrap();
    an_outage_of(&engine, &workers).await;
    until("an incident is open", async || {
        (!world.engine.incidents().await.is_empty()).then_some(())
    })
    .await;
    a_mail_is_tried_in_vain(&workers).await;
    mail.set(Network::Up);
    granted(&world, &crowd).await;
    scraped_again(&prometheus).await;

    every_series_is_there(&prometheus).await;
    every_query_finds_data(&prometheus).await;
    first_commands_work(&prometheus, &workers[0]);
    pages_are_clean_and_cheap(&prometheus, &workers[0]).await;
}

/// The engine is away until both replicas have noticed.
async fn an_outage_of(engine: &Proxy, workers: &[Worker]) {
    engine.set(Network::Refusing);
    for worker in workers {
        until("a fetch fails", async || {
            let failed = worker.sum("phantom_worker_fetches_total", "error").await;
            (failed > 0.0).then_some(())
        })
        .await;
    }
    engine.set(Network::Up);
}

async fn a_mail_is_tried_in_vain(workers: &[Worker]) {
    within(PATIENCE, "a mail is tried in vain", async || {
        for worker in workers {
            if worker.sum("phantom_worker_mails_total", "transient").await > 0.0 {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// Waits until everybody who can has a wallet; the incidents beside them never end.
async fn granted(world: &World, crowd: &Crowd) {
    within(PATIENCE, "every wallet is granted", async || {
        let wallets = world.database.count("SELECT count(*) FROM wallets").await;
        (usize::try_from(wallets) == Ok(crowd.wallets())).then_some(())
    })
    .await;
}

/// Waits for two more scrapes of each replica, and for a reading of what all replicas share.
async fn scraped_again(prometheus: &Prometheus) {
    // Of those that brought something: `up` is there for the others too.
    let scrapes = "min(sum_over_time(up{job=\"phantom-worker\"}[10m])) or vector(0)";
    let before = prometheus.query(scrapes).await.unwrap()[0].1;
    until("both replicas are scraped again", async || {
        let now = prometheus.query(scrapes).await.unwrap()[0].1;
        (now >= before + 2.0).then_some(())
    })
    .await;
}

/// Whatever a panel or a rule names is exported by somebody.
async fn every_series_is_there(prometheus: &Prometheus) {
    let mut missing = queries::names();
    for name in prometheus.names().await {
        missing.remove(&name);
    }
    assert!(missing.is_empty(), "nobody exports {missing:#?}");
}

/// A rule finds nothing as long as all is well; what it looks at must be there.
async fn every_query_finds_data(prometheus: &Prometheus) {
    let mut queries = queries::of_panels();
    for rule in prometheus.rules().await {
        assert_eq!(rule["health"], "ok", "{rule}");
        queries.extend(queries::selectors(rule["query"].as_str().unwrap()));
    }
    let mut faults = Vec::new();
    for query in queries {
        faults.extend(fault(prometheus, &query).await);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Why a query shows nothing, if it does not.
async fn fault(prometheus: &Prometheus, query: &str) -> Option<String> {
    match prometheus.query(query).await {
        Err(error) => Some(format!("{error}: {query}")),
        Ok(found) if found.iter().all(|(_, value)| value.is_nan()) => {
            Some(format!("finds nothing: {query}"))
        }
        Ok(_) => None,
    }
}

/// As an operator runs it: in a shell, with the two addresses set.
fn first_commands_work(prometheus: &Prometheus, worker: &Worker) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runbooks");
    let pages = fs::read_dir(folder)
        .unwrap()
        .map(|page| page.unwrap().path());
    let mut run = 0;
    for page in pages.filter(|page| !page.ends_with("README.md")) {
        let text = fs::read_to_string(&page).unwrap();
        let diagnosis = text.split("## Diagnosis").nth(1).unwrap();
        let command = diagnosis.split("```").nth(1).unwrap();
        let output = Command::new("sh")
            .args(["-c", command.trim_start_matches("sh\n")])
            .env("PROMETHEUS", prometheus.url())
            .env("WORKER", format!("http://{}", worker.ops_address()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {output:?}", page.display());
        // For an empty answer promtool prints an empty line.
        let answer = output.stdout.trim_ascii();
        assert!(!answer.is_empty(), "{} says nothing", page.display());
        run += 1;
    }
    assert!(run >= 20, "{run} runbooks");
}

async fn pages_are_clean_and_cheap(prometheus: &Prometheus, worker: &Worker) {
    let (_, page) = worker.get("/metrics").await.unwrap();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), page.as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&verdict.stderr);
    assert!(verdict.status.success(), "{complaint}");
    assert_eq!(complaint, "");
    for (query, limit) in [
        ("max(scrape_samples_scraped)", 1_500.0),
        ("max(max_over_time(scrape_duration_seconds[10m]))", 1.0),
    ] {
        let found = prometheus.query(query).await.unwrap()[0].1;
        assert!(found < limit, "{query} is {found}");
    }
}
