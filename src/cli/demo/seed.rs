//! What has to be in the database before the customers come: merchants, and people who are known.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::Timestamptz;
use diesel::{IntoSql, QueryResult, dsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value as Json, json};

use super::cast::{Cast, merchant, user};
use crate::store::upsert::Upserted;
use crate::store::{Pool, merchants, users};
use crate::tasks::{Event, Origin, Tx};

/// Invents the run's people and merchants and writes those who are to be known beforehand.
pub(super) async fn seed(pool: &Pool) -> anyhow::Result<Cast> {
    let mut conn = pool.get().await?;
    conn.transaction(async |conn| write(conn).await)
        .await
        .context("writing the demo's merchants and users; is the schema up to date?")
}

async fn write(conn: &mut AsyncPgConnection) -> QueryResult<Cast> {
    let now = diesel::select(dsl::now.into_sql::<Timestamptz>());
    let now: DateTime<Utc> = now.get_result(conn).await?;
    let cast = Cast::invent(now);
    let new_users = users::upsert(conn, USER_COLUMNS, &known_users(&cast, now)).await?;
    let new_merchants =
        merchants::upsert(conn, MERCHANT_COLUMNS, &known_merchants(&cast, now)).await?;
    let mut tx = Tx::new(conn, now, Origin::command("demo"));
    new_users
        .iter()
        .for_each(|row| tx.audit(added("user", row)));
    new_merchants
        .iter()
        .for_each(|row| tx.audit(added("merchant", row)));
    tx.flush(async |_| Ok(())).await?;
    Ok(cast)
}

fn added(subject_kind: &'static str, row: &Upserted) -> Event {
    Event {
        action: "demo_subject_added",
        subject_kind,
        subject_id: row.id.to_string(),
        outcome: "inserted".to_owned(),
        detail: Json::Null,
    }
}

const USER_COLUMNS: &[&str] = &[
    "id",
    "username",
    "email",
    "role",
    "kyc_status",
    "national_id",
    "date_of_birth",
    "phone_number",
    "is_active",
    "account_locked_until",
    "verified_email",
];

fn known_users(cast: &Cast, now: DateTime<Utc>) -> Json {
    // A customer whose national id is on file.
    let known = |person: u32| {
        with(
            cast.newcomer(person),
            "national_id",
            cast.national_id(person),
        )
    };
    let approved = |person: u32| with(cast.newcomer(person), "kyc_status", "approved");
    let tomorrow = now + TimeDelta::days(1);
    let mut users = vec![
        known(user::KNOWN),
        with(known(user::INACTIVE), "is_active", false),
        with(known(user::LOCKED), "account_locked_until", json!(tomorrow)),
        known(user::SOMEBODY_ELSE),
        approved(user::APPROVED),
        with(approved(user::OWNER), "role", "merchant"),
        with(cast.newcomer(user::UNCHECKED_OWNER), "role", "merchant"),
        with(
            cast.newcomer(user::VERIFIED),
            "verified_email",
            cast.email(user::VERIFIED),
        ),
    ];
    let newcomers = [
        user::NEW,
        user::YOUNG,
        user::COPYING,
        user::CARELESS,
        user::ATTACKED,
        user::SPENDING,
        user::READER,
        user::IMPATIENT,
        user::ABSENT,
    ];
    users.extend(newcomers.map(|person| cast.newcomer(person)));
    Json::Array(users)
}

fn with(mut row: Json, column: &str, value: impl Into<Json>) -> Json {
    row[column] = value.into();
    row
}

const MERCHANT_COLUMNS: &[&str] = &[
    "merchant_id",
    "business_name",
    "registration_number",
    "contact_email",
    "admin_email",
    "is_approved",
    "approval_date",
    "user_id",
];

fn known_merchants(cast: &Cast, now: DateTime<Utc>) -> Json {
    let merchant = |number, name| cast.merchant(number, name);
    let approved = |number, name| {
        let row = with(merchant(number, name), "is_approved", true);
        with(row, "approval_date", json!(now))
    };
    let owner = |person| json!(cast.id(person));
    json!([
        approved(merchant::APPROVED, "Thebe Motors"),
        approved(merchant::ALSO_APPROVED, "Pula Stores"),
        merchant(merchant::NOT_APPROVED, "Kalahari Traders"),
        merchant(merchant::APPLYING, "Okavango Tours"),
        with(
            merchant(merchant::OWNED, "Marula Foods"),
            "user_id",
            owner(user::OWNER)
        ),
        with(
            merchant(merchant::MISNUMBERED, "Chobe Crafts"),
            "registration_number",
            "ZA123"
        ),
        with(
            merchant(merchant::OWNED_BY_UNCHECKED, "Baobab Books"),
            "user_id",
            owner(user::UNCHECKED_OWNER)
        ),
        with(
            merchant(merchant::UNREACHABLE, "Morula Mills"),
            "contact_email",
            "office at mills"
        ),
    ])
}

impl Cast {
    /// Somebody who has signed up and done nothing else.
    fn newcomer(&self, person: u32) -> Json {
        json!({
            "id": self.id(person),
            "username": format!("{}-{}-{person}", self.first_name(person).to_lowercase(), self.run),
            "email": self.email(person),
            "role": users::CUSTOMER,
            "kyc_status": "not_started",
            "national_id": null,
            "date_of_birth": self.birth_date(person),
            "phone_number": null,
            "is_active": true,
            "account_locked_until": null,
            "verified_email": null,
        })
    }

    /// A merchant with nobody behind it and nothing decided.
    fn merchant(&self, number: u32, name: &str) -> Json {
        json!({
            "merchant_id": self.id(number),
            "business_name": name,
            "registration_number": "BW00001234567",
            "contact_email": format!("office-{}-{number}@merchants.example", self.run),
            "admin_email": format!("admin-{}-{number}@merchants.example", self.run),
            "is_approved": false,
            "approval_date": null,
            "user_id": null,
        })
    }
}
