//! Models and handlers: those built in fit, a copy with any one fault does not, and what is said
//! of it names the place, the fault and what would be right.

use std::path::Path;
use std::process::{Command, Stdio};

use phantom_worker::camunda::bpmn::{self, ProcessModel};
use phantom_worker::processes::{self, BUILT_IN};
use phantom_worker::tasks::{RetryPolicy, retry};
use phantom_worker::topics;
use roxmltree::Document;
use serde_json::Value as Json;

use crate::support::{World, until};

const FILE: &str = "wallet-creation-process.bpmn";

fn built_in_processes() -> Vec<ProcessModel> {
    let parse = |model: &processes::BuiltIn| bpmn::parse(model.file, model.xml).unwrap();
    BUILT_IN.iter().flat_map(parse).collect()
}

/// The built-in model of wallet creation with one text replaced wherever it stands.
fn mutated(from: &str, to: &str) -> String {
    let model = BUILT_IN.iter().find(|model| model.file == FILE).unwrap();
    assert!(model.xml.contains(from), "the model has no {from}");
    model.xml.replace(from, to)
}

/// The topics that wallet creation asks for.
fn asked_for() -> Vec<String> {
    let processes = built_in_processes().into_iter();
    let ours = processes.filter(|process| process.file == FILE);
    ours.flat_map(|process| process.tasks)
        .map(|task| task.topic)
        .collect()
}

/// What is said of a model of wallet creation, held against the handlers it asks for.
fn faults(xml: &str) -> Vec<String> {
    let asked_for = asked_for();
    let mut contracts = processes::contracts(&topics::catalogue());
    contracts.retain(|contract| asked_for.iter().any(|topic| topic == contract.topic));
    let mismatches = bpmn::compare(&bpmn::parse(FILE, xml).unwrap(), &contracts);
    mismatches.iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_models_fit_the_handlers() {
    let checked = processes::check_built_in(&topics::catalogue());

    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}

#[test]
fn a_file_holds_the_one_process_that_it_is_named_after() {
    for model in BUILT_IN {
        let ids: Vec<_> = bpmn::parse(model.file, model.xml)
            .unwrap()
            .into_iter()
            .map(|process| process.id)
            .collect();

        assert_eq!(ids, [model.key]);
        assert_eq!(model.file, format!("{}.bpmn", model.key));
    }
}

#[test]
fn a_task_is_named_after_its_topic_and_says_how_it_is_retried() {
    for process in built_in_processes() {
        for task in process.tasks {
            assert_eq!(task.activity_id, task.topic.replace('-', "_"));
            let retries = &task.properties[retry::RETRIES_PROPERTY];
            assert!(retries.parse::<RetryPolicy>().is_ok(), "{retries}");
        }
    }
}

#[test]
fn every_catch_leaves_its_code_in_a_variable() {
    for model in BUILT_IN {
        let document = Document::parse(model.xml).unwrap();
        let catches = document
            .descendants()
            .filter(|node| node.has_tag_name((bpmn_namespace(), "errorEventDefinition")));

        for catch in catches {
            let variable = catch.attribute((CAMUNDA, "errorCodeVariable"));
            assert_eq!(variable, Some("error_code"), "{:?}", catch.attribute("id"));
        }
    }
}

const CAMUNDA: &str = "http://camunda.org/schema/1.0/bpmn";

fn bpmn_namespace() -> &'static str {
    "http://www.omg.org/spec/BPMN/20100524/MODEL"
}

#[test]
fn a_misspelt_topic_is_nobodys_task_and_leaves_a_handler_idle() {
    let xml = mutated(
        "camunda:topic=\"create-wallet\"",
        "camunda:topic=\"create-walet\"",
    );

    assert_eq!(
        faults(&xml),
        [
            "wallet-creation-process.bpmn: wallet-creation-process: create_wallet \
             (topic create-walet): no handler serves this topic; served are create-wallet, \
             notify-wallet-creation, validate-wallet-request",
            "no model has a task with the topic create-wallet; add one or remove the handler",
        ]
    );
}

#[test]
fn a_code_without_a_catch_is_told() {
    let xml = mutated(
        "id=\"identity_conflict\" name=\"Identity conflict\" attachedToRef=\"create_wallet\"",
        "id=\"identity_conflict\" name=\"Identity conflict\" \
         attachedToRef=\"notify_wallet_creation\"",
    );

    assert_eq!(
        faults(&xml),
        [
            "wallet-creation-process.bpmn: wallet-creation-process: create_wallet \
             (topic create-wallet): the handler may throw IDENTITY_CONFLICT and nothing catches \
             it; add an error boundary event with errorCode=\"IDENTITY_CONFLICT\"",
            "wallet-creation-process.bpmn: wallet-creation-process: notify_wallet_creation \
             (topic notify-wallet-creation): the handler never throws IDENTITY_CONFLICT; \
             it may throw none",
        ]
    );
}

