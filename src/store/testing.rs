//! A database of its own for each test, on the PostgreSQL that `TEST_DATABASE_URL` names.
//!
//! The migrations run once, into a template named after their content; a test's database is a copy
//! of it and is dropped when the test ends, whether it passed or panicked. The template stays for
//! the next run.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs, thread};

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, QueryableByName};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Handle};
use url::Url;
use uuid::Uuid;

use super::{Pool, StoreSettings, migrations};

/// One process at a time makes the template.
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;

/// An empty, migrated database that ends with the test.
pub(crate) struct TestDatabase {
    /// Connections to it, with the time-outs of production.
    pub(crate) pool: Pool,
    /// Its name on the server.
    pub(crate) name: String,
}

/// Makes a database for one test.
///
/// # Panics
/// When `TEST_DATABASE_URL` names no PostgreSQL whose role may create databases.
pub(crate) async fn database() -> TestDatabase {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| apart(make_template));
    let name = format!("phantom_test_{}", Uuid::now_v7().simple());
    let mut server = connect().await;
    run(
        &mut server,
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    )
    .await;
    TestDatabase {
        pool: pool(&name),
        name,
    }
}

impl TestDatabase {
    /// The number that a `SELECT count(*)` gives.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let mut conn = self.pool.get().await.unwrap();
        let row: QueryResult<Row> = diesel::sql_query(query).get_result(&mut *conn).await;
        row.unwrap().count
    }

    /// The text that a query of one column `text` gives, one line a row.
    pub(crate) async fn text(&self, query: &str) -> String {
        let mut conn = self.pool.get().await.unwrap();
        let rows: Vec<TextRow> = diesel::sql_query(query).load(&mut *conn).await.unwrap();
        let lines: Vec<_> = rows.into_iter().map(|row| row.text).collect();
        lines.join("\n")
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, statement: &str) {
        let mut conn = self.pool.get().await.unwrap();
        run(&mut conn, statement).await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = &self.name;
        self.pool.close();
        apart(async || {
            let mut server = connect().await;
            run(&mut server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        });
    }
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Runs a future on a thread and a multi-thread runtime of its own: a destructor cannot wait, and
/// the migrations block.
fn apart<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            runtime.unwrap().block_on(work())
        });
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

async fn make_template() -> String {
    let name = format!("phantom_template_{}", fingerprint());
    let mut server = connect().await;
    run(
        &mut server,
        &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})"),
    )
    .await;
    let there = format!("SELECT datname::text AS text FROM pg_database WHERE datname = '{name}'");
    let there: Vec<TextRow> = diesel::sql_query(there).load(&mut server).await.unwrap();
    if there.is_empty() {
        // Renamed when it is whole: a run that dies half-way leaves no half template.
        let draft = format!("{name}_draft");
        run(
            &mut server,
            &format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"),
        )
        .await;
        run(&mut server, &format!("CREATE DATABASE {draft}")).await;
        let pool = pool(&draft);
        migrations::apply(&pool).await.unwrap();
        pool.close();
        run(&mut server, &disconnect(&draft)).await;
        run(
            &mut server,
            &format!("ALTER DATABASE {draft} RENAME TO {name}"),
        )
        .await;
    }
    name
}

/// Closed connections take a moment to leave, and a database in use can neither be renamed nor
/// copied.
fn disconnect(database: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'"
    )
}

/// Of all migrations: changed ones need a new template.
fn fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut migrations: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .filter(|migration| migration.exists())
        .collect();
    migrations.sort();
    let mut digest = Sha256::new();
    for migration in migrations {
        digest.update(fs::read(migration).unwrap());
    }
    digest.finalize()[..8]
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}

pub(super) fn url() -> Url {
    let url = env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL names a PostgreSQL server whose role may create databases, \
         such as postgres://postgres@127.0.0.1:5432/postgres",
    );
    url.parse().expect("TEST_DATABASE_URL is a URL")
}

fn pool(database: &str) -> Pool {
    let mut url = url();
    url.set_path(database);
    let settings = StoreSettings::parse(String::from(url).into()).unwrap();
    Pool::new(&settings, Handle::current()).unwrap()
}

async fn connect() -> AsyncPgConnection {
    AsyncPgConnection::establish(url().as_str())
        .await
        .expect("the server at TEST_DATABASE_URL answers")
}

async fn run(conn: &mut AsyncPgConnection, statement: &str) {
    diesel::sql_query(statement).execute(conn).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, other) = (database().await, database().await);

    one.run("INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), 'a@b.bw', 'admin')")
        .await;

    assert_eq!(one.text("SELECT email AS text FROM users").await, "a@b.bw");
    assert_eq!(other.count("SELECT count(*) FROM users").await, 0);
}
