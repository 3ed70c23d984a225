//! What an operator sees of the settings: the help, every fault at once, and never a secret.

use phantom_worker::topics;

use crate::support::command::{Said, phantom_worker, said};

const GOOD: [(&str, &str); 5] = [
    ("DATABASE_URL", "postgres://u:p@127.0.0.1:1/db"),
    ("SMTP_URL", "smtp://127.0.0.1:1"),
    ("MAIL_FROM", "wallets@bank.example"),
    ("PUBLIC_BASE_URL", "https://wallets.bank.example"),
    (
        "TOKEN_KEY",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    ),
];

/// The faults of `run` with good settings but for these.
fn run_with(wrong: &[(&str, &str)]) -> Said {
    let mut command = phantom_worker(&["run"]);
    command.envs(GOOD).envs(wrong.iter().copied());
    said(&mut command)
}

/// The lines about the settings, without the one that counts them.
fn faults(said: &Said) -> Vec<&str> {
    let mut lines: Vec<_> = said.stderr.lines().collect();
    assert!(
        lines
            .pop()
            .is_some_and(|line| line.ends_with("nothing was done")),
        "{}",
        said.stderr
    );
    lines
}

#[test]
fn it_tells_its_version() {
    let said = said(&mut phantom_worker(&["--version"]));

    assert_eq!(said.code, 0);
    let version = concat!("phantom-worker ", env!("CARGO_PKG_VERSION"));
    assert!(said.stdout.starts_with(version), "{}", said.stdout);
}

#[test]
fn wrong_usage_is_64() {
    for arguments in [
        &["fly"][..],
        &["run", "--fly"],
        &["import", "cats", "cats.csv"],
        &["start"],
    ] {
        assert_eq!(
            said(&mut phantom_worker(arguments)).code,
            64,
            "{arguments:?}"
        );
    }
}

#[test]
fn only_five_settings_are_required_and_all_that_miss_are_told() {
    let said = said(&mut phantom_worker(&["run"]));

    assert_eq!(said.code, 78);
    assert_eq!(
        said.stderr,
        "DATABASE_URL is missing; for example postgres://phantom_worker:…@db.bank.example/phantom_worker\n\
         SMTP_URL is missing; for example smtps://phantom:…@smtp.bank.example:465\n\
         MAIL_FROM is missing; for example Phantom Wallets <wallets@bank.example>\n\
         PUBLIC_BASE_URL is missing; for example https://wallets.bank.example\n\
         TOKEN_KEY is missing; for example the output of `openssl rand -hex 32`\n\
         phantom-worker: 5 settings are wrong; nothing was done\n"
    );
}

