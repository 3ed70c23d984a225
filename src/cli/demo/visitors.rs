//! Those who come to the four security processes.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::case::{ADDRESSES, ALARMS, Case, KYC, MERCHANTS, WAITS_FOR_LINK, Way};
use super::cast::{Cast, merchant, user};

impl Cast {
    /// People whose data are checked.
    pub(super) fn people(&self) -> Vec<Case> {
        let approved = || Way::to("kyc_approved");
        let rejected = |codes| Way::with("kyc_rejected", codes);
        let data = |person| {
            json!({
                "national_id": self.national_id(person),
                "date_of_birth": self.birth_date(person),
                "phone_number": format!("71{:06}", 200_300 + person),
            })
        };
        let check = |label, person, data: Json, way| {
            Case::new(KYC, label, way)
                .id("user_id", self.id(person))
                .json("kyc_data", &data)
        };
        let with = |person, field: &str, value: Json| {
            let mut data = data(person);
            data[field] = value;
            data
        };
        let ten_years = json!(self.born_before(10));
        let taken = json!(self.national_id(user::SOMEBODY_ELSE));
        vec![
            check("good data", user::NEW, data(user::NEW), approved()),
            check(
                "approved before, bad data now",
                user::APPROVED,
                with(user::APPROVED, "phone_number", json!("712")),
                rejected(&["phone_number_invalid"]),
            ),
            check(
                "ten years old",
                user::YOUNG,
                with(user::YOUNG, "date_of_birth", ten_years),
                rejected(&["under_age"]),
            ),
            check(
                "national id of somebody else",
                user::COPYING,
                with(user::COPYING, "national_id", taken),
                rejected(&["national_id_taken"]),
            ),
            check(
                "nothing filled in",
                user::CARELESS,
                json!({ "comment": "later" }),
                rejected(&[
                    "national_id_missing",
                    "date_of_birth_missing",
                    "phone_number_missing",
                ]),
            ),
            Case::new(
                KYC,
                "unknown user",
                Way::with("kyc_failed", &["USER_NOT_FOUND"]),
            )
            .id("user_id", Uuid::new_v4())
            .json("kyc_data", &data(0)),
        ]
    }

    /// Merchants who want to open wallets.
    pub(super) fn merchants(&self) -> Vec<Case> {
        let approved = || Way::to("merchant_approved");
        let declined = |codes| Way::with("merchant_declined", codes);
        let apply = |label, number, way| {
            Case::new(MERCHANTS, label, way).id("merchant_id", self.id(number))
        };
        vec![
            apply("all in order", merchant::APPLYING, approved()),
            apply("owner has passed KYC", merchant::OWNED, approved()),
            apply("approved before", merchant::APPROVED, approved()),
            apply(
                "registration number of no register",
                merchant::MISNUMBERED,
                declined(&["registration_number_invalid"]),
            ),
            apply(
                "owner has not passed KYC",
                merchant::OWNED_BY_UNCHECKED,
                declined(&["kyc_not_approved"]),
            ),
            apply(
                "broken contact e-mail, told to the admin",
                merchant::UNREACHABLE,
                declined(&["contact_email_invalid"]),
            ),
            Case::new(
                MERCHANTS,
                "unknown merchant",
                Way::with("merchant_unknown", &["MERCHANT_NOT_FOUND"]),
            )
            .id("merchant_id", Uuid::new_v4()),
        ]
    }

    /// What was noticed about people.
    pub(super) fn alarms(&self) -> Vec<Case> {
        let alarm = |label, id, event: Json, way| {
            Case::new(ALARMS, label, way)
                .id("user_id", id)
                .json("event_data", &event)
        };
        let handled = || Way::to("alert_handled");
        let not_handled = |code| Way::with("alert_not_handled", &[code]);
        let failed_logins = json!({
            "type": "multiple_failed_logins", "attempts": 7, "ip_address": "203.0.113.7",
        });
        vec![
            alarm(
                "seven failed logins",
                self.id(user::ATTACKED),
                failed_logins.clone(),
                handled(),
            ),
            alarm(
                "the same with a broken address",
                self.id(user::ATTACKED),
                json!({ "type": "multiple_failed_logins", "ip_address": "nowhere" }),
                handled(),
            ),
            alarm(
                "an unusual payment",
                self.id(user::SPENDING),
                json!({
                    "type": "unusual_transaction_pattern", "amount": "9500.00",
                    "currency": "BWP", "transaction_id": "T-4711",
                }),
                handled(),
            ),
            alarm(
                "a kind that nobody knows",
                self.id(user::SPENDING),
                json!({ "type": "bad_weather" }),
                not_handled("UNKNOWN_ACTIVITY_TYPE"),
            ),
            alarm(
                "unknown user",
                Uuid::new_v4(),
                failed_logins,
                not_handled("USER_NOT_FOUND"),
            ),
        ]
    }

    /// People whose addresses are to be verified. All who get a mail wait for the link in it.
    pub(super) fn addresses(&self) -> Vec<Case> {
        let verify =
            |label, person, way| Case::new(ADDRESSES, label, way).id("user_id", self.id(person));
        let waits = || Way::to(WAITS_FOR_LINK);
        vec![
            verify("follows the link", user::READER, waits()),
            verify("asks twice, the first mail", user::IMPATIENT, waits()),
            verify("never reads mails", user::ABSENT, waits()),
            verify(
                "verified before",
                user::VERIFIED,
                Way::to("already_verified"),
            ),
            Case::new(
                ADDRESSES,
                "unknown user",
                Way::with("user_unknown", &["USER_NOT_FOUND"]),
            )
            .id("user_id", Uuid::new_v4()),
        ]
    }

    /// Somebody who does not wait for the first mail.
    pub(super) fn impatient_address(&self) -> Case {
        let waits = Way::to(WAITS_FOR_LINK);
        Case::new(ADDRESSES, "asks twice, the second mail", waits)
            .id("user_id", self.id(user::IMPATIENT))
    }
}
