//! The thirty customers: who they are, what they ask for, and how it should end.
//!
//! Everybody is invented anew for each run, so that a demo can be repeated on the same database:
//! ids are random, national ids come from a block of numbers that the run draws.

use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

/// A customer's request and how it should end.
pub(super) struct Customer {
    /// What is special about them.
    pub(super) label: &'static str,
    pub(super) merchant_id: Uuid,
    pub(super) request_data: Json,
    pub(super) expected: Expected,
}

/// How a request should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// With a wallet.
    Wallet,
    /// Declined, with these codes.
    Declined(&'static [&'static str]),
    /// Ended by this error of the model.
    Error(&'static str),
    /// One of two requests of one person gets the wallet, the other is told so.
    WalletOfOne,
}

/// What the run invents.
pub(super) struct Cast {
    /// In every e-mail address and business key of this run.
    pub(super) run: String,
    /// Their first national id is the block's first number.
    block: u32,
    today: NaiveDate,
    pub(super) approved: Uuid,
    pub(super) also_approved: Uuid,
    pub(super) not_approved: Uuid,
}

/// National ids of one run; the fifth digit is not counted.
const BLOCK: u32 = 100;
const BLOCKS: u32 = 100_000_000 / BLOCK;

/// People that exist before they ask for anything.
pub(super) const KNOWN_USER: u32 = 50;
pub(super) const INACTIVE_USER: u32 = 51;
pub(super) const LOCKED_USER: u32 = 52;
pub(super) const SOMEBODY_ELSE: u32 = 53;

const FIRST_NAMES: [&str; 10] = [
    "Naledi",
    "Thabo",
    "Kagiso",
    "Boitumelo",
    "Lesedi",
    "Mpho",
    "Tiro",
    "Amantle",
    "Kopano",
    "Sethunya",
];
const LAST_NAMES: [&str; 7] = [
    "Moeng", "Kgosi", "Seretse", "Molefe", "Tau", "Phiri", "Dube",
];

impl Cast {
    pub(super) fn invent(now: DateTime<Utc>) -> Self {
        Self {
            run: format!("{:08x}", rand::random::<u32>()),
            block: rand::random_range(0..BLOCKS) * BLOCK,
            today: now.date_naive(),
            approved: Uuid::new_v4(),
            also_approved: Uuid::new_v4(),
            not_approved: Uuid::new_v4(),
        }
    }

    pub(super) fn national_id(&self, person: u32) -> String {
        let number = self.block + person;
        format!(
            "{:04}{}{:04}",
            number / 10_000,
            1 + person % 2,
            number % 10_000
        )
    }

    pub(super) fn email(&self, person: u32) -> String {
        format!("customer-{}-{person}@customers.example", self.run)
    }

    pub(super) fn birth_date(&self, person: u32) -> NaiveDate {
        let years = 20 + person % 50;
        years_before(self.today, years)
    }

    /// Those who ask first.
    pub(super) fn first_wave(&self) -> Vec<Customer> {
        let mut customers = self.welcome();
        customers.extend(self.declined());
        customers.extend(self.refused());
        customers
    }

    fn welcome(&self) -> Vec<Customer> {
        let wallet = |label, person| self.ask(label, person, Expected::Wallet);
        let twin = |label| self.ask(label, 8, Expected::WalletOfOne);
        vec![
            wallet("new customer", 0),
            wallet("new customer, another one", 1),
            wallet("phone with country code", 2).with("phone_number", "+267 71 200 302"),
            wallet("name in another script", 3).with("first_name", "\u{674e}\u{5c0f}\u{9f99}"),
            wallet("name of 150 letters", 4).with("last_name", "M".repeat(150)),
            wallet("e-mail in capitals", 5).with("email", self.email(5).to_uppercase()),
            wallet("eighteen since yesterday", 6).with("date_of_birth", self.born_before(18)),
            wallet("has a user already", KNOWN_USER),
            twin("the same person twice at once, 1"),
            twin("the same person twice at once, 2"),
        ]
    }

    fn declined(&self) -> Vec<Customer> {
        let declined = |label, person, codes| self.ask(label, person, Expected::Declined(codes));
        vec![
            declined("no first name", 10, &["first_name_missing"]).without("first_name"),
            declined("control character in a name", 11, &["last_name_invalid"])
                .with("last_name", "Mo\u{7}eng"),
            declined("no e-mail", 12, &["email_missing"]).without("email"),
            declined("broken e-mail", 13, &["email_invalid"]).with("email", "naledi at shop"),
            declined("no phone", 14, &["phone_number_missing"]).with("phone_number", Json::Null),
            declined("phone too short", 15, &["phone_number_invalid"]).with("phone_number", "712"),
            declined("no such national id", 16, &["national_id_invalid"])
                .with("national_id", "123496789"),
            declined("born on 31 February", 17, &["date_of_birth_invalid"])
                .with("date_of_birth", "1990-02-31"),
            declined("ten years old", 18, &["under_age"])
                .with("date_of_birth", self.born_before(10)),
            declined(
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
            declined("unknown merchant", 20, &["merchant_unknown"]).at(Uuid::new_v4()),
            declined("merchant not approved", 21, &["merchant_not_approved"]).at(self.not_approved),
        ]
    }

    fn refused(&self) -> Vec<Customer> {
        let error = |label, person, code| self.ask(label, person, Expected::Error(code));
        vec![
            error("inactive user", INACTIVE_USER, "CUSTOMER_BLOCKED"),
            error("locked user", LOCKED_USER, "CUSTOMER_BLOCKED"),
            error("e-mail of somebody else", 22, "IDENTITY_CONFLICT")
                .with("email", self.email(SOMEBODY_ELSE)),
            error("national id of somebody else", 23, "IDENTITY_CONFLICT")
                .with("national_id", self.national_id(SOMEBODY_ELSE)),
        ]
    }

    /// Those who come back once the first wave has its wallets.
    pub(super) fn second_wave(&self) -> Vec<Customer> {
        vec![
            self.ask("asks again", 0, Expected::Declined(&["wallet_exists"])),
            self.ask("asks at another merchant", 0, Expected::Wallet)
                .at(self.also_approved),
            self.ask("comes with a new e-mail", 1, Expected::Wallet)
                .at(self.also_approved)
                .with("email", self.email(30)),
            self.ask(
                "comes with another birth date",
                2,
                Expected::Error("IDENTITY_CONFLICT"),
            )
            .at(self.also_approved)
            .with("date_of_birth", self.born_before(40)),
        ]
    }

    fn ask(&self, label: &'static str, person: u32, expected: Expected) -> Customer {
        let index = person as usize;
        Customer {
            label,
            merchant_id: self.approved,
            request_data: json!({
                "first_name": FIRST_NAMES[index % FIRST_NAMES.len()],
                "last_name": LAST_NAMES[index % LAST_NAMES.len()],
                "email": self.email(person),
                "phone_number": format!("71{:06}", 200_300 + person),
                "national_id": self.national_id(person),
                "date_of_birth": self.birth_date(person),
            }),
            expected,
        }
    }

    /// The birth date of somebody whose birthday was yesterday.
    fn born_before(&self, years: u32) -> String {
        let yesterday = self.today.pred_opt().unwrap_or(self.today);
        years_before(yesterday, years).to_string()
    }
}

fn years_before(day: NaiveDate, years: u32) -> NaiveDate {
    day.checked_sub_months(Months::new(12 * years))
        .unwrap_or(NaiveDate::MIN)
}

impl Customer {
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
}
