//! A topic of the tests' own, for what no handler of the product does: panic, hang, fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use phantom_worker::tasks::{Event, Outcome, Registry, TaskError, TaskHandler, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::engine::variables;
use super::{World, until};

/// Task → gateway that needs `tried` → end `done`; the code CAUGHT leads to end `caught`.
const MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="trial">
  <bpmn:error id="Caught" name="caught" errorCode="CAUGHT"/>
  <bpmn:process id="trial-process" isExecutable="true" camunda:historyTimeToLive="P1D">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="trial"/>
    <bpmn:serviceTask id="trial" camunda:type="external" camunda:topic="trial"/>
    <bpmn:boundaryEvent id="caught_event" attachedToRef="trial">
      <bpmn:errorEventDefinition errorRef="Caught" camunda:errorCodeVariable="error_code"/>
    </bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f2" sourceRef="caught_event" targetRef="caught"/>
    <bpmn:endEvent id="caught"/>
    <bpmn:sequenceFlow id="f3" sourceRef="trial" targetRef="way"/>
    <bpmn:exclusiveGateway id="way" default="f5"/>
    <bpmn:sequenceFlow id="f4" sourceRef="way" targetRef="stuck">
      <bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">${stuck &amp;&amp; missing}</bpmn:conditionExpression>
    </bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="f5" sourceRef="way" targetRef="done"/>
    <bpmn:endEvent id="stuck"/>
    <bpmn:endEvent id="done"/>
  </bpmn:process>
</bpmn:definitions>
"#;

/// What the handler is to do with a task.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    /// Writes its audit row and completes.
    Complete,
    /// Panics, after having written.
    Panic,
    /// Panics at the first try, completes at the second.
    PanicOnce,
    /// Fails in a way that may pass.
    Fail,
    /// Fails for good.
    GiveUp,
    /// Throws a code that the model catches.
    Caught,
    /// Throws a code that nothing catches.
    Uncaught,
    /// Waits until the story opens the gate.
    Wait,
    /// Completes, and the engine's next step cannot run.
    Stuck,
}

/// The handler, and how the story looks into it.
#[derive(Clone)]
pub(crate) struct Trial {
    /// A permit lets one waiting task go on.
    pub(crate) gate: Arc<Semaphore>,
    /// How often the handler was entered.
    pub(crate) entered: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    behaviour: Behaviour,
}

#[derive(Serialize)]
pub(crate) struct Output {
    stuck: bool,
}

impl TaskHandler for Trial {
    const TOPIC: &'static str = "trial";
    const ERRORS: &'static [&'static str] = &["CAUGHT", "UNCAUGHT"];
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let times = self.entered.fetch_add(1, Ordering::SeqCst) + 1;
        tx.audit(Event {
            action: "tried",
            subject_kind: "trial",
            subject_id: "1".into(),
            outcome: "done".into(),
            detail: Json::Null,
        });
        let bpmn_error = |code| Outcome::BpmnError {
            code,
            message: "as asked".into(),
        };
        match input.behaviour {
            Behaviour::Complete => {}
            Behaviour::Panic => panic!("as asked"),
            Behaviour::PanicOnce => assert!(times > 1, "as asked"),
            Behaviour::Fail => return Err(TaskError::Retry(anyhow::anyhow!("not this time"))),
            Behaviour::GiveUp => return Err(TaskError::fatal("never")),
            Behaviour::Caught => return Ok(bpmn_error("CAUGHT")),
            Behaviour::Uncaught => return Ok(bpmn_error("UNCAUGHT")),
            Behaviour::Wait => self.gate.acquire().await.unwrap().forget(),
            Behaviour::Stuck => return Ok(Outcome::Complete(Output { stuck: true })),
        }
        Ok(Outcome::Complete(Output { stuck: false }))
    }
}

impl Trial {
    pub(crate) fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            entered: Arc::default(),
        }
    }

    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register(self.clone());
        registry
    }

    pub(crate) fn times_entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    /// Waits until the handler is at its first task.
    pub(crate) async fn until_at_work(&self) {
        until("the handler is at work", async || {
            (self.times_entered() >= 1).then_some(())
        })
        .await;
    }
}

impl World {
    /// A world with the trial's model deployed.
    pub(crate) async fn with_trial() -> Self {
        let world = Self::new().await;
        world.engine.deploy("trial.bpmn", MODEL).await;
        world
    }

    /// Starts an instance whose task is to be handled like this.
    pub(crate) async fn try_out(&self, behaviour: &str) -> String {
        let variables = variables(json!({ "behaviour": behaviour }));
        self.engine.start("trial-process", variables).await
    }

    /// How many effects of the trial are committed.
    pub(crate) async fn effects(&self) -> i64 {
        let query = "SELECT count(*) FROM audit_log WHERE action = 'tried'";
        self.database.count(query).await
    }
}
