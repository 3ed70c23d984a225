//! A task that is delivered more than once, and requests that race: one effect, one answer.

mod races;

use std::time::Duration;

use futures_util::future::join_all;
use phantom_worker::camunda::model::LockedTask;
use phantom_worker::tasks::{Answer, Answered, Execution, Registration, Registry, Verdict};
use phantom_worker::wallets::{CreateWallet, NotifyWalletCreation, ValidateWalletRequest};
use serde_json::{Value as Json, json};

use crate::support::tree::{Tree, TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, wallet_topics};
use crate::support::{World, mailbox, until};

/// Longer than any story holds a task.
const LONG: Duration = Duration::from_secs(120);
/// Over as soon as it is written.
const SHORT: Duration = Duration::from_millis(1);

/// All that the way of one accepted request may leave in the audit log.
const AUDIT: &str = "wallet_request_validated wallet_creation_request approved {\"codes\":[]}\n\
                     user_created user created {}\n\
                     customer_created customer created {}\n\
                     wallet_created wallet created {}\n\
                     wallet_request_fulfilled wallet_creation_request fulfilled {}\n\
                     wallet_creation_notified wallet queued {}";

/// Works on a task as a worker of that name does, without a word to the engine.
async fn execute(
    world: &World,
    registration: &Registration,
    worker_id: &str,
    task: &LockedTask,
) -> Verdict {
    let execution = Execution {
        pool: &world.database.pool,
        engine_id: "default",
        worker_id,
        registration,
        task,
        limit: LONG,
    };
    execution.execute().await
}

async fn answered(world: &World, registration: &Registration, task: &LockedTask) -> Answered {
    match execute(world, registration, "crashes", task).await {
        Verdict::Answered(answered) => answered,
        Verdict::Retry(fault) | Verdict::Incident(fault) | Verdict::DatabaseAway(fault) => {
            panic!("no answer but {fault:#}")
        }
        Verdict::InOtherHands => panic!("no answer but a task in other hands"),
    }
}

/// Gives the engine an answer in the name of whoever holds the task.
async fn report(world: &World, worker_id: &str, task: &LockedTask, answer: &Answer) {
    let Answer::Complete { variables } = answer else {
        panic!("this story has no BPMN errors")
    };
    let client = &world.engine.client;
    client
        .complete(&task.id, worker_id, variables)
        .await
        .unwrap();
}

/// Runs a task in three hands at once; the one answer that all of them have.
async fn execute_thrice(world: &World, registration: &Registration, task: &LockedTask) -> Answer {
    let hands = ["one", "two", "three"].map(|name| execute(world, registration, name, task));
    let mut answers = Vec::new();
    for verdict in join_all(hands).await {
        match verdict {
            Verdict::Answered(answered) => answers.push(answered),
            Verdict::InOtherHands => {}
            Verdict::Retry(fault) | Verdict::Incident(fault) | Verdict::DatabaseAway(fault) => {
                panic!("no answer but {fault:#}")
            }
        }
    }
    let shown: Vec<_> = answers
        .iter()
        .map(|answered| written(&answered.answer))
        .collect();
    assert_eq!(
        answers.iter().filter(|answered| !answered.repeated).count(),
        1
    );
    assert!(shown.iter().all(|answer| answer == &shown[0]), "{shown:?}");
    answers.remove(0).answer
}

fn written(answer: &Answer) -> Json {
    serde_json::to_value(answer).unwrap()
}

/// Waits until the outbox is empty and finds one mail for each applicant.
async fn assert_one_mail_each(world: &World, applicants: &[Applicant]) {
    until("all mails are sent", async || {
        (world.count("outbox WHERE state <> 'sent'").await == 0).then_some(())
    })
    .await;
    assert_eq!(
        world.count("outbox").await,
        i64::try_from(applicants.len()).unwrap()
    );
    for applicant in applicants {
        let mails = mailbox::mails_to(applicant.text("email")).await;
        assert_eq!(mails.len(), 1);
    }
}

