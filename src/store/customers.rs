//! The persons who hold wallets, one row a national id.

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::expression::functions::declare_sql_function;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::schema::{customers, wallets};

/// What a decision about a customer needs to know.
#[derive(Queryable, Selectable)]
#[diesel(table_name = customers)]
pub struct Customer {
    /// The customer's id.
    pub customer_id: Uuid,
    /// The user behind the customer.
    pub user_id: Uuid,
    /// The birth date as first stored; a later request must agree with it.
    pub date_of_birth: NaiveDate,
}

/// A customer as `create-wallet` makes one.
#[derive(Insertable)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
pub struct NewCustomer<'a> {
    /// A new id.
    pub customer_id: Uuid,
    /// The user behind the customer.
    pub user_id: Uuid,
    /// Nine digits, unique.
    pub national_id: &'a str,
    /// Given names.
    pub first_name: &'a str,
    /// Family name.
    pub last_name: &'a str,
    /// The birth date.
    pub date_of_birth: NaiveDate,
    /// E.164.
    pub phone_number: &'a str,
}

impl NewCustomer<'_> {
    /// Inserts the customer unless the national id or the user has one already.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn insert(&self, conn: &mut AsyncPgConnection) -> QueryResult<bool> {
        let inserted = diesel::insert_into(customers::table)
            .values(self)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(inserted == 1)
    }
}

/// Makes everybody who decides about this national id wait in line until the transaction ends. The
/// person may have no row yet, so there is no row to lock.
///
/// # Errors
/// Those of the query.
pub async fn lock_identity(conn: &mut AsyncPgConnection, national_id: &str) -> QueryResult<()> {
    diesel::select(pg_advisory_xact_lock(IDENTITY_LOCKS, hashtext(national_id)))
        .execute(conn)
        .await
        .map(drop)
}

// Typed functions make statements that stay prepared; SQL texts are prepared each time.
#[declare_sql_function]
extern "SQL" {
    /// Gives nothing; its answer is never read.
    fn pg_advisory_xact_lock(class: Integer, object: Integer) -> Text;
    /// PostgreSQL's own hash of a text.
    fn hashtext(text: Text) -> Integer;
}

/// Keeps these locks apart from any other use of advisory locks in this database.
const IDENTITY_LOCKS: i32 = 0x1de7;

/// The customer with this national id.
///
/// # Errors
/// Those of the query.
pub async fn find_by_national_id(
    mut conn: &AsyncPgConnection,
    national_id: &str,
) -> QueryResult<Option<Customer>> {
    customers::table
        .filter(customers::national_id.eq(national_id))
        .select(Customer::as_select())
        .first(&mut conn)
        .await
        .optional()
}

/// Which national id a user's customer has.
#[derive(Queryable, Selectable)]
#[diesel(table_name = customers)]
pub struct Identity {
    /// The user behind the customer.
    pub user_id: Uuid,
    /// The customer's national id.
    pub national_id: String,
}

/// The customer with this national id and the customer of this user: two, the same one, or none.
///
/// # Errors
/// Those of the query.
pub async fn find_identities(
    mut conn: &AsyncPgConnection,
    national_id: &str,
    user_id: Uuid,
) -> QueryResult<Vec<Identity>> {
    customers::table
        .filter(customers::national_id.eq(national_id))
        .or_filter(customers::user_id.eq(user_id))
        .select(Identity::as_select())
        .load(&mut conn)
        .await
}

/// Whether the person with this national id holds a wallet with this merchant.
///
/// # Errors
/// Those of the query.
pub async fn holds_wallet(
    mut conn: &AsyncPgConnection,
    national_id: &str,
    merchant_id: Uuid,
) -> QueryResult<bool> {
    let wallet = wallets::table
        .inner_join(customers::table)
        .filter(customers::national_id.eq(national_id))
        .filter(wallets::merchant_id.eq(merchant_id));
    diesel::select(exists(wallet)).get_result(&mut conn).await
}
