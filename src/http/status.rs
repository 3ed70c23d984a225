//! `/status`: this replica at a glance, as a page for people and as JSON for programs.
//!
//! It shows what the tree last told of itself and what the series hold; it asks nobody, so it costs
//! nothing and works while everything else is away. Nothing on it is about a customer.

mod page;
mod view;

use std::time::{Instant, SystemTime};

use actix_web::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, ContentType, REFRESH, VARY};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::desk::OpsDesk;
use view::View;

/// How the page is asked for.
#[derive(Deserialize)]
pub(super) struct Wish {
    /// `off` for a page that stands still.
    refresh: Option<String>,
}

/// Seconds between two looks of an open page.
const REFRESH_SECONDS: u32 = 5;

/// The page for a browser, JSON for everybody else.
pub(super) async fn status(
    desk: Data<OpsDesk>,
    request: HttpRequest,
    wish: Query<Wish>,
) -> HttpResponse {
    let view = View::of(&desk, Instant::now(), SystemTime::now());
    let wants_page = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("text/html"));
    if !wants_page {
        return HttpResponse::Ok()
            .insert_header((VARY, ACCEPT.as_str()))
            .json(view);
    }
    let is_still = wish.refresh.as_deref() == Some("off");
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(ContentType::html())
        .insert_header((VARY, ACCEPT.as_str()))
        .insert_header((CONTENT_SECURITY_POLICY, page::content_security_policy()));
    if !is_still {
        // As a header: there is no script here, and a reader can stop it by the link on the page.
        answer.insert_header((REFRESH, REFRESH_SECONDS.to_string()));
    }
    answer.body(page::render(&view, is_still))
}
