//! The decision as a table.

use super::*;

fn codes(kyc_data: &Value, facts: &Facts) -> Vec<String> {
    let today = NaiveDate::from_ymd_opt(2026, 5, 20).unwrap();
    let form = Form::read(&serde_json::from_value(kyc_data.clone()).unwrap(), today);
    let errors = decide(USER, form, facts).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.code))
        .collect()
}

const USER: UserId = UserId(Uuid::from_u128(1));
const ANOTHER: UserId = UserId(Uuid::from_u128(2));

fn customer(user: UserId, national_id: &str) -> Identity {
    Identity {
        user_id: user.0,
        national_id: national_id.to_owned(),
    }
}

#[test]
fn a_person_whose_fields_keep_their_rules_is_approved() {
    assert!(codes(&person(), &Facts::default()).is_empty());
    assert!(codes(&person_with("more", json!([1])), &Facts::default()).is_empty());
}

#[test]
fn each_fault_has_its_code() {
    for (field, value, code) in [
        ("national_id", json!(null), "national_id_missing"),
        ("national_id", json!("123452345"), "national_id_invalid"),
        ("national_id", json!(123_412_345), "national_id_invalid"),
        ("date_of_birth", json!(null), "date_of_birth_missing"),
        (
            "date_of_birth",
            json!("1990-02-30"),
            "date_of_birth_invalid",
        ),
        (
            "date_of_birth",
            json!("1905-05-20"),
            "date_of_birth_invalid",
        ),
        ("date_of_birth", json!("2008-05-21"), "under_age"),
        ("phone_number", json!(null), "phone_number_missing"),
        ("phone_number", json!("1"), "phone_number_invalid"),
        ("phone_number", json!(71_234_567), "phone_number_invalid"),
    ] {
        let found = codes(&person_with(field, value), &Facts::default());

        assert_eq!(found, [format!("{field}: {code}")]);
    }
}

#[test]
fn a_national_id_belongs_to_one_person_and_a_person_has_one() {
    let facts = |another_has_it, customers| Facts {
        another_has_it,
        customers,
    };
    let taken = "national_id: national_id_taken";
    let mismatch = "national_id: national_id_mismatch";
    for (why, facts, codes_expected) in [
        ("nobody has it", facts(false, vec![]), vec![]),
        (
            "the user's own customer has it",
            facts(false, vec![customer(USER, NATIONAL_ID)]),
            vec![],
        ),
        ("another user has it", facts(true, vec![]), vec![taken]),
        (
            "another user's customer has it",
            facts(false, vec![customer(ANOTHER, NATIONAL_ID)]),
            vec![taken],
        ),
        (
            "the user's own customer has another one",
            facts(false, vec![customer(USER, "999919999")]),
            vec![mismatch],
        ),
        (
            "another's customer has it and the user's own has another one",
            facts(
                false,
                vec![customer(USER, "999919999"), customer(ANOTHER, NATIONAL_ID)],
            ),
            vec![taken],
        ),
    ] {
        assert_eq!(codes(&person(), &facts), codes_expected, "{why}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_fields() {
    let taken = Facts {
        another_has_it: true,
        customers: vec![],
    };
    assert_eq!(
        codes(
            &json!({"national_id": NATIONAL_ID, "phone_number": "1"}),
            &taken
        ),
        [
            "national_id: national_id_taken",
            "date_of_birth: date_of_birth_missing",
            "phone_number: phone_number_invalid",
        ]
    );
    assert_eq!(
        codes(&json!({}), &Facts::default()),
        [
            "national_id: national_id_missing",
            "date_of_birth: date_of_birth_missing",
            "phone_number: phone_number_missing",
        ]
    );
}

#[test]
fn what_was_proven_once_stays_so() {
    for (before, good, after) in [
        ("not_started", true, "approved"),
        ("in_progress", true, "approved"),
        ("rejected", true, "approved"),
        ("approved", true, "approved"),
        ("not_started", false, "rejected"),
        ("in_progress", false, "rejected"),
        ("rejected", false, "rejected"),
        ("approved", false, "approved"),
    ] {
        let decision = if good { Ok(()) } else { Err(()) };

        assert_eq!(status_after(before, &decision), after, "{before} {good}");
    }
}
