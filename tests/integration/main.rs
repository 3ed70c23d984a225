//! The integration tests: one binary, one file per story.

#![expect(clippy::unwrap_used, reason = "what a story cannot do without ends it")]

mod audit_chain;
mod bad_variables;
mod bpmn_models;
mod commands;
mod crash;
mod database_away;
mod demo;
mod drain;
mod email_verification;
mod engine_away;
mod engine_client;
mod engine_message;
mod fleet;
mod help;
mod import;
mod kyc_validation;
mod log_lines;
mod mail_away;
mod mail_room;
mod merchant_approval;
mod metrics_page;
mod migrations;
mod model_paths;
mod observed;
mod outbox_command;
mod permissions;
mod poison;
mod purge;
mod readme;
mod redelivery;
mod restart;
mod roles;
mod rooms;
mod settings;
mod shared_figures;
mod start_command;
mod start_refused;
mod status;
mod support;
mod suspicious_activity;
mod upgrades;
mod verdicts;
mod verify_link;
mod wallet_creation;
