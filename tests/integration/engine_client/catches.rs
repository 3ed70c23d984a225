//! What the reader of models says is caught is what the engine catches.

use phantom_worker::camunda::bpmn;
use phantom_worker::camunda::model::BpmnError;
use phantom_worker::camunda::variables::Variables;

use super::stage::{LONG, Stage};

/// The task that throws, in the flow of whatever scope it stands in.
const TASK: &str = r#"<bpmn:startEvent id="in"/>
    <bpmn:sequenceFlow id="to-task" sourceRef="in" targetRef="task"/>
    <bpmn:serviceTask id="task" camunda:type="external" camunda:topic="check-client"/>"#;

/// A boundary event that leads to an end event.
fn boundary(on: &str, error_ref: &str) -> String {
    format!(
        r#"<bpmn:boundaryEvent id="on-{on}" attachedToRef="{on}">
             <bpmn:errorEventDefinition {error_ref}/></bpmn:boundaryEvent>
           <bpmn:sequenceFlow id="from-{on}" sourceRef="on-{on}" targetRef="end-{on}"/>
           <bpmn:endEvent id="end-{on}"/>"#
    )
}

/// An event subprocess that catches, then does `content`.
fn handler(error_ref: &str, content: &str) -> String {
    format!(
        r#"<bpmn:subProcess id="handler" triggeredByEvent="true">
             <bpmn:startEvent id="thrown"><bpmn:errorEventDefinition {error_ref}/></bpmn:startEvent>
             {content}</bpmn:subProcess>"#
    )
}

/// A handler with nothing to do.
fn empty_handler(error_ref: &str) -> String {
    handler(
        error_ref,
        r#"<bpmn:sequenceFlow id="handled" sourceRef="thrown" targetRef="end-handler"/>
           <bpmn:endEvent id="end-handler"/>"#,
    )
}

/// A subprocess around `content`, and the start that leads to it.
fn subprocess(content: &str) -> String {
    format!(
        r#"<bpmn:startEvent id="begin"/>
           <bpmn:sequenceFlow id="to-sub" sourceRef="begin" targetRef="sub"/>
           <bpmn:subProcess id="sub">{content}</bpmn:subProcess>"#
    )
}

fn model(elements: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
            xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="catches">
          <bpmn:error id="Taken" name="OTHER" errorCode="TAKEN"/>
          <bpmn:error id="Uncoded" name="TAKEN"/>
          <bpmn:process id="catches" isExecutable="true" camunda:historyTimeToLive="P1D">
            {elements}
          </bpmn:process>
        </bpmn:definitions>"#
    )
}

/// Throws `code` from the model's task, or from the one that handling TAKEN leads to, and says
/// whether the reader and the engine find it caught.
async fn caught(elements: &str, code: &str) -> (bool, bool) {
    let (stage, xml) = (Stage::empty(), model(elements));
    stage.deploy(&xml).await;
    let read = bpmn::parse("catches", &xml).expect("a model").remove(0);
    let instance = stage.start("catches", Variables::new()).await;
    let mut task = stage.fetch_one("w", LONG).await;
    if elements.contains(r#"id="cleanup""#) {
        let taken = BpmnError {
            code: "TAKEN".into(),
            message: String::new(),
        };
        stage
            .client
            .bpmn_error(&task.id, "w", &taken)
            .await
            .expect("the first error is taken");
        task = stage.fetch_one("w", LONG).await;
    }

    let error = BpmnError {
        code: code.into(),
        message: String::new(),
    };
    stage
        .client
        .bpmn_error(&task.id, "w", &error)
        .await
        .expect("the error is taken");

    // What nothing catches ends the instance at no end event.
    let ends = stage.ends(instance.id.as_str()).await;
    (read.catches(&task.activity_id, code), !ends.is_empty())
}

#[tokio::test]
async fn boundary_events_catch_by_code() {
    let with = |error_ref: &str| TASK.to_owned() + &boundary("task", error_ref);

    for (elements, code, expected) in [
        (TASK.to_owned(), "TAKEN", false),
        (with(r#"errorRef="Taken""#), "TAKEN", true),
        (with(r#"errorRef="Taken""#), "taken", false),
        (with(r#"errorRef="Taken""#), "OTHER", false),
        (with(""), "ANYTHING", true),
        (with(r#"errorRef="Uncoded""#), "ANYTHING", true),
    ] {
        assert_eq!(
            caught(&elements, code).await,
            (expected, expected),
            "{code} in {elements}"
        );
    }
}

#[tokio::test]
async fn scopes_further_out_catch_too() {
    let taken = r#"errorRef="Taken""#;
    let in_sub = |inside: &str, outside: &str| subprocess(&(TASK.to_owned() + inside)) + outside;
    let cleanup = handler(
        taken,
        r#"<bpmn:sequenceFlow id="to-cleanup" sourceRef="thrown" targetRef="cleanup"/>
           <bpmn:serviceTask id="cleanup" camunda:type="external" camunda:topic="check-client"/>"#,
    );

    for (elements, code, expected) in [
        (in_sub("", ""), "TAKEN", false),
        (in_sub("", &boundary("sub", taken)), "TAKEN", true),
        (in_sub("", &boundary("sub", taken)), "OTHER", false),
        (in_sub("", &empty_handler(taken)), "TAKEN", true),
        (in_sub(&empty_handler(taken), ""), "TAKEN", true),
        (in_sub(&cleanup, ""), "TAKEN", false),
        (in_sub(&cleanup, &boundary("sub", taken)), "TAKEN", true),
        (TASK.to_owned() + &cleanup, "TAKEN", false),
    ] {
        assert_eq!(
            caught(&elements, code).await,
            (expected, expected),
            "{code} in {elements}"
        );
    }
}
