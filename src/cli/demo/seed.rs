//! What has to be in the database before the customers come: merchants, and people who are known.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::Timestamptz;
use diesel::{IntoSql, QueryResult, dsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::customers::{Cast, INACTIVE_USER, KNOWN_USER, LOCKED_USER, SOMEBODY_ELSE};
use crate::store::upsert::Upserted;
use crate::store::{Pool, merchants, users};
use crate::tasks::{Event, Origin, Tx};

/// Invents the run's people and writes those who are to be known beforehand.
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
    let new_merchants = merchants::upsert(conn, MERCHANT_COLUMNS, &known_merchants(&cast)).await?;
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
    "email",
    "role",
    "national_id",
    "date_of_birth",
    "is_active",
    "account_locked_until",
];

fn known_users(cast: &Cast, now: DateTime<Utc>) -> Json {
    let user = |person: u32, role: &str, is_active: bool, locked_until: Option<DateTime<Utc>>| {
        json!({
            "id": Uuid::now_v7(),
            "email": cast.email(person),
            "role": role,
            "national_id": cast.national_id(person),
            "date_of_birth": cast.birth_date(person),
            "is_active": is_active,
            "account_locked_until": locked_until,
        })
    };
    json!([
        user(KNOWN_USER, users::CUSTOMER, true, None),
        user(INACTIVE_USER, users::CUSTOMER, false, None),
        user(
            LOCKED_USER,
            users::CUSTOMER,
            true,
            Some(now + TimeDelta::days(1))
        ),
        user(SOMEBODY_ELSE, users::CUSTOMER, true, None),
    ])
}

const MERCHANT_COLUMNS: &[&str] = &[
    "merchant_id",
    "business_name",
    "registration_number",
    "contact_email",
    "is_approved",
    "approval_date",
];

fn known_merchants(cast: &Cast) -> Json {
    let merchant = |id: Uuid, name: &str, is_approved: bool| {
        json!({
            "merchant_id": id,
            "business_name": name,
            "registration_number": "BW00001234567",
            "contact_email": format!("merchant-{}@merchants.example", cast.run),
            "is_approved": is_approved,
            "approval_date": Json::Null,
        })
    };
    json!([
        merchant(cast.approved, "Thebe Motors", true),
        merchant(cast.also_approved, "Pula Stores", true),
        merchant(cast.not_approved, "Kalahari Traders", false),
    ])
}