#[test]
fn every_setting_has_its_fault_and_none_hides_another() {
    let said = run_with(&[
        ("CAMUNDA_REST_URL", "engine:8080"),
        ("CAMUNDA_ALLOW_PLAIN_HTTP", "perhaps"),
        ("CAMUNDA_USER", "worker"),
        ("CAMUNDA_TENANT_IDS", "a,,b"),
        ("CAMUNDA_CA_FILE", "/nowhere/ca.pem"),
        ("CAMUNDA_CLIENT_ID", "a b"),
        ("CAMUNDA_ENGINE_ID", "a/b"),
        ("CAMUNDA_CLIENT_MAX_TASKS", "0"),
        ("CAMUNDA_CLIENT_LOCK_DURATION", "10s"),
        ("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT", "1800001"),
        ("CAMUNDA_CLIENT_SORTING", "priority"),
        ("CAMUNDA_CLIENT_SLOTS", "many"),
        ("CAMUNDA_CLIENT_SLOTS_BY_TOPIC", "create-walet=4"),
        ("CAMUNDA_CLIENT_RETRIES", "3"),
        ("CAMUNDA_CLIENT_RETRIES_BY_TOPIC", "create-wallet=often"),
        ("CAMUNDA_CLIENT_MAX_REPORTS", "-1"),
        ("DRAIN_DEADLINE", "20"),
        ("DATABASE_URL", "mysql://u:p@h/db"),
        ("DATABASE_CA_FILE", "/nowhere/ca.pem"),
        ("DATABASE_POOL_SIZE", "0"),
        ("ALLOW_UNSAFE_DATABASE", "maybe"),
        ("SMTP_URL", "smtp://mail.bank.example"),
        ("SMTP_ALLOW_PLAIN", "false"),
        ("SMTP_CA_FILE", "/nowhere/ca.pem"),
        ("MAIL_FROM", "nobody"),
        ("PUBLIC_BASE_URL", "http://wallets.bank.example"),
        ("TOKEN_KEY", "abc"),
        ("HTTP_BIND", "localhost"),
        ("PUBLIC_HTTP_BIND", "8088"),
        ("TRUSTED_PROXIES", "proxy.bank.example"),
        ("PURGE_COMPLETIONS_AFTER", "90"),
        ("PURGE_SENT_MESSAGES_AFTER", "0s"),
        ("PURGE_DELIVERIES_AFTER", "never"),
        ("PURGE_PERSONAL_DATA_AFTER", "1 month"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "wran"),
    ]);

    assert_eq!(said.code, 78);
    let named: Vec<_> = faults(&said)
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(
        named,
        [
            "CAMUNDA_ALLOW_PLAIN_HTTP",
            "CAMUNDA_REST_URL",
            "CAMUNDA_PASSWORD",
            "CAMUNDA_TENANT_IDS",
            "CAMUNDA_CA_FILE",
            "CAMUNDA_CLIENT_ID",
            "CAMUNDA_ENGINE_ID",
            "CAMUNDA_CLIENT_MAX_TASKS",
            "CAMUNDA_CLIENT_LOCK_DURATION",
            "CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT",
            "CAMUNDA_CLIENT_SORTING",
            "CAMUNDA_CLIENT_SLOTS",
            "CAMUNDA_CLIENT_SLOTS_BY_TOPIC",
            "CAMUNDA_CLIENT_RETRIES",
            "CAMUNDA_CLIENT_RETRIES_BY_TOPIC",
            "CAMUNDA_CLIENT_MAX_REPORTS",
            "DRAIN_DEADLINE",
            "DATABASE_URL",
            "DATABASE_CA_FILE",
            "DATABASE_POOL_SIZE",
            "ALLOW_UNSAFE_DATABASE",
            "SMTP_URL",
            "SMTP_CA_FILE",
            "MAIL_FROM",
            "PUBLIC_BASE_URL",
            "TOKEN_KEY",
            "HTTP_BIND",
            "PUBLIC_HTTP_BIND",
            "TRUSTED_PROXIES",
            "PURGE_COMPLETIONS_AFTER",
            "PURGE_SENT_MESSAGES_AFTER",
            "PURGE_DELIVERIES_AFTER",
            "PURGE_PERSONAL_DATA_AFTER",
            "LOG_FORMAT",
            "LOG_LEVEL",
        ],
        "{}",
        said.stderr
    );
    assert!(
        faults(&said)
            .iter()
            .all(|line| line.contains("; for example "))
    );
}

#[test]
fn a_fault_says_what_is_wrong_and_what_would_be_right() {
    let no_topic = format!(
        "CAMUNDA_CLIENT_SLOTS_BY_TOPIC is wrong: \"create-walet\" is no topic of {}; \
         for example create-wallet=16,notify-wallet-creation=4",
        topics::names().join(", ")
    );
    for (variable, value, line) in [
        (
            "CAMUNDA_CLIENT_LOCK_DURATION",
            "9999",
            "CAMUNDA_CLIENT_LOCK_DURATION is below twice CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT, \
             which makes 10000; for example 10000",
        ),
        (
            "CAMUNDA_REST_URL",
            "http://engine:8080/engine-rest",
            "CAMUNDA_REST_URL is plain http to another machine, which needs \
             CAMUNDA_ALLOW_PLAIN_HTTP=true; for example https://engine.bank.example/engine-rest",
        ),
        (
            "CAMUNDA_CLIENT_SLOTS_BY_TOPIC",
            "create-walet=4",
            &*no_topic,
        ),
        (
            "PUBLIC_HTTP_BIND",
            "0.0.0.0:9464",
            "PUBLIC_HTTP_BIND is the same as HTTP_BIND; for example 0.0.0.0:8088",
        ),
        (
            "TRUSTED_PROXIES",
            "10.4.0.0/16,0.0.0.0/0",
            "TRUSTED_PROXIES has \"0.0.0.0/0\", which is everybody; \
             for example 10.4.0.0/16,2001:db8::7",
        ),
        (
            "DRAIN_DEADLINE",
            "20",
            "DRAIN_DEADLINE is not a duration with its unit, of at most an hour; for example 20s",
        ),
        (
            "PURGE_COMPLETIONS_AFTER",
            "90",
            "PURGE_COMPLETIONS_AFTER is neither off nor a duration with its unit, from 1h to \
             36525d; for example 90d",
        ),
    ] {
        let said = run_with(&[(variable, value)]);

        assert_eq!((said.code, faults(&said)), (78, vec![line]));
    }
}

