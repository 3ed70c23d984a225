//! Business facts about a user or a merchant that a security team wants to see.

use serde_json::Value;
use uuid::Uuid;

use super::tx::Origin;
use crate::store::security_events::NewSecurityEvent;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityEventKind {
    /// A person's data were held against the rules.
    KycValidated,
    /// A merchant may have customers.
    MerchantApproved,
    /// A merchant may not.
    MerchantDeclined,
    /// Somebody tried to sign in too often.
    MultipleFailedLogins,
    /// Money moves in a way that it does not usually.
    UnusualTransactionPattern,
}

impl SecurityEventKind {
    /// As stored and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KycValidated => "kyc_validated",
            Self::MerchantApproved => "merchant_approved",
            Self::MerchantDeclined => "merchant_declined",
            Self::MultipleFailedLogins => "multiple_failed_logins",
            Self::UnusualTransactionPattern => "unusual_transaction_pattern",
        }
    }
}

/// Whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A user, by id.
    User(Uuid),
    /// A merchant, by id.
    Merchant(Uuid),
}

/// One fact. No `Debug`: its details may hold personal data, such as an address on the network.
pub struct SecurityEvent {
    /// A new id, which the process may be told.
    pub id: Uuid,
    /// What happened.
    pub kind: SecurityEventKind,
    /// Whom it is about.
    pub subject: Subject,
    /// What came of it, from a closed set: `approved`, `account_locked`, ….
    pub outcome: &'static str,
    /// A JSON object, for the table alone: it is never logged.
    pub details: Value,
}

impl SecurityEvent {
    pub(super) fn row<'a>(&'a self, origin: &Origin<'a>) -> NewSecurityEvent<'a> {
        let (user_id, merchant_id) = self.subject.ids();
        NewSecurityEvent {
            security_event_id: self.id,
            kind: self.kind.as_str(),
            user_id,
            merchant_id,
            details: &self.details,
            process_instance_id: origin
                .process_instance_id
                .expect("only tasks record security events"),
        }
    }

    /// One line on the target `security`, for a log collector. Ids and closed sets only.
    pub(super) fn log(&self, origin: &Origin<'_>) {
        let (user_id, merchant_id) = self.subject.ids();
        tracing::info!(
            target: "security",
            {
                security.event_id = %self.id,
                security.kind = self.kind.as_str(),
                security.outcome = self.outcome,
                security.user_id = user_id.map(tracing::field::display),
                security.merchant_id = merchant_id.map(tracing::field::display),
                security.topic = origin.name,
                process.instance = origin.process_instance_id,
            },
            "security event {}: {}", self.kind.as_str(), self.outcome
        );
    }
}

impl Subject {
    fn ids(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::User(id) => (Some(id), None),
            Self::Merchant(id) => (None, Some(id)),
        }
    }
}
