//! A failure restarts one actor and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use phantom_worker::actors::messages::Crash;
use phantom_worker::actors::pool::CrashHandler;
use phantom_worker::actors::{Address, ChildId, TreeExit};
use phantom_worker::metrics::ActorKind;

use crate::support::tree::{Tree, TreeBuilder, on_a_system};
use crate::support::trial::Trial;
use crate::support::{World, until};

const CHILDREN: [ChildId; 5] = [
    ChildId::Metrics,
    ChildId::Audit,
    ChildId::Notification,
    ChildId::Poller(0),
    ChildId::Pool(0),
];

impl Tree {
    fn crash(&self, child: ChildId) {
        match self.address(child) {
            Address::Metrics(address) => address.do_send(Crash),
            Address::Audit(address) => address.do_send(Crash),
            Address::Notification(address) => address.do_send(Crash),
            Address::Poller(address) => address.do_send(Crash),
            Address::Pool(address) => address.do_send(Crash),
        }
    }

    async fn settled(&self) -> Vec<Option<u64>> {
        until("every child is there", async || {
            let children = CHILDREN.map(|child| self.incarnation(child));
            children.iter().all(Option::is_some).then_some(())
        })
        .await;
        CHILDREN
            .iter()
            .map(|child| self.incarnation(*child))
            .collect()
    }

    async fn restarted(&self, child: ChildId, than: Option<u64>) {
        until("the child is there again", async || {
            (self.incarnation(child) > than).then_some(())
        })
        .await;
    }

    fn panics_of(&self, actor: &str) -> f64 {
        self.series(&format!(
            r#"phantom_worker_actor_restarts_total{{actor="{actor}",reason="panicked"}}"#
        ))
    }
}

#[test]
fn each_child_that_panics_is_restarted_alone_and_the_work_is_done_in_the_end() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();

        for (index, child) in CHILDREN.into_iter().enumerate() {
            let before = tree.settled().await;
            let instance = world.try_out("complete").await;
            tree.crash(child);
            tree.restarted(child, before[index]).await;

            let after = tree.settled().await;
            for sibling in (0..CHILDREN.len()).filter(|sibling| *sibling != index) {
                assert_eq!(
                    before[sibling], after[sibling],
                    "a sibling of {child:?} was restarted"
                );
            }
            assert_eq!(world.engine.ended(&instance).await.at, "done", "{child:?}");
        }

        assert_eq!(world.effects().await, CHILDREN.len() as i64);
        assert!(world.engine.failures().await.is_empty());
        tree.drain().await;
    });
}

#[test]
fn a_task_outlives_the_handler_actor_and_the_pool_that_started_it() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let tree = TreeBuilder::new(&world, trial.registry()).start();
        let before = tree.settled().await;
        let instance = world.try_out("wait").await;
        trial.until_at_work().await;

        let Address::Pool(pool) = tree.address(ChildId::Pool(0)) else {
            panic!("the pool's address")
        };
        for slot in 0..4 {
            pool.do_send(CrashHandler { slot });
        }
        until("four handlers were restarted", async || {
            (tree.panics_of("handler") == 4.0).then_some(())
        })
        .await;
        assert_eq!(tree.settled().await, before);
        tree.crash(ChildId::Pool(0));
        tree.restarted(ChildId::Pool(0), before[4]).await;
        trial.gate.add_permits(1);
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        assert_eq!(trial.times_entered(), 1);
        tree.drain().await;
    });
}

#[test]
fn a_poll_in_flight_outlives_its_poller() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        // A poll so long that only an adopted one can bring the task in time.
        let tree = TreeBuilder::new(&world, trial.registry())
            .topic(|topic| {
                topic.poll = std::time::Duration::from_secs(20);
                topic.lock_duration = std::time::Duration::from_secs(60);
            })
            .start();
        let before = tree.settled().await;
        tree.crash(ChildId::Poller(0));
        tree.restarted(ChildId::Poller(0), before[3]).await;

        let started = std::time::Instant::now();
        let instance = world.try_out("complete").await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        assert!(
            started.elapsed().as_secs() < 15,
            "the task waited for a lock to run out"
        );
        assert!(world.engine.locked_tasks().await.is_empty());
        tree.drain().await;
    });
}

