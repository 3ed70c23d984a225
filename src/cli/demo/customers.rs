//! The thirty customers who ask for a wallet.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::case::{Case, WALLETS, Way};
use super::cast::{Cast, merchant, user};

/// A customer's request and how it should end.
struct Customer {
    label: &'static str,
    merchant_id: Uuid,
    request_data: Json,
    expected: Vec<Way>,
}

impl Cast {
    /// Those who ask first.
    pub(super) fn customers(&self) -> Vec<Case> {
        let mut customers = self.welcome();
        customers.extend(self.declined());
        customers.extend(self.refused());
        customers.into_iter().map(Customer::case).collect()
    }

    fn welcome(&self) -> Vec<Customer> {
        let welcome = |label, person| self.ask(label, person, wallet());
        let twin = |label| {
            self.ask(label, 8, wallet())
                .or(declined(&["wallet_exists"]))
                .or(refused("WALLET_EXISTS"))
        };
        vec![
            welcome("new customer", 0),
            welcome("new customer, another one", 1),
            welcome("phone with country code", 2).with("phone_number", "+267 71 200 302"),
            welcome("name in another script", 3).with("first_name", "\u{674e}\u{5c0f}\u{9f99}"),
            welcome("name of 150 letters", 4).with("last_name", "M".repeat(150)),
            welcome("e-mail in capitals", 5).with("email", self.email(5).to_uppercase()),
            welcome("eighteen since yesterday", 6).with("date_of_birth", self.born_before(18)),
            welcome("has a user already", user::KNOWN),
            twin("the same person twice at once, 1"),
            twin("the same person twice at once, 2"),
        ]
    }

    fn declined(&self) -> Vec<Customer> {
        let faulty =
            |label, person, codes: &[&'static str]| self.ask(label, person, declined(codes));
        vec![
            faulty("no first name", 10, &["first_name_missing"]).without("first_name"),
            faulty("control character in a name", 11, &["last_name_invalid"])
                .with("last_name", "Mo\u{7}eng"),
            faulty("no e-mail", 12, &["email_missing"]).without("email"),
            faulty("broken e-mail", 13, &["email_invalid"]).with("email", "naledi at shop"),
            faulty("no phone", 14, &["phone_number_missing"]).with("phone_number", Json::Null),
            faulty("phone too short", 15, &["phone_number_invalid"]).with("phone_number", "712"),
            faulty("no such national id", 16, &["national_id_invalid"])
                .with("national_id", "123496789"),
            faulty("born on 31 February", 17, &["date_of_birth_invalid"])
                .with("date_of_birth", "1990-02-31"),
            faulty("ten years old", 18, &["under_age"]).with("date_of_birth", self.born_before(10)),
            faulty(
                "three faults at once",
                19,
                &[
                    "email_invalid",
                    "phone_number_invalid",
                    "national_id_missing",
                ],
            )
            .with("email", "@")
            .with("phone_number", "none")
            .without("national_id"),
            faulty("unknown merchant", 20, &["merchant_unknown"]).at(Uuid::new_v4()),
            faulty("merchant not approved", 21, &["merchant_not_approved"])
                .at(self.id(merchant::NOT_APPROVED)),
        ]
    }

    fn refused(&self) -> Vec<Customer> {
        let error = |label, person, code| self.ask(label, person, refused(code));
        vec![
            error("inactive user", user::INACTIVE, "CUSTOMER_BLOCKED"),
            error("locked user", user::LOCKED, "CUSTOMER_BLOCKED"),
            error("e-mail of somebody else", 22, "IDENTITY_CONFLICT")
                .with("email", self.email(user::SOMEBODY_ELSE)),
            error("national id of somebody else", 23, "IDENTITY_CONFLICT")
                .with("national_id", self.national_id(user::SOMEBODY_ELSE)),
        ]
    }

    /// Those who come back once the first wave has its wallets.
    pub(super) fn returning_customers(&self) -> Vec<Case> {
        let customers = vec![
            self.ask("asks again", 0, declined(&["wallet_exists"])),
            self.ask("asks at another merchant", 0, wallet())
                .at(self.id(merchant::ALSO_APPROVED)),
            self.ask("comes with a new e-mail", 1, wallet())
                .at(self.id(merchant::ALSO_APPROVED))
                .with("email", self.email(30)),
            self.ask(
                "comes with another birth date",
                2,
                refused("IDENTITY_CONFLICT"),
            )
            .at(self.id(merchant::ALSO_APPROVED))
            .with("date_of_birth", self.born_before(40)),
        ];
        customers.into_iter().map(Customer::case).collect()
    }

    /// The variables of somebody whom no run of the demo sends.
    pub(super) fn uninvited(&self) -> Json {
        let Customer {
            merchant_id,
            request_data,
            ..
        } = self.ask("uninvited", 40, wallet());
        json!({ "merchant_id": merchant_id, "request_data": request_data })
    }

    fn ask(&self, label: &'static str, person: u32, expected: Way) -> Customer {
        Customer {
            label,
            merchant_id: self.id(merchant::APPROVED),
            request_data: json!({
                "first_name": self.first_name(person),
                "last_name": self.last_name(person),
                "email": self.email(person),
                "phone_number": format!("71{:06}", 200_300 + person),
                "national_id": self.national_id(person),
                "date_of_birth": self.birth_date(person),
            }),
            expected: vec![expected],
        }
    }
}

fn wallet() -> Way {
    Way::to("wallet_created")
}

fn declined(codes: &[&'static str]) -> Way {
    Way::with("wallet_request_rejected", codes)
}

fn refused(code: &'static str) -> Way {
    Way::with("wallet_not_created", &[code])
}

impl Customer {
    fn or(mut self, also_expected: Way) -> Self {
        self.expected.push(also_expected);
        self
    }

    fn at(mut self, merchant_id: Uuid) -> Self {
        self.merchant_id = merchant_id;
        self
    }

    fn with(mut self, field: &str, value: impl Into<Json>) -> Self {
        self.form().insert(field.to_owned(), value.into());
        self
    }

    fn without(mut self, field: &str) -> Self {
        self.form().remove(field);
        self
    }

    fn form(&mut self) -> &mut Map<String, Json> {
        self.request_data
            .as_object_mut()
            .expect("a request is made as an object")
    }

    fn case(self) -> Case {
        let mut ways = self.expected.into_iter();
        let first = ways.next().expect("a customer expects something");
        let case = Case::new(WALLETS, self.label, first)
            .id("merchant_id", self.merchant_id)
            .json("request_data", &self.request_data);
        ways.fold(case, Case::or)
    }
}
