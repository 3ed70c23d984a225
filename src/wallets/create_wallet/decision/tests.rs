//! The decision as a table.

use chrono::TimeDelta;

use super::*;

const NATIONAL_ID: &str = "123412345";
const EMAIL: &str = "neo@example.bw";

fn birth() -> NaiveDate {
    NaiveDate::from_ymd_opt(1990, 5, 20).unwrap()
}

fn now() -> DateTime<Utc> {
    birth().and_hms_opt(12, 0, 0).unwrap().and_utc()
}

fn applicant() -> Applicant {
    Applicant {
        merchant_id: Uuid::nil(),
        first_name: "Neo".to_owned(),
        last_name: "Moeng".to_owned(),
        email: EMAIL.to_owned(),
        phone_number: "+26771234567".to_owned(),
        national_id: NATIONAL_ID.to_owned(),
        date_of_birth: birth(),
    }
}

fn user() -> User {
    User {
        id: Uuid::from_u128(1),
        role: CUSTOMER.to_owned(),
        national_id: Some(NATIONAL_ID.to_owned()),
        date_of_birth: Some(birth()),
        is_active: true,
        account_locked_until: None,
    }
}

fn customer(date_of_birth: NaiveDate) -> Customer {
    Customer {
        customer_id: Uuid::from_u128(2),
        user_id: Uuid::from_u128(1),
        date_of_birth,
    }
}

fn claimant(change: impl FnOnce(&mut Claimant)) -> Person {
    let mut claimant = Claimant {
        user: user(),
        same_email: true,
        is_customer: false,
    };
    change(&mut claimant);
    Person::Claimants(vec![claimant])
}

fn decided(person: Person) -> Result<Holder, Refusal> {
    let facts = Facts {
        person,
        merchant_approved: true,
        holds_wallet: false,
    };
    decide(&applicant(), &facts, now())
}

#[test]
fn the_holder_is_the_known_customer_the_same_user_or_somebody_new() {
    let known = decided(Person::Customer(customer(birth()), user()));

    assert_eq!(known, Ok(Holder::Customer(Uuid::from_u128(2))));
    assert_eq!(
        decided(claimant(|_| {})),
        Ok(Holder::User(Uuid::from_u128(1)))
    );
    assert_eq!(
        decided(claimant(|claimant| claimant.user.date_of_birth = None)),
        Ok(Holder::User(Uuid::from_u128(1)))
    );
    assert_eq!(decided(Person::Claimants(vec![])), Ok(Holder::Nobody));
}

#[test]
fn somebody_else_s_e_mail_or_national_id_is_an_identity_conflict() {
    let other_day = birth() + TimeDelta::days(1);
    let two = || match (claimant(|_| {}), claimant(|_| {})) {
        (Person::Claimants(mut one), Person::Claimants(other)) => {
            one.extend(other);
            Person::Claimants(one)
        }
        _ => unreachable!("both are claimants"),
    };
    for (why, person) in [
        (
            "customer's birth date",
            Person::Customer(customer(other_day), user()),
        ),
        (
            "user's birth date",
            claimant(|c| c.user.date_of_birth = Some(other_day)),
        ),
        (
            "no customer's role",
            claimant(|c| c.user.role = "merchant".to_owned()),
        ),
        (
            "other national id",
            claimant(|c| c.user.national_id = Some("987612345".to_owned())),
        ),
        ("no national id", claimant(|c| c.user.national_id = None)),
        ("other e-mail", claimant(|c| c.same_email = false)),
        (
            "customer under another national id",
            claimant(|c| c.is_customer = true),
        ),
        ("one has the e-mail, another the national id", two()),
    ] {
        assert_eq!(decided(person), Err(Refusal::IdentityConflict), "{why}");
    }
}

#[test]
fn a_locked_or_inactive_account_blocks_until_the_lock_is_over() {
    let locked = |until| claimant(move |c| c.user.account_locked_until = Some(until));

    assert_eq!(
        decided(claimant(|c| c.user.is_active = false)),
        Err(Refusal::CustomerBlocked)
    );
    assert_eq!(
        decided(locked(now() + TimeDelta::seconds(1))),
        Err(Refusal::CustomerBlocked)
    );
    assert!(decided(locked(now())).is_ok());
}

#[test]
fn the_first_reason_counts_merchant_identity_block_wallet() {
    let decided = |merchant_approved, date_of_birth, is_active| {
        let user = User {
            is_active,
            ..user()
        };
        let facts = Facts {
            person: Person::Customer(customer(date_of_birth), user),
            merchant_approved,
            holds_wallet: true,
        };
        decide(&applicant(), &facts, now()).err()
    };
    let other_day = birth() + TimeDelta::days(1);

    assert_eq!(
        decided(false, other_day, false),
        Some(Refusal::MerchantNotApproved)
    );
    assert_eq!(
        decided(true, other_day, false),
        Some(Refusal::IdentityConflict)
    );
    assert_eq!(
        decided(true, birth(), false),
        Some(Refusal::CustomerBlocked)
    );
    assert_eq!(decided(true, birth(), true), Some(Refusal::WalletExists));
}

#[test]
fn every_code_is_read_back() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::of_code(refusal.code()), Some(refusal));
    }
    assert_eq!(Refusal::of_code("OTHER"), None);
}
