//! `phantom-worker migrate`: brings the database's schema up to this version.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::timeout;

use super::outcome::Outcome;
use super::terminal::{complain, say};
use crate::config::MigrateArgs;
use crate::store::{Pool, migrations};

/// Brings the database's schema up to this version.
///
/// Safe to run from many replicas at once: one applies the migrations, the others wait for it and
/// find nothing left to do. Migrations that this version does not know, because a newer one was
/// here, are left alone.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Migrate {
    /// Names the migrations that would be applied, and applies none.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: MigrateArgs,
}

const EXAMPLES: &str = "\
Examples:
  phantom-worker migrate --dry-run
  MIGRATE_DATABASE_URL_FILE=/run/secrets/owner-url phantom-worker migrate

Exit codes: 0 the schema is up to date (with --dry-run: was looked at), 1 failed, 64 usage,
78 settings";

/// After this long somebody who watches wants to know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(3);

impl Migrate {
    pub(super) async fn execute(&self) -> Outcome {
        let settings = self.settings.read_alone()?;
        let pool = Pool::new(&settings, tokio::runtime::Handle::current())?;
        let names = match self.dry_run {
            true => pending(&pool).await,
            false => apply(&pool).await,
        };
        pool.close();
        let names = names?;
        let verb = match self.dry_run {
            true => "would apply",
            false => "applied",
        };
        names
            .iter()
            .for_each(|name| say(format_args!("{verb} {name}")));
        if names.is_empty() {
            say("the schema is up to date");
        }
        Ok(())
    }
}

async fn pending(pool: &Pool) -> anyhow::Result<Vec<String>> {
    let mut conn = pool.get().await?;
    migrations::pending(&mut conn)
        .await
        .context("reading which migrations were applied")
}

async fn apply(pool: &Pool) -> anyhow::Result<Vec<String>> {
    let mut applying = std::pin::pin!(migrations::apply(pool));
    let applied = match timeout(PATIENCE, &mut applying).await {
        Ok(applied) => applied,
        Err(_) => {
            complain("still at it: a long migration, or another replica that migrates right now");
            applying.await
        }
    };
    Ok(applied?)
}
