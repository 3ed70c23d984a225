//! Users of the security stories.

use uuid::Uuid;

use super::World;

/// An e-mail address like no other.
pub(crate) fn new_address() -> String {
    format!("naledi.{:x}@customer.example", Uuid::new_v4().as_u128())
}

impl World {
    /// A customer's user as the banking application writes one.
    pub(crate) async fn user_at(&self, email: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.database
            .run(&format!(
                "INSERT INTO users (id, username, email, role) \
                 VALUES ('{id}', 'naledi-{id}', '{email}', 'customer')"
            ))
            .await;
        id
    }
}
