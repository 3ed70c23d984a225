//! No personal data where a message was set aside for good. Why it was stands in the outbox, in the
//! audit log for ever, and in the worker's log, and whoever refuses a message may repeat what it is about.

use chrono::{DateTime, Utc};
use phantom_worker::camunda::model::ProcessInstanceId;
use phantom_worker::processes::BUILT_IN;
use phantom_worker::tasks::EngineMessage;
use uuid::Uuid;

use super::canary::{assert_no_trace, assert_nowhere, canary, told_to_the_engine, traces};
use super::*;
use crate::support::smtp::SmtpServer;
use crate::support::until;

const EMAIL: &str = "email-verification-process";
const TALKATIVE: &str = "550 5.1.1 <canarymail@customer.example> unknown: Canaryfirst Canarylast";

/// The model, with a step behind its message that fails and says at which value.
fn failing_model() -> String {
    let model = BUILT_IN.iter().find(|model| model.key == EMAIL).unwrap();
    let place = "<bpmn:incoming>from_link_confirmed</bpmn:incoming>";
    assert_eq!(model.xml.matches(place).count(), 1);
    let listener = "<bpmn:extensionElements>\
                    <camunda:executionListener event=\"start\" expression=\"${note + 1}\" />\
                    </bpmn:extensionElements>";
    model.xml.replace(place, &format!("{listener}{place}"))
}

/// A message that nobody needs any more, to an instance that cannot go on with it.
async fn message_in_vain(world: &World, person: &Applicant) -> (String, EngineMessage) {
    let verification = Uuid::new_v4();
    let variables = json!({
        "verification_id": typed("String", verification.to_string()),
        "note": typed("String", person.request.to_string()),
    });
    let instance = world.engine.start_before(EMAIL, "wait_for_link", variables);
    let instance = instance.await;
    let message = EngineMessage::EmailVerified {
        engine_id: "default".to_owned(),
        process_instance_id: ProcessInstanceId::new(&instance).unwrap(),
        verification_id: verification,
        until: DateTime::<Utc>::UNIX_EPOCH,
    };
    (instance, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_stands_in_why_a_message_was_set_aside() {
    let world = World::new().await;
    world
        .engine
        .deploy("talkative.bpmn", &failing_model())
        .await;
    let person = canary();
    let traces = traces(&person);
    let (waiting, message) = message_in_vain(&world, &person).await;
    let wire = message.to_message().unwrap();
    let refusal = world.engine.client.correlate(&wire).await.unwrap_err();
    let refusal = refusal.to_string();
    assert!(
        refusal.contains("Canaryfirst"),
        "the engine says: {refusal}"
    );
    world.queue([message]).await;
    let refusing = SmtpServer::refusing_recipients(TALKATIVE);

    let worker = world
        .worker()
        .set("SMTP_URL", format!("smtp://{}", refusing.address()))
        .set("LOG_LEVEL", "trace")
        .start()
        .await;
    let created = world.request_wallet(world.merchant().await, &person).await;
    assert_eq!(world.engine.ended(&created).await.at, "wallet_created");
    until("both are set aside, and counted", async || {
        let dead = worker.sum("phantom_worker_outbox_messages", "state=\"dead\"");
        (dead.await >= 2.0).then_some(())
    })
    .await;

    let why = "SELECT concat_ws(': ', channel, state, last_error) AS text FROM outbox \
               ORDER BY channel";
    assert_eq!(
        world.database.text(why).await,
        "engine_message: dead: nobody waits for it any more: \
         the engine refuses: 500 ProcessEngineException\n\
         mail: dead: the server answered 550 5.1.1 to RCPT"
    );
    let audited = "audit_log WHERE action IN ('engine_message_set_aside', 'mail_set_aside')";
    assert_eq!(world.count(audited).await, 2);
    let log = worker.log();
    assert_eq!(log.matches("is set aside\"").count(), 2, "{log}");
    // All of a message but what it is to say, which is kept for another try.
    let outbox = "(SELECT to_jsonb(kept) - 'payload' AS row FROM outbox AS kept)";
    assert_nowhere(&world, &worker, &traces, &[outbox, "audit_log"]).await;
    let told = told_to_the_engine(&world, &[created]).await;
    assert_no_trace(&traces, "the engine", &told);
    assert!(world.engine.find_end(&waiting).await.is_none());
    assert_unshaken(&world, &worker, 0).await;
}
