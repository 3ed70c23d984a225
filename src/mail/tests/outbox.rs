//! What lies in the outbox: older and newer versions must read it.

use serde_json::{Value, json};

use super::samples::{EVENT, MERCHANT, USER, VERIFICATION, each_mail};
use crate::mail::Mail;

/// Each mail as the version that first had it wrote it, in the order of [`each_mail`].
fn each_row() -> [Value; 6] {
    [
        json!({
            "template": "wallet_created", "recipient": "neo@example.test", "first_name": "Neo",
            "wallet_id": "W0123456789", "merchant": "Kgale Hardware & Sons",
            "daily_limit": "1000.00", "monthly_limit": "10000.00", "currency": "BWP",
        }),
        json!({
            "template": "merchant_approved", "recipient": "shop@example.test",
            "business_name": "Kgale Hardware & Sons", "merchant_id": MERCHANT,
            "approved_at": "2026-11-23T12:35:00Z",
        }),
        json!({
            "template": "merchant_declined", "recipient": "shop@example.test",
            "business_name": "Kgale Hardware & Sons", "merchant_id": MERCHANT,
            "security_event_id": EVENT,
            "reasons": ["registration_number_invalid", "kyc_not_approved"],
        }),
        json!({
            "template": "account_locked", "recipient": "neo@example.test",
            "greeting_name": "Neo", "security_event_id": EVENT,
            "locked_until": "2026-11-23T12:35:00Z",
        }),
        json!({
            "template": "unusual_activity", "recipient": "neo@example.test",
            "greeting_name": null, "security_event_id": EVENT,
            "flagged_at": "2026-11-23T12:35:00Z",
        }),
        json!({
            "template": "verify_email", "recipient": "neo@example.test", "greeting_name": "Neo",
            "verification": {
                "verification_id": VERIFICATION, "user_id": USER, "key_id": "1f2e3d4c",
                "expires_at": "2026-11-24T12:35:00.123456Z",
            },
        }),
    ]
}

#[test]
fn every_mail_is_written_as_other_versions_read_it() {
    for (mail, row) in each_mail().iter().zip(each_row()) {
        assert_eq!(serde_json::to_value(mail).unwrap(), row);
        assert!(serde_json::from_value::<Mail>(row).unwrap() == *mail);
    }
}

#[test]
fn what_another_version_added_is_passed_over() {
    for (mail, mut row) in each_mail().into_iter().zip(each_row()) {
        row["mood"] = json!({ "template": "merry" });
        if let Some(verification) = row.get_mut("verification") {
            verification["mood"] = json!(1);
        }

        let read: Mail = serde_json::from_value(row).unwrap();

        assert!(read == mail, "{}", mail.template());
    }
}

#[test]
fn a_name_that_another_version_did_not_write_is_none() {
    let mut row = each_row()[4].clone();
    row.as_object_mut().unwrap().remove("greeting_name");

    let read: Mail = serde_json::from_value(row).unwrap();

    assert!(read == each_mail()[4]);
}

#[test]
fn a_mail_of_a_newer_version_is_not_taken_for_another() {
    let mut row = each_row()[1].clone();
    row["template"] = json!("merchant_renamed");

    assert!(serde_json::from_value::<Mail>(row).is_err());
}

#[test]
fn the_templates_are_those_of_the_mails() {
    let templates: Vec<_> = each_mail().iter().map(Mail::template).collect();

    assert_eq!(templates, Mail::TEMPLATES);
    for (mail, row) in each_mail().iter().zip(each_row()) {
        assert_eq!(row["template"], mail.template());
    }
}

#[test]
fn every_mail_has_a_key_of_what_it_announces() {
    let keys: Vec<_> = each_mail().iter().map(Mail::key).collect();

    assert_eq!(
        keys,
        [
            "wallet-created:W0123456789".to_owned(),
            format!("merchant-approved:{MERCHANT}"),
            format!("merchant-declined:{EVENT}"),
            format!("account-locked:{EVENT}"),
            format!("unusual-activity:{EVENT}"),
            format!("verify-email:{VERIFICATION}"),
        ]
    );
}
