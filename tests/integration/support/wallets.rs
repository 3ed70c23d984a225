//! Merchants and customers of the wallet stories.

use phantom_worker::tasks::Registry;
use phantom_worker::wallets;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::World;
use super::engine::variables;

/// The process that opens wallets.
pub(crate) const PROCESS: &str = "wallet-creation-process";

/// The topics of that process alone.
pub(crate) fn wallet_topics() -> Registry {
    let mut registry = Registry::default();
    wallets::register(&mut registry);
    registry
}

/// A customer as a request names one.
#[derive(Clone)]
pub(crate) struct Applicant {
    pub(crate) request: Json,
}

impl Applicant {
    /// A valid applicant like no other.
    pub(crate) fn new() -> Self {
        let random = Uuid::new_v4().as_u128();
        // Nine digits of which the fifth says male or female.
        let national_id = format!("{:04}1{:04}", random % 10_000, random / 10_000 % 10_000);
        Self {
            request: json!({
                "first_name": "Naledi",
                "last_name": "Kgosi",
                "email": format!("naledi.{:x}@customer.example", random),
                "phone_number": "71234567",
                "national_id": national_id,
                "date_of_birth": "1990-04-12",
            }),
        }
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Json>) -> Self {
        self.request[field] = value.into();
        self
    }

    pub(crate) fn without(mut self, field: &str) -> Self {
        self.request.as_object_mut().unwrap().remove(field);
        self
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.request[field].as_str().unwrap()
    }
}

impl World {
    /// A merchant that may have wallets opened.
    pub(crate) async fn merchant(&self) -> Uuid {
        self.merchant_with(true).await
    }

    /// A merchant, approved or not.
    pub(crate) async fn merchant_with(&self, approved: bool) -> Uuid {
        let merchant = Uuid::new_v4();
        self.database
            .run(&format!(
                "INSERT INTO merchants (merchant_id, business_name, registration_number, \
                 contact_email, is_approved) \
                 VALUES ('{merchant}', 'Kalahari Foods', 'BW12345678901', 'a@b.example', {approved})"
            ))
            .await;
        merchant
    }

    /// Starts a wallet request and gives the instance's id.
    pub(crate) async fn request_wallet(&self, merchant: Uuid, applicant: &Applicant) -> String {
        let variables = variables(json!({
            "merchant_id": merchant.to_string(),
            "request_data": applicant.request,
        }));
        self.engine.start(PROCESS, variables).await
    }

    /// The birthday of somebody who is so many years old today, where today is Botswana's.
    pub(crate) async fn years_ago(&self, years: u32) -> String {
        self.database
            .text(&format!(
                "SELECT ((now() AT TIME ZONE 'Africa/Gaborone')::date \
                 - interval '{years} years')::date::text AS text"
            ))
            .await
    }

    /// What the audit log says of an instance: action, subject, outcome, detail, one line a row.
    pub(crate) async fn audit(&self, instance: &str) -> String {
        self.database
            .text(&format!(
                "SELECT concat_ws(' ', action, subject_kind, outcome, detail) AS text \
                 FROM audit_log WHERE process_instance_id = '{instance}' ORDER BY id"
            ))
            .await
    }

    /// How many rows there are `FROM` there.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        self.database
            .count(&format!("SELECT count(*) FROM {from}"))
            .await
    }

    /// Every row of this world's database, as text.
    pub(crate) async fn everything(&self) -> String {
        self.database
            .text(
                "SELECT query_to_xml(format('SELECT * FROM %I.%I', schemaname, tablename), \
                 true, false, '')::text AS text FROM pg_tables WHERE schemaname = 'public'",
            )
            .await
    }
}
