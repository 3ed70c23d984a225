//! Against PostgreSQL, and an engine that says what a test wants it to.

mod house;

use std::collections::BTreeSet;

use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use self::house::House;
use super::*;

const DAY: Duration = Duration::from_secs(86_400);

const AGES: Ages = Ages {
    completions: Some(Duration::from_secs(90 * 86_400)),
    sent_messages: Some(Duration::from_secs(30 * 86_400)),
    deliveries: Some(Duration::from_secs(7 * 86_400)),
    personal_data: Some(Duration::from_secs(30 * 86_400)),
};

/// How many rows of each kind, in the order of the kinds.
fn rows(results: &[Purged]) -> Vec<usize> {
    results.iter().map(|purged| purged.rows).collect()
}

fn only_completions() -> Ages {
    Ages {
        completions: AGES.completions,
        ..Ages::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_completions_of_instances_that_ended_long_ago_go() {
    let house = House::new().await;
    let ended = json!({
        "ended": "2020-01-01T00:00:00.000+0000",
        "ended-lately": "2126-01-01T00:00:00.000+0000",
        // Runs, and the history has only just been asked.
        "no-end-yet": null,
        "young": "2020-01-01T00:00:00.000+0000",
    });
    house.know(&["running"], ended, true).await;
    for instance in [
        "running",
        "ended",
        "ended-lately",
        "no-end-yet",
        "forgotten",
    ] {
        house.completion(instance, 91).await;
    }
    house.completion("young", 89).await;
    house.completion("of-another-engine", 91).await;
    house
        .database
        .run("UPDATE task_completions SET engine_id = 'another' WHERE task_id LIKE '%another%'")
        .await;

    let dry = house.purge(only_completions(), true).await;
    let after_dry = house
        .database
        .count("SELECT count(*) FROM task_completions");
    let after_dry = after_dry.await;
    let purged = house.purge(only_completions(), false).await;

    assert_eq!((rows(&dry), after_dry), (vec![2], 7));
    assert_eq!(rows(&purged), [2]);
    assert_eq!(
        house.completions().await,
        "ended-lately\nno-end-yet\nof-another-engine\nrunning\nyoung"
    );
    assert_eq!(house.audit().await, "purge completions_purged 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_completions_of_one_instant_are_gone_through_page_by_page() {
    let house = House::new().await;
    house
        .database
        .run(
            "INSERT INTO task_completions (engine_id, task_id, topic, process_definition_key, \
             process_instance_id, activity_instance_id, input_sha256, answer, completed_at) \
             SELECT 'default', n::text, 't', 'p', n::text, 'a', sha256(''), '{}', '2020-01-01' \
             FROM generate_series(1, 12500) AS n",
        )
        .await;
    let odd = |asked: BTreeSet<String>| {
        assert!(asked.len() <= 500, "{} ids at once", asked.len());
        let odd = asked
            .into_iter()
            .filter(|id| id.ends_with(['1', '3', '5', '7', '9']));
        odd.map(|id| json!({ "id": id })).collect()
    };
    house.answer("process-instance", odd).await;
    house
        .answer("history/process-instance", |_| Vec::new())
        .await;
    Mock::given(path("/engine-rest/authorization/check"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "authorized": true })))
        .expect(1)
        .mount(&house.engine)
        .await;

    let purged = house.purge(only_completions(), false).await;

    assert!(purged[0].trouble.is_none());
    assert_eq!(rows(&purged), [6250]);
    let even = "SELECT count(*) FROM task_completions WHERE task_id::int % 2 = 0";
    assert_eq!(house.database.count(even).await, 0);
    assert_eq!(house.audit().await, "purge completions_purged 6250");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_engine_no_completion_goes_and_all_else_does() {
    let house = House::new().await;
    house.completion("ended", 91).await;
    house.old_things().await;
    // Half an answer is none: what the first call says is not believed alone.
    house.answer("process-instance", |_| Vec::new()).await;
    Mock::given(path("/engine-rest/history/process-instance"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&house.engine)
        .await;

    let purged = house.purge(AGES, false).await;

    assert!(matches!(purged[0].trouble, Some(Trouble::Engine(_))));
    assert_eq!(rows(&purged), [0, 1, 2, 2]);
    assert_eq!(house.completions().await, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_knows_nothing_of_ours_is_not_believed() {
    let house = House::new().await;
    house.know(&["elsewhere"], json!({}), true).await;
    house.completion("old", 91).await;
    house.completion("new", 1).await;

    let purged = house.purge(only_completions(), false).await;

    assert!(matches!(purged[0].trouble, Some(Trouble::Stranger)));
    assert_eq!(house.completions().await, "new\nold");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_knows_a_new_instance_is_believed_about_a_forgotten_one() {
    let house = House::new().await;
    house.know(&["new"], json!({}), true).await;
    house.completion("old", 91).await;
    house.completion("new", 1).await;

    let purged = house.purge(only_completions(), false).await;

    assert_eq!(rows(&purged), [1]);
    assert_eq!(house.completions().await, "new");
}

/// No permission tells which tenants a user belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_another_tenants_is_not_taken_for_ended() {
    let mut house = House::new().await;
    house.tenant_ids = vec!["bank".to_owned()];
    let ended = json!({"ended": "2020-01-01T00:00:00.000+0000"});
    house.know(&[], ended, true).await;
    house.completion("of-the-shop", 91).await;
    house.completion("ended", 91).await;

    let purged = house.purge(only_completions(), false).await;

    assert_eq!(rows(&purged), [1]);
    assert_eq!(house.completions().await, "of-the-shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_user_may_not_see_is_not_taken_for_ended() {
    let house = House::new().await;
    let ended = json!({"ended": "2020-01-01T00:00:00.000+0000"});
    house.know(&[], ended, false).await;
    house.completion("hidden", 91).await;
    house.completion("ended", 91).await;

    let purged = house.purge(only_completions(), false).await;

    assert_eq!(rows(&purged), [1]);
    assert_eq!(house.completions().await, "hidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_and_dead_letters_stay() {
    let house = House::new().await;
    house.old_things().await;
    let before = house.everything().await;

    let dry = house.purge(AGES, true).await;
    let after_dry = house.everything().await;
    let purged = house.purge(AGES, false).await;
    let again = house.purge(AGES, false).await;

    assert_eq!(rows(&dry), [0, 1, 2, 2]);
    assert_eq!(after_dry, before);
    assert_eq!(rows(&purged), [0, 1, 2, 2]);
    assert_eq!(rows(&again), [0, 0, 0, 0]);
    let messages = "SELECT notification_key AS text FROM outbox ORDER BY text";
    assert_eq!(
        house.database.text(messages).await,
        "dead-400\npending-400\nsent-29"
    );
    let deliveries = "SELECT task_id AS text FROM task_deliveries";
    assert_eq!(house.database.text(deliveries).await, "young");
    let persons = "SELECT concat_ws(' ', status, num_nonnulls(first_name, last_name, email, \
                   phone_number, national_id, date_of_birth)) AS text \
                   FROM wallet_creation_requests ORDER BY text";
    assert_eq!(
        house.database.text(persons).await,
        "approved 6\nfulfilled 0\nfulfilled 6\nrejected 0"
    );
    assert_eq!(
        house.audit().await,
        "purge sent_messages_purged 1\npurge deliveries_purged 2\npurge personal_data_purged 2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_stays() {
    let house = House::new().await;
    house.old_things().await;
    house.completion("ended", 91).await;
    let before = house.everything().await;

    let purged = house.purge(Ages::default(), false).await;

    assert!(purged.is_empty());
    assert_eq!(house.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_at_once_purge_once() {
    let house = House::new().await;
    house
        .database
        .run(
            "INSERT INTO task_deliveries (engine_id, task_id, topic, silent, delivered_at) \
             SELECT 'default', n::text, 't', 1, now() - interval '8 days' \
             FROM generate_series(1, 25000) AS n",
        )
        .await;
    let ages = Ages {
        deliveries: Some(7 * DAY),
        ..Ages::default()
    };

    let (one, other) = tokio::join!(house.purge(ages, false), house.purge(ages, false));

    assert_eq!(one[0].rows + other[0].rows, 25_000);
    let both = [&one[0].trouble, &other[0].trouble];
    let busy = |trouble: &&&Option<Trouble>| matches!(trouble, Some(Trouble::Busy));
    assert!(both.iter().filter(busy).count() <= 1);
    assert!(both.iter().any(|trouble| trouble.is_none()));
    let audited = "SELECT sum((detail::jsonb ->> 'rows')::int) AS count FROM audit_log";
    assert_eq!(house.database.count(audited).await, 25_000);
    let most = "SELECT max((detail::jsonb ->> 'rows')::int)::bigint AS count FROM audit_log";
    assert_eq!(house.database.count(most).await, 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_one_purges_nothing_is_done() {
    let house = House::new().await;
    house.old_things().await;
    let mut other = house.database.pool.get().await.unwrap();
    let purged = other
        .transaction(async |conn| {
            assert!(store::housekeeping::begin(conn).await?);
            diesel::QueryResult::Ok(house.purge(AGES, false).await)
        })
        .await
        .unwrap();

    assert_eq!(rows(&purged), [0, 0, 0, 0]);
    // Of the completions there are none, so nobody had to take turns.
    assert!(purged[0].trouble.is_none());
    assert!(
        purged[1..]
            .iter()
            .all(|purged| matches!(purged.trouble, Some(Trouble::Busy)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_search_can_use_its_index() {
    let house = House::new().await;
    house.know(&[], json!({}), true).await;
    house.old_things().await;
    house.completion("ended", 91).await;
    let tries = "SELECT count(*) FROM pg_stat_user_indexes WHERE idx_scan > 0 AND indexrelname \
                 IN ('task_completions_completed_at_idx', 'outbox_sent_at_idx', \
                     'wallet_creation_requests_personal_idx')";
    let before = house.database.count(tries).await;
    // One after the other, so all of it is done by one connection.
    house.database.run("SET enable_seqscan = off").await;

    house.purge(AGES, false).await;

    house
        .database
        .text("SELECT pg_stat_force_next_flush()::text AS text")
        .await;
    assert_eq!((before, house.database.count(tries).await), (0, 3));
}
