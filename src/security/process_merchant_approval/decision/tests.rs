//! The decision as a table.

use super::*;

fn merchant(registration_number: &str, contact_email: &str, admin_email: Option<&str>) -> Merchant {
    Merchant {
        user_id: None,
        business_name: "Kalahari Foods".to_owned(),
        registration_number: registration_number.to_owned(),
        contact_email: contact_email.to_owned(),
        admin_email: admin_email.map(str::to_owned),
        is_approved: false,
        approval_date: None,
    }
}

const NUMBER: &str = "BW12345678901";
const EMAIL: &str = "shop@pula.example";

/// The codes of a merchant that is declined, and whom the mail about it goes to.
fn declined(merchant: &Merchant, owner_kyc: Option<&str>) -> (Vec<String>, Option<String>) {
    let Decision::Decline(errors, recipient) = decide(merchant, owner_kyc) else {
        panic!("declined by nothing");
    };
    let codes = errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.code));
    let to = recipient.map(|to| format!("{} {}", to.role, to.address.as_str()));
    (codes.collect(), to)
}

#[test]
fn a_merchant_that_keeps_every_rule_is_approved_with_an_approved_owner_or_none() {
    for owner_kyc in [None, Some("approved")] {
        let decision = decide(&merchant(NUMBER, EMAIL, None), owner_kyc);

        assert!(matches!(decision, Decision::Approve(to) if to.as_str() == EMAIL));
    }
}

#[test]
fn each_broken_rule_has_its_code() {
    let number = "registration_number: registration_number_invalid";
    let contact = "contact_email: contact_email_invalid";
    let owner = "user_id: kyc_not_approved";
    for (registration_number, contact_email, owner_kyc, codes) in [
        ("", EMAIL, None, vec![number]),
        ("BW1234567890", EMAIL, None, vec![number]),
        ("ZA12345678901", EMAIL, Some("approved"), vec![number]),
        (NUMBER, "", None, vec![contact]),
        (NUMBER, "Shop <shop@pula.example>", None, vec![contact]),
        (
            NUMBER,
            "shop@pula.example\r\nBcc: a@b.bw",
            None,
            vec![contact],
        ),
        (NUMBER, EMAIL, Some("not_started"), vec![owner]),
        (NUMBER, EMAIL, Some("in_progress"), vec![owner]),
        (NUMBER, EMAIL, Some("rejected"), vec![owner]),
        ("7", "shop", Some("rejected"), vec![number, contact, owner]),
    ] {
        let (found, _) = declined(
            &merchant(registration_number, contact_email, None),
            owner_kyc,
        );

        assert_eq!(found, codes);
    }
}

#[test]
fn a_refusal_goes_to_the_contact_else_to_the_admin_else_to_nobody() {
    let bad = "shop at pula";
    for (contact, admin, to) in [
        (EMAIL, None, Some("contact shop@pula.example")),
        (
            EMAIL,
            Some("neo@pula.example"),
            Some("contact shop@pula.example"),
        ),
        (
            bad,
            Some("neo@pula.example"),
            Some("admin neo@pula.example"),
        ),
        (bad, Some("neo at pula"), None),
        (bad, Some(""), None),
        (bad, None, None),
    ] {
        let (_, found) = declined(&merchant("", contact, admin), None);

        assert_eq!(found.as_deref(), to, "{contact} {admin:?}");
    }
}

#[test]
fn an_approval_stands_whatever_the_rules_would_say_now() {
    let since = DateTime::from_timestamp(1_700_000_000, 0);
    for approval_date in [since, None] {
        let approved = Merchant {
            is_approved: true,
            approval_date,
            ..merchant("", "", None)
        };

        let decision = decide(&approved, Some("rejected"));

        assert!(matches!(decision, Decision::Stands(date) if date == approval_date));
    }
}

#[test]
fn a_date_without_an_approval_is_none() {
    let once = Merchant {
        approval_date: DateTime::from_timestamp(1_700_000_000, 0),
        ..merchant(NUMBER, EMAIL, None)
    };

    assert!(matches!(decide(&once, None), Decision::Approve(_)));
}
