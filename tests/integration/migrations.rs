//! The rule of migrations/README.md, held over every migration after the base: one that the version
//! before does not survive, or that stops it at its work, is found before anybody ships it.

mod alter;
mod faults;
mod locks;
mod rule;
mod server;
mod sql;

use std::fs;
use std::path::Path;

pub(crate) use rule::Migration;

/// The last migration from before the rule.
const BASE: &str = "2026-11-23-000015_create_shared_figures";

/// How many there are up to that one.
const UP_TO_BASE: usize = 15;

/// The product's migrations, oldest first.
pub(crate) fn shipped() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut migrations: Vec<_> = entries
        .filter(|path| path.is_dir())
        .map(|path| {
            assert!(
                path.join("down.sql").exists(),
                "{} has no way back",
                path.display()
            );
            Migration::read(&path)
        })
        .collect();
    migrations.sort_by(|one, other| one.name.cmp(&other.name));
    migrations
}

#[test]
fn the_version_before_survives_every_migration() {
    let migrations = shipped();
    // One that is written earlier and merged later would come before the base by its name.
    let (before, later) = migrations.split_at(UP_TO_BASE);
    assert_eq!(before.last().unwrap().name, BASE);

    let told: Vec<_> = later
        .iter()
        .flat_map(|migration| {
            let name = &migration.name;
            let told = migration.trespasses(env!("CARGO_PKG_VERSION"));
            told.into_iter().map(move |why| format!("{name}: {why}"))
        })
        .collect();

    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn told(up: &str, is_transactional: bool) -> String {
    told_as_of("0.3.0", up, is_transactional)
}

fn told_as_of(product: &str, up: &str, is_transactional: bool) -> String {
    let migration = Migration {
        name: "one".into(),
        up: up.into(),
        is_transactional,
    };
    migration.trespasses(product).join("; ")
}

#[test]
fn what_the_version_before_does_not_survive_is_found() {
    let bad = [
        ("DROP TABLE wallets;", "takes away"),
        ("DROP INDEX wallets_merchant_id_idx;", "takes away"),
        ("ALTER TABLE wallets DROP COLUMN status;", "takes away"),
        (
            "ALTER TABLE wallets ADD COLUMN a text, DROP CONSTRAINT b;",
            "takes away",
        ),
        (
            "ALTER TABLE wallets RENAME COLUMN status TO state;",
            "a name",
        ),
        ("ALTER TABLE wallets RENAME TO purses;", "a name"),
        (
            "alter table wallets alter column balance type bigint;",
            "type",
        ),
        (
            "ALTER TABLE wallets ALTER COLUMN currency SET NOT NULL;",
            "without this column",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN tier text NOT NULL;",
            "without this column",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN tier text DEFAULT NULL NOT NULL;",
            "without this column",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a text DEFAULT '', ADD COLUMN b text NOT NULL;",
            "without this",
        ),
        ("ALTER TABLE wallets ADD COLUMN tag text UNIQUE;", "a key"),
        (
            "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;",
            "refuses what it may write",
        ),
        (
            "ALTER TABLE wallets ADD CONSTRAINT c FOREIGN KEY (currency) REFERENCES wallets NOT VALID;",
            "refuses what it may write",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a text, ADD CHECK ((a IS NULL) = (status = 'active')) NOT VALID;",
            "refuses what it may write",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a int CHECK (a > balance);",
            "refuses what it may write",
        ),
        (
            "ALTER TABLE wallets DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;",
            "may read what it does not know",
        ),
        (
            "ALTER TABLE wallets DROP CONSTRAINT b, ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;",
            "takes away",
        ),
        (
            "ALTER TABLE wallets ALTER COLUMN status DROP NOT NULL;",
            "a null",
        ),
        (
            "ALTER TABLE email_verifications ALTER COLUMN engine_id DROP DEFAULT;",
            "relies on the default",
        ),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY i ON wallets (status);",
            "a unique index",
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON wallets EXECUTE FUNCTION f();",
            "what its statements do",
        ),
        ("REVOKE SELECT ON wallets FROM PUBLIC;", "takes away"),
        (
            "ALTER TABLE wallets ADD COLUMN a text DEFAULT 'a--b'; DROP TABLE outbox;",
            "takes away",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$ it's $x$; DROP TABLE wallets;",
            "takes away",
        ),
        (
            "COMMENT ON TABLE wallets IS 'it''s /* here'; DROP TABLE wallets; -- */",
            "takes away",
        ),
        (
            "DROP TABLE wallets; CREATE TABLE wallets (id text);",
            "takes away",
        ),
        (
            "ALTER TABLE wallets RENAME TO old; CREATE TABLE wallets (a text); INSERT INTO wallets SELECT a FROM old;",
            "a name",
        ),
        (
            "CREATE TABLE IF NOT EXISTS wallets (); ALTER TABLE wallets DROP COLUMN status;",
            "takes away",
        ),
        (
            "CREATE TEMP TABLE wallets (); ALTER TABLE wallets DROP COLUMN status;",
            "takes away",
        ),
        (
            "CREATE TABLE other.wallets (); DROP TABLE wallets;",
            "takes away",
        ),
        (
            "CREATE TABLE t (m uuid REFERENCES outbox);",
            "what `purge` deletes",
        ),
        (
            "ALTER TABLE wallets ADD a text, ADD FOREIGN KEY (a) REFERENCES task_completions ON DELETE RESTRICT NOT VALID;",
            "what `purge` deletes",
        ),
    ];
    are_found(&bad, true);
}

