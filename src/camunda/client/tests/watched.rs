//! What a watcher hears of calls.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wiremock::{MockServer, ResponseTemplate};

use super::super::scripted::settings;
use super::super::{CallWatch, Came, Client, EngineSettings, Operation};
use super::{answering, fetch, task};
use crate::camunda::model::TaskFilter;
use crate::camunda::variables::Variables;

#[derive(Default)]
struct Heard(Mutex<Vec<(Operation, Came)>>);

impl CallWatch for Heard {
    fn ended(&self, operation: Operation, came: Came, _: Duration) {
        self.0.lock().unwrap().push((operation, came));
    }
}

impl Heard {
    fn client(self: &Arc<Self>, settings: EngineSettings) -> Client {
        Client::watched(settings, Arc::clone(self) as Arc<dyn CallWatch>).unwrap()
    }

    fn take(&self) -> Vec<(Operation, Came)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn heard_of(engine: &MockServer) -> (Arc<Heard>, Client) {
    let heard = Arc::<Heard>::default();
    let client = heard.client(settings(engine));
    (heard, client)
}

#[tokio::test]
async fn each_call_is_told_once_with_its_status() {
    let engine = answering(ResponseTemplate::new(204)).await;
    let (heard, client) = heard_of(&engine).await;
    let (task, lock) = (task(), Duration::from_secs(1));

    client
        .complete(&task, "w", &Variables::new())
        .await
        .unwrap();
    client.extend_lock(&task, "w", lock).await.unwrap();
    client.unlock(&task).await.unwrap();

    let done = Came::Status(204);
    assert_eq!(
        heard.take(),
        [
            (Operation::Complete, done),
            (Operation::ExtendLock, done),
            (Operation::Unlock, done)
        ]
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_told_as_such_and_once() {
    let engine = answering(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let (heard, client) = heard_of(&engine).await;

    let counted = client.count_tasks(&TaskFilter::default()).await;
    let fetched = client.fetch_and_lock(&fetch(Duration::ZERO)).await;

    assert!(counted.is_err() && fetched.is_err());
    assert_eq!(
        heard.take(),
        [
            (Operation::QueryTasks, Came::Unreadable),
            (Operation::Fetch, Came::Unreadable)
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_told_by_its_status() {
    let engine = answering(ResponseTemplate::new(503)).await;
    let (heard, client) = heard_of(&engine).await;

    client.definition_xml("d").await.unwrap_err();
    client.version().await.unwrap_err();

    assert_eq!(
        heard.take(),
        [
            (Operation::QueryModels, Came::Status(503)),
            (Operation::Other, Came::Status(503))
        ]
    );
}

#[tokio::test]
async fn silence_and_a_broken_connection_are_told_apart() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let engine = answering(slow).await;
    let heard = Arc::<Heard>::default();
    let impatient = heard.client(EngineSettings {
        request_timeout: Duration::from_millis(50),
        ..settings(&engine)
    });
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/engine-rest", nobody.local_addr().unwrap());
    drop(nobody);
    let lonely = heard.client(EngineSettings {
        url: url.parse().unwrap(),
        ..settings(&engine)
    });

    impatient.version().await.unwrap_err();
    lonely.version().await.unwrap_err();

    assert_eq!(
        heard.take(),
        [
            (Operation::Other, Came::Timeout),
            (Operation::Other, Came::Broken)
        ]
    );
}
