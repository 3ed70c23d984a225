//! The transaction a change is made in.
//!
//! It holds a connection and nothing else that reaches the world: no HTTP client, no SMTP
//! transport. So a handler cannot act outside its transaction.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::future::try_join;
use serde_json::Value;
use uuid::Uuid;

use super::engine_message::EngineMessage;
use super::security_event::SecurityEvent;
use crate::mail::Mail;
use crate::store::audit_log::{self, NewAuditRow};
use crate::store::outbox::{self, NewMessage};
use crate::store::security_events;

/// Who makes the change.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// A topic, a command such as `import users`, or `e-mail link`.
    pub name: &'a str,
    /// The worker's id on the engine.
    pub worker_id: Option<&'a str>,
    /// The engine (`CAMUNDA_ENGINE_ID`).
    pub engine_id: Option<&'a str>,
    /// The external task.
    pub task_id: Option<&'a str>,
    /// The process instance.
    pub process_instance_id: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Whoever changes something without a task: a command of the command line, or the customer who
    /// presses the button behind an e-mail link.
    pub fn command(name: &'a str) -> Self {
        Self {
            name,
            worker_id: None,
            engine_id: None,
            task_id: None,
            process_instance_id: None,
        }
    }
}

/// One line of the audit log: what was done to whom, with what outcome. No personal data.
pub struct Event {
    /// A verb in the past: `wallet_created`.
    pub action: &'static str,
    /// What kind of thing was changed: `wallet`.
    pub subject_kind: &'static str,
    /// Its id.
    pub subject_id: String,
    /// How it ended.
    pub outcome: String,
    /// More; `Value::Null` for nothing.
    pub detail: Value,
}

/// An open transaction, and what is to be written at its end.
pub struct Tx<'c> {
    conn: &'c mut AsyncPgConnection,
    now: DateTime<Utc>,
    origin: Origin<'c>,
    events: Vec<Event>,
    mails: Vec<Mail>,
    messages: Vec<EngineMessage>,
    security_events: Vec<SecurityEvent>,
}

impl<'c> Tx<'c> {
    /// Wraps a connection on which a transaction is open; `now` is that transaction's instant.
    pub fn new(conn: &'c mut AsyncPgConnection, now: DateTime<Utc>, origin: Origin<'c>) -> Self {
        Self {
            conn,
            now,
            origin,
            events: Vec::new(),
            mails: Vec::new(),
            messages: Vec::new(),
            security_events: Vec::new(),
        }
    }

    /// The connection, for the queries of `store`.
    pub fn conn(&mut self) -> &mut AsyncPgConnection {
        self.conn
    }

    /// The transaction's one instant, by the database's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Who makes the change.
    pub fn origin(&self) -> Origin<'c> {
        self.origin
    }

    /// Writes a line of the audit log with this transaction.
    pub fn audit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Queues a mail with this transaction. A mail whose key was queued before is not queued again.
    pub fn notify(&mut self, mail: Mail) {
        self.mails.push(mail);
    }

    /// Queues a message to a process instance with this transaction, once a key.
    pub fn message(&mut self, message: EngineMessage) {
        self.messages.push(message);
    }

    /// Records a security event with this transaction. It is logged once that has committed.
    pub fn security_event(&mut self, event: SecurityEvent) {
        self.security_events.push(event);
    }

    /// Writes what was queued, all in one round trip, together with `last`.
    ///
    /// # Errors
    /// Those of the queries.
    pub async fn flush(
        self,
        last: impl AsyncFnOnce(&AsyncPgConnection) -> QueryResult<()>,
    ) -> QueryResult<Flushed> {
        let conn: &AsyncPgConnection = self.conn;
        let origin = self.origin;
        let audited: Vec<_> = self
            .events
            .iter()
            .map(|event| audit_row(&origin, self.now, event))
            .collect();
        let facts: Vec<_> = self
            .security_events
            .iter()
            .map(|event| event.row(&origin))
            .collect();
        let mails = self.mails.iter().map(|mail| mail_row(&origin, mail));
        let to_engine = self.messages.iter().map(engine_row);
        let messages: Vec<_> = mails.chain(to_engine).collect();
        // The statements do not depend on each other, so they share a round trip.
        let recorded = try_join(
            audit_log::insert(conn, &audited),
            security_events::insert(conn, &facts),
        );
        let written = try_join(recorded, last(conn));
        let (_, queued) = try_join(written, outbox::insert(conn, &messages)).await?;
        Ok(Flushed {
            outbox_grew: queued > 0,
            audited: audited.len(),
            security_events: self.security_events,
        })
    }
}

/// What a transaction wrote, and what is to be told once it has committed.
pub struct Flushed {
    /// There is a new message in the outbox.
    pub outbox_grew: bool,
    /// Rows of the audit log.
    pub audited: usize,
    security_events: Vec<SecurityEvent>,
}

impl Flushed {
    /// Logs the security events. To be called after COMMIT, so that the log tells nothing that
    /// did not happen.
    pub(super) fn log_security_events(&self, origin: &Origin<'_>) {
        for event in &self.security_events {
            event.log(origin);
        }
    }
}

fn audit_row<'a>(origin: &Origin<'a>, now: DateTime<Utc>, event: &'a Event) -> NewAuditRow<'a> {
    NewAuditRow {
        occurred_at: now,
        origin: origin.name,
        worker_id: origin.worker_id,
        task_id: origin.task_id,
        process_instance_id: origin.process_instance_id,
        action: event.action,
        subject_kind: event.subject_kind,
        subject_id: &event.subject_id,
        outcome: &event.outcome,
        detail: match &event.detail {
            Value::Null => "{}".to_owned(),
            detail => detail.to_string(),
        },
    }
}

fn mail_row<'a>(origin: &Origin<'a>, mail: &Mail) -> NewMessage<'a> {
    NewMessage {
        id: Uuid::now_v7(),
        notification_key: mail.key(),
        channel: outbox::MAIL,
        template: mail.template(),
        payload: serde_json::to_value(mail).expect("a mail is plain data"),
        process_instance_id: origin.process_instance_id,
        engine_id: None,
    }
}

fn engine_row(message: &EngineMessage) -> NewMessage<'_> {
    NewMessage {
        id: Uuid::now_v7(),
        notification_key: message.key(),
        channel: outbox::ENGINE_MESSAGE,
        template: message.template(),
        payload: serde_json::to_value(message).expect("a message is plain data"),
        process_instance_id: Some(message.process_instance_id().as_str()),
        engine_id: Some(message.engine_id()),
    }
}