#[test]
fn what_the_version_before_waits_for_is_found() {
    let bad = [
        (
            "ALTER TABLE wallets ADD COLUMN id2 uuid DEFAULT gen_random_uuid();",
            "computed",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n int DEFAULT f(1);",
            "computed",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN t timestamptz DEFAULT now() + random() * interval '1 day';",
            "computed",
        ),
        ("ALTER TABLE wallets ADD COLUMN n bigserial;", "computed"),
        (
            "ALTER TABLE wallets ADD n bigint GENERATED ALWAYS AS IDENTITY;",
            "computed",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n int GENERATED ALWAYS AS (balance * 2) STORED;",
            "computed",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n int CHECK (n > 0);",
            "every row",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n int, ADD CHECK (n > 0);",
            "every row",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n text DEFAULT 'a' REFERENCES wallets;",
            "every row",
        ),
        (
            "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0);",
            "every row",
        ),
        (
            "ALTER TABLE wallets ALTER COLUMN currency SET NOT NULL;",
            "every row",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN n int, ADD CONSTRAINT c CHECK (n > 0) NOT VALID; \
             ALTER TABLE wallets VALIDATE CONSTRAINT c;",
            "every row",
        ),
        ("ALTER TABLE wallets ADD UNIQUE (status);", "index of a key"),
        ("CREATE INDEX i ON wallets (status);", "CONCURRENTLY"),
        (
            "CREATE INDEX CONCURRENTLY i ON wallets (status);",
            "run_in_transaction",
        ),
        (
            "UPDATE wallets SET status = 'active';",
            "rows under its feet",
        ),
        (
            "INSERT INTO wallets (wallet_id) VALUES ('1') ON CONFLICT (wallet_id) DO UPDATE SET status = 'closed';",
            "rows under its feet",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a text; ALTER TABLE outbox ADD COLUMN b text;",
            "locks outbox and wallets",
        ),
        (
            "CREATE TABLE t (w text REFERENCES wallets, r uuid REFERENCES wallet_creation_requests);",
            "locks wallet_creation_requests and wallets",
        ),
        (
            "CREATE TABLE t (w text, FOREIGN KEY (w) REFERENCES wallets); ALTER TABLE outbox ADD b text;",
            "locks outbox and wallets",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN m uuid REFERENCES outbox;",
            "locks outbox and wallets",
        ),
        (
            "ALTER TABLE wallets ADD m uuid, ADD FOREIGN KEY (m) REFERENCES public.\"outbox\" NOT VALID;",
            "locks outbox and wallets",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a text; DELETE FROM outbox;",
            "locks outbox and wallets",
        ),
    ];
    are_found(&bad, true);
}

