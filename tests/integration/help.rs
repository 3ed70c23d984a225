//! What `--help` tells: every command with its exit codes, and of each setting what it takes.

use crate::support::command::{phantom_worker, said};

const COMMANDS: [&str; 10] = [
    "run", "migrate", "deploy", "start", "check", "import", "metrics", "purge", "outbox", "demo",
];

#[test]
fn alone_it_explains_itself() {
    let said = said(&mut phantom_worker(&[]));

    assert_eq!(said.code, 64);
    assert!(COMMANDS.iter().all(|name| said.stderr.contains(name)));
}

#[test]
fn every_command_explains_itself_with_its_exit_codes() {
    for name in COMMANDS {
        let said = said(&mut phantom_worker(&[name, "--help"]));

        assert_eq!(said.code, 0, "{name}");
        assert!(
            said.stdout.contains("Exit codes: 0"),
            "{name}: {}",
            said.stdout
        );
        // The catalogue is part of the build, and the outbox's own commands have the settings.
        let has_settings = said.stdout.contains("[env: ");
        let wants_settings = !["metrics", "outbox"].contains(&name);
        assert_eq!(has_settings, wants_settings, "{name}: {}", said.stdout);
    }
    for name in ["list", "retry", "drop"] {
        let said = said(&mut phantom_worker(&["outbox", name, "--help"]));

        assert!(
            said.stdout.contains("Exit codes: 0"),
            "{name}: {}",
            said.stdout
        );
        assert!(
            said.stdout.contains("[env: DATABASE_URL]"),
            "{name}: {}",
            said.stdout
        );
    }
}

#[test]
fn the_help_marks_what_is_required_and_explains_the_retries() {
    let help = said(&mut phantom_worker(&["run", "--help"])).stdout;
    let settings: Vec<_> = help.split("\n      --").collect();
    let required = settings
        .iter()
        .filter(|setting| setting.contains("  Required"))
        .map(|setting| setting.split_whitespace().next().unwrap());
    let required: Vec<_> = required.collect();
    let retries = settings
        .iter()
        .find(|setting| setting.starts_with("camunda-client-retries <"))
        .unwrap();

    assert_eq!(
        required,
        [
            "database-url",
            "smtp-url",
            "mail-from",
            "public-base-url",
            "token-key"
        ]
    );
    assert!(retries.contains("after 10 seconds, 1 minute and 10 minutes"));
}

#[test]
fn the_help_of_an_import_tells_what_may_stand_in_each_column() {
    let help = said(&mut phantom_worker(&["import", "--help"])).stdout;

    for told in [
        "role                   one of admin, merchant, customer; each line needs it",
        "kyc_status             one of not_started, in_progress, approved, rejected; empty for \
         not_started",
        "date_of_birth          a date such as 1990-05-17; may be empty",
        "is_approved          true or false; empty for false",
    ] {
        assert!(help.contains(told), "{told}: {help}");
    }
}
