//! Links in mails, made as the worker makes them.

use chrono::{DateTime, Utc};
use phantom_worker::links::{Claim, KEY_BYTES, LinkSettings, Links};
use secrecy::SecretBox;
use uuid::Uuid;

use super::World;
use super::worker::{TOKEN_KEY_BYTE, Worker};

/// A user's verification, with its link still in the mail.
pub(crate) struct Verification {
    id: Uuid,
    user_id: Uuid,
    path: String,
}

impl Verification {
    /// Where the link leads at this worker.
    pub(crate) fn at(&self, worker: &Worker) -> String {
        format!("{}{}", worker.public_address(), self.path)
    }

    /// What must be in no log.
    pub(crate) fn token(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }
}

impl World {
    /// A verification that can be confirmed.
    pub(crate) async fn verification(&self) -> Verification {
        let (id, user_id) = (Uuid::new_v4(), Uuid::new_v4());
        let email = format!("{user_id}@mail.example");
        let expires_at = "2100-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let links = Links::new(LinkSettings {
            base_url: "https://wallet.example".parse().unwrap(),
            key: SecretBox::new(Box::new([TOKEN_KEY_BYTE; KEY_BYTES])),
            previous_key: None,
        });
        let claim = Claim {
            verification_id: id,
            user_id,
            email: &email,
            expires_at,
        };
        let key_id = links.signing_key().as_str();
        let link = links.make(key_id, &claim).unwrap();
        self.database
            .run(&format!(
                "WITH owner AS (
                    INSERT INTO users (id, email, role) VALUES ('{user_id}', '{email}', 'customer')
                    RETURNING id, email)
                 INSERT INTO email_verifications (verification_id, user_id, email, key_id,
                    engine_id, process_instance_id, expires_at)
                 SELECT '{id}', id, email, '{key_id}', 'default', '{}', '{expires_at}' FROM owner",
                Uuid::new_v4()
            ))
            .await;
        Verification {
            id,
            user_id,
            path: link.path().to_owned(),
        }
    }

    /// A verification whose link is no longer taken.
    pub(crate) async fn superseded_verification(&self) -> Verification {
        let verification = self.verification().await;
        self.database
            .run(&format!(
                "UPDATE email_verifications SET superseded_at = now() WHERE verification_id = '{}'",
                verification.id
            ))
            .await;
        verification
    }

    /// Whether the link has done its work, and how often.
    pub(crate) async fn confirmations(&self, verification: &Verification) -> i64 {
        let Verification { id, user_id, .. } = verification;
        self.database
            .count(&format!(
                "SELECT count(*) FROM audit_log
                 JOIN users ON users.id::text = subject_id AND verified_email = users.email
                 JOIN email_verifications ON user_id = users.id AND confirmed_at IS NOT NULL
                 WHERE action = 'email_verified' AND users.id = '{user_id}'
                   AND verification_id = '{id}'"
            ))
            .await
    }
}
