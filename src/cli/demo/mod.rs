//! `phantom-worker demo`: walks thirty customers through the wallet creation, for everybody to see.

mod customers;
mod seed;
mod table;
mod walk;

use std::net::SocketAddr;

use clap::Args;

use self::customers::{Cast, Expected};
use self::walk::Walk;
use super::outcome::{Failure, Outcome};
use super::terminal::{complain, progress_of_lines, say};
use crate::camunda::Client;
use crate::config::{DemoArgs, DemoSettings};
use crate::store::Pool;

/// Walks thirty customers through the wallet creation and shows what happened.
///
/// Writes merchants and users that it invents to the workers' database, starts a process instance
/// for each customer, and waits for running workers to bring them to an end: welcome customers,
/// requests with all kinds of faults, people who are blocked, who ask twice, or whose data
/// contradict each other. It can be repeated: each run invents its people anew.
///
/// For databases and engines where invented people do no harm.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Demo {
    #[command(flatten)]
    settings: DemoArgs,
}

const EXAMPLES: &str = "\
Examples:
  deploy/local/demo                brings up everything that this needs, and calls it
  COCKPIT_URL=http://localhost:8080/camunda phantom-worker demo

Exit codes: 0 each way ended as expected, 1 one did not, 64 usage, 78 settings";

impl Demo {
    pub(super) async fn execute(&self) -> Outcome {
        let DemoSettings {
            engine,
            store,
            http,
            pages,
        } = self.settings.read()?;
        let engine = Client::new(engine)?;
        let pool = Pool::new(&store, tokio::runtime::Handle::current())?;
        let cast = seed::seed(&pool).await?;
        pool.close();

        let walks = walk_all(&engine, &cast).await?;
        table::print(&walks, pages.cockpit.as_ref());
        let verdict = judge(&walks);
        if let Some(cockpit) = &pages.cockpit {
            say(format_args!(
                "Cockpit  {cockpit} (of an ended instance, the community edition shows the process)"
            ));
        }
        if let Some(mailbox) = &pages.mailbox {
            say(format_args!("Mailbox  {mailbox}"));
        }
        say(format_args!(
            "Metrics  http://{}/metrics",
            reachable(http.ops_bind)
        ));
        verdict
    }
}

async fn walk_all(engine: &Client, cast: &Cast) -> anyhow::Result<Vec<Walk>> {
    let (first, second) = (cast.first_wave(), cast.second_wave());
    let bar = progress_of_lines("walking", first.len() + second.len());
    let mut walks = walk::walk(engine, &cast.run, first, &bar).await?;
    // Who comes back needs what the first visit made.
    if walks.iter().all(|walk| walk.ended.is_some()) {
        walks.extend(walk::walk(engine, &cast.run, second, &bar).await?);
    }
    bar.finish_and_clear();
    Ok(walks)
}

/// Says how it went: a line for each way that did not end as it should, and one for them all.
fn judge(walks: &[Walk]) -> Outcome {
    if walks.iter().all(|walk| walk.ended.is_none()) {
        complain(
            "nobody got anywhere: does `phantom-worker run` run, with the same engine, tenants \
             and database?",
        );
        return Err(Failure::Told);
    }
    let mut wrong = unexpected(walks);
    let twins = walks
        .iter()
        .filter(|walk| walk.customer.expected == Expected::WalletOfOne);
    let of_twins = twins.filter(|walk| walk.has_wallet()).count();
    if of_twins != 1 {
        wrong += 1;
        complain(format_args!(
            "one person has {of_twins} wallets of one merchant"
        ));
    }
    let made = walks.iter().filter(|walk| walk.has_wallet()).count();
    say(format_args!("{} customers, {made} wallets", walks.len()));
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::Told),
    }
}

/// Tells which ways did not end as they should, and counts them.
fn unexpected(walks: &[Walk]) -> usize {
    let mut count = 0;
    for (position, walk) in walks.iter().enumerate() {
        if walk.is_as_expected() {
            continue;
        }
        count += 1;
        complain(format_args!(
            "{} {}: expected {}, got {}",
            position + 1,
            walk.customer.label,
            expected(walk.customer.expected),
            table::describe(walk)
        ));
    }
    count
}

fn expected(expected: Expected) -> String {
    match expected {
        Expected::Wallet => "a wallet".to_owned(),
        Expected::Declined(codes) => codes.join(" "),
        Expected::Error(code) => code.to_owned(),
        Expected::WalletOfOne => "a wallet or wallet_exists".to_owned(),
    }
}

/// An address that listens everywhere is reached here by the loopback.
fn reachable(bind: SocketAddr) -> String {
    match bind.ip().is_unspecified() {
        true => format!("localhost:{}", bind.port()),
        false => bind.to_string(),
    }
}
