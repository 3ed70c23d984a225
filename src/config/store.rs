//! Our own database.

use clap::Args;

use super::defaults;
use super::faults::{Faults, Raw, RawSecret};
use super::parse;
use crate::store::StoreSettings;

/// How to reach the database.
#[derive(Args)]
#[command(next_help_heading = "Database")]
pub struct StoreArgs {
    /// Required, here or in its file: the database, as a PostgreSQL URL. To another machine it is
    /// spoken to encrypted and verified unless its `sslmode` says otherwise.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<Raw>,
    /// The file that holds the URL instead.
    #[arg(
        long,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    database_url_file: Option<Raw>,
    /// A PEM file with the certificate authorities to trust for the database instead of the
    /// system's.
    #[arg(long, env = "DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<Raw>,
    /// The most connections that this process opens.
    #[arg(long, env = "DATABASE_POOL_SIZE", value_name = "COUNT", default_value = defaults::POOL_SIZE)]
    database_pool_size: Option<Raw>,
    /// Accepts a server that may lose committed work in a crash (`fsync` or `synchronous_commit`
    /// off), which is good for tests alone.
    #[arg(long, env = "ALLOW_UNSAFE_DATABASE", value_name = "BOOL", default_value = "false",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_unsafe_database: Option<Raw>,
}

/// Another role for the migrations than for the work.
#[derive(Args)]
#[command(next_help_heading = "Database")]
pub struct MigrateArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The database for the migrations, with a role that may change the schema; without it,
    /// DATABASE_URL, which is not required beside it.
    #[arg(
        long,
        env = "MIGRATE_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    migrate_database_url: Option<Raw>,
    /// The file that holds that URL instead.
    #[arg(
        long,
        env = "MIGRATE_DATABASE_URL_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    migrate_database_url_file: Option<Raw>,
}

const EXAMPLE: &str = "postgres://phantom_worker:…@db.bank.example/phantom_worker";

impl StoreArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<StoreSettings> {
        let settings = faults.required_secret("DATABASE_URL", self.url(), EXAMPLE, parse_url);
        self.complete(faults, settings)
    }

    fn url(&self) -> RawSecret<'_> {
        RawSecret {
            value: &self.database_url,
            file: &self.database_url_file,
        }
    }

    /// Reads the rest, also when the URL is faulty: all faults at once.
    fn complete(
        &self,
        faults: &mut Faults,
        settings: Option<StoreSettings>,
    ) -> Option<StoreSettings> {
        let ca_file = faults.optional(
            "DATABASE_CA_FILE",
            &self.database_ca_file,
            "/etc/phantom-worker/database-ca.pem",
            parse::readable_file,
        );
        let pool_size = faults.defaulted(
            "DATABASE_POOL_SIZE",
            &self.database_pool_size,
            defaults::POOL_SIZE,
            |text| parse::number(text, 1, 200),
        );
        let allow_unsafe = faults.defaulted(
            "ALLOW_UNSAFE_DATABASE",
            &self.allow_unsafe_database,
            "false",
            parse::flag,
        );
        let mut settings = settings?;
        settings.ca_file = ca_file?;
        settings.pool_size = pool_size? as usize;
        settings.allow_unsafe = allow_unsafe?;
        Some(settings)
    }
}

impl MigrateArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<StoreSettings> {
        let migrate = RawSecret {
            value: &self.migrate_database_url,
            file: &self.migrate_database_url_file,
        };
        let own = faults.optional_secret("MIGRATE_DATABASE_URL", migrate, EXAMPLE, parse_url);
        let settings = match own {
            Some(None) => {
                faults.required_secret("DATABASE_URL", self.store.url(), EXAMPLE, parse_url)
            }
            Some(own) => own,
            None => None,
        };
        self.store.complete(faults, settings)
    }
}

fn parse_url(url: secrecy::SecretString) -> Result<StoreSettings, String> {
    StoreSettings::parse(url).map_err(|fault| fault.to_string())
}