#[test]
fn what_is_no_migrations_business_or_not_known_is_found() {
    let bad = [
        ("SET lock_timeout = '1h';", "`migrate` sets"),
        ("CREATE TABLE t (); COMMIT;", "begins and ends"),
        ("DO $$ BEGIN DROP TABLE wallets; END $$;", "does not know"),
        ("DO $x$ BEGIN EXECUTE 'a'; END $x$;", "does not know"),
        (
            "ALTER TABLE wallets CLUSTER ON wallets_pkey;",
            "does not know",
        ),
        ("ALTER TABLE wallets SET UNLOGGED;", "does not know"),
        (
            "CREATE TABLE t PARTITION OF wallets DEFAULT;",
            "does not know",
        ),
        ("SELECT setval('s', 1);", "does not know"),
        (
            "CREATE TABLE t (a text); INSERT INTO t WITH gone AS (DELETE FROM wallets RETURNING status) SELECT status FROM gone;",
            "does not know",
        ),
        ("CREATE TABLE other.t ();", "does not know"),
        ("COMMENT ON TABLE wallets IS 'a", "PostgreSQL cannot read"),
    ];
    are_found(&bad, true);
    let outside = [
        ("CREATE TABLE t ();", "only CONCURRENTLY"),
        (
            "CREATE TABLE t (a text); CREATE INDEX CONCURRENTLY i ON t (a);",
            "stand alone",
        ),
    ];
    are_found(&outside, false);
}

#[test]
fn a_mark_excuses_what_it_is_for_and_nothing_else() {
    let bad = [
        (
            "-- contract: since 0.3.0\nDROP TABLE wallets;",
            "no version before",
        ),
        (
            "-- contract: soon\nDROP TABLE wallets;",
            "no version before",
        ),
        (
            "-- contract: since 0.2.0\nCREATE TABLE t ();",
            "nothing that `contract` excuses",
        ),
        (
            "-- contract: since 0.2.0\nDROP TABLE t; CREATE INDEX i ON wallets (status);",
            "CONCURRENTLY",
        ),
        ("-- briefly: small\nDROP TABLE wallets;", "takes away"),
        (
            "-- briefly: small\nCREATE TABLE t ();",
            "nothing that `briefly` excuses",
        ),
        ("-- briefly:\nDELETE FROM wallets;", "rows under"),
        ("-- briefly: small\nSET lock_timeout = 0;", "`migrate` sets"),
        ("-- briefly: small\nDO $$ $$;", "does not know"),
        (
            "-- briefly: small\nUPDATE wallets SET a = 1; UPDATE outbox SET a = 1;",
            "deadlock",
        ),
        (
            "-- widens: more\nALTER TABLE wallets ADD CONSTRAINT c CHECK (a > 0) NOT VALID;",
            "refuses",
        ),
        (
            "-- widens: more\nALTER TABLE wallets DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a > 0);",
            "every row",
        ),
        (
            "-- vouched: I looked\nDO $$ $$; DROP TABLE wallets;",
            "takes away",
        ),
        (
            "COMMENT ON TABLE wallets IS '\n-- contract: since 0.2.0\n'; DROP TABLE wallets;",
            "takes away",
        ),
    ];
    are_found(&bad, true);
}

fn are_found(bad: &[(&str, &str)], is_transactional: bool) {
    for (up, why) in bad {
        let told = told(up, is_transactional);
        assert!(told.contains(why), "{up}: {told:?}");
    }
}

