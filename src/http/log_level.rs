//! `/log-level`: what this replica logs, to be read by everybody and changed by who knows the token.
//!
//! It holds until the process ends; the others go on as they were.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, ContentType, WWW_AUTHENTICATE};
use actix_web::web::{Bytes, Data};
use secrecy::ExposeSecret;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::desk::OpsDesk;
use super::ops::text;

#[derive(Serialize)]
struct Told<'a> {
    replica: &'a str,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    note: &'static str,
}

const NOTE: &str = "this replica only, until it ends or the level is changed again";

/// What is logged now.
pub(super) async fn show(desk: Data<OpsDesk>) -> HttpResponse {
    HttpResponse::Ok().json(Told {
        replica: &desk.replica,
        level: &desk.log_level.now(),
        before: None,
        note: NOTE,
    })
}

/// Logs as the body says from now on.
pub(super) async fn change(desk: Data<OpsDesk>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if desk.admin_token.is_none() {
        return text(
            StatusCode::FORBIDDEN,
            "nobody may change anything here: start this replica with ADMIN_TOKEN\n".to_owned(),
        );
    }
    if !desk.is_admin(&request) {
        return HttpResponse::Unauthorized()
            .insert_header((WWW_AUTHENTICATE, "Bearer"))
            .content_type(ContentType::plaintext())
            .body("send ADMIN_TOKEN as `Authorization: Bearer …`\n");
    }
    let Ok(level) = std::str::from_utf8(&body) else {
        return text(
            StatusCode::BAD_REQUEST,
            "the body is no text; send a level such as `debug`\n".to_owned(),
        );
    };
    let level = level.trim();
    match desk.log_level.change(level) {
        Ok(before) => {
            tracing::warn!(
                log.level = level,
                log.level_before = before,
                "the log level of this replica was changed from {before} to {level}"
            );
            (desk.on_log_level)(level);
            HttpResponse::Ok().json(Told {
                replica: &desk.replica,
                level,
                before: Some(&before),
                note: NOTE,
            })
        }
        Err(refused) => text(StatusCode::BAD_REQUEST, format!("{refused}\n")),
    }
}

impl OpsDesk {
    /// Whether the caller knows the token. Digests are compared, so the time taken tells nothing
    /// of how much of a guess was right.
    fn is_admin(&self, request: &HttpRequest) -> bool {
        let given = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let wanted = self.admin_token.as_ref().map(ExposeSecret::expose_secret);
        match (given, wanted) {
            (Some(given), Some(wanted)) => Sha256::digest(given) == Sha256::digest(wanted),
            _ => false,
        }
    }
}
