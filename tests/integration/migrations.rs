//! The rule of migrations/README.md, held over every migration after the base: one that the version
//! before does not survive, or that stops it at its work, is found before anybody ships it.

mod rule;

use std::fs;
use std::path::Path;

pub(crate) use rule::Migration;

/// The last migration from before the rule.
const BASE: &str = "2026-11-23-000015_create_shared_figures";

fn shipped() -> Vec<Migration> {
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
    assert!(migrations.iter().any(|migration| migration.name == BASE));

    let later = migrations
        .iter()
        .filter(|migration| *migration.name > *BASE);
    let told: Vec<_> = later
        .flat_map(|migration| {
            let name = &migration.name;
            let told = migration.trespasses(env!("CARGO_PKG_VERSION"));
            told.into_iter().map(move |why| format!("{name}: {why}"))
        })
        .collect();

    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn told(up: &str, is_transactional: bool) -> String {
    let migration = Migration {
        name: "one".into(),
        up: up.into(),
        is_transactional,
    };
    migration.trespasses("0.3.0").join("; ")
}

#[test]
fn what_the_version_before_does_not_survive_is_found() {
    let bad = [
        ("DROP TABLE wallets;", "takes away"),
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
            "ALTER TABLE wallets ADD COLUMN a text DEFAULT '', ADD COLUMN b text NOT NULL;",
            "without this",
        ),
        ("ALTER TABLE wallets ADD COLUMN tag text UNIQUE;", "a key"),
        (
            "ALTER TABLE wallets ADD COLUMN id2 uuid DEFAULT gen_random_uuid();",
            "computed",
        ),
        (
            "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0);",
            "NOT VALID",
        ),
        (
            "ALTER TABLE wallets CLUSTER ON wallets_pkey;",
            "does not know",
        ),
        ("CREATE INDEX i ON wallets (status);", "CONCURRENTLY"),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY i ON wallets (status);",
            "a unique index",
        ),
        (
            "CREATE INDEX CONCURRENTLY i ON wallets (status);",
            "run_in_transaction",
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON wallets EXECUTE FUNCTION f();",
            "what its statements do",
        ),
        (
            "UPDATE wallets SET status = 'active';",
            "rows under its feet",
        ),
        (
            "ALTER TABLE wallets ADD COLUMN a text; ALTER TABLE outbox ADD COLUMN b text;",
            "several tables",
        ),
        ("SET lock_timeout = '1h';", "`migrate` sets"),
        ("DO $$ BEGIN DROP TABLE wallets; END $$;", "does not know"),
        ("REVOKE SELECT ON wallets FROM PUBLIC;", "takes away"),
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
            "takes nothing away",
        ),
        (
            "-- contract: since 0.2.0\nDROP TABLE t; CREATE INDEX i ON wallets (status);",
            "CONCURRENTLY",
        ),
        ("-- briefly: small\nDROP TABLE wallets;", "takes away"),
        ("-- briefly: small\nCREATE TABLE t ();", "stops nobody"),
    ];
    for (up, why) in bad {
        let told = told(up, true);
        assert!(told.contains(why), "{up}: {told:?}");
    }
    let outside = [
        ("CREATE TABLE t ();", "only CONCURRENTLY"),
        (
            "CREATE TABLE t (a text); CREATE INDEX CONCURRENTLY i ON t (a);",
            "stand alone",
        ),
    ];
    for (up, why) in outside {
        let told = told(up, false);
        assert!(told.contains(why), "{up}: {told:?}");
    }
}

#[test]
fn what_the_version_before_survives_is_let_through() {
    let good = [
        "CREATE TABLE t (a text NOT NULL UNIQUE); CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t DROP COLUMN a;",
        "ALTER TABLE wallets ADD COLUMN tier text NOT NULL DEFAULT 'basic; drop', ADD COLUMN b text;",
        "ALTER TABLE wallets ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();",
        "ALTER TABLE wallets ADD CONSTRAINT c CHECK (balance > 0) NOT VALID; -- rename, drop",
        "ALTER TABLE wallets VALIDATE CONSTRAINT c;",
        "-- contract: since 0.2.9\nALTER TABLE wallets DROP COLUMN status;",
        "-- briefly: one row for each engine\nUPDATE housekeeping_rounds SET begun_at = now();",
    ];
    for up in good {
        assert_eq!(told(up, true), "", "{up}");
    }
    assert_eq!(
        told("CREATE INDEX CONCURRENTLY i ON wallets (status);", false),
        ""
    );
}
