//! Housekeeping on the real engine and the real database: what has ended goes, what runs stays.

use std::time::{Duration, Instant};

use phantom_worker::housekeeping::Ages;
use phantom_worker::tasks::Registry;
use phantom_worker::wallets::ValidateWalletRequest;
use serde_json::json;
use uuid::Uuid;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::command::{Said, phantom_worker, said};
use crate::support::crowd::Crowd;
use crate::support::engine::Engine;
use crate::support::engine_proxy::EngineProxy;
use crate::support::tree::{TreeBuilder, on_a_system};
use crate::support::wallets::{Applicant, wallet_topics};
use crate::support::{World, until};

const LINES: [&str; 4] = [
    "completions of ended process instances, older than 90 days",
    "sent messages, older than 30 days",
    "tasks that were never heard of again, older than 7 days",
    "personal data of settled wallet requests, older than 30 days",
];

/// What a drain writes down once the chores are over.
const LAST_WORDS: &str = "audit_log WHERE action = 'worker_drained'";

/// What `purge` says that it did.
fn told(done: &str, rows: [usize; 4]) -> String {
    let lines = LINES.iter().zip(rows);
    lines
        .map(|(line, rows)| format!("{line}: {rows} {done}\n"))
        .collect()
}

impl World {
    fn purge(&self, arguments: &[&str], others: &[(&str, &str)]) -> Said {
        let mut command = phantom_worker(&[&["purge"], arguments].concat());
        command
            .env("DATABASE_URL", self.database_url())
            .env("CAMUNDA_REST_URL", self.engine.url.as_str())
            .env("CAMUNDA_TENANT_IDS", &self.engine.tenant)
            .envs(others.iter().copied());
        said(&mut command)
    }

    /// Everything that this database has recorded so far was so many days ago.
    async fn let_days_pass(&self, days: u32) {
        for (table, column) in [
            ("task_completions", "completed_at"),
            ("task_deliveries", "delivered_at"),
            ("outbox", "sent_at"),
            ("wallet_creation_requests", "updated_at"),
        ] {
            self.database
                .run(&format!(
                    "UPDATE {table} SET {column} = {column} - interval '{days} days'"
                ))
                .await;
        }
    }

    /// The topics that have a completion of this instance, in the order of the answers.
    async fn answered_topics(&self, instance: &str) -> String {
        let query = format!(
            "SELECT topic AS text FROM task_completions WHERE process_instance_id = '{instance}' \
             ORDER BY completed_at"
        );
        self.database.text(&query).await
    }

    /// An instance that waits for its next task, and has one that is answered.
    async fn waiting_instance(&self) -> String {
        let merchant = self.merchant().await;
        let instance = self.request_wallet(merchant, &Applicant::new()).await;
        self.engine.task_of(&instance, "create-wallet").await;
        instance
    }
}

