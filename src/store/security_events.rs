//! Business facts about users and merchants that matter for security. Rows are only inserted.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use serde_json::Value;
use uuid::Uuid;

use super::schema::security_events;

/// A fact as a transaction writes it, about a user or about a merchant.
#[derive(Insertable)]
#[diesel(table_name = security_events, treat_none_as_default_value = false)]
pub struct NewSecurityEvent<'a> {
    /// A new id.
    pub security_event_id: Uuid,
    /// `kyc_validated`, `merchant_approved`, ….
    pub kind: &'a str,
    /// The user it is about.
    pub user_id: Option<Uuid>,
    /// The merchant it is about.
    pub merchant_id: Option<Uuid>,
    /// More, as a JSON object.
    pub details: &'a Value,
    /// Where it came from.
    pub process_instance_id: &'a str,
}

/// Inserts facts in one round trip.
///
/// # Errors
/// Those of the query.
pub async fn insert(conn: &AsyncPgConnection, events: &[NewSecurityEvent<'_>]) -> QueryResult<()> {
    try_join_all(events.iter().map(|event| event.insert(conn)))
        .await
        .map(drop)
}

/// What happened within these process instances, and how often.
///
/// # Errors
/// Those of the query.
pub async fn count_kinds(
    conn: &mut AsyncPgConnection,
    process_instance_ids: &[&str],
) -> QueryResult<Vec<(String, i64)>> {
    security_events::table
        .filter(security_events::process_instance_id.eq_any(process_instance_ids))
        .group_by(security_events::kind)
        .order(security_events::kind)
        .select((security_events::kind, count_star()))
        .load(conn)
        .await
}

impl NewSecurityEvent<'_> {
    async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        diesel::insert_into(security_events::table)
            .values(self)
            .execute(&mut conn)
            .await
    }
}
