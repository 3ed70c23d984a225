//! What the tests clean, and what they let the engine say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::camunda::Client;
use crate::camunda::client::EngineSettings;
use crate::camunda::client::scripted::settings;
use crate::housekeeping::{Ages, Purge, Purged, purge_step};
use crate::store::testing::{TestDatabase, database};
use crate::tasks::Origin;

/// A database to be cleaned, and an engine that says what the test wants it to.
pub(super) struct House {
    pub(super) database: TestDatabase,
    pub(super) engine: MockServer,
    /// The tenants that our user works for.
    pub(super) tenant_ids: Vec<String>,
}

impl House {
    pub(super) async fn new() -> Self {
        Self {
            database: database().await,
            engine: MockServer::start().await,
            tenant_ids: Vec::new(),
        }
    }

    /// Lets the engine know these instances, and who may see them.
    pub(super) async fn know(&self, running: &'static [&str], ended: Value, sees: bool) {
        self.answer("process-instance", move |asked| {
            let running = running.iter().filter(|id| asked.contains(**id));
            running.map(|id| json!({ "id": id })).collect()
        })
        .await;
        self.answer("history/process-instance", move |asked| {
            let ended = ended.as_object().unwrap().iter();
            ended
                .filter(|(id, _)| asked.contains(*id))
                .map(|(id, end)| json!({ "id": id, "endTime": end }))
                .collect()
        })
        .await;
        Mock::given(path("/engine-rest/authorization/check"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "authorized": sees })))
            .mount(&self.engine)
            .await;
    }

    pub(super) async fn answer(
        &self,
        what: &str,
        answer: impl Fn(BTreeSet<String>) -> Vec<Value> + Send + Sync + 'static,
    ) {
        Mock::given(method("POST"))
            .and(path(format!("/engine-rest/{what}")))
            .respond_with(move |request: &Request| {
                let body: Value = request.body_json().unwrap();
                let asked = body["processInstanceIds"].as_array().unwrap().iter();
                let asked = asked.map(|id| id.as_str().unwrap().to_owned());
                ResponseTemplate::new(200).set_body_json(answer(asked.collect()))
            })
            .mount(&self.engine)
            .await;
    }

    fn client(&self) -> Client {
        Client::new(EngineSettings {
            tenant_ids: self.tenant_ids.clone(),
            ..settings(&self.engine)
        })
        .unwrap()
    }

    /// A completion of that instance, that many days old.
    pub(super) async fn completion(&self, instance: &str, days: u32) {
        self.database
            .run(&format!(
                "INSERT INTO task_completions (engine_id, task_id, topic, process_definition_key, \
                 process_instance_id, activity_instance_id, input_sha256, answer, completed_at) \
                 SELECT 'default', 'task of {instance}', 't', 'p', '{instance}', 'a', sha256(''), \
                        '{{}}', now() - interval '{days} days'"
            ))
            .await;
    }

    pub(super) async fn completions(&self) -> String {
        self.database
            .text("SELECT process_instance_id AS text FROM task_completions ORDER BY text")
            .await
    }

    pub(super) async fn purge(&self, ages: Ages, dry_run: bool) -> Vec<Purged> {
        purge_step(&Purge {
            engine: &self.client(),
            engine_id: "default",
            pool: &self.database.pool,
            ages,
            origin: Origin::command("purge"),
            dry_run,
        })
        .await
    }

    /// What the audit log says.
    pub(super) async fn audit(&self) -> String {
        self.database
            .text(
                "SELECT concat_ws(' ', origin, action, detail::jsonb ->> 'rows') AS text \
                 FROM audit_log ORDER BY id",
            )
            .await
    }

    /// Every row of the tables that are purged, and of the audit log.
    pub(super) async fn everything(&self) -> String {
        self.database
            .text(
                "SELECT query_to_xml('SELECT * FROM ' || name, true, false, '')::text AS text \
                 FROM unnest('{task_completions, outbox, task_deliveries, \
                              wallet_creation_requests, audit_log}'::text[]) AS name",
            )
            .await
    }

    pub(super) async fn old_things(&self) {
        for (days, state) in [(31, "sent"), (29, "sent"), (400, "dead"), (400, "pending")] {
            self.message(days, state).await;
        }
        self.database
            .run(
                "INSERT INTO task_deliveries (engine_id, task_id, topic, silent, delivered_at) \
                 VALUES ('default', 'old', 't', 3, now() - interval '8 days'), \
                        ('another', 'old', 't', 1, now() - interval '8 days'), \
                        ('default', 'young', 't', 3, now() - interval '6 days')",
            )
            .await;
        for (days, status) in [
            (31, "fulfilled"),
            (31, "rejected"),
            (29, "fulfilled"),
            (400, "approved"),
        ] {
            self.request(days, status).await;
        }
    }

    async fn message(&self, days: u32, state: &str) {
        self.database
            .run(&format!(
                "INSERT INTO outbox (id, notification_key, channel, template, payload, state, \
                 created_at, sent_at) \
                 SELECT gen_random_uuid(), '{state}-{days}', 'mail', 'wallet_created', '{{}}', \
                        '{state}', now() - interval '{days} days', \
                        CASE '{state}' WHEN 'sent' THEN now() - interval '{days} days' END"
            ))
            .await;
    }

    async fn request(&self, days: u32, status: &str) {
        self.database
            .run(&format!(
                "INSERT INTO wallet_creation_requests (request_id, merchant_id, status, \
                 first_name, last_name, email, phone_number, national_id, date_of_birth, \
                 bpmn_error, updated_at) \
                 SELECT gen_random_uuid(), gen_random_uuid(), '{status}', 'Naledi', 'Moeng', \
                        'n@shop.example', '+26771234567', '123415678', '1990-05-17', \
                        CASE '{status}' WHEN 'rejected' THEN 'WALLET_EXISTS' END, \
                        now() - interval '{days} days'"
            ))
            .await;
    }
}