#[test]
fn a_panic_in_started_is_restarted_like_any_other() {
    const KINDS: [ActorKind; 6] = [
        ActorKind::Metrics,
        ActorKind::Audit,
        ActorKind::Notification,
        ActorKind::Poller,
        ActorKind::Pool,
        ActorKind::Handler,
    ];
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let starts: Arc<[AtomicUsize; 6]> = Arc::default();
        let counted = Arc::clone(&starts);
        let tree = TreeBuilder::new(&world, trial.registry())
            .on_start(move |kind| {
                let index = KINDS.iter().position(|known| *known == kind).unwrap();
                let times = counted[index].fetch_add(1, Ordering::SeqCst);
                assert!(times > 0, "the first start of {kind:?} fails, as asked");
            })
            .start();

        let instance = world.try_out("complete").await;
        let ended = world.engine.ended(&instance).await;

        assert_eq!(ended.at, "done");
        tree.settled().await;
        for kind in KINDS {
            assert_eq!(tree.panics_of(kind.as_str()), 1.0, "{kind:?}");
        }
        tree.drain().await;
    });
}

#[test]
fn the_sixth_panic_of_a_poller_within_a_minute_switches_its_topic_off_and_nothing_else() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let mut tree = TreeBuilder::new(&world, trial.registry()).start();
        let before = tree.settled().await;

        for _ in 0..6 {
            let incarnation = tree.settled().await[3];
            tree.crash(ChildId::Poller(0));
            until("the poller ended", async || {
                (tree.incarnation(ChildId::Poller(0)) != incarnation).then_some(())
            })
            .await;
            if tree.series("phantom_worker_topic_off{topic=\"trial\"}") == 1.0 {
                break;
            }
        }
        until("the topic is off", async || {
            (tree.series("phantom_worker_topic_off{topic=\"trial\"}") == 1.0).then_some(())
        })
        .await;

        assert_eq!(tree.incarnation(ChildId::Poller(0)), None);
        assert_eq!(tree.incarnation(ChildId::Pool(0)), None);
        for (kind, up) in [
            ("poller", 0.0),
            ("pool", 0.0),
            ("handler", 0.0),
            ("audit", 1.0),
        ] {
            let series = format!("phantom_worker_actor_up{{actor=\"{kind}\"}}");
            assert_eq!(tree.series(&series), up, "{kind}");
        }
        assert_eq!(tree.incarnation(ChildId::Metrics), before[0]);
        assert_eq!(tree.incarnation(ChildId::Notification), before[2]);
        assert!(tree.exits.try_recv().is_err());
        tree.drain().await;
    });
}

#[test]
fn the_sixth_panic_of_a_core_actor_within_a_minute_ends_the_tree() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let mut tree = TreeBuilder::new(&world, trial.registry()).start();

        for _ in 0..5 {
            let incarnation = tree.settled().await[1];
            tree.crash(ChildId::Audit);
            tree.restarted(ChildId::Audit, incarnation).await;
        }
        tree.crash(ChildId::Audit);
        let exit = tree.exits.recv().await;

        assert_eq!(exit, Some(TreeExit::GaveUp(ChildId::Audit)));
        tree.drain().await;
    });
}

#[test]
fn a_panic_of_the_supervisor_is_told_and_the_tasks_in_hand_are_finished() {
    on_a_system(async {
        let world = World::with_trial().await;
        let trial = Trial::new();
        let mut tree = TreeBuilder::new(&world, trial.registry()).start();
        let instance = world.try_out("wait").await;
        trial.until_at_work().await;

        tree.supervisor.do_send(Crash);
        let exit = tree.exits.recv().await;
        trial.gate.add_permits(1);
        tree.drain().await;

        assert_eq!(exit, Some(TreeExit::SupervisorGone));
        assert_eq!(world.engine.ended(&instance).await.at, "done");
        assert!(world.engine.locked_tasks().await.is_empty());
    });
}
