//! Many wallet requests at once, some of which must be refused, and what must hold in the end
//! whatever happened on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use super::patience::within;
use super::wallets::Applicant;
use super::{World, mailbox};

/// Requests that were started together.
pub(crate) struct Crowd {
    groups: Vec<Group>,
}

/// Requests of which exactly one is granted, or none.
struct Group {
    applicants: Vec<Applicant>,
    instances: Vec<String>,
    wallets: usize,
}

/// Requests on their way to the engine at once.
const AT_ONCE: usize = 6;

impl Crowd {
    /// Starts `size` instances, a multiple of ten. Of ten, six are good and two are wrong; the last
    /// two are one person's, or of two people with one e-mail address, and only one can be granted.
    pub(crate) async fn start(world: &World, size: usize) -> Self {
        let merchant = world.merchant().await;
        let groups: Vec<_> = (0..size / 10).flat_map(ten_requests).collect();
        let started = stream::iter(groups).map(async |mut group: Group| {
            for applicant in &group.applicants {
                let instance = world.request_wallet(merchant, applicant).await;
                group.instances.push(instance);
            }
            group
        });
        Self {
            groups: started.buffer_unordered(AT_ONCE).collect().await,
        }
    }

    /// Starts instances, ten after ten, until there are enough. There is always a backlog, and it
    /// does not grow: an engine that drowns in starts answers no poll in time.
    pub(crate) async fn start_until(world: &World, is_enough: impl Fn() -> bool) -> Self {
        const BACKLOG: u64 = 60;
        let mut crowd = Self { groups: Vec::new() };
        while !is_enough() {
            crowd = crowd.and(Self::start(world, 10).await);
            super::until("there is room for more", async || {
                let unfinished = world.engine.unfinished().await.unwrap();
                (is_enough() || unfinished < BACKLOG).then_some(())
            })
            .await;
        }
        crowd
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.groups.extend(other.groups);
        self
    }

    /// How many instances there are.
    pub(crate) fn size(&self) -> usize {
        self.groups.iter().map(|group| group.instances.len()).sum()
    }

    /// How many wallets must come of them.
    pub(crate) fn wallets(&self) -> usize {
        self.groups.iter().map(|group| group.wallets).sum()
    }

    /// Waits until the worker is in the middle of them.
    pub(crate) async fn half_way(&self, world: &World) {
        self.answered(world, self.size()).await;
    }

    /// Waits until so many tasks were answered; an instance has one or three.
    pub(crate) async fn answered(&self, world: &World, least: usize) {
        let least = i64::try_from(least).unwrap();
        super::until("the worker is at work", async || {
            (world.answered_tasks().await >= least).then_some(())
        })
        .await;
        assert!(
            world.engine.unfinished().await.unwrap() > 0,
            "all was done before anything could go wrong"
        );
    }

    /// Waits until all have ended, and tells how long that took.
    pub(crate) async fn ended(&self, world: &World, patience: Duration) -> Duration {
        let begin = Instant::now();
        within(patience, "every instance ends", async || {
            (world.engine.unfinished().await? == 0).then_some(())
        })
        .await;
        begin.elapsed()
    }

    /// Waits until the mails are out, and holds everything against what was asked for.
    pub(crate) async fn assert_exactly_once(&self, world: &World) {
        self.assert_ends(world).await;
        self.assert_rows(world).await;
        self.assert_mails(world).await;
        world.engine.assert_unharmed().await;
    }

    /// Each ended where it should.
    pub(crate) async fn assert_ends(&self, world: &World) {
        let ends = world.engine.ends().await;
        for group in &self.groups {
            let at: Vec<_> = group
                .instances
                .iter()
                .map(|instance| ends.get(instance).map_or("nowhere", String::as_str))
                .collect();
            let created = at.iter().filter(|end| **end == "wallet_created").count();
            let refused =
                |end: &&str| ["wallet_request_rejected", "wallet_not_created"].contains(end);
            let others = at.iter().filter(|end| refused(end)).count();
            assert_eq!(created, group.wallets, "{at:?}");
            assert_eq!(created + others, at.len(), "{at:?}");
        }
    }