#[test]
fn what_has_ended_goes_and_what_runs_stays() {
    on_a_system(async {
        let world = World::new().await;
        let mut first_topic = Registry::default();
        first_topic.register(ValidateWalletRequest);
        let tree = TreeBuilder::new(&world, first_topic).start();
        let running = world.waiting_instance().await;
        let cancelled = world.waiting_instance().await;
        let forgotten = world.waiting_instance().await;
        tree.drain().await;
        let instance = |id: &str| format!("process-instance/{id}");
        world.engine.delete(&instance(&cancelled)).await;
        world.engine.delete(&instance(&forgotten)).await;
        world
            .engine
            .delete(&format!("history/{}", instance(&forgotten)))
            .await;
        world.let_days_pass(91).await;

        let first = world.purge(&[], &[]);
        let after_first = world.count("task_completions").await;
        // The engine says that the cancelled one ended today: it goes when that is long ago.
        let second = world.purge(&[], &[("PURGE_COMPLETIONS_AFTER", "1h")]);

        assert_eq!((first.code, second.code), (0, 0), "{}", first.stderr);
        assert_eq!(first.stdout, told("purged", [1, 0, 0, 0]));
        assert_eq!(after_first, 2);
        assert_eq!(
            second.stdout.lines().next(),
            Some("completions of ended process instances, older than 1h: 0 purged")
        );
        assert_eq!(world.answered_topics(&forgotten).await, "");
        assert_eq!(
            world.answered_topics(&running).await,
            "validate-wallet-request"
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_changes_nothing() {
    let world = World::new().await;
    let mut worker = world.worker().start().await;
    let crowd = Crowd::start(&world, 10).await;
    crowd.ended(&world, Duration::from_secs(60)).await;
    crowd.assert_exactly_once(&world).await;
    // It forgets the last deliveries before it leaves.
    assert!(worker.stop().await.success());
    world.let_days_pass(91).await;
    let before = world.everything().await;

    let ended_today = world.purge(&["--dry-run"], &[]);
    let off = world.purge(
        &["--dry-run"],
        &[
            ("PURGE_COMPLETIONS_AFTER", "off"),
            ("PURGE_PERSONAL_DATA_AFTER", "92d"),
        ],
    );

    let wallets = crowd.wallets();
    assert_eq!(ended_today.code, 0, "{}", ended_today.stderr);
    assert_eq!(
        ended_today.stdout,
        told("would be purged", [0, wallets, 0, wallets])
    );
    assert_eq!(
        off.stdout,
        format!(
            "{}: {wallets} would be purged\n{}: 0 would be purged\npersonal data of settled wallet \
             requests, older than 92 days: 0 would be purged\ncompletions of ended process \
             instances: kept, as the setting says\n",
            LINES[1], LINES[2]
        )
    );
    assert_eq!(world.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_away_keeps_all_completions() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let instance = world
        .request_wallet(Uuid::new_v4(), &Applicant::new())
        .await;
    world.engine.ended(&instance).await;
    until("it is written down", async || {
        (world.answered_tasks().await == 1).then_some(())
    })
    .await;
    drop(worker);
    world.let_days_pass(91).await;
    let sick = EngineProxy::refusing(&world.engine.url, |_| Some(503));

    let said = world.purge(&[], &[("CAMUNDA_REST_URL", sick.url())]);

    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .starts_with(&format!("phantom-worker: {}: only 0 purged: ", LINES[0])),
        "{}",
        said.stderr
    );
    assert_eq!(world.answered_tasks().await, 1);
}

#[test]
fn a_purge_under_load_harms_nothing() {
    on_a_system(async {
        let world = World::new().await;
        let often = Duration::from_millis(20);
        // Everything is old at once: whatever may go is gone while its neighbours are at work.
        let at_once = Some(Duration::ZERO);
        let ages = Ages {
            completions: at_once,
            sent_messages: None,
            deliveries: None,
            personal_data: at_once,
        };
        let trees = [(); 2].map(|()| {
            TreeBuilder::new(&world, wallet_topics())
                .housekeeping(ages, often)
                .start()
        });

        let crowd = Crowd::start(&world, 100).await;
        crowd.ended(&world, Duration::from_secs(120)).await;

        crowd.assert_ends(&world).await;
        world.engine.assert_unharmed().await;
        until("the last ones are purged too", async || {
            (world.answered_tasks().await == 0).then_some(())
        })
        .await;
        let wallets = i64::try_from(crowd.wallets()).unwrap();
        assert_eq!(world.count("wallets").await, wallets);
        assert_eq!(world.count("outbox").await, wallets);
        // A completion that went too early would have let its task be done again.
        let twice = "(SELECT FROM audit_log WHERE task_id IS NOT NULL \
                     GROUP BY task_id, action, subject_id HAVING count(*) > 1) AS twice";
        assert_eq!(world.count(twice).await, 0);
        let purged = "SELECT sum((detail::jsonb ->> 'rows')::int) AS count FROM audit_log \
                      WHERE origin = 'housekeeping' AND action = 'completions_purged'";
        let tasks = "(SELECT DISTINCT task_id FROM audit_log WHERE task_id IS NOT NULL) AS tasks";
        assert_eq!(
            world.database.count(purged).await,
            world.count(tasks).await,
            "each completion is purged once, by one of the two"
        );
        for tree in trees {
            tree.drain().await;
        }
    });
}

#[test]
fn a_drain_ends_a_purge_that_waits_for_the_engine() {
    on_a_system(async {
        let mut world = World::new().await;
        let slow = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
            .mount(&slow)
            .await;
        world.engine = Engine::at(&slow.uri(), "nobody");
        world
            .database
            .run(
                "INSERT INTO task_completions (engine_id, task_id, topic, process_definition_key, \
                 process_instance_id, activity_instance_id, input_sha256, completed_at) \
                 VALUES ('default', '1', 't', 'p', 'i', 'a', sha256(''), '2020-01-01')",
            )
            .await;
        let ages = Ages {
            completions: Some(Duration::from_secs(3600)),
            ..Ages::default()
        };
        let tree = TreeBuilder::new(&world, Registry::default())
            .housekeeping(ages, Duration::from_millis(20))
            .start();
        until("the purge asks", async || {
            (!slow.received_requests().await?.is_empty()).then_some(())
        })
        .await;
        let begin = Instant::now();

        let last_words = async {
            until("the last words are written", async || {
                (world.count(LAST_WORDS).await == 1).then_some(begin.elapsed())
            })
            .await
        };
        // Not until the drain's end: the last seal waits for the other tests' transactions.
        let ((), chores) = tokio::join!(tree.drain(), last_words);

        // The drain does not wait longer for any chore.
        assert!(chores < Duration::from_secs(2), "{chores:?}");
        assert_eq!(world.answered_tasks().await, 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fulfilled_request_without_its_person_is_answered_as_before() {
    let world = World::new().await;
    let _worker = world.worker().start().await;
    let merchant = world.merchant().await;
    let instance = world.request_wallet(merchant, &Applicant::new()).await;
    let first = world.engine.ended(&instance).await;
    world.let_days_pass(91).await;

    let said = world.purge(&[], &[]);
    let request = json!({"request_id": {"type": "String", "value": first.variables["request_id"]}});
    let repeated = world
        .engine
        .start_before("wallet-creation-process", "create_wallet", request)
        .await;
    let again = world.engine.ended(&repeated).await;

    assert!(
        said.stdout.ends_with(&format!("{}: 1 purged\n", LINES[3])),
        "{}",
        said.stdout
    );
    assert_eq!(again.at, "wallet_created");
    assert_eq!(again.variables["wallet_id"], first.variables["wallet_id"]);
    assert_eq!(world.count("wallets").await, 1);
}
