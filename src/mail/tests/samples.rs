//! One of each mail, and of each way it can read.

use chrono::{DateTime, Utc};
use url::Url;
use uuid::{Uuid, uuid};

use super::mail;
use crate::mail::{Letter, Mail, Verification};

pub(super) const MERCHANT: Uuid = uuid!("0198a0de-6f4e-7c3b-9d2a-5b1c7e8f9a01");
pub(super) const EVENT: Uuid = uuid!("0198a0de-6f4e-7c3b-9d2a-5b1c7e8f9a02");
pub(super) const VERIFICATION: Uuid = uuid!("0198a0de-6f4e-7c3b-9d2a-5b1c7e8f9a03");
pub(super) const USER: Uuid = uuid!("0198a0de-6f4e-7c3b-9d2a-5b1c7e8f9a04");
/// As long as a real one.
pub(super) const LINK: &str = "https://pay.example/verify-email/\
    AZig3m9OfDudKlscfo-aA9p1mB7V0s4dGXn2QkLrT6YwzHcJ8uEoRfNiSxPvKbCy";

pub(super) fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

pub(super) fn merchant_approved() -> Mail {
    Mail::MerchantApproved {
        recipient: "shop@example.test".to_owned(),
        business_name: "Kgale Hardware & Sons".to_owned(),
        merchant_id: MERCHANT,
        approved_at: at("2026-11-23T12:35:00Z"),
    }
}

pub(super) fn merchant_declined(reasons: &[&str]) -> Mail {
    Mail::MerchantDeclined {
        recipient: "shop@example.test".to_owned(),
        business_name: "Kgale Hardware & Sons".to_owned(),
        merchant_id: MERCHANT,
        security_event_id: EVENT,
        reasons: reasons.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn account_locked(until: &str) -> Mail {
    Mail::AccountLocked {
        recipient: "neo@example.test".to_owned(),
        greeting_name: Some("Neo".to_owned()),
        security_event_id: EVENT,
        locked_until: at(until),
    }
}

pub(super) fn unusual_activity() -> Mail {
    Mail::UnusualActivity {
        recipient: "neo@example.test".to_owned(),
        greeting_name: None,
        security_event_id: EVENT,
        flagged_at: at("2026-11-23T12:35:00Z"),
    }
}

pub(super) fn verification() -> Verification {
    Verification {
        verification_id: VERIFICATION,
        user_id: USER,
        key_id: "1f2e3d4c".to_owned(),
        expires_at: at("2026-11-24T12:35:00.123456Z"),
    }
}

pub(super) fn verify_email() -> Mail {
    Mail::VerifyEmail {
        recipient: "neo@example.test".to_owned(),
        greeting_name: Some("Neo".to_owned()),
        verification: verification(),
    }
}

/// One of each, in the order of [`Mail::TEMPLATES`].
pub(super) fn each_mail() -> [Mail; 6] {
    [
        mail(),
        merchant_approved(),
        merchant_declined(&["registration_number_invalid", "kyc_not_approved"]),
        account_locked("2026-11-23T12:35:00Z"),
        unusual_activity(),
        verify_email(),
    ]
}

/// The letter of any mail; the one with a link carries [`LINK`].
pub(super) fn letter(mail: &Mail) -> Letter<'_> {
    Letter::new(mail, |_, _| Url::parse(LINK)).unwrap_or_else(|fault| panic!("{fault}"))
}
