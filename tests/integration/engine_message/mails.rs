//! The mail with the link: its key, its end, and a mail server that holds up nobody else.

use std::time::{Duration, Instant};

use super::*;
use crate::support::proxy::{Network, Proxy};
use crate::support::smtp::SmtpServer;
use crate::support::tree::links_signed_with;
use crate::support::world::{address_of, through};
use phantom_worker::mail::MessageId;
use phantom_worker::security::confirm::{Standing, look};

/// Mails on their way to the server at once.
const AT_ONCE: usize = 4;
/// Mails that were put off.
const LOOKED: &str = r#"phantom_worker_outbox_deliveries_total{channel="mail",outcome="retried"}"#;
/// How often the outbox is looked into when nobody tells of anything new.
const LOOK: Duration = Duration::from_secs(10);

#[test]
fn a_mail_server_that_hangs_holds_up_no_message() {
    on_a_system(async {
        let world = World::new().await;
        let tree = verifying(&world).start();
        let user = world.somebody().await;
        let (instance, token) = world.mailed(&user).await;
        tree.drain().await;

        let hanging = SmtpServer::hanging(usize::MAX);
        let tree = verifying(&world).mail_to(hanging.address()).start();
        for _ in 0..AT_ONCE {
            let other = world.somebody().await;
            world.ask_to_verify(&other).await;
        }
        until("every place of the mails is taken", async || {
            (hanging.message_ids().len() == AT_ONCE).then_some(())
        })
        .await;
        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        let pressed = Instant::now();
        tree.wake();

        world.ends_verified(&instance).await;
        let took = pressed.elapsed();
        assert!(took < LOOK / 2, "it waited {took:?} for the next look");
        let sent = "outbox WHERE channel = 'mail' AND state = 'pending' AND attempts = 1";
        assert_eq!(world.count(sent).await, 4, "mails still on their way");
    });
}

#[test]
fn an_engine_that_hangs_holds_up_no_mail() {
    on_a_system(async {
        let world = World::new().await;
        let proxy = Proxy::to(address_of(world.engine.url.as_str()));
        let url = through(world.engine.url.as_str(), &proxy);
        let (first, second) = (world.somebody().await, world.somebody().await);
        // The task is worked on, and its mail waits for the next tree.
        let away = SmtpServer::answering_mails("451 4.3.2 later");
        let tree = verifying(&world).start();
        let (_, token) = world.mailed(&first).await;
        tree.drain().await;
        let tree = verifying(&world).mail_to(away.address()).start();
        let instance = world.ask_to_verify(&second).await;
        world.is_waiting(&instance).await;
        tree.drain().await;
        assert_eq!(world.press(&links(), &token).await, CONFIRMED);
        world
            .database
            .run("UPDATE outbox SET next_attempt_at = now() + interval '1 day' WHERE channel = 'mail'")
            .await;

        proxy.set(Network::Silent);
        let tree = sending(&world).engine_at(&url).start();
        until("the message hangs", async || {
            let claimed = "outbox WHERE channel = 'engine_message' AND claim_token IS NOT NULL";
            (world.count(claimed).await == 1).then_some(())
        })
        .await;
        world
            .database
            .run("UPDATE outbox SET next_attempt_at = now() WHERE channel = 'mail'")
            .await;
        tree.wake();

        token_mailed_to(&second).await;
        assert_eq!(world.messages().await, "pending 1");
    });
}

#[test]
fn a_mail_waits_for_its_key_and_then_goes_out_as_it_was_meant() {
    on_a_system(async {
        let world = World::new().await;
        let user = world.somebody().await;
        let key_id = links().signing_key().to_string();
        let tree = verifying(&world).links(links_signed_with(8, None)).start();
        let instance = world.ask_to_verify(&user).await;
        until("the key was looked for again", async || {
            (tree.series(LOOKED) >= 2.0).then_some(())
        })
        .await;
        // Or a mail that waited for hours would have no attempt left for the mail server.
        let reason = until("the mail waits, and no look has counted", async || {
            let reason = mails(&world).await;
            reason.starts_with("pending 0 key ").then_some(reason)
        })
        .await;
        assert!(reason.contains(&key_id), "{reason}");
        assert!(reason.contains("TOKEN_KEY_PREVIOUS"), "{reason}");
        for outcome in ["sent", "transient", "permanent"] {
            let failing = tree.series(&format!(
                r#"phantom_worker_mails_total{{outcome="{outcome}",template="verify_email"}}"#
            ));
            assert!(failing.abs() < f64::EPSILON, "{outcome}");
        }
        tree.drain().await;

        let rotated = || links_signed_with(8, Some(7));
        let tree = verifying(&world).links(rotated()).start();
        let mail = mailbox::mail_to(&user.address).await;

        let key = world
            .database
            .text("SELECT notification_key AS text FROM outbox WHERE channel = 'mail'")
            .await;
        let message_id = MessageId::new(&key, "wallet.example").to_string();
        assert_eq!(mail["headers"]["message-id"], message_id);
        // Whoever still had the old key alone would have made the same link.
        let token = token_in(&mail);
        let mut conn = world.database.pool.get().await.unwrap();
        let before = look(&mut conn, &links(), &token).await;
        assert_eq!(before, Ok(Standing::Open));
        drop(conn);
        assert_eq!(world.press(&rotated(), &token).await, CONFIRMED);
        tree.wake();
        world.ends_verified(&instance).await;
        tree.drain().await;
    });
}

#[test]
fn a_mail_whose_link_has_expired_is_set_aside() {
    on_a_system(async {
        let world = World::new().await;
        let away = SmtpServer::answering_mails("451 4.3.2 later");
        // The one waits for its key, the other for the mail server.
        let trees = [
            verifying(&world).links(links_signed_with(8, None)),
            verifying(&world).mail_to(away.address()),
        ];
        for tree in trees {
            world.database.run("DELETE FROM outbox").await;
            let tree = tree.start();
            let user = world.somebody().await;
            world.ask_to_verify(&user).await;
            until("the mail waits", async || {
                let mail = mails(&world).await;
                let why = mail.strip_prefix("pending ")?;
                why.contains(' ').then_some(())
            })
            .await;

            // A day passes.
            world
                .database
                .run(
                    "UPDATE outbox SET next_attempt_at = now(), payload = \
                     jsonb_set(payload, '{verification,expires_at}', to_jsonb(now()))",
                )
                .await;
            tree.wake();

            let set_aside = until("the mail is set aside", async || {
                let mail = mails(&world).await;
                mail.starts_with("dead ").then_some(mail)
            })
            .await;
            assert!(set_aside.ends_with("its link has expired"), "{set_aside}");
            let audit = world.outbox_audit().await;
            assert!(audit.contains("mail_set_aside dead "), "{audit}");
            tree.drain().await;
            assert!(mailbox::mails_to(&user.address).await.is_empty());
        }
    });
}

/// State, attempts and last error of the mails, one line each.
async fn mails(world: &World) -> String {
    let query = "SELECT concat_ws(' ', state, attempts, last_error) AS text FROM outbox \
                 WHERE channel = 'mail' ORDER BY created_at";
    world.database.text(query).await
}
