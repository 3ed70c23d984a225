//! The client on a scripted engine.

mod answers;
mod connections;
mod sent;
mod watched;

use std::time::Duration;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::camunda::model::{FetchRequest, FetchTopic, Sorting, TaskId};

/// An engine that answers every call alike.
async fn answering(response: ResponseTemplate) -> MockServer {
    let engine = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&engine)
        .await;
    engine
}

fn fetch(wait: Duration) -> FetchRequest {
    FetchRequest {
        worker_id: "w".into(),
        max_tasks: 1,
        async_response_timeout: wait,
        sorting: Sorting::None,
        topics: vec![FetchTopic {
            topic: "t".into(),
            lock_duration: Duration::from_secs(10),
            variables: vec!["a".into()],
        }],
    }
}

/// A task whose id has to be escaped in a path.
fn task() -> TaskId {
    TaskId::new("a/b ?")
}
