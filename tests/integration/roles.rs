//! deploy/database/roles.sql: the worker does all its work with a role that cannot bend the audit
//! log.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use phantom_worker::store::{Pool, StoreSettings};
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

use crate::support::World;
use crate::support::command::{Said, phantom_worker, said};
use crate::support::crowd::Crowd;
use crate::support::worker::WorkerBuilder;

const ROLES: &str = include_str!("../../deploy/database/roles.sql");
const PATIENCE: Duration = Duration::from_secs(60);

/// What the runtime role must be refused, each as one statement.
const REFUSED: &[&str] = &[
    "UPDATE audit_log SET outcome = 'x'",
    "UPDATE audit_seals SET hash = sha256('x')",
    "DELETE FROM audit_log",
    "DELETE FROM audit_seals",
    "TRUNCATE audit_log CASCADE",
    "TRUNCATE audit_seals",
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_pkey",
    "DROP TABLE audit_seals",
    "CREATE TABLE public.audit_log_2 ()",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('9')",
    "DELETE FROM __diesel_schema_migrations",
    "SET session_replication_role = replica",
];

/// What housekeeping does with the runtime role, each as one statement.
const ALLOWED: &[&str] = &[
    "DELETE FROM task_completions WHERE false",
    "DELETE FROM task_deliveries WHERE false",
    "DELETE FROM outbox WHERE false",
    "UPDATE shared_figures SET scope = scope WHERE false",
    "UPDATE housekeeping_rounds SET engine_id = engine_id WHERE false",
    "UPDATE outbox SET state = state, payload = NULL WHERE false",
    "UPDATE wallet_creation_requests SET first_name = NULL WHERE false",
];

/// What a runtime role must not have, or the script cannot take from it, and how it is taken back.
/// `a_group` is a role that holds nothing by itself.
const TOO_MUCH: &[(&str, &str)] = &[
    (
        "CREATE TABLE ours (); ALTER TABLE ours OWNER TO phantom_runtime",
        "DROP TABLE ours",
    ),
    (
        "ALTER SCHEMA public OWNER TO phantom_runtime",
        "ALTER SCHEMA public OWNER TO CURRENT_USER",
    ),
    (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO phantom_runtime', current_database()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()); END $$",
    ),
    (
        "ALTER ROLE phantom_runtime SUPERUSER",
        "ALTER ROLE phantom_runtime NOSUPERUSER",
    ),
    (
        "ALTER ROLE phantom_runtime CREATEROLE",
        "ALTER ROLE phantom_runtime NOCREATEROLE",
    ),
    (
        "GRANT phantom_owner TO phantom_runtime",
        "REVOKE phantom_owner FROM phantom_runtime",
    ),
    (
        "GRANT pg_write_all_data TO phantom_runtime",
        "REVOKE pg_write_all_data FROM phantom_runtime",
    ),
    (
        "GRANT pg_execute_server_program TO phantom_runtime",
        "REVOKE pg_execute_server_program FROM phantom_runtime",
    ),
    (
        "ALTER ROLE a_group SUPERUSER; GRANT a_group TO phantom_runtime",
        "ALTER ROLE a_group NOSUPERUSER; REVOKE a_group FROM phantom_runtime",
    ),
    (
        "GRANT UPDATE (outcome) ON audit_log TO a_group; GRANT a_group TO phantom_runtime",
        "REVOKE UPDATE (outcome) ON audit_log FROM a_group; REVOKE a_group FROM phantom_runtime",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO a_group; GRANT a_group TO phantom_runtime",
        "REVOKE CREATE ON SCHEMA public FROM a_group; REVOKE a_group FROM phantom_runtime",
    ),
    // A grant of somebody else's, which the owner cannot take back without them.
    (
        "GRANT USAGE ON SCHEMA public TO a_group; \
         GRANT DELETE ON audit_seals TO a_group WITH GRANT OPTION; SET ROLE a_group; \
         GRANT DELETE ON audit_seals TO phantom_runtime; RESET ROLE",
        "REVOKE DELETE ON audit_seals FROM a_group CASCADE; \
         REVOKE USAGE ON SCHEMA public FROM a_group",
    ),
];

/// The two roles in a story's world, under names of their own.
struct Roles {
    story: String,
    owner: String,
    runtime: String,
    /// Others that end with the story, the last first.
    others: Vec<String>,
    sql: String,
    server: Pool,
}

impl Roles {
    /// Makes the roles and an empty schema, in a database that is closed to everybody else.
    async fn new(world: &World) -> Self {
        let roles = Self::yet_to_be_made(world).await;
        roles.apply(world).await;
        roles
    }

