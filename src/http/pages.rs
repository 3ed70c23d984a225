//! The pages that customers see, made once: each is the same bytes for everybody, so none can tell
//! one stranger from another.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::refusals::Refusal;

const STYLE: &str = include_str!("templates/page.css");

/// The frame of every page, and what is in it.
#[derive(Template)]
#[template(path = "page.html")]
struct Frame<'a> {
    brand: &'a str,
    style: &'static str,
    sign: Sign,
    title: &'static str,
    heading: String,
    content: String,
}

/// The drawing above the heading: says nothing that the heading does not say.
#[derive(Clone, Copy)]
struct Sign {
    /// A class of the style sheet.
    tone: &'static str,
    /// A path on a square of 48.
    stroke: &'static str,
}

const ENVELOPE: Sign = Sign {
    tone: "calm",
    stroke: "M13 16.5h22v15H13zM13 17l11 8.5L35 17",
};
const TICK: Sign = Sign {
    tone: "good",
    stroke: "M14.5 24.5l6.5 6.5 13-13.5",
};
const CLOCK: Sign = Sign {
    tone: "calm",
    stroke: "M24 13a11 11 0 100 22 11 11 0 000-22zM24 17.5V24l4.5 3",
};
const LINK: Sign = Sign {
    tone: "calm",
    stroke: "M20 17h-3a7 7 0 000 14h3M28 17h3a7 7 0 010 14h-3M19 24h10",
};

/// All of them.
pub(super) struct Pages {
    /// The button.
    pub(super) ask: Page,
    /// Confirmed.
    pub(super) thanks: Page,
    /// The link confirms nothing, whatever the reason.
    pub(super) over: Page,
    /// A limit was reached.
    pub(super) too_often: Page,
    /// The database is away.
    pub(super) away: Page,
    /// Another address.
    pub(super) not_found: Page,
    unreadable: Page,
    wrong_method: Page,
    too_slow: Page,
    too_large: Page,
    failed: Page,
}

impl Pages {
    /// The pages of this brand.
    pub(super) fn new(brand: &str) -> Self {
        let page = |status, sign, heading, content| {
            let frame = Frame {
                brand,
                style: STYLE,
                sign,
                title: heading,
                heading: unbroken(heading),
                content: unbroken(content),
            };
            let html = frame.render().expect("writing to memory cannot fail");
            Page {
                status,
                html: html.into(),
            }
        };
        Self {
            ask: page(
                StatusCode::OK,
                ENVELOPE,
                "Confirm your e-mail address",
                include_str!("templates/ask.html"),
            ),
            thanks: page(
                StatusCode::OK,
                TICK,
                "Your e-mail address is confirmed",
                include_str!("templates/thanks.html"),
            ),
            over: page(
                StatusCode::GONE,
                LINK,
                "This link is no longer in use",
                include_str!("templates/over.html"),
            ),
            too_often: page(
                StatusCode::TOO_MANY_REQUESTS,
                CLOCK,
                "Please wait a moment",
                include_str!("templates/too_often.html"),
            ),
            away: page(
                StatusCode::SERVICE_UNAVAILABLE,
                CLOCK,
                "We will be right back",
                include_str!("templates/away.html"),
            ),
            not_found: page(
                StatusCode::NOT_FOUND,
                LINK,
                "This page does not exist",
                include_str!("templates/not_found.html"),
            ),
            unreadable: page(
                Refusal::Unreadable.status(),
                LINK,
                "We could not read that",
                include_str!("templates/unreadable.html"),
            ),
            wrong_method: page(
                Refusal::WrongMethod.status(),
                LINK,
                "This page cannot do that",
                include_str!("templates/wrong_method.html"),
            ),
            too_slow: page(
                Refusal::TooSlow.status(),
                CLOCK,
                "That took too long",
                include_str!("templates/too_slow.html"),
            ),
            too_large: page(
                Refusal::TooLarge.status(),
                LINK,
                "That was more than we need",
                include_str!("templates/too_large.html"),
            ),
            failed: page(
                Refusal::Failed.status(),
                CLOCK,
                "Something went wrong here",
                include_str!("templates/failed.html"),
            ),
        }
    }

    /// What somebody reads whose request was refused.
    pub(super) fn of(&self, refusal: Refusal) -> &Page {
        match refusal {
            Refusal::Unreadable => &self.unreadable,
            Refusal::WrongMethod => &self.wrong_method,
            Refusal::TooSlow => &self.too_slow,
            Refusal::TooLarge => &self.too_large,
            Refusal::Failed => &self.failed,
        }
    }
}

/// Browsers break a line after any hyphen, and "e-" at its end looks like a mistake.
fn unbroken(html: &str) -> String {
    html.replace("e-mail", "<span class=\"word\">e-mail</span>")
}

/// One page with its status.
pub(super) struct Page {
    status: StatusCode,
    html: Bytes,
}

impl Page {
    pub(super) fn answer(&self) -> HttpResponse {
        self.fill(&mut HttpResponse::build(self.status))
    }

    /// To somebody who may try again after so many seconds.
    pub(super) fn answer_for_later(&self, seconds: u64) -> HttpResponse {
        self.fill(HttpResponse::build(self.status).insert_header((RETRY_AFTER, seconds)))
    }

    fn fill(&self, answer: &mut HttpResponseBuilder) -> HttpResponse {
        answer
            .insert_header(ContentType::html())
            .body(self.html.clone())
    }
}

/// What a browser may do with our pages: show them with this one style sheet, send their form back
/// to us, and nothing else.
pub(super) fn content_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}
