//! Answers that no engine should give, and none at all.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::super::scripted::{client, settings};
use super::super::{Client, ClientError, EngineSettings, MAX_ANSWER};
use super::{answering, fetch, task};
use crate::camunda::error::{EngineError, Malformed, Unreachable};
use crate::camunda::variables::Variables;

#[tokio::test]
async fn half_a_character_in_one_task_does_not_lose_the_batch() {
    let body = r#"[{"id":"1","topicName":"t","errorMessage":"\ud83d"},{"id":"2","topicName":"t",
                    "variables":{"n":{"type":"Double","value":"NaN","valueInfo":{}}}}]"#;
    let engine = answering(ResponseTemplate::new(200).set_body_raw(body, "text/plain")).await;

    let tasks = client(&engine)
        .fetch_and_lock(&fetch(Duration::ZERO))
        .await
        .unwrap();

    let ids: Vec<_> = tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(tasks[0].error_message.as_deref(), Some("\u{fffd}"));
}

#[tokio::test]
async fn a_success_that_is_not_the_answer_is_malformed() {
    for body in ["", "<html>log in</html>", r#"{"type":"x"}"#, "[{}]"] {
        let engine = answering(ResponseTemplate::new(200).set_body_string(body)).await;

        let error = client(&engine)
            .fetch_and_lock(&fetch(Duration::ZERO))
            .await
            .err()
            .unwrap();

        assert!(
            matches!(error, EngineError::Malformed(Malformed::Json(_))),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let body = vec![b' '; MAX_ANSWER + 1];
    let engine = answering(ResponseTemplate::new(200).set_body_bytes(body)).await;

    let error = client(&engine).version().await.unwrap_err();

    assert!(
        matches!(error, EngineError::Malformed(Malformed::TooLarge { .. })),
        "{error}"
    );
}

/// A client for whatever listens there.
async fn client_of(listener: &TcpListener) -> Client {
    let url = format!("http://{}/engine-rest", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    Client::new(EngineSettings {
        url,
        ..settings(&MockServer::start().await)
    })
    .unwrap()
}

#[track_caller]
fn assert_broken_off(error: &EngineError) {
    let is_so = matches!(
        error,
        EngineError::Unreachable {
            source: Unreachable::Transport(_),
            ..
        }
    );
    assert!(is_so, "{error}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener).await;
    let listener_address = listener.local_addr().unwrap();
    drop(listener);

    let error = client
        .complete(&task(), "w", &Variables::new())
        .await
        .unwrap_err();

    assert_broken_off(&error);
    assert!(error.is_transient() && !error.is_without_effect());
    let server = format!("http://{}/engine-rest", listener_address);
    assert_eq!(
        error.to_string(),
        format!("the engine at {server} cannot be reached")
    );
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn an_engine_that_hangs_up_without_a_word_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener).await;
    let engine = std::thread::spawn(move || drop(listener.accept()));

    let error = client
        .fetch_and_lock(&fetch(Duration::ZERO))
        .await
        .err()
        .unwrap();

    assert_broken_off(&error);
    engine.join().unwrap();
}

#[tokio::test]
async fn a_fetch_outlasts_the_time_out_of_other_calls() {
    let slow = ResponseTemplate::new(200)
        .set_body_string("[]")
        .set_delay(Duration::from_secs(1));
    let engine = answering(slow).await;
    let impatient = Duration::from_millis(100);
    let client = Client::new(EngineSettings {
        request_timeout: impatient,
        ..settings(&engine)
    })
    .unwrap();

    let other = client.version().await.unwrap_err();
    let tasks = client
        .fetch_and_lock(&fetch(Duration::from_secs(1)))
        .await
        .unwrap();

    assert!(matches!(other, EngineError::Unreachable { .. }));
    assert!(tasks.is_empty());
}

#[tokio::test]
async fn a_redirect_to_a_login_page_is_not_followed() {
    let to = ResponseTemplate::new(302).insert_header("location", "/login");
    let engine = answering(to).await;

    let error = client(&engine).version().await.unwrap_err();

    assert!(
        matches!(error, EngineError::Unreachable { source: Unreachable::Gateway(answer), .. } if answer.status == 302)
    );
    assert_eq!(engine.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_engines_own_404_is_nothing_found() {
    let of_kind = |kind: &str| json!({"type": kind, "message": "m", "code": 0});
    let engine =
        answering(ResponseTemplate::new(404).set_body_json(of_kind("RestException"))).await;
    assert!(client(&engine).find_task(&task()).await.unwrap().is_none());

    let no_path = ResponseTemplate::new(404).set_body_json(of_kind("NotFoundException"));
    let engine = answering(no_path).await;
    let found = client(&engine).find_task(&task()).await;
    assert!(matches!(found, Err(EngineError::Refused(_))));

    let engine = answering(ResponseTemplate::new(404).set_body_json(json!("nginx"))).await;
    let found = client(&engine).find_task(&task()).await;
    assert!(matches!(found, Err(EngineError::Unreachable { .. })));
}

#[tokio::test]
async fn an_address_of_another_scheme_or_a_missing_authority_makes_no_client() {
    let engine = MockServer::start().await;
    let elsewhere = EngineSettings {
        url: "ftp://engine/".parse().unwrap(),
        ..settings(&engine)
    };
    let missing = EngineSettings {
        ca_file: Some("no-such.pem".into()),
        ..settings(&engine)
    };

    assert!(matches!(Client::new(elsewhere), Err(ClientError::Address)));
    assert!(matches!(
        Client::new(missing),
        Err(ClientError::CaFile { .. })
    ));
}
