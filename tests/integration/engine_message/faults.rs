//! An engine that is away, loses a race, loses its answer, or does not let us in.

use std::time::Duration;

use super::*;
use crate::support::engine_proxy::EngineProxy;
use crate::support::proxy::{Network, Proxy};
use crate::support::world::{address_of, through};
use phantom_worker::camunda::model::ProcessInstanceId;

#[test]
fn a_link_pressed_while_the_engine_is_down_is_told_when_it_is_back() {
    on_a_system(async {
        let world = World::new().await;
        let proxy = Proxy::to(address_of(world.engine.url.as_str()));
        let url = through(world.engine.url.as_str(), &proxy);
        let tree = verifying(&world).engine_at(&url).start();
        let user = world.somebody().await;
        let (instance, token) = world.mailed(&user).await;

        proxy.set(Network::Refusing);
        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        tree.wake();
        tree.has_told("engine_failed", 2.0).await;
        proxy.set(Network::Up);

        world.ends_verified(&instance).await;
        assert!((tree.told("correlated") - 1.0).abs() < f64::EPSILON);
        tree.drain().await;
    });
}

#[test]
fn a_lost_race_is_run_again_soon() {
    on_a_system(async {
        let world = World::new().await;
        let mut races = 0;
        let proxy = EngineProxy::refusing(&world.engine.url, move |path| {
            let loses = path.ends_with("/message") && races < 3;
            races += usize::from(loses);
            loses.then_some(500)
        });
        let tree = verifying(&world).engine_at(proxy.url()).start();
        let user = world.somebody().await;
        let (instance, token) = world.mailed(&user).await;

        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        tree.wake();
        world.ends_verified(&instance).await;

        let calls = proxy.calls("/message");
        let took = calls[3].at - calls[0].at;
        assert_eq!(calls.len(), 4);
        assert!(took < Duration::from_secs(5), "{took:?}");
        tree.drain().await;
    });
}

#[test]
fn an_answer_that_is_lost_leads_to_the_same_end() {
    on_a_system(async {
        let world = World::new().await;
        let mut answers = 0;
        let proxy = EngineProxy::cutting(&world.engine.url, move |path, _| {
            answers += usize::from(path.ends_with("/message"));
            path.ends_with("/message") && answers == 1
        });
        let tree = verifying(&world).engine_at(proxy.url()).start();
        let user = world.somebody().await;
        let (instance, token) = world.mailed(&user).await;

        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        tree.wake();

        world.ends_verified(&instance).await;
        world.message_is("it is closed", |it| it == "sent 2").await;
        assert!((tree.told("instance_ended") - 1.0).abs() < f64::EPSILON);
        tree.drain().await;
    });
}

#[test]
fn an_engine_that_does_not_let_us_in_is_left_alone_for_a_while() {
    on_a_system(async {
        let world = World::new().await;
        let proxy = EngineProxy::refusing(&world.engine.url, |path| {
            path.ends_with("/message").then_some(401)
        });
        let at_once = 4;
        world.queue((0..20).map(|_| message("default"))).await;

        let tree = sending(&world).engine_at(proxy.url()).start();
        tree.has_told("engine_failed", f64::from(at_once) + 1.0)
            .await;

        let calls = proxy.calls("/message");
        let at_once = usize::try_from(at_once).unwrap();
        let rest = calls[at_once].at - calls[0].at;
        assert!(rest >= Duration::from_secs(5), "tried again after {rest:?}");
        tree.drain().await;
    });
}

#[test]
fn the_messages_of_another_engine_are_left_to_its_own_worker() {
    on_a_system(async {
        let world = World::new().await;
        world.queue([message("another"), message("default")]).await;

        let tree = sending(&world).start();
        world
            .message_is("ours is closed", |it| it.ends_with("sent 1"))
            .await;

        assert_eq!(world.messages().await, "pending 0\nsent 1");
        tree.drain().await;
    });
}

/// A message to an instance that the engine has never had.
fn message(engine_id: &str) -> EngineMessage {
    EngineMessage::EmailVerified {
        engine_id: engine_id.to_owned(),
        process_instance_id: ProcessInstanceId::new(Uuid::new_v4()).unwrap(),
        verification_id: Uuid::new_v4(),
        until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
    }
}
