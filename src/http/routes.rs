//! Which address leads where, on each of the two ports, and what all answers have in common.

use std::sync::Arc;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Handler, HttpResponse, Resource, Responder};

use super::ops;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// The port for the cluster.
pub(super) fn ops(
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send {
    move |app| {
        app.app_data(Data::from(Arc::clone(&metrics)))
            .app_data(Data::from(Arc::clone(&readiness)))
            .service(read_only("/livez", ops::livez))
            .service(read_only("/readyz", ops::readyz))
            .service(read_only("/startupz", ops::startupz))
            .service(read_only("/metrics", ops::metrics))
            .default_service(web::to(ops_index));
    }
}

/// The port for everybody.
pub(super) fn public(app: &mut ServiceConfig) {
    app.default_service(web::to(public_not_found));
}

/// A scrape or a probe is true for one moment only, and a page of ours needs nothing from anywhere
/// else and tells nobody where its reader came from.
pub(super) fn common_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((CACHE_CONTROL, "no-store"))
        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((REFERRER_POLICY, "no-referrer"))
        .add((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
}

/// An address that is looked at and changes nothing. HEAD has to be routed by hand in actix-web.
fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let look = web::route().guard(Any(Get()).or(Head())).to(handler);
    web::resource(path)
        .route(look)
        .default_service(web::to(only_get_and_head))
}

async fn only_get_and_head() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, "GET, HEAD"))
        .content_type(ContentType::plaintext())
        .body("this address is only read: GET or HEAD\n")
}

async fn ops_index() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type(ContentType::plaintext())
        .body("nothing here; there is /livez, /readyz, /startupz and /metrics\n")
}

async fn public_not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type(ContentType::html())
        .body(include_str!("not_found.html"))
}
