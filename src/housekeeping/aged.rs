//! What goes by its age alone.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use crate::store::outbox::letters;
use crate::store::{task_deliveries, wallet_creation_requests as requests};

/// What goes by its age alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// Messages that were sent.
    SentMessages,
    /// Counts of deliveries that ended without a word.
    Deliveries,
    /// Personal data of rejected and fulfilled wallet requests.
    PersonalData,
}

impl Aged {
    pub(super) async fn count(
        self,
        conn: &mut AsyncPgConnection,
        before: DateTime<Utc>,
    ) -> QueryResult<i64> {
        match self {
            Self::SentMessages => letters::count_sent(conn, before).await,
            Self::Deliveries => task_deliveries::count_old(conn, before).await,
            Self::PersonalData => requests::count_personal(conn, before).await,
        }
    }

    pub(super) async fn delete(
        self,
        conn: &mut AsyncPgConnection,
        before: DateTime<Utc>,
        limit: i64,
    ) -> QueryResult<usize> {
        match self {
            Self::SentMessages => letters::delete_sent(conn, before, limit).await,
            Self::Deliveries => task_deliveries::delete_old(conn, before, limit).await,
            Self::PersonalData => requests::forget_persons(conn, before, limit).await,
        }
    }
}
