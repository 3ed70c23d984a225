//! What the tests of all topics share: a bank in a database of its own, and tasks for its workers.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Answered, Execution, Registry, Verdict};
use crate::camunda::model::LockedTask;
use crate::store::pool::Connection;
use crate::store::testing::{TestDatabase, database};
use crate::topics;

/// A task as the engine hands it out.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) topic: &'static str,
    pub(crate) id: String,
    pub(crate) process_instance_id: &'static str,
    pub(crate) variables: Value,
}

/// A new task of this topic, with the variables as the engine writes them.
pub(crate) fn task(topic: &'static str, variables: Value) -> Task {
    Task {
        topic,
        id: Uuid::new_v4().to_string(),
        process_instance_id: "instance",
        variables,
    }
}

/// A variable of type String.
pub(crate) fn text(value: impl ToString) -> Value {
    json!({"type": "String", "value": value.to_string()})
}

/// The database of a bank, and the workers of its topics.
pub(crate) struct Bank {
    pub(crate) database: TestDatabase,
    registry: Registry,
}

impl Bank {
    pub(crate) async fn open() -> Self {
        Self::with(topics::catalogue()).await
    }

    pub(crate) async fn with(registry: Registry) -> Self {
        Self {
            database: database().await,
            registry,
        }
    }

    pub(crate) async fn merchant(&self, approved: bool) -> Uuid {
        let id = Uuid::new_v4();
        self.database
            .run(&format!(
                "INSERT INTO merchants (merchant_id, business_name, registration_number, \
                 contact_email, is_approved) \
                 VALUES ('{id}', 'Pula Traders', 'BW00000000001', 'shop@pula.example', {approved})"
            ))
            .await;
        id
    }

    /// Adds a customer's user as the banking application would; `columns` and `values` come on top.
    pub(crate) async fn user(&self, email: &str, columns: &str, values: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.database
            .run(&format!(
                "INSERT INTO users (id, email, role{columns}) \
                 VALUES ('{id}', '{email}', 'customer'{values})"
            ))
            .await;
        id
    }

    pub(crate) async fn run(&self, task: &Task) -> Verdict {
        let registration = self.registry.iter().find(|known| known.topic == task.topic);
        let locked: LockedTask = serde_json::from_value(json!({
            "id": task.id,
            "topicName": task.topic,
            "processDefinitionKey": "process",
            "processInstanceId": task.process_instance_id,
            "activityInstanceId": "activity",
            "variables": task.variables,
        }))
        .unwrap();
        let execution = Execution {
            pool: &self.database.pool,
            engine_id: "engine",
            worker_id: "worker",
            registration: registration.unwrap(),
            task: &locked,
            limit: Duration::from_secs(50),
        };
        execution.execute().await
    }

    /// Runs a task that must be answered.
    pub(crate) async fn answer(&self, task: &Task) -> Value {
        shown(&answered(self.run(task).await).answer)
    }

    /// Runs a task that must end in an incident; its message.
    pub(crate) async fn incident(&self, task: &Task) -> String {
        match self.run(task).await {
            Verdict::Incident(fault) => format!("{fault:#}"),
            other => panic!("no incident but {}", kind(&other)),
        }
    }

    /// Runs a task twice: the second time must give the recorded answer and write nothing.
    pub(crate) async fn assert_answered_once(&self, task: &Task) {
        let first = answered(self.run(task).await);
        let rows = self.rows().await;
        let again = answered(self.run(task).await);

        assert_eq!((first.repeated, again.repeated), (false, true));
        assert_eq!(shown(&first.answer), shown(&again.answer));
        assert_eq!(self.rows().await, rows);
    }

    /// How many rows there are of each table that a handler may write.
    pub(crate) async fn rows(&self) -> Vec<(&'static str, i64)> {
        let mut rows = Vec::new();
        for table in TABLES {
            let count = self.count(table).await;
            rows.push((table, count));
        }
        rows
    }

    pub(crate) async fn count(&self, from: &str) -> i64 {
        self.database
            .count(&format!("SELECT count(*) FROM {from}"))
            .await
    }

    /// The audit log in order: action, kind of subject, outcome, detail.
    pub(crate) async fn audit(&self) -> String {
        let columns = "action || ' ' || subject_kind || ' ' || outcome || ' ' || detail AS text";
        self.database
            .text(&format!("SELECT {columns} FROM audit_log ORDER BY id"))
            .await
    }

    /// The security events in order: kind, user or merchant, details.
    pub(crate) async fn security_events(&self) -> String {
        let columns = "kind || ' ' || coalesce(user_id, merchant_id) || ' ' || details AS text";
        self.database
            .text(&format!(
                "SELECT {columns} FROM security_events ORDER BY created_at, security_event_id"
            ))
            .await
    }

    /// Locks rows in a transaction of its own, as `statement` says.
    pub(crate) async fn lock(&self, statement: &str) -> Held<'_> {
        let mut conn = self.database.pool.get().await.unwrap();
        conn.batch_execute("BEGIN").await.unwrap();
        conn.batch_execute(statement).await.unwrap();
        Held { bank: self, conn }
    }

    /// Waits until so many statements wait for somebody's lock.
    pub(crate) async fn until_waiting(&self, statements: i64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.count(WAITING).await < statements {
            assert!(
                Instant::now() < deadline,
                "nobody waits for the locked rows"
            );
        }
    }
}

/// Locked rows.
pub(crate) struct Held<'b> {
    bank: &'b Bank,
    conn: Connection,
}

impl Held<'_> {
    /// Runs two tasks at once, which must be answered and both wait for the rows.
    pub(crate) async fn answer_both(self, one: &Task, other: &Task) -> (Value, Value) {
        let bank = self.bank;
        let (one, other, ()) = futures_util::join!(
            bank.answer(one),
            bank.answer(other),
            self.until_waited_for_by(2)
        );
        (one, other)
    }

    /// Lets the rows go once so many statements wait.
    pub(crate) async fn until_waited_for_by(mut self, statements: i64) {
        self.bank.until_waiting(statements).await;
        self.conn.batch_execute("COMMIT").await.unwrap();
    }
}

const WAITING: &str =
    "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

const TABLES: [&str; 8] = [
    "users",
    "customers",
    "wallet_creation_requests",
    "wallets",
    "task_completions",
    "audit_log",
    "outbox",
    "security_events",
];

pub(crate) fn answered(verdict: Verdict) -> Answered {
    match verdict {
        Verdict::Answered(answered) => answered,
        other => panic!("no answer but {}", kind(&other)),
    }
}

fn kind(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Answered(answered) => format!("the answer {}", shown(&answered.answer)),
        Verdict::Retry(fault) => format!("a retry: {fault:#}"),
        Verdict::Incident(fault) => format!("an incident: {fault:#}"),
        Verdict::DatabaseAway(fault) => format!("no database: {fault:#}"),
        Verdict::InOtherHands => "a task in other hands".to_owned(),
    }
}

/// An answer as it is told: the variables with their types, or the code of the BPMN error.
pub(crate) fn shown(answer: &Answer) -> Value {
    match answer {
        Answer::Complete { variables } => serde_json::to_value(variables).unwrap(),
        Answer::BpmnError { code, .. } => json!({ "error": code }),
    }
}
