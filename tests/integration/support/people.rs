//! Users and merchants of the security stories, and what is recorded about them.

use std::fmt::Write as _;

use chrono::DateTime;
use phantom_worker::security::{ProcessMerchantApproval, ValidateKycData};
use phantom_worker::tasks::Registry;
use serde_json::Value as Json;
use uuid::Uuid;

use super::World;
use super::users::new_address;
use super::worker::Worker;

/// The topics that check people and merchants.
pub(crate) fn checking_topics() -> Registry {
    let mut registry = Registry::default();
    registry
        .register(ValidateKycData)
        .register(ProcessMerchantApproval);
    registry
}

impl World {
    /// A user like no other as the banking application writes one, with more columns on top.
    pub(crate) async fn user_with(&self, more: &[(&str, &str)]) -> Uuid {
        let id = Uuid::new_v4();
        let email = new_address();
        let (mut columns, mut values) = (String::new(), String::new());
        for (column, value) in more {
            write!(columns, ", {column}").unwrap();
            write!(values, ", '{value}'").unwrap();
        }
        self.database
            .run(&format!(
                "INSERT INTO users (id, email, role{columns}) \
                 VALUES ('{id}', '{email}', 'customer'{values})"
            ))
            .await;
        id
    }

    /// The customer of a user, under a national id.
    pub(crate) async fn customer(&self, user: Uuid, national_id: &str) {
        self.database
            .run(&format!(
                "INSERT INTO customers VALUES (gen_random_uuid(), '{user}', '{national_id}', \
                 'Naledi', 'Kgosi', '1990-04-12', '+26771234567')"
            ))
            .await;
    }

    /// The security events of an instance: kind, subject and details.
    pub(crate) async fn security_events(&self, instance: &str) -> String {
        self.database
            .text(&format!(
                "SELECT concat_ws(' ', kind, coalesce(user_id, merchant_id), details) AS text \
                 FROM security_events WHERE process_instance_id = '{instance}' \
                 ORDER BY security_event_id"
            ))
            .await
    }

    /// The milliseconds since 1970 of the one instant that a query gives as `at`.
    pub(crate) async fn milliseconds(&self, query: &str) -> i64 {
        let query = format!(
            "SELECT (trunc(extract(epoch FROM at) * 1000))::bigint AS count FROM ({query}) AS rows"
        );
        self.database.count(&query).await
    }
}

/// The milliseconds since 1970 of an instant as the engine writes it.
pub(crate) fn milliseconds(date: &Json) -> i64 {
    DateTime::parse_from_str(date.as_str().unwrap(), "%Y-%m-%dT%H:%M:%S%.3f%z")
        .unwrap()
        .timestamp_millis()
}

impl Worker {
    /// The lines of the log about an instance on the target `security`.
    pub(crate) fn security_log(&self, instance: &str) -> Vec<Json> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains(instance));
        lines
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .filter(|line| line["target"] == "security")
            .collect()
    }
}
