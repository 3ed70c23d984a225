//! Which address leads where, on each of the two ports, and what all answers have in common.

use std::sync::Arc;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY,
    CROSS_ORIGIN_RESOURCE_POLICY, ContentType, HeaderName, HeaderValue, PERMISSIONS_POLICY,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route};

use super::desk::OpsDesk;
use super::pages::content_security_policy;
use super::refusals::{Audience, Refusal};
use super::verify::Desk;
use super::{cockpit, log_level, ops, status, verify};

/// The port for the cluster.
pub(super) fn ops(desk: Arc<OpsDesk>) -> impl Fn(&mut ServiceConfig) + Clone + Send {
    move |app| {
        let level = web::resource("/log-level")
            .route(look_at(log_level::show))
            .route(web::put().to(log_level::change))
            .default_service(web::to(only_get_head_and_put));
        app.app_data(Data::from(Arc::clone(&desk.metrics)))
            .app_data(Data::from(Arc::clone(&desk.readiness)))
            .app_data(Data::from(Arc::clone(&desk)))
            .service(read_only("/livez", ops::livez))
            .service(read_only("/readyz", ops::readyz))
            .service(read_only("/startupz", ops::startupz))
            .service(read_only("/metrics", ops::metrics))
            .service(read_only("/status", status::status))
            .service(read_only("/go/instance/{id}", cockpit::instance))
            .service(read_only("/go/definition/{key}", cockpit::definition))
            .service(level)
            .default_service(web::to(ops_index));
    }
}

/// The port for everybody.
pub(super) fn public(desk: Arc<Desk>) -> impl Fn(&mut ServiceConfig) + Clone + Send {
    move |app| {
        let link = web::resource(verify::link_path())
            .route(look_at(verify::show))
            .route(web::post().to(verify::confirm))
            .default_service(web::to(only_get_head_and_post));
        app.app_data(Data::from(Arc::clone(&desk)))
            .service(read_only(&verify::thanks_path(), verify::thanks))
            .service(link)
            .default_service(web::to(public_not_found));
    }
}

/// What every answer of a port says besides its content.
#[derive(Clone)]
pub(super) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// A scrape or a probe is true for one moment only, and a page of ours needs nothing from
    /// anywhere else and tells nobody where its reader came from.
    pub(super) fn common() -> Self {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        Self(vec![
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CONTENT_SECURITY_POLICY, policy),
        ])
    }

    /// For the pages of customers. A browser that came by https is told never to come without.
    pub(super) fn public(is_https: bool) -> Self {
        let policy = HeaderValue::try_from(content_security_policy())
            .expect("a policy is of visible ASCII characters");
        let same_origin = HeaderValue::from_static("same-origin");
        let powers = HeaderValue::from_static(
            "camera=(), display-capture=(), fullscreen=(), geolocation=(), microphone=(), \
             payment=(), publickey-credentials-get=(), usb=()",
        );
        let mut headers = Self::common();
        headers
            .0
            .retain(|(name, _)| name != CONTENT_SECURITY_POLICY);
        headers.0.extend([
            (CONTENT_SECURITY_POLICY, policy),
            (CROSS_ORIGIN_OPENER_POLICY, same_origin.clone()),
            (CROSS_ORIGIN_RESOURCE_POLICY, same_origin),
            (PERMISSIONS_POLICY, powers),
            (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
        ]);
        if is_https {
            let a_year = HeaderValue::from_static("max-age=31536000");
            headers.0.push((STRICT_TRANSPORT_SECURITY, a_year));
        }
        headers
    }

    /// For an answer that the middleware does not see.
    pub(super) fn put_on(&self, answer: &mut HttpResponse) {
        for (name, value) in &self.0 {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }

    pub(super) fn middleware(&self) -> DefaultHeaders {
        let add = |headers: DefaultHeaders, header: &(HeaderName, HeaderValue)| {
            headers.add((header.0.clone(), header.1.clone()))
        };
        self.0.iter().fold(DefaultHeaders::new(), add)
    }
}

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// An address that is looked at and changes nothing.
fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(look_at(handler))
        .default_service(web::to(only_get_and_head))
}

/// HEAD has to be routed by hand in actix-web.
fn look_at<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(Any(Get()).or(Head())).to(handler)
}

async fn only_get_and_head(audience: Data<Audience>) -> HttpResponse {
    not_allowed(&audience, HeaderValue::from_static("GET, HEAD"))
}

async fn only_get_head_and_put(audience: Data<Audience>) -> HttpResponse {
    not_allowed(&audience, HeaderValue::from_static("GET, HEAD, PUT"))
}

async fn only_get_head_and_post(audience: Data<Audience>) -> HttpResponse {
    not_allowed(&audience, HeaderValue::from_static("GET, HEAD, POST"))
}

fn not_allowed(audience: &Audience, allowed: HeaderValue) -> HttpResponse {
    let mut answer = audience.refuse(Refusal::WrongMethod);
    answer.headers_mut().insert(ALLOW, allowed);
    answer
}

async fn ops_index() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type(ContentType::plaintext())
        .body(
            "nothing here; there is /status, /livez, /readyz, /startupz, /metrics, /log-level, \
             /go/instance/… and /go/definition/…\n",
        )
}

async fn public_not_found(desk: Data<Desk>) -> HttpResponse {
    desk.pages.not_found.answer()
}
