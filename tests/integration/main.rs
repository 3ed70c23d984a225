//! The integration tests: one binary, one file per story.

#![expect(clippy::unwrap_used, reason = "what a story cannot do without ends it")]

mod engine_client;
mod mail_room;
