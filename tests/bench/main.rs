//! The bench: this worker beside a bare client and a JavaScript one, on the real engine.
//!
//! `tests/bench/run` prepares everything and starts this; `README.md` beside it says what is measured
//! and how to read it. The rivals run one after another, each as a process of its own, so that its
//! CPU time and its memory are its own: two of them are this same program under a subcommand.
//!
//! `driver` has the order of the series; `throughput`, `latency`, `cost` and `sealing` are the
//! series, `fleet` the one of `--replicas`; `rival` starts whom they measure; `load` speaks to the
//! engine, `measure` reads `/proc`.
#![expect(
    clippy::print_stdout,
    reason = "a bench shows its progress and its table on the terminal"
)]

mod ceiling;
mod cost;
mod driver;
mod fleet;
mod goals;
mod latency;
mod load;
mod measure;
mod ours;
mod peer;
mod plan;
mod proxy;
mod report;
mod rival;
mod sealing;
mod stand;
mod throughput;

use clap::{Parser, Subcommand};

/// Measures this worker beside a bare client and a JavaScript one.
#[derive(Parser)]
#[command(name = "tests/bench/run")]
struct Arguments {
    #[command(flatten)]
    wanted: plan::Wanted,
    /// What `cargo bench` adds to tell that it is not `cargo test`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// Whom a process of this program plays.
#[derive(Subcommand)]
enum Role {
    /// The bare client.
    #[command(hide = true)]
    Ceiling(ceiling::Arguments),
    /// This worker's tree around a handler that only pauses.
    #[command(hide = true)]
    Ours(ours::Arguments),
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs every bench once, with arguments of its own.
    let is_meant = |argument: String| matches!(argument.as_str(), "--bench" | "ceiling" | "ours");
    if !std::env::args().any(is_meant) {
        println!("the bench is started by tests/bench/run");
        return Ok(());
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing was installed before");
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Ceiling(role)) => ceiling::run(role),
        Some(Role::Ours(role)) => ours::run(role),
        None => driver::run(arguments.wanted),
    }
}
