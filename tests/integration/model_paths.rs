//! Each path of the security processes' models on the real engine, with a bare client in the
//! handlers' place: which answer, error, message or time leads to which end.

use chrono::{DateTime, TimeDelta};
use phantom_worker::camunda::EngineError;
use phantom_worker::camunda::model::{BpmnError, Message, ProcessInstanceId, TaskId};
use phantom_worker::camunda::variables::Variables;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::engine::{self, Ended, Engine, shared_url};

const KYC: (&str, &str) = ("kyc-validation-process", "validate-kyc-data");
const MERCHANT: (&str, &str) = ("merchant-approval-process", "process-merchant-approval");
const ALERT: (&str, &str) = ("suspicious-activity-process", "handle-suspicious-activity");
const EMAIL: (&str, &str) = ("email-verification-process", "process-email-verification");

const WORKER: &str = "a bare client";

/// The models in a tenant of their own.
struct Models {
    engine: Engine,
}

/// An instance whose one task is locked.
struct Waiting<'a> {
    engine: &'a Engine,
    instance: String,
    task: TaskId,
}

impl Models {
    async fn deployed() -> Self {
        let engine = Engine::at(&shared_url(), &format!("paths-{}", Uuid::new_v4()));
        for (key, _) in [KYC, MERCHANT, ALERT, EMAIL] {
            let file = format!("{key}.bpmn");
            let path = format!("{}/bpmn/{file}", env!("CARGO_MANIFEST_DIR"));
            engine
                .deploy(&file, &std::fs::read_to_string(path).unwrap())
                .await;
        }
        Self { engine }
    }

    async fn start(&self, (key, topic): (&str, &str)) -> Waiting<'_> {
        let instance = self.engine.start(key, Variables::new()).await;
        let task = self.engine.task_of(&instance, topic).await;
        let task = TaskId::new(task["id"].as_str().unwrap());
        let lock = json!({"workerId": WORKER, "lockDuration": 60_000});
        self.engine
            .post(&format!("external-task/{task}/lock"), lock)
            .await;
        Waiting {
            engine: &self.engine,
            instance,
            task,
        }
    }

    /// An instance whose mail is out.
    async fn start_sent(&self, verification: &str) -> Waiting<'_> {
        let waiting = self.start(EMAIL).await;
        let answer = json!({
            "verification_sent": true,
            "verification_id": verification,
            "email_verified": false,
        });
        waiting.complete(answer).await.unwrap();
        waiting
    }
}

impl Waiting<'_> {
    async fn complete(&self, answer: Json) -> Result<(), EngineError> {
        let client = &self.engine.client;
        client
            .complete(&self.task, WORKER, &engine::variables(answer))
            .await
    }

    async fn throw(&self, code: &str) {
        let error = BpmnError {
            code: code.to_owned(),
            message: String::new(),
        };
        let thrown = self.engine.client.bpmn_error(&self.task, WORKER, &error);
        thrown.await.unwrap();
    }

    async fn confirm(&self, verification: &str) -> Result<(), EngineError> {
        let message = Message {
            message_name: "email-verified".to_owned(),
            process_instance_id: ProcessInstanceId::new(&self.instance).unwrap(),
            correlation_keys: engine::variables(json!({"verification_id": verification})),
            process_variables: engine::variables(json!({"email_verified": true})),
        };
        self.engine.client.correlate(&message).await
    }

    /// How the instance ended, which it has done by the time the engine answers.
    async fn end(&self) -> Option<Ended> {
        self.engine.find_end(&self.instance).await
    }

    async fn ended_at(&self) -> Option<String> {
        self.end().await.map(|ended| ended.at)
    }
}

