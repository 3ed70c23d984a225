//! The people and merchants of one run.
//!
//! Everybody is invented anew for each run, so that a demo can be repeated on the same database:
//! ids are random, national ids come from a block of numbers that the run draws.

use chrono::{DateTime, Months, NaiveDate, Utc};
use uuid::Uuid;

/// What the run invents.
pub(super) struct Cast {
    /// In every e-mail address and business key of this run.
    pub(super) run: String,
    /// Their first national id is the block's first number.
    block: u32,
    /// Their ids are counted up from here.
    first_id: u128,
    today: NaiveDate,
}

/// National ids of one run; the fifth digit is not counted.
const BLOCK: u32 = 100;
const BLOCKS: u32 = 100_000_000 / BLOCK;

/// People who have a user before the demo begins. Numbers below these are customers to be.
pub(super) mod user {
    pub(in super::super) const KNOWN: u32 = 50;
    pub(in super::super) const INACTIVE: u32 = 51;
    pub(in super::super) const LOCKED: u32 = 52;
    pub(in super::super) const SOMEBODY_ELSE: u32 = 53;
    pub(in super::super) const NEW: u32 = 60;
    pub(in super::super) const APPROVED: u32 = 61;
    pub(in super::super) const YOUNG: u32 = 62;
    pub(in super::super) const COPYING: u32 = 63;
    pub(in super::super) const CARELESS: u32 = 64;
    pub(in super::super) const OWNER: u32 = 65;
    pub(in super::super) const UNCHECKED_OWNER: u32 = 66;
    pub(in super::super) const ATTACKED: u32 = 67;
    pub(in super::super) const SPENDING: u32 = 68;
    pub(in super::super) const READER: u32 = 69;
    pub(in super::super) const IMPATIENT: u32 = 70;
    pub(in super::super) const VERIFIED: u32 = 71;
    pub(in super::super) const ABSENT: u32 = 72;
}

/// Merchants that are there before the demo begins.
pub(super) mod merchant {
    pub(in super::super) const APPROVED: u32 = 80;
    pub(in super::super) const ALSO_APPROVED: u32 = 81;
    pub(in super::super) const NOT_APPROVED: u32 = 82;
    pub(in super::super) const APPLYING: u32 = 83;
    pub(in super::super) const OWNED: u32 = 84;
    pub(in super::super) const MISNUMBERED: u32 = 85;
    pub(in super::super) const OWNED_BY_UNCHECKED: u32 = 86;
    pub(in super::super) const UNREACHABLE: u32 = 87;
}

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
            first_id: rand::random::<u128>(),
            today: now.date_naive(),
        }
    }

    /// The id of a user or merchant.
    pub(super) fn id(&self, number: u32) -> Uuid {
        let id = self.first_id.wrapping_add(u128::from(number));
        uuid::Builder::from_random_bytes(id.to_be_bytes()).into_uuid()
    }

    pub(super) fn first_name(&self, person: u32) -> &'static str {
        FIRST_NAMES[person as usize % FIRST_NAMES.len()]
    }

    pub(super) fn last_name(&self, person: u32) -> &'static str {
        LAST_NAMES[person as usize % LAST_NAMES.len()]
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

    /// The birth date of somebody whose birthday was yesterday.
    pub(super) fn born_before(&self, years: u32) -> String {
        let yesterday = self.today.pred_opt().unwrap_or(self.today);
        years_before(yesterday, years).to_string()
    }
}

fn years_before(day: NaiveDate, years: u32) -> NaiveDate {
    day.checked_sub_months(Months::new(12 * years))
        .unwrap_or(NaiveDate::MIN)
}