#[test]
fn what_the_version_before_survives_is_let_through() {
    let good = [
        "CREATE TABLE t (a text NOT NULL UNIQUE); CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t DROP COLUMN a;",
        "CREATE TABLE t (n bigserial, w text REFERENCES wallets, p bigint REFERENCES t);",
        "ALTER TABLE wallets ADD COLUMN tier text NOT NULL DEFAULT 'basic; drop', ADD COLUMN b text;",
        "ALTER TABLE wallets ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();",
        "ALTER TABLE wallets ADD a jsonb NOT NULL DEFAULT '{}'::jsonb, ADD b int DEFAULT (-1), \
         ADD c text[] DEFAULT ARRAY[]::text[], ADD d interval DEFAULT interval '1 day';",
        "ALTER TABLE wallets ADD n int DEFAULT 1, ADD CONSTRAINT c CHECK (N > 0) NOT VALID; -- rename, drop",
        "CREATE TABLE public.t (m uuid REFERENCES outbox ON DELETE CASCADE); ALTER TABLE t ADD b text;",
        "INSERT INTO wallets (wallet_id) VALUES ('1') ON CONFLICT DO NOTHING;",
        "CREATE TABLE t (a text PRIMARY KEY); ALTER TABLE wallets ADD COLUMN a text REFERENCES t;",
        "CREATE TABLE t (); ALTER TABLE t ADD w text NOT NULL REFERENCES wallets; UPDATE t SET w = '';",
        "CREATE TABLE t (a text); INSERT INTO t SELECT w.currency FROM wallets w, outbox;",
        "ALTER TABLE wallets VALIDATE CONSTRAINT c; ALTER TABLE outbox VALIDATE CONSTRAINT c;",
        "ALTER TABLE wallets VALIDATE CONSTRAINT c;",
        "/* DROP TABLE wallets; /* ' */ */ CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
         $body$ BEGIN DROP TABLE wallets; RETURN NEW; END $body$;",
        "COMMENT ON TABLE wallets IS 'a -- DROP TABLE wallets; it''s';",
        "-- contract: since 0.2.9\nALTER TABLE wallets DROP COLUMN status;",
        "-- contract: since 0.2.9\nALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0) NOT VALID;",
        "-- widens: since 0.2.9 an unknown status is told as it is\n\
         ALTER TABLE wallets DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (status IN ('a', 'b')) NOT VALID;",
        "-- briefly: one row for each engine\nUPDATE housekeeping_rounds SET begun_at = now();",
        "-- apart: no transaction works on both\n\
         ALTER TABLE wallets ADD COLUMN a text; ALTER TABLE outbox ADD COLUMN b text;",
        "-- vouched: it takes from roles that the worker has none of\nDO $$ BEGIN END $$;",
    ];
    for up in good {
        assert_eq!(told(up, true), "", "{up}");
    }
    assert_eq!(
        told("CREATE INDEX CONCURRENTLY i ON wallets (status);", false),
        ""
    );
    let dropped = "-- contract: since 0.2.9\nDROP INDEX CONCURRENTLY i;";
    assert_eq!(told(dropped, false), "");
}

#[test]
fn before_a_release_that_is_only_tried_is_every_earlier_one() {
    let of = |since: &str| {
        let up = format!("-- contract: since {since}\nDROP TABLE wallets;");
        told_as_of("0.3.0-rc.1", &up, true)
    };

    assert_eq!(of("0.2.9"), "");
    assert_eq!(of("0.3.0"), "`since 0.3.0` is no version before 0.3.0-rc.1");
}

#[test]
fn the_examples_of_the_readme_are_let_through() {
    let readme = include_str!("../../migrations/README.md");
    let blocks = readme.split("```sql\n").skip(1);
    let examples: Vec<_> = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect();

    assert_eq!(examples.len(), 2);
    for up in examples {
        assert_eq!(told(up, true), "", "{up}");
    }
}
