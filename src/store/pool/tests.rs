//! What becomes of a lent connection, on a real database.

use diesel::dsl::sql;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;

use super::*;
use crate::store::testing::{TestDatabase, database, url};

/// Which of the server's processes this connection talks to.
async fn backend(mut conn: &AsyncPgConnection) -> QueryResult<i32> {
    diesel::select(sql::<Integer>("pg_backend_pid()"))
        .get_result(&mut conn)
        .await
}

async fn lent_next(database: &TestDatabase) -> i32 {
    let conn = database.pool.get().await.unwrap();
    backend(&conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_lent_again_once_its_transaction_has_ended() {
    let database = database().await;

    let mut conn = database.pool.get().await.unwrap();
    let first = conn.begin_with(backend).await.unwrap();
    conn.commit().await.unwrap();
    conn.begin_with(backend).await.unwrap();
    conn.roll_back().await.unwrap();
    drop(conn);

    assert_eq!(lent_next(&database).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_dropped_in_a_transaction_is_not_lent_again() {
    let database = database().await;

    let mut conn = database.pool.get().await.unwrap();
    let first = conn.begin_with(backend).await.unwrap();
    drop(conn);

    assert_ne!(lent_next(&database).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_statement_is_part_of_the_transaction() {
    let database = database().await;
    let mut conn = database.pool.get().await.unwrap();

    let insert = "INSERT INTO merchants (merchant_id, business_name, registration_number, \
                  contact_email) VALUES (gen_random_uuid(), 'Pula', 'BW1', 'a@b.example')";
    let insert =
        async |mut conn: &AsyncPgConnection| diesel::sql_query(insert).execute(&mut conn).await;
    let inserted = conn.begin_with(insert).await.unwrap();
    conn.roll_back().await.unwrap();

    assert_eq!(inserted, 1);
    let merchants = database.count("SELECT count(*) FROM merchants").await;
    assert_eq!(merchants, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_statement_that_is_refused_leaves_a_transaction_to_roll_back() {
    let database = database().await;
    let mut conn = database.pool.get().await.unwrap();
    let refused = async |mut conn: &AsyncPgConnection| {
        diesel::sql_query("SELECT 1 / 0").execute(&mut conn).await
    };

    let begun = conn.begin_with(refused).await;
    let rolled_back = conn.roll_back().await;

    assert!(begun.is_err());
    assert!(rolled_back.is_ok());
    assert!(backend(&conn).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_once_and_no_user_with_it() {
    let settings = |url: &str| StoreSettings::parse(url.to_owned().into()).ok().unwrap();
    let url = "postgres://naledi:hunter2@127.0.0.1:1/wallets";

    let pool = Pool::new(&settings(url), Handle::current()).ok().unwrap();
    let told = pool.get().await.err().unwrap().to_string();

    assert_eq!(
        told,
        "connecting to the database at 127.0.0.1:1: error connecting to server: \
         Connection refused (os error 111)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lacks_a_parameter_is_told_to_be_too_old() {
    let mut url = url();
    url.set_query(Some("options=-c%20of_a_later_version%3D1"));

    let settings = StoreSettings::parse(String::from(url).into()).ok().unwrap();
    let pool = Pool::new(&settings, Handle::current()).ok().unwrap();
    let told = pool.get().await.err().unwrap().to_string();

    let (_, told) = told.split_once(": ").unwrap();
    assert_eq!(
        told,
        "db error: FATAL: unrecognized configuration parameter \"of_a_later_version\"; \
         PostgreSQL 14 or newer knows all that the worker sets"
    );
}
