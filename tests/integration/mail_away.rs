//! A mail server that is away, refuses, or never answers: the tasks do not notice, and no mail is
//! lost.

use std::time::{Duration, Instant};

use crate::support::crowd::Crowd;
use crate::support::mailbox;
use crate::support::proxy::{Network, Proxy};
use crate::support::smtp::SmtpServer;
use crate::support::wallets::Applicant;
use crate::support::worker::Worker;
use crate::support::world::address_of;
use crate::support::{World, until};

/// Mails on their way to the server at once.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_or_asks_for_patience_gets_every_mail_once() {
    let patience = SmtpServer::answering_mails("451 4.3.2 later");
    for network in [Network::Refusing, Network::Up] {
        let world = World::new().await;
        let proxy = Proxy::to(patience.address());
        proxy.set(network);
        let worker = world.worker_with_mail_through(&proxy).await;

        let crowd = Crowd::start(&world, 20).await;
        crowd.ended(&world, PATIENCE).await;
        until("each mail was tried, some twice, and waits", async || {
            let waiting = world.waiting_mails().await;
            (waiting == crowd.wallets() && world.most_attempts().await >= 2).then_some(())
        })
        .await;
        let tries = worker
            .sum("phantom_worker_mails_total", "outcome=\"transient\"")
            .await;
        proxy.lead_to(address_of(&mailbox::smtp_url()));
        proxy.set(Network::Up);

        assert!(tries > crowd.wallets() as f64, "{tries} tries");
        crowd.assert_exactly_once(&world).await;
        assert!(
            crowd.message_ids().await.values().all(|times| *times == 1),
            "a mail that nobody took came twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_good_is_set_aside_at_once() {
    let world = World::new().await;
    let refusing = SmtpServer::refusing_recipients("550 5.1.1 nobody here");
    let proxy = Proxy::to(refusing.address());
    let worker = world.worker_with_mail_through(&proxy).await;

    let instance = one_wallet(&world).await;
    let set_aside = until("the mail is set aside", async || {
        let query = "SELECT attempts || ' ' || coalesce(last_error, '') AS text FROM outbox \
                     WHERE state = 'dead'";
        let row = world.database.text(query).await;
        (!row.is_empty()).then_some(row)
    })
    .await;

    assert_eq!(world.engine.ended(&instance).await.at, "wallet_created");
    assert!(set_aside.starts_with("1 "), "{set_aside}");
    assert!(set_aside.contains("550"), "{set_aside}");
    let audited = "SELECT outcome AS text FROM audit_log WHERE action = 'mail_set_aside'";
    assert_eq!(world.database.text(audited).await, "dead");
    let refused = worker
        .sum("phantom_worker_mails_total", "outcome=\"permanent\"")
        .await;
    assert!((refused - 1.0).abs() < f64::EPSILON, "{refused}");
    until("the gauge of dead letters tells", async || {
        let dead = worker.sum("phantom_worker_outbox_messages", "state=\"dead\"");
        (dead.await > 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_is_cut_off_is_sent_again_with_its_message_id() {
    let world = World::new().await;
    let hanging = SmtpServer::hanging(1);
    let proxy = Proxy::to(hanging.address());
    let _worker = world.worker_with_mail_through(&proxy).await;
    let instance = one_wallet(&world).await;
    let sent = until("the mail is sent", async || hanging.message_ids().pop()).await;

    proxy.set(Network::Refusing);
    until("the mail waits for another try", async || {
        (world.waiting_mails().await == 1).then_some(())
    })
    .await;
    proxy.lead_to(address_of(&mailbox::smtp_url()));
    proxy.set(Network::Up);

    assert_eq!(arrived(&sent).await, 1);
    assert_eq!(world.engine.ended(&instance).await.at, "wallet_created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_leaves_while_a_mail_hangs_and_the_next_one_sends_it() {
    // The poll, the drain's deadline, and ten seconds.
    const GRACE: Duration = Duration::from_secs(5 + 20 + 10);
    let world = World::new().await;
    let hanging = SmtpServer::hanging(usize::MAX);
    let proxy = Proxy::to(hanging.address());
    let mut worker = world.worker_with_mail_through(&proxy).await;
    let crowd = Crowd::start(&world, 20).await;
    crowd.ended(&world, PATIENCE).await;
    until("as many mails as are sent at once hang", async || {
        (hanging.message_ids().len() == AT_ONCE).then_some(())
    })
    .await;

    let began = Instant::now();
    let status = worker.stop().await;
    let took = began.elapsed();
    let claimed = "SELECT count(*) FROM outbox WHERE claim_token IS NOT NULL AND state = 'pending'";
    let claimed = world.database.count(claimed).await;
    world.let_claims_run_out().await;
    let _next = world.worker().start().await;

    assert_eq!(status.code(), Some(0));
    assert!(took <= GRACE, "the stop took {took:?}");
    assert_eq!(
        usize::try_from(claimed),
        Ok(AT_ONCE),
        "claims of others wait for nothing"
    );
    crowd.assert_exactly_once(&world).await;
    let arrived = crowd.message_ids().await;
    for sent in hanging.message_ids() {
        assert!(
            arrived.contains_key(&sent),
            "{sent} came under another Message-ID"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_hangs_holds_up_no_other() {
    let world = World::new().await;
    let hanging = SmtpServer::hanging(1);
    let proxy = Proxy::to(hanging.address());
    let _worker = world.worker_with_mail_through(&proxy).await;
    let crowd = Crowd::start(&world, 20).await;

    until("all others are sent", async || {
        let sent = world
            .database
            .count("SELECT count(*) FROM outbox WHERE state = 'sent'");
        (sent.await + 1 == i64::try_from(crowd.wallets()).unwrap()).then_some(())
    })
    .await;
}

async fn one_wallet(world: &World) -> String {
    let merchant = world.merchant().await;
    world.request_wallet(merchant, &Applicant::new()).await
}

/// Waits until a mail with this Message-ID is in the mailbox; how many there are.
async fn arrived(message_id: &str) -> usize {
    until("the mail arrives", async || {
        let mails = mailbox::mails().await;
        let same = |mail: &&serde_json::Value| mail["headers"]["message-id"] == message_id;
        let count = mails.iter().filter(same).count();
        (count > 0).then_some(count)
    })
    .await
}

impl World {
    async fn worker_with_mail_through(&self, proxy: &Proxy) -> Worker {
        let url = format!("smtp://{}", proxy.address());
        self.worker().set("SMTP_URL", url).start().await
    }

    /// Mails that were tried and wait for the next time.
    async fn waiting_mails(&self) -> usize {
        let query = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts > 0 \
                     AND claim_token IS NULL AND next_attempt_at > now() AND last_error IS NOT NULL";
        usize::try_from(self.database.count(query).await).unwrap()
    }

    async fn most_attempts(&self) -> i64 {
        let query = "SELECT coalesce(max(attempts), 0)::bigint AS count FROM outbox";
        self.database.count(query).await
    }
}