    async fn yet_to_be_made(world: &World) -> Self {
        let story = Uuid::new_v4().simple().to_string();
        let (owner, runtime) = (format!("owner_{story}"), format!("runtime_{story}"));
        let close = format!(
            "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
            world.database.name
        );
        for statement in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public", &close] {
            world.database.run(statement).await;
        }
        let url = std::env::var("TEST_DATABASE_URL").expect("the database was made there");
        let settings = StoreSettings::parse(url.into()).unwrap();
        let mut roles = Self {
            story,
            owner,
            runtime,
            others: Vec::new(),
            sql: String::new(),
            server: Pool::new(&settings, Handle::current()).unwrap(),
        };
        roles.sql = roles.named(ROLES);
        roles
    }

    /// The SQL with the names of this story.
    fn named(&self, sql: &str) -> String {
        sql.replace("phantom_owner", &self.owner)
            .replace("phantom_runtime", &self.runtime)
            .replace("a_group", &format!("group_{}", self.story))
    }

    /// Runs the script.
    async fn apply(&self, world: &World) {
        let mut conn = world.database.pool.get().await.unwrap();
        conn.batch_execute(&self.sql).await.unwrap();
    }

    fn url(&self, world: &World, role: &str) -> String {
        let mut url = Url::parse(&world.database_url()).unwrap();
        url.set_username(role).unwrap();
        url.set_password(None).unwrap();
        url.into()
    }

    fn worker(&self, world: &World) -> WorkerBuilder {
        world
            .worker()
            .set("DATABASE_URL", self.url(world, &self.runtime))
    }

    async fn run(&self, world: &World, command: &[&str], role: &str) -> Said {
        let mut command = phantom_worker(command);
        command.env("DATABASE_URL", self.url(world, role));
        tokio::task::spawn_blocking(move || said(&mut command))
            .await
            .unwrap()
    }

    /// Ends the roles, whose rights went with the world's database.
    async fn remove(self) {
        let mut conn = self.server.get().await.unwrap();
        for role in [self.owner, self.runtime].into_iter().chain(self.others) {
            conn.batch_execute(&format!("DROP ROLE {role}"))
                .await
                .unwrap();
        }
        self.server.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_does_all_its_work_with_a_role_that_cannot_bend_the_audit_log() {
    let world = World::new().await;
    let roles = Roles::new(&world).await;
    let migrated = roles.run(&world, &["migrate"], &roles.owner).await;
    assert_eq!(migrated.code, 0, "{}", migrated.stderr);

    let mut worker = roles.worker(&world).start().await;
    let crowd = Crowd::start(&world, 10).await;
    crowd.ended(&world, PATIENCE).await;
    crowd.assert_exactly_once(&world).await;
    assert_rights(&roles, &world).await;
    // A second run, now over tables that are there.
    roles.apply(&world).await;
    assert_rights(&roles, &world).await;
    assert_eq!(worker.stop().await.code(), Some(0));

    assert!(
        world.count("audit_seals").await > 10,
        "the runtime role seals"
    );
    let verified = roles
        .run(&world, &["audit", "verify"], &roles.runtime)
        .await;
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    drop((worker, world));
    roles.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_role_that_owns_tables_or_could_take_what_it_lacks_is_refused() {
    let world = World::new().await;
    let mut roles = Roles::new(&world).await;
    let migrated = roles.run(&world, &["migrate"], &roles.owner).await;
    assert_eq!(migrated.code, 0, "{}", migrated.stderr);
    let mut conn = world.database.pool.get().await.unwrap();
    let group = roles.named("a_group");
    conn.batch_execute(&format!("CREATE ROLE {group}"))
        .await
        .unwrap();
    roles.others.push(group);
    for (give, take) in TOO_MUCH {
        let [give, take] = [give, take].map(|statement| roles.named(statement));
        conn.batch_execute(&give).await.unwrap();

        assert!(conn.batch_execute(&roles.sql).await.is_err(), "{give}");

        let undo = format!("ROLLBACK; {take}");
        conn.batch_execute(&undo).await.unwrap();
        conn.batch_execute(&roles.sql).await.unwrap();
    }
    drop((conn, world));
    roles.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_owns_the_database_makes_the_roles_and_acts_as_neither_of_them() {
    let world = World::new().await;
    let mut roles = Roles::yet_to_be_made(&world).await;
    let admin = format!("admin_{}", roles.story);
    for statement in [
        format!("CREATE ROLE {admin} LOGIN CREATEROLE"),
        format!("ALTER DATABASE {} OWNER TO {admin}", world.database.name),
        "GRANT CREATE ON SCHEMA public TO PUBLIC".to_owned(),
    ] {
        world.database.run(&statement).await;
    }
    let settings = StoreSettings::parse(roles.url(&world, &admin).into()).unwrap();
    let pool = Pool::new(&settings, Handle::current()).unwrap();
    let mut conn = pool.get().await.unwrap();

    // Somebody else's schema it cannot close, and its REVOKE would be a warning.
    assert!(conn.batch_execute(&roles.sql).await.is_err());
    conn.batch_execute("ROLLBACK").await.unwrap();
    let hand_over = format!("ALTER SCHEMA public OWNER TO {admin}");
    world.database.run(&hand_over).await;
    conn.batch_execute(&roles.sql).await.unwrap();
    let migrated = roles.run(&world, &["migrate"], &roles.owner).await;
    assert_eq!(migrated.code, 0, "{}", migrated.stderr);
    // Now over tables, which are the owner's.
    conn.batch_execute(&roles.sql).await.unwrap();

    assert_rights(&roles, &world).await;
    for role in [&roles.owner, &roles.runtime] {
        let act = conn.batch_execute(&format!("SET ROLE {role}")).await;
        assert!(act.is_err(), "the admin acts as {role}");
    }
    drop(conn);
    pool.close();
    drop(world);
    roles.others.push(admin);
    roles.remove().await;
}

async fn assert_rights(roles: &Roles, world: &World) {
    let settings = StoreSettings::parse(roles.url(world, &roles.runtime).into()).unwrap();
    let pool = Pool::new(&settings, Handle::current()).unwrap();
    let mut conn = pool.get().await.unwrap();
    for statement in REFUSED {
        // Anything but a missing right, success included, comes out as an error.
        let refused = format!(
            "DO $$ BEGIN {statement}; RAISE 'was allowed'; \
             EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
        );
        let outcome = conn.batch_execute(&refused).await;
        assert!(outcome.is_ok(), "{statement}: {outcome:?}");
    }
    for statement in ALLOWED {
        let outcome = conn.batch_execute(statement).await;
        assert!(outcome.is_ok(), "{statement}: {outcome:?}");
    }
    pool.close();
}
