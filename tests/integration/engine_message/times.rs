//! When the link is pressed: too early, too late, or at a bad moment.

use super::*;
use crate::support::engine_proxy::EngineProxy;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_link_pressed_before_the_engine_has_our_complete_is_told_after_it() {
    on_a_system(async {
        let world = World::new().await;
        let holds_up = Arc::new(AtomicBool::new(true));
        let is_held_up = Arc::clone(&holds_up);
        let proxy = EngineProxy::refusing(&world.engine.url, move |path| {
            let refuses = path.ends_with("/complete") && is_held_up.load(Ordering::SeqCst);
            refuses.then_some(503)
        });
        let tree = verifying(&world).engine_at(proxy.url()).start();
        let user = world.somebody().await;
        let instance = world.ask_to_verify(&user).await;
        let token = token_mailed_to(&user).await;

        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        tree.wake();
        tree.has_told("not_waiting", 3.0).await;
        holds_up.store(false, Ordering::SeqCst);

        world.ends_verified(&instance).await;
        assert_eq!(world.outbox_audit().await, "");
        tree.drain().await;
    });
}

#[test]
fn a_suspended_instance_is_told_when_it_goes_on() {
    on_a_system(async {
        let story = Story::begin().await;
        let (world, tree) = (&story.world, &story.tree);
        world.engine.suspend(&story.instance, true).await;

        story.press().await;
        tree.has_told("not_waiting", 3.0).await;
        world
            .message_is("it says why it waits", |it| {
                it.starts_with("pending ") && it.ends_with(" the process instance is suspended")
            })
            .await;
        world.engine.suspend(&story.instance, false).await;

        world.ends_verified(&story.instance).await;
        story.tree.drain().await;
    });
}

#[test]
fn a_cancelled_instance_needs_no_message() {
    on_a_system(async {
        let story = Story::begin().await;
        let (world, tree) = (&story.world, &story.tree);
        world
            .engine
            .delete(&format!("process-instance/{}", story.instance))
            .await;

        story.press().await;

        world.message_is("it is closed", |it| it == "sent 1").await;
        assert_moot(world, tree, "EXTERNALLY_TERMINATED").await;
        story.tree.drain().await;
    });
}

#[test]
fn after_the_timer_the_instance_stays_expired() {
    on_a_system(async {
        let story = Story::begin().await;
        let (world, tree) = (&story.world, &story.tree);
        let timer = world.is_waiting(&story.instance).await;
        world
            .engine
            .post(&format!("job/{timer}/execute"), json!({}))
            .await;
        let ended = world.engine.ended(&story.instance).await.at;

        story.press().await;

        world.message_is("it is closed", |it| it == "sent 1").await;
        assert_moot(world, tree, "COMPLETED").await;
        assert_eq!(world.engine.ended(&story.instance).await.at, ended);
        assert_eq!(ended, "verification_expired");
        story.tree.drain().await;
    });
}

#[test]
fn a_message_that_comes_to_its_end_is_set_aside() {
    on_a_system(async {
        let story = Story::begin().await;
        let (world, tree) = (&story.world, &story.tree);
        world.engine.suspend(&story.instance, true).await;
        story.press().await;
        tree.has_told("not_waiting", 1.0).await;

        // A day and an hour pass.
        world
            .database
            .run(
                "UPDATE outbox SET next_attempt_at = now(), payload = \
                 jsonb_set(payload, '{until}', to_jsonb(now())) WHERE channel = 'engine_message'",
            )
            .await;
        tree.wake();

        let set_aside = world
            .message_is("it is set aside", |it| it.starts_with("dead "))
            .await;
        assert!(set_aside.ends_with("suspended"), "{set_aside}");
        let audit = world.outbox_audit().await;
        assert!(
            audit.starts_with("engine_message_set_aside dead "),
            "{audit}"
        );
        assert!((tree.told("set_aside") - 1.0).abs() < f64::EPSILON);
        story.tree.drain().await;
    });
}

/// It counts as sent, no mistake of anybody, and is recorded.
async fn assert_moot(world: &World, tree: &Tree, state: &str) {
    let audit = world.outbox_audit().await;
    assert!(
        audit.starts_with("engine_message_moot instance_ended "),
        "{audit}"
    );
    assert!(audit.contains(state), "{audit}");
    assert!((tree.told("instance_ended") - 1.0).abs() < f64::EPSILON);
    assert!(tree.told("set_aside").abs() < f64::EPSILON);
}
