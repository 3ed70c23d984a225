//! A client whose engine is a script, for what the real one cannot be told to answer.

use std::time::Duration;

use wiremock::MockServer;

use super::{Client, Credentials, EngineSettings};

/// Settings for the scripted engine.
pub(crate) fn settings(engine: &MockServer) -> EngineSettings {
    // A second installation fails and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    EngineSettings {
        url: format!("{}/engine-rest/", engine.uri()).parse().unwrap(),
        credentials: Some(Credentials {
            user: "demo".into(),
            password: "s3cret".to_owned().into(),
        }),
        tenant_ids: vec!["bank".into(), "shop".into()],
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(10),
        ca_file: None,
    }
}

/// A client for the scripted engine.
pub(crate) fn client(engine: &MockServer) -> Client {
    Client::new(settings(engine)).unwrap()
}