#[test]
fn a_catch_that_no_handler_throws_is_told() {
    let event = "<bpmn:boundaryEvent id=\"wallet_exists\"";
    let extra = "<bpmn:boundaryEvent id=\"gone\" attachedToRef=\"create_wallet\">\
                 <bpmn:errorEventDefinition errorRef=\"error_gone\"/></bpmn:boundaryEvent>";
    let xml = mutated(event, &format!("{extra}{event}")).replace(
        "<bpmn:error id=\"error_wallet_exists\"",
        "<bpmn:error id=\"error_gone\" errorCode=\"GONE\"/><bpmn:error id=\"error_wallet_exists\"",
    );

    assert_eq!(
        faults(&xml),
        [
            "wallet-creation-process.bpmn: wallet-creation-process: create_wallet \
             (topic create-wallet): the handler never throws GONE; it may throw \
             IDENTITY_CONFLICT, CUSTOMER_BLOCKED, MERCHANT_NOT_APPROVED, WALLET_EXISTS"
        ]
    );
}

#[test]
fn a_catch_of_an_undeclared_error_is_told() {
    let xml = mutated(
        "errorRef=\"error_wallet_exists\"",
        "errorRef=\"error_wallet_exist\"",
    );

    assert_eq!(
        faults(&xml),
        [
            "wallet-creation-process.bpmn: wallet-creation-process: wallet_exists: there is no \
             bpmn:error with the id error_wallet_exist; declare it with an errorCode",
            "wallet-creation-process.bpmn: wallet-creation-process: create_wallet \
             (topic create-wallet): the handler may throw WALLET_EXISTS and nothing catches it; \
             add an error boundary event with errorCode=\"WALLET_EXISTS\"",
        ]
    );
}

#[test]
fn a_process_that_is_not_executable_is_told() {
    let xml = mutated("isExecutable=\"true\"", "isExecutable=\"false\"");

    assert_eq!(
        faults(&xml),
        [
            "wallet-creation-process.bpmn: wallet-creation-process: the engine deploys only what \
             is executable; set isExecutable=\"true\""
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_model_that_does_not_fit_degrades_its_topics_and_takes_nobody_out() {
    let world = World::new().await;
    let xml = mutated(
        "camunda:topic=\"create-wallet\"",
        "camunda:topic=\"create-walet\"",
    );
    world.engine.deploy(FILE, &xml).await;

    let worker = world.worker().start().await;

    let (status, page) = until("the worker has read the model", async || {
        let answer = worker.get("/readyz").await?;
        answer.1.contains("create-walet").then_some(answer)
    })
    .await;
    let page: Json = serde_json::from_str(&page).unwrap();
    assert_eq!(status, 200);
    assert_eq!(page["status"], "degraded");
    for topic in asked_for() {
        let name = format!("topic {topic}");
        let checks = page["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name.as_str());
        let detail = check.unwrap()["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("the model does not fit: wallet-creation-process:2:"),
            "{detail}"
        );
        assert!(
            detail.contains(
                "create_wallet (topic create-walet): no handler serves this topic; served are"
            ),
            "{detail}"
        );
    }
}

#[test]
fn a_pictures_labels_keep_their_width_in_every_font() {
    for model in BUILT_IN {
        let path = format!(
            "{}/bpmn/pictures/{}.svg",
            env!("CARGO_MANIFEST_DIR"),
            model.key
        );
        let picture = std::fs::read_to_string(path).unwrap();
        let options = roxmltree::ParsingOptions {
            allow_dtd: true,
            ..Default::default()
        };
        let picture = Document::parse_with_options(&picture, options).unwrap();
        let lines = picture
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "tspan")));
        let lines: Vec<_> = lines.collect();

        assert!(!lines.is_empty(), "{}", model.key);
        let fixed = |line: &roxmltree::Node<'_, '_>| line.has_attribute("textLength");
        assert!(lines.iter().all(fixed), "{}", model.key);
    }
}

#[test]
fn a_picture_shows_its_model_as_it_is() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bpmn/render");

    let drawn = Command::new(program)
        .arg("--check")
        .stdin(Stdio::null())
        .output()
        .unwrap();

    assert!(
        drawn.status.success(),
        "{}",
        String::from_utf8_lossy(&drawn.stderr)
    );
}