#[test]
fn a_flag_wins_over_the_environment() {
    let mut command = phantom_worker(&["run", "--camunda-client-slots=none"]);
    command.envs(GOOD).env("CAMUNDA_CLIENT_SLOTS", "4");

    let said = said(&mut command);

    assert_eq!(faults(&said).len(), 1);
    assert!(
        said.stderr
            .starts_with("CAMUNDA_CLIENT_SLOTS is not a whole number")
    );
}

#[test]
fn no_fault_and_no_help_repeats_a_secret() {
    let secrets = [
        ("DATABASE_URL", "hunter2://u:hunter2@h/db"),
        ("MIGRATE_DATABASE_URL", "postgres://u:hunter2@h:port/db"),
        ("SMTP_URL", "smtp://u:hunter2@mail.bank.example"),
        ("TOKEN_KEY", "hunter2"),
        ("CAMUNDA_PASSWORD", "hunter2"),
        ("CAMUNDA_REST_URL", "https://u:hunter2@engine/engine-rest"),
    ];
    let files = secrets.map(|(name, _)| (format!("{name}_FILE"), "/nowhere/hunter2"));
    let arguments = [
        &["run"][..],
        &["check"],
        &["migrate"],
        &["deploy"],
        &["start", "x"],
        &["import", "users", "-"],
        &["purge"],
        &["outbox", "list"],
        &["demo"],
    ];
    for arguments in arguments {
        let told = said(phantom_worker(arguments).envs(secrets));
        let helped = said(phantom_worker(arguments).arg("--help").envs(secrets));
        let read = said(phantom_worker(arguments).envs(files.clone()));

        assert_eq!(
            (told.code, helped.code, read.code != 0),
            (78, 0, true),
            "{arguments:?}"
        );
        for said in [told, helped, read] {
            assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
            assert!(!said.stdout.contains("hunter2"), "{}", said.stdout);
        }
    }
}

#[test]
fn a_secret_may_come_from_a_file() {
    let file = std::env::temp_dir().join(format!("token-key-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, format!("{}\n", "5c".repeat(31))).unwrap();
    let mut command = phantom_worker(&["run"]);
    command
        .envs(GOOD)
        .env_remove("TOKEN_KEY")
        .env("TOKEN_KEY_FILE", &file);

    let short = said(&mut command);
    std::fs::write(&file, format!("{}\n", "5c".repeat(32))).unwrap();
    let good = said(command.env("LOG_LEVEL", "wran"));
    let twice = said(
        command
            .env("TOKEN_KEY", "5c".repeat(32))
            .env_remove("LOG_LEVEL"),
    );
    std::fs::remove_file(&file).unwrap();
    let gone = said(command.env_remove("TOKEN_KEY"));

    assert!(
        short
            .stderr
            .starts_with("TOKEN_KEY is not 64 hexadecimal digits"),
        "{}",
        short.stderr
    );
    assert_eq!(faults(&good).len(), 1);
    assert!(good.stderr.starts_with("LOG_LEVEL "), "{}", good.stderr);
    assert_eq!(
        faults(&twice),
        ["TOKEN_KEY is set, and TOKEN_KEY_FILE too: unset one of them"]
    );
    assert!(
        gone.stderr
            .starts_with("TOKEN_KEY_FILE names a file that is not there; "),
        "{}",
        gone.stderr
    );
}

#[test]
fn a_command_asks_for_nothing_that_it_does_not_use() {
    let nowhere = ("CAMUNDA_REST_URL", "http://127.0.0.1:1/engine-rest");

    for arguments in [
        &["migrate"][..],
        &["import", "users", "-"],
        &["outbox", "retry", "--all-dead"],
    ] {
        let said = said(&mut phantom_worker(arguments));

        assert_eq!(said.code, 78);
        assert_eq!(faults(&said).len(), 1);
        assert!(said.stderr.starts_with("DATABASE_URL is missing"));
    }
    for arguments in [&["deploy"][..], &["start", "x"]] {
        let said = said(phantom_worker(arguments).envs([nowhere]));

        assert_eq!(said.code, 1);
        assert!(
            said.stderr
                .contains("the engine at http://127.0.0.1:1/engine-rest cannot be reached"),
            "{}",
            said.stderr
        );
    }
}
