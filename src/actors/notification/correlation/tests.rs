//! What each answer of the engine means for a message, and for those after it.

use chrono::DateTime;
use uuid::Uuid;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::camunda::client::scripted;
use crate::camunda::model::ProcessInstanceId;

/// The status and the body of an answer.
type Answer<'a> = (u16, &'a str);

const TAKEN: Answer<'_> = (204, "");
const MISMATCH: Answer<'_> = (400, r#"{"type":"RestException","message":"m","code":0}"#);
const UNKNOWN: Answer<'_> = (404, r#"{"type":"RestException","message":"m","code":0}"#);
const LIVES: Answer<'_> = (200, r#"{"id":"pi","suspended":false}"#);
const STANDS_STILL: Answer<'_> = (200, r#"{"id":"pi","suspended":true}"#);
const WAS_CANCELLED: Answer<'_> = (
    200,
    r#"{"id":"pi","state":"EXTERNALLY_TERMINATED","endTime":"2026-11-23T09:00:00.000+0000"}"#,
);
const HAS_A_PAST: Answer<'_> = (200, r#"{"id":"pi","state":"ACTIVE","endTime":null}"#);
const RACE: Answer<'_> = (
    500,
    r#"{"type":"NullPointerException","message":null,"code":null}"#,
);
const NO_ENTRY: Answer<'_> = (401, "");
const GATEWAY: Answer<'_> = (503, "<html>");
/// A question that must not be asked.
const NEVER: Answer<'_> = (599, "");

fn message() -> EngineMessage {
    EngineMessage::EmailVerified {
        engine_id: "default".to_owned(),
        process_instance_id: ProcessInstanceId::new("pi").unwrap(),
        verification_id: Uuid::from_u128(7),
        until: DateTime::UNIX_EPOCH,
    }
}

/// What is heard of an engine that answers so to the message, to the question for the instance, and
/// to the one for its past.
async fn heard(told: Answer<'_>, present: Answer<'_>, past: Answer<'_>) -> Heard {
    let engine = MockServer::start().await;
    let places = [
        ("/engine-rest/message", told),
        ("/engine-rest/process-instance/pi", present),
        ("/engine-rest/history/process-instance/pi", past),
    ];
    for (place, (status, body)) in places {
        let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
        let calls = u64::from(status != NEVER.0);
        Mock::given(path(place))
            .respond_with(answer)
            .expect(calls)
            .mount(&engine)
            .await;
    }
    correlate(&scripted::client(&engine), &message()).await
}

#[tokio::test]
async fn a_message_that_is_taken_leaves_no_question() {
    let heard = heard(TAKEN, NEVER, NEVER).await;

    assert!(matches!(heard, Heard::Told), "{heard:?}");
}

#[tokio::test]
async fn a_mismatch_means_what_the_engine_says_of_the_instance() {
    for (present, suspended) in [(LIVES, false), (STANDS_STILL, true)] {
        let heard = heard(MISMATCH, present, NEVER).await;
        let expected = matches!(heard, Heard::NotWaiting { suspended: it } if it == suspended);
        assert!(expected, "{heard:?}");
    }
    let cancelled = heard(MISMATCH, UNKNOWN, WAS_CANCELLED).await;
    assert!(
        matches!(&cancelled, Heard::Ended { state: Some(state) } if state == "EXTERNALLY_TERMINATED"),
        "{cancelled:?}"
    );
    // An engine need not keep a history.
    let forgotten = heard(MISMATCH, UNKNOWN, UNKNOWN).await;
    assert!(
        matches!(forgotten, Heard::Ended { state: None }),
        "{forgotten:?}"
    );
    let hidden = heard(MISMATCH, UNKNOWN, HAS_A_PAST).await;
    assert!(
        matches!(hidden, Heard::NotWaiting { suspended: false }),
        "{hidden:?}"
    );
}

#[tokio::test]
async fn an_engine_that_cannot_answer_says_nothing_of_the_instance() {
    for fault in [RACE, NO_ENTRY, GATEWAY] {
        for heard in [
            heard(fault, NEVER, NEVER).await,
            heard(MISMATCH, fault, NEVER).await,
            heard(MISMATCH, UNKNOWN, fault).await,
        ] {
            assert!(matches!(heard, Heard::Failed(_)), "{heard:?}");
        }
    }
}

