//! Starting an instance from the command line, and following it to its end.

use serde_json::json;
use uuid::Uuid;

use crate::support::World;
use crate::support::command::on_engine;
use crate::support::engine::{Engine, empty_tenant};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_started_with_typed_variables() {
    let engine = Engine::new().await;
    let variables = json!({
        "text": "x", "count": 5, "long": 5_000_000_000_i64, "share": 0.5, "yes": true, "none": null,
        "list": [1], "at": {"type": "Date", "value": "2026-03-01T09:30:00.000+0000"},
    });
    let variables = variables.to_string();

    let said = on_engine(
        &engine,
        &[
            "start",
            "wallet-creation-process",
            "--business-key",
            "order 4711",
            "--variables",
            &variables,
        ],
    );

    let instance = said.stdout.trim().strip_prefix("started ");
    let instance = instance.unwrap_or_else(|| panic!("{}", said.stderr));
    let types = engine
        .get(&format!(
            "process-instance/{instance}/variables?deserializeValues=false"
        ))
        .await;
    for (name, type_name) in [
        ("text", "String"),
        ("count", "Integer"),
        ("long", "Long"),
        ("share", "Double"),
        ("yes", "Boolean"),
        ("none", "Null"),
        ("list", "Json"),
        ("at", "Date"),
    ] {
        assert_eq!(types[name]["type"], type_name, "{name}");
    }
    let known = engine.get(&format!("process-instance/{instance}")).await;
    assert_eq!(known["businessKey"], "order 4711");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_told_so() {
    let engine = empty_tenant();

    let unknown = on_engine(&engine, &["start", "no-such-process"]);
    let broken = on_engine(
        &engine,
        &["start", "x", "--variables", "{\"secret\": hunter2}"],
    );

    assert_eq!((unknown.code, broken.code), (1, 64));
    assert_eq!(
        unknown.stderr,
        "phantom-worker: no-such-process is not there; nothing is deployed that we may see; \
         `phantom-worker deploy` brings the built-in models\n"
    );
    assert_eq!(
        broken.stderr,
        "phantom-worker: the variables are not JSON (line 1, column 12)\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_process_is_answered_with_those_that_are_there() {
    let engine = Engine::new().await;

    let said = on_engine(&engine, &["start", "wallet-creation-proces"]);

    assert_eq!(said.code, 1);
    assert_eq!(
        said.stderr,
        "phantom-worker: wallet-creation-proces is not there; what is deployed: \
         email-verification-process, kyc-validation-process, merchant-approval-process, \
         suspicious-activity-process, wallet-creation-process\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_followed_to_its_end() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let variables = json!({"merchant_id": Uuid::new_v4(), "request_data": {}}).to_string();

    let said = on_engine(
        &world.engine,
        &[
            "start",
            "wallet-creation-process",
            "--follow",
            "--cockpit-url",
            "http://localhost:8080/camunda",
            "--variables",
            &variables,
        ],
    );

    assert_eq!(said.code, 0, "{}", said.stderr);
    let place = |text: &str| {
        said.stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {}", said.stdout))
    };
    assert!(place("started ") < place("/camunda/app/cockpit/default/#/process-instance/"));
    assert!(
        place("Wallet requested (start event") < place("Validate wallet request (service task")
    );
    assert!(place("Validate wallet request") < place("Wallet request rejected (end event"));
    assert!(said.stdout.contains("validation_success = false (Boolean)"));
    assert!(said.stdout.contains("\"merchant_unknown\""));
}
