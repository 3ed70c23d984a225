//! The wallets.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::schema::{customers, merchants, users, wallets};

/// A wallet as `create-wallet` opens one.
#[derive(Insertable)]
#[diesel(table_name = wallets, treat_none_as_default_value = false)]
pub struct NewWallet<'a> {
    /// The public number.
    pub wallet_id: &'a str,
    /// The request it fulfils; a request makes one wallet.
    pub request_id: Uuid,
    /// The holder; at most one wallet per merchant.
    pub customer_id: Uuid,
    /// The merchant it is for.
    pub merchant_id: Uuid,
    /// `basic`.
    pub wallet_type: &'a str,
    /// `active`, `suspended` or `closed`.
    pub status: &'a str,
    /// ISO 4217; `BWP`.
    pub currency: &'a str,
    /// In the currency, two decimals.
    pub balance: Decimal,
    /// The most that may leave it a day.
    pub daily_limit: Decimal,
    /// The most that may leave it a month.
    pub monthly_limit: Decimal,
}

/// What became of an attempt to open a wallet.
pub enum Opened {
    /// It is there.
    Inserted,
    /// The random number is taken: draw another.
    NumberTaken,
    /// The request or the customer has a wallet already.
    AlreadyThere,
}

impl NewWallet<'_> {
    /// Inserts the wallet, or tells which uniqueness stands against it.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn insert(&self, mut conn: &AsyncPgConnection) -> QueryResult<Opened> {
        let inserted = diesel::insert_into(wallets::table)
            .values(self)
            .on_conflict_do_nothing()
            .execute(&mut conn)
            .await?;
        if inserted == 1 {
            return Ok(Opened::Inserted);
        }
        let held = find_held(conn, self.customer_id, self.merchant_id).await?;
        let made = find_by_request(conn, self.request_id).await?;
        Ok(if held.is_some() || made.is_some() {
            Opened::AlreadyThere
        } else {
            Opened::NumberTaken
        })
    }
}

/// The wallet that fulfilled a request.
///
/// # Errors
/// Those of the query.
pub async fn find_by_request(
    mut conn: &AsyncPgConnection,
    request_id: Uuid,
) -> QueryResult<Option<String>> {
    wallets::table
        .filter(wallets::request_id.eq(request_id))
        .select(wallets::wallet_id)
        .first(&mut conn)
        .await
        .optional()
}

/// The wallet that a customer holds with a merchant.
///
/// # Errors
/// Those of the query.
pub async fn find_held(
    mut conn: &AsyncPgConnection,
    customer_id: Uuid,
    merchant_id: Uuid,
) -> QueryResult<Option<String>> {
    wallets::table
        .filter(wallets::customer_id.eq(customer_id))
        .filter(wallets::merchant_id.eq(merchant_id))
        .select(wallets::wallet_id)
        .first(&mut conn)
        .await
        .optional()
}

/// Locks a wallet, if it is there.
///
/// # Errors
/// Those of the query.
pub async fn lock(mut conn: &AsyncPgConnection, wallet_id: &str) -> QueryResult<()> {
    wallets::table
        .find(wallet_id)
        .select(wallets::wallet_id)
        .for_no_key_update()
        .execute(&mut conn)
        .await
        .map(drop)
}

/// What the mail about a new wallet says.
#[derive(Queryable)]
pub struct Announcement {
    /// The holder's present e-mail address.
    pub email: String,
    /// The holder's given names.
    pub first_name: String,
    /// The merchant's name.
    pub business_name: String,
    /// ISO 4217.
    pub currency: String,
    /// The most that may leave the wallet a day.
    pub daily_limit: Decimal,
    /// The most that may leave the wallet a month.
    pub monthly_limit: Decimal,
}

/// Whom to tell about a wallet, and what.
///
/// # Errors
/// Those of the query.
pub async fn find_announcement(
    mut conn: &AsyncPgConnection,
    wallet_id: &str,
) -> QueryResult<Option<Announcement>> {
    wallets::table
        .inner_join(customers::table.inner_join(users::table))
        .inner_join(merchants::table)
        .filter(wallets::wallet_id.eq(wallet_id))
        .select((
            users::email,
            customers::first_name,
            merchants::business_name,
            wallets::currency,
            wallets::daily_limit,
            wallets::monthly_limit,
        ))
        .first(&mut conn)
        .await
        .optional()
}