async fn later_after((status, body): Answer<'_>, attempts: i32) -> Later {
    let Heard::Failed(error) = heard((status, body), NEVER, NEVER).await else {
        panic!("{status} is a fault")
    };
    match failed(error, attempts) {
        Attempt::Later(later) => later,
        _ => panic!("a fault of the engine is never the end"),
    }
}

#[tokio::test]
async fn a_lost_race_is_run_again_soon_and_the_next_message_is_sent_at_once() {
    let (first, tenth) = (later_after(RACE, 1).await, later_after(RACE, 10).await);

    assert!(first.wait < Duration::from_millis(400), "{:?}", first.wait);
    assert!(tenth.wait <= Duration::from_secs(6), "{:?}", tenth.wait);
    assert_eq!(first.peer, Peer::Well);
}

#[tokio::test]
async fn an_engine_that_is_away_or_lets_nobody_in_is_left_alone() {
    let rest_after = async |fault| match later_after(fault, 1).await.peer {
        Peer::Unwell { rest } => rest,
        Peer::Well => panic!("the next message would fare no better"),
    };

    assert_eq!(rest_after(GATEWAY).await, Duration::ZERO);
    assert!(rest_after(NO_ENTRY).await >= Duration::from_secs(5));
}

#[test]
fn an_instance_that_does_not_wait_is_asked_again_at_first_soon_and_at_least_each_minute() {
    let later = |attempts| match not_waiting(false, attempts) {
        Attempt::Later(later) => later,
        _ => panic!("it may wait later"),
    };

    assert!(later(1).wait < Duration::from_millis(400));
    assert_eq!(later(1).level, Level::DEBUG);
    let longest = (1..1000).map(|attempts| later(attempts).wait).max();
    assert!(longest <= Some(Duration::from_secs(60)), "{longest:?}");
    assert_eq!(later(1000).level, Level::WARN);
}

#[test]
fn only_a_message_that_would_go_on_waiting_comes_to_an_end() {
    let not_waiting = || Heard::NotWaiting { suspended: true };
    let ended = || Heard::Ended { state: None };
    let outcome = |heard, is_over| judge(heard, &message(), 1, is_over).0;

    assert_eq!(outcome(not_waiting(), false), MessageOutcome::NotWaiting);
    assert_eq!(outcome(not_waiting(), true), MessageOutcome::SetAside);
    assert_eq!(outcome(Heard::Told, true), MessageOutcome::Correlated);
    assert_eq!(outcome(ended(), true), MessageOutcome::InstanceEnded);
    let (_, attempt) = judge(not_waiting(), &message(), 1, true);
    assert!(matches!(attempt, Attempt::Dead(reason) if reason.contains("suspended")));
}

#[tokio::test]
async fn what_the_engine_says_of_a_failure_is_kept_nowhere() {
    let words = r#"{"type":"ProcessEngineException","message":"value 'Naledi Kgosi'","code":11}"#;
    let no_name = r#"{"type":"No mail to Naledi Kgosi","message":"Naledi","code":null}"#;
    for (answer, kept) in [
        (
            (500, words),
            "the engine refuses: 500 ProcessEngineException code 11",
        ),
        ((500, no_name), "the engine refuses: 500"),
        (
            (401, words),
            "the engine does not let us: 401 ProcessEngineException code 11",
        ),
        (
            (503, words),
            "something before the engine answered 503 ProcessEngineException code 11",
        ),
    ] {
        let later = later_after(answer, 1).await;
        let (_, attempt) = judge(heard(answer, NEVER, NEVER).await, &message(), 1, true);

        let Attempt::Dead(reason) = attempt else {
            panic!("{kept}: nobody waits for it")
        };
        assert!(later.reason.ends_with(kept), "{}", later.reason);
        assert_eq!(
            reason,
            format!("nobody waits for it any more: {}", later.reason)
        );
    }
}
