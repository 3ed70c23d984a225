//! The link is pressed: what the process instance hears of it, whatever it, the engine and the
//! mail server are doing just then. That all goes well is told in `email_verification`.

mod faults;
mod mails;
mod times;

use phantom_worker::actors::messages::OutboxGrew;
use phantom_worker::actors::{Address, ChildId};
use phantom_worker::links::Links;
use phantom_worker::security;
use phantom_worker::security::confirm::{Confirmation, confirm};
use phantom_worker::tasks::{EngineMessage, Registry};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::engine::variables;
use crate::support::mailbox;
use crate::support::tree::{Tree, TreeBuilder, links, on_a_system};
use crate::support::users::new_address;
use crate::support::{World, until};

const PROCESS: &str = "email-verification-process";
const CONFIRMED: Confirmation = Confirmation::Confirmed { outbox_grew: true };

/// Somebody who is asked to confirm an address.
struct User {
    id: Uuid,
    address: String,
}

impl World {
    async fn somebody(&self) -> User {
        let address = new_address();
        User {
            id: self.user_at(&address).await,
            address,
        }
    }

    /// Starts a verification and gives the instance's id.
    async fn ask_to_verify(&self, user: &User) -> String {
        let variables = variables(json!({ "user_id": user.id.to_string() }));
        self.engine.start(PROCESS, variables).await
    }

    /// An instance that waits for the link, and the link's token as it came by mail.
    async fn mailed(&self, user: &User) -> (String, String) {
        let instance = self.ask_to_verify(user).await;
        self.is_waiting(&instance).await;
        (instance, token_mailed_to(user).await)
    }

    /// Waits until the instance is at its gateway, with a timer running.
    async fn is_waiting(&self, instance: &str) -> String {
        let jobs = format!("job?processInstanceId={instance}");
        until("the instance waits for the link", async || {
            let jobs = self.engine.get(&jobs).await;
            Some(jobs[0]["id"].as_str()?.to_owned())
        })
        .await
    }

    /// Presses the button behind a link.
    async fn press(&self, links: &Links, token: &str) -> Confirmation {
        let mut conn = self.database.pool.get().await.unwrap();
        confirm(&mut conn, links, token).await.unwrap()
    }

    /// State, attempts and last error of the engine messages, one line each.
    async fn messages(&self) -> String {
        let query = "SELECT concat_ws(' ', state, attempts, last_error) AS text FROM outbox \
                     WHERE channel = 'engine_message' ORDER BY created_at, id";
        self.database.text(query).await
    }

    /// Waits until the one engine message reads like this.
    async fn message_is(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        until(what, async || {
            let messages = self.messages().await;
            fits(&messages).then_some(messages)
        })
        .await
    }

    /// What the audit log says of the outbox, one line a row.
    async fn outbox_audit(&self) -> String {
        let query = "SELECT concat_ws(' ', action, outcome, detail) AS text FROM audit_log \
                     WHERE origin = 'notification' ORDER BY id";
        self.database.text(query).await
    }

    async fn ends_verified(&self, instance: &str) {
        let ended = self.engine.ended(instance).await;
        assert_eq!(ended.at, "email_verified");
        assert_eq!(ended.variables["email_verified"], true);
    }
}

/// Somebody has the link in hand, and the instance waits for it.
struct Story {
    world: World,
    tree: Tree,
    instance: String,
    token: String,
}

impl Story {
    async fn begin() -> Self {
        let world = World::new().await;
        let tree = verifying(&world).start();
        let user = world.somebody().await;
        let (instance, token) = world.mailed(&user).await;
        Self {
            world,
            tree,
            instance,
            token,
        }
    }

    /// Presses the button behind the link, which confirms the address whatever the engine does.
    async fn press(&self) {
        assert_eq!(self.world.press(&links(), &self.token).await, CONFIRMED);
        self.tree.wake();
    }
}

/// A tree that works on the tasks of the security processes.
fn verifying(world: &World) -> TreeBuilder<'_> {
    let mut registry = Registry::default();
    security::register(&mut registry, links().signing_key());
    TreeBuilder::new(world, registry)
}

/// A tree that sends what is in the outbox, and nothing else.
fn sending(world: &World) -> TreeBuilder<'_> {
    TreeBuilder::new(world, Registry::default())
}

impl Tree {
    /// Tells the tree what the page of the link tells it.
    fn wake(&self) {
        if let Address::Notification(address) = self.address(ChildId::Notification) {
            address.do_send(OutboxGrew);
        }
    }

    fn told(&self, outcome: &str) -> f64 {
        self.series(&format!(
            r#"phantom_worker_engine_messages_total{{outcome="{outcome}",template="email_verified"}}"#
        ))
    }

    async fn has_told(&self, outcome: &str, times: f64) {
        until(&format!("{times} times {outcome}"), async || {
            (self.told(outcome) >= times).then_some(())
        })
        .await;
    }
}

async fn token_mailed_to(user: &User) -> String {
    token_in(&mailbox::mail_to(&user.address).await)
}

/// The token of the link in a mail's text.
fn token_in(mail: &Json) -> String {
    let words = mail["text"].as_str().unwrap().split_whitespace();
    let mut links = words.filter_map(|word| word.split_once("/verify-email/"));
    let (_, token) = links.next().expect("the mail carries a link");
    token.to_owned()
}

#[test]
fn who_follows_the_link_in_the_mail_ends_the_instance() {
    on_a_system(async {
        let story = Story::begin().await;
        let (world, tree) = (&story.world, &story.tree);

        story.press().await;

        world.ends_verified(&story.instance).await;
        world.message_is("it is sent", |it| it == "sent 1").await;
        let kept = "outbox WHERE channel = 'engine_message' AND payload IS NOT NULL";
        assert_eq!(world.count(kept).await, 0, "parameters kept");
        assert!((tree.told("correlated") - 1.0).abs() < f64::EPSILON);
        assert_eq!(world.outbox_audit().await, "");
        story.tree.drain().await;
    });
}
