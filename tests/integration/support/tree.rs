//! The worker's tree inside the test's own process, for stories that reach into it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr};
use phantom_worker::actors::{
    Address, ChildId, Ingredients, Parts, Supervisor, TEMPLATES, Topic, TopicSettings, TreeExit,
    TreeSettings, drain,
};
use phantom_worker::camunda::cockpit::Cockpit;
use phantom_worker::camunda::model::Sorting;
use phantom_worker::housekeeping::{Ages, Schedule};
use phantom_worker::links::{KEY_BYTES, LinkSettings, Links};
use phantom_worker::mail::{MailSettings, Mailer, Sender, SmtpUrl};
use phantom_worker::metrics::{ActorKind, Build, Metrics, TopicLabels};
use phantom_worker::readiness::{Phase, Readiness};
use phantom_worker::tasks::{Registry, RetryPolicy};
use secrecy::SecretBox;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;

use super::engine::Engine;
use super::{World, mailbox};

/// A running tree and what a story may look at.
pub(crate) struct Tree {
    pub(crate) parts: Arc<Parts>,
    pub(crate) supervisor: Addr<Supervisor>,
    pub(crate) exits: UnboundedReceiver<TreeExit>,
}

/// How the tree of a story differs from the product's.
pub(crate) struct TreeBuilder<'w> {
    world: &'w World,
    registry: Registry,
    settings: TreeSettings,
    topic: TopicSettings,
    engine_url: String,
    smtp_url: String,
    links: Links,
}

/// The links of a tree, unless its story wants others.
pub(crate) fn links() -> Links {
    links_signed_with(7, None)
}

/// Links with the present key and the one before, each of this one byte again and again.
pub(crate) fn links_signed_with(key: u8, previous: Option<u8>) -> Links {
    let secret = |byte| SecretBox::new(Box::new([byte; KEY_BYTES]));
    Links::new(LinkSettings {
        base_url: "http://127.0.0.1:8088".parse().unwrap(),
        key: secret(key),
        previous_key: previous.map(secret),
    })
}

/// Runs a story on an actix system like the product's: actors on this thread, work on others.
pub(crate) fn on_a_system(story: impl Future<Output = ()>) {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(phantom_worker::app::THREADS)
            .enable_all()
            .build()
            .unwrap()
    });
    system.block_on(story);
}

impl<'w> TreeBuilder<'w> {
    pub(crate) fn new(world: &'w World, registry: Registry) -> Self {
        Self {
            world,
            registry,
            settings: TreeSettings {
                max_tasks: None,
                sorting: Sorting::None,
                refusal_span: Duration::from_secs(60),
                figures_interval: Duration::from_secs(1),
                checkpoint_file: None,
                housekeeping: Schedule::hourly(Ages::default()),
                on_start: None,
            },
            topic: TopicSettings {
                slots: 4,
                lock_duration: Duration::from_secs(10),
                poll: Duration::from_secs(2),
                handler_limit: Duration::from_secs(50),
                retries: "R3/PT1S".parse::<RetryPolicy>().unwrap(),
            },
            engine_url: world.engine.url.to_string(),
            smtp_url: mailbox::smtp_url(),
            links: links(),
        }
    }

    pub(crate) fn topic(mut self, change: impl FnOnce(&mut TopicSettings)) -> Self {
        change(&mut self.topic);
        self
    }

    pub(crate) fn refusal_span(mut self, span: Duration) -> Self {
        self.settings.refusal_span = span;
        self
    }

    /// Purges what is older, and looks for it this often.
    pub(crate) fn housekeeping(mut self, ages: Ages, every: Duration) -> Self {
        self.settings.housekeeping = Schedule { ages, every };
        self
    }

    pub(crate) fn on_start(mut self, hook: impl Fn(ActorKind) + Send + Sync + 'static) -> Self {
        self.settings.on_start = Some(Arc::new(hook));
        self
    }

    /// Where the tree looks for the engine.
    pub(crate) fn engine_at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.engine_url);
        self
    }

    /// Where the tree looks for the mail server.
    pub(crate) fn mail_to(mut self, server: SocketAddr) -> Self {
        self.smtp_url = format!("smtp://{server}");
        self
    }

    pub(crate) fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    pub(crate) fn start(self) -> Tree {
        let names: Vec<_> = self.registry.iter().map(|known| known.topic).collect();
        let labels = self.registry.iter().map(|known| TopicLabels {
            name: known.topic,
            errors: known.errors,
        });
        let labels: Vec<_> = labels.collect();
        let build = Build {
            version: "test",
            revision: "test",
        };
        let smtp = SmtpUrl::parse(&self.smtp_url.into(), false).unwrap();
        let sender = Sender::parse("Phantom Wallet <no-reply@wallet.example>").unwrap();
        let topics = self.registry.iter().map(|registration| {
            let worker_id = format!("story:{}:{}", registration.topic, Uuid::new_v4());
            Arc::new(Topic::new(
                Arc::clone(registration),
                self.topic.clone(),
                worker_id,
            ))
        });
        let parts = Parts::new(Ingredients {
            engine: Engine::at(&self.engine_url, &self.world.engine.tenant).client,
            engine_id: "default".into(),
            cockpit: Cockpit::default(),
            instance: "story".into(),
            pool: self.world.database.pool.clone(),
            chore_pool: self.world.database.pool.clone(),
            mailer: Mailer::new(MailSettings::new(smtp, sender)).unwrap(),
            links: Arc::new(self.links),
            metrics: Arc::new(Metrics::new(&labels, TEMPLATES, build)),
            readiness: Arc::new(Readiness::new(&names, Instant::now())),
            topics: topics.collect(),
            settings: self.settings,
            max_reports: 16,
            runtime: Handle::current(),
        });
        parts.readiness.set_phase(Phase::Running, Instant::now());
        let (exit, exits) = unbounded_channel();
        let supervisor = Supervisor::new(Arc::clone(&parts), exit).start();
        Tree {
            parts,
            supervisor,
            exits,
        }
    }
}

impl Tree {
    /// Which incarnation of a child is at work, if one is.
    pub(crate) fn incarnation(&self, child: ChildId) -> Option<u64> {
        self.parts
            .directory
            .find(child)
            .map(|(incarnation, _)| incarnation)
    }

    /// The present address of a child that must be there.
    pub(crate) fn address(&self, child: ChildId) -> Address {
        self.parts.directory.find(child).unwrap().1
    }

    /// The value of a series of this tree.
    pub(crate) fn series(&self, series: &str) -> f64 {
        let page = self.parts.metrics.render();
        page.lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or_else(|| panic!("no series {series} in\n{page}"))
    }

    /// Leaves as the product does.
    pub(crate) async fn drain(self) {
        let drained = drain(&self.parts, Duration::from_secs(20)).await;
        assert_eq!(drained.orphans, 0);
    }
}
