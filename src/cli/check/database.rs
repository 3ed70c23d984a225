//! Our own database: there, with our schema, and trustworthy.

use super::report::{Look, given};
use crate::cli::plural::count;
use crate::store::{Pool, StoreSettings, migrations, safety};

const NO_DATABASE: &str = "there is no connection to the database";

pub(super) async fn connect(settings: Option<StoreSettings>) -> Look<Pool> {
    let settings = given(settings, "its settings are wrong")?;
    let pool = Pool::new(&settings, tokio::runtime::Handle::current())?;
    pool.get().await?;
    Ok(("answers".to_owned(), pool))
}

pub(super) async fn migrations(pool: Option<&Pool>) -> Look<()> {
    let mut conn = given(pool, NO_DATABASE)?.get().await?;
    let missing = migrations::pending(&mut conn).await?;
    let later = migrations::later(&mut conn).await?.len();
    match (missing.as_slice(), later) {
        ([], 0) => Ok(("the schema is up to date".to_owned(), ())),
        ([], later) => {
            let later = count(later, "migration");
            Ok((
                format!("the schema has all of ours, and {later} of a later version"),
                (),
            ))
        }
        ([first, ..], _) => Err(anyhow::anyhow!(
            "{} missing, from {first} on; `phantom-worker migrate` applies what is missing",
            count(missing.len(), "migration")
        )
        .into()),
    }
}

pub(super) async fn durability(pool: Option<&Pool>, allow_unsafe: bool) -> Look<()> {
    let mut conn = given(pool, NO_DATABASE)?.get().await?;
    let off = safety::unsafe_settings(&mut conn).await?.join(" and ");
    let found = match (off.as_str(), allow_unsafe) {
        ("", _) => "what is committed stays".to_owned(),
        (off, true) => {
            format!("{off} off: committed work may be lost, as ALLOW_UNSAFE_DATABASE permits")
        }
        (off, false) => Err(lossy(off))?,
    };
    Ok((found, ()))
}

fn lossy(off: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{off} off: committed work may be lost; switch it on, or set ALLOW_UNSAFE_DATABASE=true \
         where that does not matter"
    )
}
