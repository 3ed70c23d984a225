//! What every story stands on: a database of its own, a tenant of its own on the real engine, the
//! real mailbox, and the worker itself, as the binary or as its tree.

pub(crate) mod browser;
pub(crate) mod command;
pub(crate) mod crowd;
#[path = "../../../src/store/testing.rs"]
pub(crate) mod database;
pub(crate) mod engine;
pub(crate) mod engine_proxy;
mod held;
mod instances;
pub(crate) mod links;
mod locks;
pub(crate) mod mailbox;
mod outbox;
pub(crate) mod patience;
pub(crate) mod people;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod readme;
pub(crate) mod service;
pub(crate) mod smtp;
pub(crate) mod tree;
pub(crate) mod trial;
pub(crate) mod users;
pub(crate) mod wallets;
pub(crate) mod worker;
pub(crate) mod world;

// What the shared database file calls `super`.
use phantom_worker::store::{Pool, StoreSettings, migrations};

pub(crate) use patience::until;
pub(crate) use world::World;