#[test]
fn a_task_in_three_hands_at_once_is_done_once_and_all_have_the_same_answer() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let applicants: Vec<_> = (0..10).map(|_| Applicant::new()).collect();
        let starts = applicants
            .iter()
            .map(|applicant| world.request_wallet(merchant, applicant));
        let instances = join_all(starts).await;

        for registration in wallet_topics().iter() {
            let tasks = world.engine.lock(registration, "holder", LONG, 10).await;
            for task in &tasks {
                let answer = execute_thrice(&world, registration, task).await;
                report(&world, "holder", task, &answer).await;
            }
        }

        let mailer = TreeBuilder::new(&world, Registry::default()).start();
        for instance in &instances {
            assert_eq!(world.engine.ended(instance).await.at, "wallet_created");
            assert_eq!(world.audit(instance).await, AUDIT);
        }
        assert_eq!(world.count("wallets").await, 10);
        assert_eq!(world.count("task_completions").await, 30);
        assert_one_mail_each(&world, &applicants).await;
        mailer.drain().await;
    });
}

/// A tree that serves one topic.
fn tree_of(world: &World, topic: &str) -> Tree {
    let mut registry = Registry::default();
    match topic {
        "validate-wallet-request" => registry.register(ValidateWalletRequest),
        "create-wallet" => registry.register(CreateWallet::default()),
        "notify-wallet-creation" => registry.register(NotifyWalletCreation),
        unknown => panic!("{unknown} is no topic"),
    };
    TreeBuilder::new(world, registry).start()
}

/// Waits for the counts of a tree's one topic: the task was completed, as a duplicate.
async fn assert_one_duplicate(tree: &Tree, topic: &str) {
    let labels = format!("topic=\"{topic}\"");
    let completed =
        format!("phantom_worker_tasks_finished_total{{outcome=\"completed\",{labels}}}");
    until(&format!("{topic} is counted"), async || {
        (tree.series(&completed) == 1.0).then_some(())
    })
    .await;
    let duplicates = format!("phantom_worker_duplicate_tasks_total{{{labels}}}");
    assert_eq!(tree.series(&duplicates), 1.0);
}

#[test]
fn an_answer_that_was_committed_and_never_reported_is_given_by_the_next_worker() {
    on_a_system(async {
        let world = World::new().await;
        let applicant = Applicant::new();
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let mut recorded = serde_json::Map::new();

        for registration in wallet_topics().iter() {
            let task = world
                .engine
                .lock(registration, "crashes", SHORT, 1)
                .await
                .remove(0);
            let answer = answered(&world, registration, &task).await.answer;
            let Json::Object(variables) = written(&answer)["variables"].take() else {
                panic!("no variables")
            };
            recorded.extend(variables);
            let tree = tree_of(&world, registration.topic);
            assert_one_duplicate(&tree, registration.topic).await;
            tree.drain().await;
        }

        let ended = world.engine.ended(&instance).await;
        assert_eq!(ended.at, "wallet_created");
        for name in [
            "request_id",
            "wallet_id",
            "creation_success",
            "notification_sent",
        ] {
            assert_eq!(ended.variables[name], recorded[name]["value"], "{name}");
        }
        assert_eq!(world.audit(&instance).await, AUDIT);
        assert_eq!(world.count("wallets").await, 1);
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        let mailer = TreeBuilder::new(&world, Registry::default()).start();
        assert_one_mail_each(&world, &[applicant]).await;
        mailer.drain().await;
    });
}

