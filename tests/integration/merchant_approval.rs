//! Merchant approval, from the start of an instance to its end, on the real engine.

mod approved;
mod declined;

use phantom_worker::mail::MessageId;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::engine::variables;
use crate::support::people::{checking_topics, milliseconds};
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::{World, mailbox};

const PROCESS: &str = "merchant-approval-process";

/// The variables of an ended instance with their types: these and no others.
fn types(told: &[(&str, &str)]) -> Json {
    let all = [("merchant_id", "String")].into_iter();
    all.chain(told.iter().copied())
        .map(|(name, engine_type)| (name.to_owned(), json!(engine_type)))
        .collect()
}

/// What an instance is told; the timestamp of a merchant that is not approved is null.
fn told(timestamp: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("approval_success", "Boolean"),
        ("approval_timestamp", timestamp),
        ("approval_errors", "Json"),
    ]
}

/// A merchant that waits for its approval.
struct Applicant {
    merchant: Uuid,
    contact: String,
    admin: String,
}

impl World {
    /// A merchant with addresses of its own that keeps every rule, and its owner with this KYC
    /// status.
    async fn applicant(&self, kyc_status: &str) -> Applicant {
        let owner = self.user_with(&[("kyc_status", kyc_status)]).await;
        let merchant = self.merchant_with(false).await;
        let applicant = Applicant {
            merchant,
            contact: format!("contact.{}@merchant.example", merchant.simple()),
            admin: format!("admin.{}@merchant.example", merchant.simple()),
        };
        let Applicant { contact, admin, .. } = &applicant;
        let addresses = format!("contact_email = '{contact}', admin_email = '{admin}'");
        self.set(merchant, &format!("user_id = '{owner}', {addresses}"))
            .await;
        applicant
    }

    async fn set(&self, merchant: Uuid, columns: &str) {
        self.database
            .run(&format!(
                "UPDATE merchants SET {columns} WHERE merchant_id = '{merchant}'"
            ))
            .await;
    }

    async fn apply(&self, merchant: Uuid) -> String {
        let input = variables(json!({"merchant_id": merchant.to_string()}));
        self.engine.start(PROCESS, input).await
    }

    /// Since when a merchant is approved, in milliseconds since 1970.
    async fn approved_since(&self, merchant: Uuid) -> i64 {
        self.milliseconds(&format!(
            "SELECT approval_date AS at FROM merchants \
             WHERE merchant_id = '{merchant}' AND is_approved"
        ))
        .await
    }
}

/// The one mail to this address that this world queued, by its Message-ID.
async fn assert_mailed(address: &str, key: &str) -> Json {
    let mail = mailbox::mail_to(address).await;
    let id = MessageId::new(key, "wallet.example").to_string();
    assert_eq!(mail["headers"]["message-id"], id);
    mail
}

#[test]
fn an_unknown_merchant_ends_in_merchant_unknown() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();

        let instance = world.apply(Uuid::new_v4()).await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "merchant_unknown");
        assert_eq!(ended.variables["error_code"], "MERCHANT_NOT_FOUND");
        assert_eq!(
            world.engine.types(&instance).await,
            types(&[("error_code", "String")])
        );
        assert_eq!(
            world.audit(&instance).await,
            "merchant_approval_decided merchant MERCHANT_NOT_FOUND {}"
        );
        assert_eq!(world.count("security_events").await, 0);
        assert_eq!(world.count("outbox").await, 0);
        tree.drain().await;
    });
}
