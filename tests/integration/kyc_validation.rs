//! KYC validation, from the start of an instance to its end, on the real engine.

mod at_once;
mod rejected;

use phantom_worker::security::ValidateKycData;
use phantom_worker::tasks::TaskHandler;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::World;
use crate::support::engine::variables;
use crate::support::people::{checking_topics, milliseconds};
use crate::support::tree::{TreeBuilder, on_a_system};

const PROCESS: &str = "kyc-validation-process";

/// Data that pass, under a national id like no other.
fn person() -> Json {
    let random = Uuid::new_v4().as_u128();
    // Nine digits of which the fifth says male or female.
    let national_id = format!("{:04}1{:04}", random % 10_000, random / 10_000 % 10_000);
    json!({
        "national_id": national_id,
        "date_of_birth": "1961-07-19",
        "phone_number": "74 918 273",
    })
}

fn person_with(field: &str, value: impl Into<Json>) -> Json {
    let mut person = person();
    person[field] = value.into();
    person
}

/// The variables of an ended instance with their types: these and no others.
fn types(told: &[(&str, &str)]) -> Json {
    let started = [("user_id", "String"), ("kyc_data", "Json")];
    let all = started.iter().chain(told);
    all.map(|(name, engine_type)| ((*name).to_owned(), json!(engine_type)))
        .collect()
}

const TOLD: [(&str, &str); 3] = [
    ("kyc_validation_success", "Boolean"),
    ("validation_timestamp", "Date"),
    ("kyc_errors", "Json"),
];

impl World {
    async fn validate(&self, user: Uuid, kyc_data: &Json) -> String {
        let input = json!({"user_id": user.to_string(), "kyc_data": kyc_data});
        self.engine.start(PROCESS, variables(input)).await
    }

    /// What KYC is about in a user's row.
    async fn kyc_of(&self, user: Uuid) -> String {
        self.database
            .text(&format!(
                "SELECT concat_ws(' ', kyc_status, national_id, date_of_birth, phone_number) \
                 AS text FROM users WHERE id = '{user}'"
            ))
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_data_pass_is_approved_and_the_security_log_says_so() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let (user, person) = (world.user_with(&[]).await, person());

    let instance = world.validate(user, &person).await;
    let ended = world.engine.ended(&instance).await;

    let national_id = person["national_id"].as_str().unwrap();
    assert_eq!(ended.at, "kyc_approved");
    assert_eq!(world.engine.types(&instance).await, types(&TOLD));
    assert_eq!(ended.variables["kyc_validation_success"], true);
    assert_eq!(ended.variables["kyc_errors"], json!([]));
    let audited =
        format!("SELECT occurred_at AS at FROM audit_log WHERE process_instance_id = '{instance}'");
    assert_eq!(
        milliseconds(&ended.variables["validation_timestamp"]),
        world.milliseconds(&audited).await
    );
    assert_eq!(
        world.kyc_of(user).await,
        format!("approved {national_id} 1961-07-19 +26774918273")
    );
    assert_eq!(
        world.audit(&instance).await,
        "kyc_validated user approved {\"codes\":[],\"kyc_status\":\"approved\"}"
    );
    assert_eq!(
        world.security_events(&instance).await,
        format!("kyc_validated {user} {{\"codes\": []}}")
    );
    assert_eq!(world.count("outbox").await, 0);

    let lines = worker.security_log(&instance);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["security.kind"], "kyc_validated");
    assert_eq!(lines[0]["security.outcome"], "approved");
    assert_eq!(lines[0]["security.user_id"], user.to_string());
    for trace in [national_id, "1961-07-19", "74918273", "74 918 273"] {
        assert!(!worker.log().contains(trace), "{trace} is in the log");
        for table in ["audit_log", "security_events", "task_completions"] {
            let rows = format!("SELECT to_jsonb(t)::text AS text FROM {table} AS t");
            let rows = world.database.text(&rows).await;
            assert!(!rows.contains(trace), "{trace} is in {table}");
        }
    }
}

#[test]
fn an_unknown_user_ends_in_kyc_failed_whatever_the_data() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();

        for kyc_data in [person(), json!({})] {
            let instance = world.validate(Uuid::new_v4(), &kyc_data).await;
            let ended = world.engine.ended(&instance).await;

            assert_eq!(ended.at, "kyc_failed");
            assert_eq!(ended.variables["error_code"], "USER_NOT_FOUND");
            assert_eq!(
                world.engine.types(&instance).await,
                types(&[("error_code", "String")])
            );
            assert_eq!(
                world.audit(&instance).await,
                "kyc_validated user USER_NOT_FOUND {}"
            );
        }
        assert_eq!(world.count("security_events").await, 0);
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        tree.drain().await;
    });
}

/// Data in each of the engine's ways to write them.
fn encodings(kyc_data: &Json) -> [Json; 3] {
    let text = kyc_data.to_string();
    [
        json!({"type": "Json", "value": text}),
        json!({"type": "String", "value": text}),
        json!({"type": "Object", "value": text, "valueInfo": {
            "objectTypeName": "java.util.LinkedHashMap",
            "serializationDataFormat": "application/json"}}),
    ]
}

#[test]
fn data_come_as_json_as_text_and_as_an_object_and_extra_keys_change_nothing() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let mut kyc_data = person_with("extra", "EXTRA".repeat(500));
        for (key, value) in [
            ("kyc_status", json!("rejected")),
            ("user_id", json!(Uuid::new_v4())),
            ("email", json!("EXTRA@customer.example")),
            ("role", json!("admin")),
            ("is_active", json!(false)),
            ("__proto__", json!({"extra": "EXTRA"})),
        ] {
            kyc_data[key] = value;
        }
        let user = world.user_with(&[]).await;
        let row = "SELECT concat_ws(' ', role, is_active) AS text FROM users";

        for encoded in encodings(&kyc_data) {
            let user_id = json!({"type": "String", "value": user.to_string()});
            let variables = json!({"user_id": user_id, "kyc_data": encoded});
            let task = ValidateKycData::TOPIC.replace('-', "_");
            let instance = world.engine.start_before(PROCESS, &task, variables).await;

            let ended = world.engine.ended(&instance).await;

            assert_eq!(ended.at, "kyc_approved", "{encoded:.80}");
        }
        assert_eq!(world.database.text(row).await, "customer t");
        assert!(!world.everything().await.contains("EXTRA"));
        tree.drain().await;
    });
}
