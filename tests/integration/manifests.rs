//! The settings of the overlays under `deploy/` are settings that a worker takes, and a stop has the
//! time that they make it need. What else the manifests promise, `tests/manifests/check` holds.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use phantom_worker::config::{RunArgs, RunSettings};
use phantom_worker::topics;

#[derive(Parser)]
struct Worker {
    #[command(flatten)]
    settings: RunArgs,
}

/// What the overlays leave to their secrets.
const SECRETS: [(&str, &str); 4] = [
    (
        "DATABASE_URL",
        "postgres://phantom_runtime:p@wallets-db.bank.example/wallets",
    ),
    ("SMTP_URL", "smtps://p:p@mail.bank.example"),
    (
        "TOKEN_KEY",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ),
    ("CAMUNDA_PASSWORD", "p"),
];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn pairs(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// As flags, because the environment is the whole process's.
fn read(overlay: &str) -> Result<RunSettings, String> {
    let base = pairs(&deploy().join("base/settings.env"));
    let own = pairs(&deploy().join(format!("overlays/{overlay}/settings.env")));
    let secrets = SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all = base.into_iter().chain(own).chain(secrets);
    let flags = all.map(|(name, value)| {
        let flag = name.to_lowercase().replace('_', "-");
        format!("--{flag}={value}")
    });
    let worker = Worker::try_parse_from(std::iter::once("worker".to_owned()).chain(flags));
    let worker = worker.map_err(|error| error.to_string())?;
    let settings = worker.settings.read(&topics::names());
    settings.map_err(|faults| faults.to_string())
}

#[test]
fn every_overlay_has_settings_that_a_worker_takes() {
    for overlay in ["dev", "staging", "production"] {
        assert_eq!(read(overlay).err(), None, "{overlay}");
    }
}

#[test]
fn a_stop_has_the_time_that_the_settings_make_it_need() {
    let deployment = fs::read_to_string(deploy().join("base/deployment.yaml")).unwrap();
    let seconds = |key: &str| -> u64 {
        let (_, rest) = deployment.split_once(key).unwrap();
        rest.lines().next().unwrap().trim().parse().unwrap()
    };
    let granted =
        seconds("terminationGracePeriodSeconds:") - seconds("sleep:\n                seconds:");

    for overlay in ["dev", "staging", "production"] {
        let Ok(settings) = read(overlay) else {
            panic!("the settings of {overlay} are wrong");
        };
        assert_eq!(settings.work.grace().as_secs(), granted, "{overlay}");
    }
}