    /// One wallet, one request, one mail and one row of each change, each with its completion.
    async fn assert_rows(&self, world: &World) {
        let wallets = i64::try_from(self.wallets()).unwrap();
        let expected = [
            ("wallets", "SELECT count(*) FROM wallets"),
            (
                "requests that got one",
                "SELECT count(DISTINCT request_id) FROM wallets",
            ),
            (
                "fulfilled requests",
                "SELECT count(*) FROM wallet_creation_requests WHERE status = 'fulfilled'",
            ),
            (
                "audit rows of wallets",
                "SELECT count(*) FROM audit_log WHERE action = 'wallet_created'",
            ),
            (
                "audited wallets",
                "SELECT count(DISTINCT subject_id) FROM audit_log WHERE action = 'wallet_created'",
            ),
            ("mails queued", "SELECT count(*) FROM outbox"),
            (
                "answers that told of a mail",
                "SELECT count(*) FROM task_completions WHERE topic = 'notify-wallet-creation'",
            ),
        ];
        for (what, query) in expected {
            assert_eq!(world.database.count(query).await, wallets, "{what}");
        }
        let none = [
            (
                "changes audited twice",
                "SELECT count(*) FROM (SELECT FROM audit_log WHERE task_id IS NOT NULL \
                 GROUP BY task_id, action HAVING count(*) > 1) twice",
            ),
            (
                "effects without a completion",
                "SELECT count(*) FROM audit_log WHERE task_id IS NOT NULL AND NOT EXISTS \
                 (SELECT FROM task_completions WHERE task_completions.task_id = audit_log.task_id)",
            ),
            (
                "completions without an effect",
                "SELECT count(*) FROM task_completions WHERE answer IS NULL OR NOT EXISTS \
                 (SELECT FROM audit_log WHERE audit_log.task_id = task_completions.task_id)",
            ),
        ];
        for (what, query) in none {
            assert_eq!(world.database.count(query).await, 0, "{what}");
        }
    }

    async fn assert_mails(&self, world: &World) {
        super::until("every mail is out", async || {
            let open = world
                .database
                .count("SELECT count(*) FROM outbox WHERE state <> 'sent'");
            (open.await == 0).then_some(())
        })
        .await;
        let ids = self.message_ids().await;
        assert_eq!(
            ids.len(),
            self.wallets(),
            "distinct Message-IDs in the mailbox"
        );
    }

    /// The distinct Message-IDs that came to the mailbox, and how often each did.
    pub(crate) async fn message_ids(&self) -> BTreeMap<String, usize> {
        let addresses: BTreeSet<_> = self
            .groups
            .iter()
            .flat_map(|group| &group.applicants)
            .map(|applicant| applicant.text("email").to_owned())
            .collect();
        let mut ids = BTreeMap::new();
        for mail in mailbox::mails().await {
            let to = mail["to"][0]["address"].as_str().unwrap();
            if addresses.contains(to) {
                let id = mail["headers"]["message-id"].as_str().unwrap();
                *ids.entry(id.to_owned()).or_default() += 1;
            }
        }
        ids
    }
}

fn ten_requests(block: usize) -> Vec<Group> {
    let mut groups: Vec<_> = (0..6)
        .map(|_| Group::of(vec![Applicant::new()], 1))
        .collect();
    let child = Applicant::new().with("date_of_birth", "2020-02-29");
    let nobody = Applicant::new().with("email", "nobody at all");
    groups.extend([child, nobody].map(|applicant| Group::of(vec![applicant], 0)));
    let claimed = Applicant::new();
    let claimant = if block.is_multiple_of(2) {
        Applicant::new().with("email", claimed.text("email"))
    } else {
        claimed.clone()
    };
    groups.push(Group::of(vec![claimed, claimant], 1));
    groups
}

impl Group {
    fn of(applicants: Vec<Applicant>, wallets: usize) -> Self {
        Self {
            applicants,
            instances: Vec::new(),
            wallets,
        }
    }
}

impl World {
    /// How many tasks have a recorded answer.
    pub(crate) async fn answered_tasks(&self) -> i64 {
        self.database
            .count("SELECT count(*) FROM task_completions")
            .await
    }

    /// Six minutes pass for the mails that a dead worker had claimed.
    pub(crate) async fn let_claims_run_out(&self) {
        self.database
            .run("UPDATE outbox SET claimed_until = now() WHERE claimed_until > now()")
            .await;
    }
}
