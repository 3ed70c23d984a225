//! Personal data stays where it belongs: in the tables of customers and in their mails.

use super::*;
use crate::support::{mailbox, until};

/// A person every field of whom can be told in any text.
pub(super) fn canary() -> Applicant {
    let mut canary = Applicant::new()
        .with("first_name", "Canaryfirst")
        .with("last_name", "Canarylast")
        .with("phone_number", "74 918 273")
        .with("date_of_birth", "1961-07-19");
    let email = format!("canarymail.{}", canary.text("email"));
    canary.request["email"] = json!(email);
    canary
}

/// Everything of a person that must not be found, in each of its spellings.
pub(super) fn traces(person: &Applicant) -> Vec<String> {
    let mut traces = [
        "Canaryfirst",
        "Canarylast",
        "canarymail",
        "74 918 273",
        "74918273",
    ]
    .map(str::to_owned)
    .to_vec();
    traces.extend(["national_id", "date_of_birth"].map(|field| person.text(field).to_owned()));
    traces
}

pub(super) fn assert_no_trace(traces: &[impl AsRef<str>], place: &str, text: &str) {
    for trace in traces {
        let trace = trace.as_ref();
        assert!(!text.contains(trace), "{trace} is in {place}:\n{text}");
    }
}

/// Not on the pages of the ops port, not in these relations, not in the log.
pub(super) async fn assert_nowhere(
    world: &World,
    worker: &Worker,
    traces: &[impl AsRef<str>],
    relations: &[&str],
) {
    for page in ["/metrics", "/status"] {
        assert_no_trace(traces, page, &worker.get(page).await.unwrap().1);
    }
    for relation in relations {
        let rows = format!("SELECT to_jsonb(r)::text AS text FROM {relation} AS r");
        assert_no_trace(traces, relation, &world.database.text(&rows).await);
    }
    assert_no_trace(traces, "the log", &worker.log());
}

/// The variables that the worker wrote, and every failure that it reported, with its details.
pub(super) async fn told_to_the_engine(world: &World, instances: &[String]) -> String {
    let mut told = String::new();
    for instance in instances {
        let mut variables = world.engine.variables(instance).await;
        for given in ["request_data", "kyc_data"] {
            variables.as_object_mut().unwrap().remove(given);
        }
        told.push_str(&variables.to_string());
    }
    for failure in world.engine.failures().await {
        told.push_str(failure["errorMessage"].as_str().unwrap());
        let id = failure["id"].as_str().unwrap();
        let path = format!("history/external-task-log/{id}/error-details");
        told.push_str(&world.engine.get_text(&path).await);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_is_logged_counted_audited_or_told_to_the_engine() {
    let world = World::new().await;
    let merchant = world.merchant().await;
    let worker = world.worker().set("LOG_LEVEL", "trace").start().await;
    let person = canary();

    let created = world.request_wallet(merchant, &person).await;
    assert_eq!(world.engine.ended(&created).await.at, "wallet_created");
    mailbox::mail_to(person.text("email")).await;
    let rejected = world.request_wallet(merchant, &person).await;
    assert_eq!(
        world.engine.ended(&rejected).await.at,
        "wallet_request_rejected"
    );
    let invalid = person
        .clone()
        .with("email", "canarymail@")
        .with("national_id", "Canaryfirst");
    let invalid = world.request_wallet(merchant, &invalid).await;
    assert_eq!(
        world.engine.ended(&invalid).await.at,
        "wallet_request_rejected"
    );
    let conflicting = person.clone().with("date_of_birth", "1961-07-18");
    let conflicting = world
        .request_wallet(world.merchant().await, &conflicting)
        .await;
    let refused = world.engine.ended(&conflicting).await;
    assert_eq!(refused.variables["error_code"], "IDENTITY_CONFLICT");
    let text = typed("String", person.request.to_string().replace('}', ""));
    let broken =
        json!({"merchant_id": typed("String", merchant.to_string()), "request_data": text});
    let broken = world
        .engine
        .start_before(PROCESS, "validate_wallet_request", broken)
        .await;
    world.engine.incident(&broken).await;
    let malformed = json!({"request_id": typed("String", "Canaryfirst")});
    let malformed = world
        .engine
        .start_before(PROCESS, "create_wallet", malformed)
        .await;
    world.engine.incident(&malformed).await;
    until("the mail is marked as sent", async || {
        (world
            .count("outbox WHERE state = 'sent' AND payload IS NULL")
            .await
            == 1)
            .then_some(())
    })
    .await;

    let traces = traces(&person);
    let instances = [created, rejected, invalid, conflicting, broken];
    assert_no_trace(
        &traces,
        "the engine",
        &told_to_the_engine(&world, &instances).await,
    );
    let tables = [
        "audit_log",
        "outbox",
        "task_completions",
        "task_deliveries",
        "wallets",
    ];
    assert_nowhere(&world, &worker, &traces, &tables).await;
    let log = worker.log();
    assert!(instances.iter().all(|instance| log.contains(instance)));
    assert_unshaken(&world, &worker, 2).await;
}
