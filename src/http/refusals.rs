//! Why a request is refused, and in what words: a page for customers, a line for programs.
//!
//! Whatever refuses names only the reason, so limits and routes are the same for both ports.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;

use super::pages::Pages;

/// Why a request is refused.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// Its body is broken.
    Unreadable,
    /// The address is not for this method.
    WrongMethod,
    /// Its body did not arrive in time.
    TooSlow,
    /// Its body is more than any route has a use for.
    TooLarge,
    /// A fault of ours.
    Failed,
}

/// Who calls at a port.
#[derive(Clone)]
pub(super) enum Audience {
    /// Probes and scrapers.
    Programs,
    /// People before a browser.
    Customers(Arc<Pages>),
}

impl Audience {
    /// The answer to a request that is refused.
    pub(super) fn refuse(&self, refusal: Refusal) -> HttpResponse {
        match self {
            Self::Programs => HttpResponse::build(refusal.status())
                .insert_header(ContentType::plaintext())
                .body(refusal.line()),
            Self::Customers(pages) => pages.of(refusal).answer(),
        }
    }
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn line(self) -> &'static str {
        match self {
            Self::Unreadable => "the request's body is broken\n",
            Self::WrongMethod => "the address is not for this method\n",
            Self::TooSlow => "the request's body took too long\n",
            Self::TooLarge => "the request's body is too large\n",
            Self::Failed => "internal server error\n",
        }
    }
}
