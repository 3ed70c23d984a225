//! Whose messages are claimed, how many, and when the next one falls due.

use serde_json::json;

use super::*;
use crate::store::testing::{TestDatabase, database};

const OURS: Queue<'_> = Queue::EngineMessage { engine_id: "ours" };
const THEIRS: Queue<'_> = Queue::EngineMessage {
    engine_id: "theirs",
};
const TERM: Duration = Duration::from_secs(60);

async fn queue(database: &TestDatabase, key: &str, engine_id: Option<&str>) {
    let message = NewMessage {
        id: Uuid::now_v7(),
        notification_key: key.to_owned(),
        channel: engine_id.map_or(MAIL, |_| ENGINE_MESSAGE),
        template: "any",
        payload: json!({}),
        process_instance_id: None,
        engine_id,
    };
    let conn = database.pool.get().await.unwrap();
    assert_eq!(insert(&conn, &[message]).await, Ok(1));
}

async fn claim(database: &TestDatabase, queue: Queue<'_>, limit: i64) -> Vec<ClaimedMessage> {
    let mut conn = database.pool.get().await.unwrap();
    claim_due(&mut conn, queue, limit, TERM).await.unwrap()
}

async fn next_due(database: &TestDatabase, queue: Queue<'_>) -> Option<Duration> {
    let mut conn = database.pool.get().await.unwrap();
    next_due_in(&mut conn, queue).await.unwrap()
}

fn keys(claimed: &[ClaimedMessage]) -> Vec<&str> {
    let keys = claimed.iter().map(|message| &*message.notification_key);
    keys.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_queue_gives_its_own_messages_only() {
    let database = database().await;
    queue(&database, "a mail", None).await;
    queue(&database, "to ours", Some("ours")).await;
    assert_eq!(next_due(&database, THEIRS).await, None);
    queue(&database, "to theirs", Some("theirs")).await;

    let mails = claim(&database, Queue::Mail, 10).await;
    let ours = claim(&database, OURS, 10).await;

    assert_eq!(keys(&mails), ["a mail"]);
    assert_eq!(keys(&ours), ["to ours"]);
    assert_eq!(next_due(&database, THEIRS).await, Some(Duration::ZERO));
    assert_eq!(keys(&claim(&database, THEIRS, 10).await), ["to theirs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_claimed_than_there_are_places_and_none_twice() {
    let database = database().await;
    for number in 0..5 {
        queue(&database, &format!("mail {number}"), None).await;
    }

    let first = claim(&database, Queue::Mail, 3).await;
    let rest = claim(&database, Queue::Mail, 3).await;

    assert_eq!((first.len(), rest.len()), (3, 2));
    assert!(claim(&database, Queue::Mail, 3).await.is_empty());
    assert!(first.iter().all(|message| message.attempts == 1));
    let next = next_due(&database, Queue::Mail).await.unwrap();
    assert!(next > TERM / 2 && next <= TERM, "{next:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_put_off_is_due_again_after_its_wait() {
    let database = database().await;
    queue(&database, "to ours", Some("ours")).await;
    let mut conn = database.pool.get().await.unwrap();

    let claimed = claim(&database, OURS, 1).await;
    let again = Duration::from_secs(30);
    claimed[0]
        .put_off(&mut conn, claimed[0].attempts, again, "not yet")
        .await
        .unwrap();

    let next = next_due(&database, OURS).await.unwrap();
    assert!(next > again / 2 && next <= again, "{next:?}");
    database
        .run("UPDATE outbox SET next_attempt_at = now()")
        .await;
    let retried = claim(&database, OURS, 1).await;
    assert_eq!(retried[0].attempts, 2);
    assert!(retried[0].claimed_at > claimed[0].claimed_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_only_looked_at_has_no_attempt_behind_it() {
    let database = database().await;
    queue(&database, "a mail", None).await;
    let mut conn = database.pool.get().await.unwrap();

    let claimed = claim(&database, Queue::Mail, 1).await;
    claimed[0]
        .put_off(&mut conn, 0, Duration::ZERO, "its key is not here")
        .await
        .unwrap();

    let again = claim(&database, Queue::Mail, 1).await;
    assert_eq!((claimed[0].attempts, again[0].attempts), (1, 1));
    assert_eq!(claimed[0].created_at, again[0].created_at);
}
