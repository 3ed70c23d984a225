//! The public port in front of a real database, and links to knock with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel_async::SimpleAsyncConnection;
use uuid::Uuid;

use super::stand::{LOOPBACK, Worker, healthy, links, parts, runtime, settings};
use crate::http::HttpParts;
use crate::http::limits::Limits;
use crate::http::rates::{Allowance, Allowances};
use crate::links::Claim;
use crate::store::pool::Connection;
use crate::store::testing::{TestDatabase, database};

/// More than any test asks for.
const PLENTY: Allowance = Allowance {
    burst: 100_000,
    each: Duration::from_millis(1),
};

/// A worker and its database.
pub(super) struct Door {
    pub(super) worker: Worker,
    pub(super) address: SocketAddr,
    database: TestDatabase,
    wakes: Arc<AtomicUsize>,
}

/// A transaction that holds a row.
pub(super) struct Holder(Connection);

impl Holder {
    pub(super) fn let_go(mut self) {
        runtime().block_on(self.0.batch_execute("COMMIT")).unwrap();
    }
}

/// A verification in the database.
pub(super) struct Verification {
    /// Where its link leads.
    pub(super) path: String,
    id: Uuid,
    user_id: Uuid,
}

impl Door {
    /// Without limits on how often it is asked.
    pub(super) fn open() -> Self {
        let rates = Allowances {
            looks: PLENTY,
            confirmations: PLENTY,
            presses: PLENTY,
        };
        Self::with(rates, "192.0.2.0/24")
    }

    /// With these limits, behind a proxy at one of these addresses.
    pub(super) fn with(rates: Allowances, proxies: &str) -> Self {
        let database = runtime().block_on(database());
        let wakes = Arc::new(AtomicUsize::new(0));
        let mut parts = parts(healthy());
        parts.public.pool = database.pool.clone();
        count_wakes(&mut parts, Arc::clone(&wakes));
        let mut settings = settings(LOOPBACK, LOOPBACK);
        settings.trusted_proxies = vec![proxies.parse().unwrap()];
        let limits = Limits {
            rates,
            ..Limits::default()
        };
        let worker = Worker::with(limits, settings, parts);
        Self {
            address: worker.public,
            worker,
            database,
            wakes,
        }
    }

    pub(super) fn verification(&self) -> Verification {
        self.verification_until("2100-01-01T00:00:00Z")
    }

    pub(super) fn expired(&self) -> Verification {
        self.verification_until("2021-01-01T00:00:00Z")
    }

    pub(super) fn used(&self) -> Verification {
        let verification = self.verification();
        self.mark(&verification, "confirmed_at");
        verification
    }

    pub(super) fn superseded(&self) -> Verification {
        let verification = self.verification();
        self.mark(&verification, "superseded_at");
        verification
    }

    fn verification_until(&self, expires_at: &str) -> Verification {
        let (id, user_id) = (Uuid::new_v4(), Uuid::new_v4());
        let email = format!("{user_id}@mail.example");
        let expiry: DateTime<Utc> = expires_at.parse().unwrap();
        let links = links();
        let claim = Claim {
            verification_id: id,
            user_id,
            email: &email,
            expires_at: expiry,
        };
        let link = links.make(links.signing_key().as_str(), &claim).unwrap();
        self.run(&format!(
            "INSERT INTO users (id, email, role) VALUES ('{user_id}', '{email}', 'customer')"
        ));
        self.run(&format!(
            "INSERT INTO email_verifications (verification_id, user_id, email, key_id, engine_id,
                process_instance_id, created_at, expires_at)
             VALUES ('{id}', '{user_id}', '{email}', '{}', 'default', 'instance',
                '2020-01-01T00:00:00Z', '{expires_at}')",
            links.signing_key()
        ));
        Verification {
            path: link.path().to_owned(),
            id,
            user_id,
        }
    }

    /// Locks the customer's row, as a handler at work does.
    pub(super) fn hold(&self, verification: &Verification) -> Holder {
        let user_id = verification.user_id;
        runtime().block_on(async {
            let mut conn = self.database.pool.get().await.unwrap();
            conn.batch_execute(&format!(
                "BEGIN; SELECT FROM users WHERE id = '{user_id}' FOR NO KEY UPDATE"
            ))
            .await
            .unwrap();
            Holder(conn)
        })
    }

    fn mark(&self, verification: &Verification, column: &str) {
        self.run(&format!(
            "UPDATE email_verifications SET {column} = now() WHERE verification_id = '{}'",
            verification.id
        ));
    }

    pub(super) fn is_confirmed(&self, verification: &Verification) -> bool {
        let user_id = verification.user_id;
        self.count(&format!(
            "SELECT count(*) FROM users WHERE id = '{user_id}' AND verified_email = email"
        )) == 1
    }

    pub(super) fn count(&self, query: &str) -> i64 {
        runtime().block_on(self.database.count(query))
    }

    fn run(&self, statement: &str) {
        runtime().block_on(self.database.run(statement));
    }

    /// How often the sender of messages was woken.
    pub(super) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

fn count_wakes(parts: &mut HttpParts, wakes: Arc<AtomicUsize>) {
    parts.public.outbox_grew = Arc::new(move || {
        wakes.fetch_add(1, Ordering::SeqCst);
    });
}

impl Verification {
    /// A link to it that somebody made up.
    pub(super) fn forged(&self) -> String {
        let (rest, last) = self.path.split_at(self.path.len() - 1);
        format!("{rest}{}", if last == "A" { "B" } else { "A" })
    }
}
