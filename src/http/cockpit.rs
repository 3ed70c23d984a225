//! `/go/…`: from an id to its page in Cockpit.
//!
//! A dashboard knows a process by its key alone, and where the web application is only we know: so a
//! link leads here, and from here on. It is for people inside, and leads nowhere but to the address
//! in the settings.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION};
use actix_web::web::{Data, Path};

use super::desk::OpsDesk;
use super::ops::text;
use crate::camunda::EngineError;
use crate::camunda::model::DefinitionInfo;

/// More than any id of an engine has.
const LONGEST_ID: usize = 255;

/// The page of a process instance, running or ended.
pub(super) async fn instance(desk: Data<OpsDesk>, id: Path<String>) -> HttpResponse {
    if !is_id(&id) {
        return no_id();
    }
    match desk.cockpit.instance(&id) {
        Some(page) => lead_to(&page),
        None => no_cockpit("COCKPIT_INSTANCE_URL"),
    }
}

/// The page of the newest version of a process.
pub(super) async fn definition(desk: Data<OpsDesk>, key: Path<String>) -> HttpResponse {
    if !is_id(&key) {
        return no_id();
    }
    if !desk.cockpit.shows_definitions() {
        return no_cockpit("COCKPIT_DEFINITION_URL");
    }
    match desk.newest(&key).await {
        Ok(Some(newest)) => match desk.cockpit.definition(&newest) {
            Some(page) => lead_to(&page),
            None => no_cockpit("COCKPIT_DEFINITION_URL"),
        },
        Ok(None) => text(
            StatusCode::NOT_FOUND,
            format!("the engine knows no process {}\n", *key),
        ),
        Err(error) => text(
            StatusCode::BAD_GATEWAY,
            format!("no answer about {}: {error}\n", *key),
        ),
    }
}

/// Why nothing is known of a process.
#[derive(thiserror::Error, Debug)]
enum Unknown {
    #[error("the engine did not tell")]
    Engine(#[from] EngineError),
    #[error("asking for it panicked, or this replica is leaving")]
    Ourselves,
}

impl OpsDesk {
    async fn newest(&self, key: &str) -> Result<Option<DefinitionInfo>, Unknown> {
        let (engine, key) = (self.engine.clone(), key.to_owned());
        // Connections belong to the multi-thread runtime, not to this server's thread.
        let asked = self
            .runtime
            .spawn(async move { engine.definitions(&key, true).await });
        let versions = asked.await.map_err(|_panicked| Unknown::Ourselves)??;
        Ok(versions.into_iter().next())
    }
}

fn lead_to(page: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, page))
        .content_type(ContentType::plaintext())
        .body(format!("{page}\n"))
}

/// Engines make ids of letters, digits and a few signs, and so do the keys of processes.
fn is_id(text: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "-_.:".contains(character);
    (1..=LONGEST_ID).contains(&text.len()) && text.chars().all(is_plain)
}

fn no_id() -> HttpResponse {
    text(
        StatusCode::BAD_REQUEST,
        "an id is made of letters, digits, dashes, dots, colons and underscores\n".to_owned(),
    )
}

fn no_cockpit(template: &str) -> HttpResponse {
    text(
        StatusCode::NOT_FOUND,
        format!("nobody told where Cockpit is: set COCKPIT_URL, or {template}\n"),
    )
}
