//! The page for people.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::view::{Actor, View};
use crate::readiness::Status;

const STYLE: &str = include_str!("../templates/status.css");

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    style: &'static str,
    view: &'a View,
    is_still: bool,
}

/// Actors that work for the same thing.
struct Branch<'a> {
    name: &'a str,
    actors: &'a [Actor],
}

impl Page<'_> {
    fn verdict(&self) -> &'static str {
        match self.view.health.status {
            Status::Ok => "At work",
            Status::Degraded => "At work, with something to look at",
            Status::Unavailable => "Not at work",
        }
    }

    /// A class of the style sheet.
    fn tone(&self, status: &Status) -> &'static str {
        match status {
            Status::Ok => "good",
            Status::Degraded => "fair",
            Status::Unavailable => "bad",
        }
    }

    fn word(&self, status: &Status) -> &'static str {
        match status {
            Status::Ok => "ok",
            Status::Degraded => "degraded",
            Status::Unavailable => "unavailable",
        }
    }

    /// The probe's word on a topic: on, paused, off, or what stands in its way at the engine.
    fn topic_state(&self, topic: &str) -> (&'static str, &str) {
        let name = format!("topic {topic}");
        let check = self
            .view
            .health
            .checks
            .iter()
            .find(|check| check.name == name);
        check.map_or(("fair", "unknown"), |check| {
            (self.tone(&check.status), check.detail.as_str())
        })
    }

    /// The actors of the process, then those of each topic.
    fn branches(&self) -> Vec<Branch<'_>> {
        let actors = &self.view.actors;
        actors
            .chunk_by(|one, next| one.topic == next.topic)
            .map(|actors| Branch {
                name: actors[0].topic.unwrap_or("the whole process"),
                actors,
            })
            .collect()
    }

    /// How an actor came to its end, in a sentence.
    fn ended(&self, reason: &str) -> &'static str {
        match reason {
            "panicked" => "panicked",
            "unresponsive" => "did not answer",
            _ => "stopped",
        }
    }

    /// A figure, or a dash where nothing is known.
    fn figure(&self, value: &Option<u64>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| value.to_string())
    }

    /// A time in seconds as people read it.
    fn time(&self, seconds: &Option<u64>) -> String {
        match seconds {
            None => "–".to_owned(),
            Some(seconds @ 0..60) => format!("{seconds} s"),
            Some(seconds @ 60..3600) => format!("{} min {} s", seconds / 60, seconds % 60),
            Some(seconds) => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

pub(super) fn render(view: &View, is_still: bool) -> String {
    let page = Page {
        style: STYLE,
        view,
        is_still,
    };
    page.render().expect("writing to memory cannot fail")
}

/// What a browser may do with it: show it with this one style sheet.
pub(super) fn content_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}
