//! The wait of a start for its database: there, with our schema, and trustworthy.

use std::time::{Duration, Instant};

use crate::actors::Parts;
use crate::store::{migrations, safety};

/// How long a start waits for migrations that somebody else applies.
const WITHIN: Duration = Duration::from_secs(5 * 60);
/// How often it looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it says again what it waits for.
const REMINDER: Duration = Duration::from_secs(60);

/// What a look at the database found.
enum Database {
    Ready,
    NotYet(String),
}

/// Waits until the database is there, has our schema, and can be trusted; `false` when that takes
/// too long.
pub(super) async fn prepare(parts: &Parts, allow_unsafe: bool) -> anyhow::Result<bool> {
    let began = Instant::now();
    let mut wait = Wait::default();
    loop {
        match look(parts, allow_unsafe).await? {
            Database::Ready => break,
            Database::NotYet(why) if began.elapsed() < WITHIN => {
                if wait.is_worth_a_line(&why, Instant::now()) {
                    tracing::warn!("waiting for the database: {why}");
                }
                tokio::time::sleep(PAUSE).await;
            }
            Database::NotYet(why) => {
                let waited = WITHIN.as_secs();
                tracing::error!("the database is not ready after {waited} s: {why}");
                return Ok(false);
            }
        }
    }
    if wait.said.is_some() {
        tracing::info!(
            waited_ms = began.elapsed().as_millis() as u64,
            "the database is ready"
        );
    }
    parts.readiness.migrations_applied();
    parts.readiness.database_answered(Instant::now());
    Ok(true)
}

/// What was said of a wait, so that it is said once, and again when it changes or lasts.
#[derive(Default)]
struct Wait {
    said: Option<(String, Instant)>,
}

impl Wait {
    fn is_worth_a_line(&mut self, why: &str, now: Instant) -> bool {
        let known = self.said.as_ref();
        if known.is_some_and(|(said, at)| said == why && now.duration_since(*at) < REMINDER) {
            return false;
        }
        self.said = Some((why.to_owned(), now));
        true
    }
}

async fn look(parts: &Parts, allow_unsafe: bool) -> anyhow::Result<Database> {
    let looked = async {
        let mut conn = parts.pool.get().await?;
        let off = safety::unsafe_settings(&mut conn).await?;
        let pending = migrations::pending(&mut conn).await?;
        anyhow::Ok((off, pending, migrations::later(&mut conn).await?))
    };
    let (off, pending, later) = match looked.await {
        Ok(seen) => seen,
        Err(error) => return Ok(Database::NotYet(format!("{error:#}"))),
    };
    if !off.is_empty() {
        anyhow::ensure!(
            allow_unsafe,
            "the database runs with {} off and may lose what it has committed; \
             switch it on, or set ALLOW_UNSAFE_DATABASE=true where losing tasks does not matter",
            off.join(" and ")
        );
    }
    if let [first, ..] = pending.as_slice() {
        return Ok(Database::NotYet(format!(
            "{}, from {first} on; `phantom-worker migrate` applies them",
            missing(pending.len())
        )));
    }
    // Once: the wait is over.
    if !off.is_empty() {
        tracing::warn!(
            "the database may lose what it has committed: {} off",
            off.join(" and ")
        );
    }
    if let [.., last] = later.as_slice() {
        tracing::info!(
            migrations = later.len(),
            "the schema is ahead of this version, up to {last}: a later one was here, or is coming"
        );
    }
    Ok(Database::Ready)
}

fn missing(migrations: usize) -> String {
    match migrations {
        1 => "1 migration is missing".to_owned(),
        migrations => format!("{migrations} migrations are missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_once_again_when_its_reason_changes_and_once_a_minute() {
        let mut wait = Wait::default();
        let start = Instant::now();
        let mut told = |why, second| {
            let now = start + Duration::from_secs(second);
            wait.is_worth_a_line(why, now)
        };

        assert!(told("away", 0));
        assert!((1..60).all(|second| !told("away", second)));
        assert!(told("away", 60));
        assert!(told("no schema", 61));
        assert!(!told("no schema", 62));
    }
}
