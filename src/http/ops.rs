//! What Kubernetes and Prometheus ask: the three probes and the metrics.
//!
//! A probe answers 200 while it passes, also when a part is degraded, and 503 when it fails; its
//! JSON body names every check, so that somebody who sees a pod that is not ready sees why.

use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::Data;

use crate::metrics::Metrics;
use crate::readiness::{Readiness, Report, Status};

/// The text format of `prometheus`, with the character set that some scrapers ask for.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn livez(readiness: Data<Readiness>) -> HttpResponse {
    answer(&readiness.livez(Instant::now()))
}

pub(super) async fn readyz(readiness: Data<Readiness>) -> HttpResponse {
    answer(&readiness.readyz(Instant::now()))
}

pub(super) async fn startupz(readiness: Data<Readiness>) -> HttpResponse {
    answer(&readiness.startupz())
}

pub(super) async fn metrics(metrics: Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(METRICS_TYPE)
        .body(metrics.render())
}

fn answer(report: &Report) -> HttpResponse {
    let status = match report.status {
        Status::Ok | Status::Degraded => StatusCode::OK,
        Status::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    HttpResponse::build(status).json(report)
}

/// A line for whoever asked by hand.
pub(super) fn text(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::plaintext())
        .body(text)
}