#[test]
fn a_refusal_that_was_never_reported_is_given_again_though_its_reason_is_gone() {
    on_a_system(async {
        let world = World::new().await;
        let applicant = Applicant::new();
        let stranger = format!(
            "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), '{}', 'admin')",
            applicant.text("email")
        );
        world.database.run(&stranger).await;
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let registry = wallet_topics();
        let mut registrations = registry.iter();
        let validation = registrations.next().unwrap();
        let task = world
            .engine
            .lock(validation, "holder", LONG, 1)
            .await
            .remove(0);
        let answer = answered(&world, validation, &task).await.answer;
        report(&world, "holder", &task, &answer).await;
        let creation = registrations.next().unwrap();
        let task = world
            .engine
            .lock(creation, "crashes", SHORT, 1)
            .await
            .remove(0);
        let refused = answered(&world, creation, &task).await.answer;
        world.database.run("DELETE FROM users").await;

        let tree = TreeBuilder::new(&world, wallet_topics()).start();
        let ended = world.engine.ended(&instance).await;

        assert_eq!(written(&refused)["code"], "IDENTITY_CONFLICT");
        assert_eq!(ended.at, "wallet_not_created");
        assert_eq!(ended.variables["error_code"], "IDENTITY_CONFLICT");
        let rejections = "audit_log WHERE action = 'wallet_request_rejected'";
        assert_eq!(world.count(rejections).await, 1);
        assert_eq!(world.count("wallets").await, 0);
        tree.drain().await;
    });
}

#[test]
fn a_task_that_was_unlocked_under_its_worker_is_done_once_by_two() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let applicant = Applicant::new();
        let merchant_row = world.hold("SELECT FROM merchants FOR UPDATE").await;
        // With its one slot taken, the first worker does not ask for the task again.
        let first = TreeBuilder::new(&world, wallet_topics())
            .topic(|topic| topic.slots = 1)
            .start();
        let instance = world.request_wallet(merchant, &applicant).await;
        let task = world
            .engine
            .task_of(&instance, "validate-wallet-request")
            .await;
        world.until_waiting(1).await;

        let second = TreeBuilder::new(&world, wallet_topics()).start();
        let unlock = format!("external-task/{}/unlock", task["id"].as_str().unwrap());
        world.engine.post(&unlock, json!({})).await;
        world.until_waiting(2).await;
        merchant_row.release().await;

        assert_eq!(world.engine.ended(&instance).await.at, "wallet_created");
        let fetched = "phantom_worker_tasks_fetched_total{topic=\"validate-wallet-request\"}";
        assert!(second.series(fetched) >= 1.0);
        assert_eq!(world.audit(&instance).await, AUDIT);
        assert_eq!(world.count("wallet_creation_requests").await, 1);
        assert_eq!(world.count("wallets").await, 1);
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        assert_one_mail_each(&world, &[applicant]).await;
        first.drain().await;
        second.drain().await;
    });
}

#[test]
fn a_task_id_that_was_answered_for_another_instance_is_an_incident() {
    on_a_system(async {
        let world = World::new().await;
        let applicant = Applicant::new();
        let instance = world
            .request_wallet(world.merchant().await, &applicant)
            .await;
        let task = world
            .engine
            .task_of(&instance, "validate-wallet-request")
            .await;
        let id = task["id"].as_str().unwrap();
        world
            .database
            .run(&format!(
                "INSERT INTO task_completions (engine_id, task_id, topic, process_definition_key, \
                 process_instance_id, activity_instance_id, input_sha256, answer) VALUES \
                 ('default', '{id}', 'validate-wallet-request', 'wallet-creation-process', \
                 'restored', 'elsewhere', sha256(''), \
                 '{{\"kind\": \"complete\", \"variables\": {{}}}}')"
            ))
            .await;

        let tree = TreeBuilder::new(&world, wallet_topics()).start();

        assert_eq!(
            world.engine.incident(&instance).await,
            format!(
                "task {id} is recorded as answered for process instance restored of topic \
                 validate-wallet-request: the engine hands out an old id for a new task \
                 (restored from a backup?), or CAMUNDA_ENGINE_ID is shared by two engines; \
                 mend the cause, then set the retries in Cockpit"
            )
        );
        assert_eq!(world.count("wallet_creation_requests").await, 0);
        assert_eq!(world.engine.failures().await.len(), 1);
        tree.drain().await;
    });
}