#[tokio::test]
async fn each_answer_leads_to_its_end() {
    let models = Models::deployed().await;
    let answers = [
        (KYC, json!({"kyc_validation_success": true}), "kyc_approved"),
        (
            KYC,
            json!({"kyc_validation_success": false}),
            "kyc_rejected",
        ),
        (
            MERCHANT,
            json!({"approval_success": true}),
            "merchant_approved",
        ),
        (
            MERCHANT,
            json!({"approval_success": false}),
            "merchant_declined",
        ),
        (
            ALERT,
            json!({"handled_successfully": true}),
            "alert_handled",
        ),
        (
            EMAIL,
            json!({"verification_sent": false}),
            "already_verified",
        ),
    ];

    for (process, answer, end) in answers {
        let waiting = models.start(process).await;
        waiting.complete(answer).await.unwrap();

        assert_eq!(waiting.ended_at().await.as_deref(), Some(end));
    }
}

#[tokio::test]
async fn each_error_leads_to_its_end_and_leaves_its_code() {
    let models = Models::deployed().await;
    let errors = [
        (KYC, "USER_NOT_FOUND", "kyc_failed"),
        (MERCHANT, "MERCHANT_NOT_FOUND", "merchant_unknown"),
        (ALERT, "USER_NOT_FOUND", "alert_not_handled"),
        (ALERT, "UNKNOWN_ACTIVITY_TYPE", "alert_not_handled"),
        (EMAIL, "USER_NOT_FOUND", "user_unknown"),
    ];

    for (process, code, end) in errors {
        let waiting = models.start(process).await;
        waiting.throw(code).await;

        let ended = waiting.end().await.unwrap();
        assert_eq!(ended.at, end);
        assert_eq!(ended.variables, json!({"error_code": code}));
    }
}

#[tokio::test]
async fn a_missing_answer_is_refused_and_decides_nothing() {
    let models = Models::deployed().await;

    for process in [KYC, MERCHANT, EMAIL] {
        let waiting = models.start(process).await;
        let refused = waiting.complete(json!({})).await;

        assert!(
            matches!(refused, Err(EngineError::Refused(_))),
            "{process:?}"
        );
        assert_eq!(waiting.ended_at().await, None, "{process:?}");
    }
}

#[tokio::test]
async fn a_confirmation_ends_the_instance_it_names_and_no_other() {
    let models = Models::deployed().await;
    let waiting = models.start_sent("verification-1").await;
    let stranger = models.start_sent("verification-2").await;

    let wrong = waiting.confirm("verification-2").await;
    assert!(matches!(wrong, Err(EngineError::Refused(_))));
    waiting.confirm("verification-1").await.unwrap();

    let ended = waiting.end().await.unwrap();
    assert_eq!(ended.at, "email_verified");
    assert_eq!(ended.variables["email_verified"], true);
    assert_eq!(stranger.ended_at().await, None);
}

#[tokio::test]
async fn a_confirmation_before_the_answer_is_refused() {
    let models = Models::deployed().await;
    let waiting = models.start(EMAIL).await;

    let early = waiting.confirm("verification-1").await;

    assert!(matches!(early, Err(EngineError::Refused(_))));
    assert_eq!(waiting.ended_at().await, None);
}

#[tokio::test]
async fn without_a_confirmation_the_verification_expires_after_25_hours() {
    let models = Models::deployed().await;
    let waiting = models.start_sent("verification-1").await;

    let path = format!("job?processInstanceId={}", waiting.instance);
    let jobs = models.engine.get(&path).await;
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    let timer = &jobs[0];
    let wait = time(&timer["dueDate"]) - time(&timer["createTime"]);
    // The engine takes the two times one after the other.
    assert!(
        (wait - TimeDelta::hours(25)).abs() < TimeDelta::seconds(5),
        "{wait}"
    );
    let job = timer["id"].as_str().unwrap();
    models
        .engine
        .post(&format!("job/{job}/execute"), json!({}))
        .await;

    let ended = waiting.end().await.unwrap();
    assert_eq!(ended.at, "verification_expired");
    assert_eq!(ended.variables["email_verified"], false);
    let late = waiting.confirm("verification-1").await;
    assert!(matches!(late, Err(EngineError::Refused(_))));
}

fn time(text: &Json) -> DateTime<chrono::FixedOffset> {
    DateTime::parse_from_str(text.as_str().unwrap(), "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap()
}
