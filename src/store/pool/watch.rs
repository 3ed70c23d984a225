//! Who wants to know of the pool's work: waits for connections, statements, what went wrong.
//!
//! This room counts nothing itself. Statements are seen at the connection, so that none is missed.
//! Several may be on their way at once on one connection, and one whose caller has gone is never
//! answered: so an answer is matched to its statement's text.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::{DatabaseErrorKind, Error};

use crate::store::settings::ANSWER_TIMEOUT;

/// Hears of what a pool and its connections do.
pub trait PoolWatch: Send + Sync + 'static {
    /// Somebody got a connection after so long.
    fn lent(&self, waited: Duration);
    /// A statement was answered.
    fn answered(&self, statement: Statement, took: Duration);
    /// Something went wrong.
    fn failed(&self, fault: Fault);
}

/// A kind of SQL statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// SELECT.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// BEGIN, COMMIT, ROLLBACK and what belongs to them.
    Transaction,
    /// Anything else.
    Other,
}

impl Statement {
    fn of(sql: &str) -> Self {
        let word = sql.split_ascii_whitespace().next().unwrap_or_default();
        match word.to_ascii_uppercase().as_str() {
            "SELECT" => Self::Select,
            "INSERT" => Self::Insert,
            "UPDATE" => Self::Update,
            "DELETE" => Self::Delete,
            "BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "START" => {
                Self::Transaction
            }
            _ => Self::Other,
        }
    }
}

/// What went wrong, as far as an operator has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection became free in time.
    PoolTimeout,
    /// The connection could not be opened, broke, or stayed silent.
    Connection,
    /// Another transaction was in the way.
    Serialization,
    /// A constraint refused a row.
    Constraint,
    /// Anything else.
    Other,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::BrokenTransactionManager => Self::Connection,
            Error::DatabaseError(kind, _) => match kind {
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction => Self::Connection,
                DatabaseErrorKind::SerializationFailure => Self::Serialization,
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation => Self::Constraint,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// The statements that are on their way on one connection.
pub(super) struct Statements {
    watch: Arc<dyn PoolWatch>,
    sent: VecDeque<(u64, Instant)>,
}

impl Statements {
    pub(super) fn new(watch: Arc<dyn PoolWatch>) -> Self {
        Self {
            watch,
            sent: VecDeque::new(),
        }
    }

    fn send(&mut self, query: &dyn fmt::Display, now: Instant) {
        // Older ones have lost their callers.
        self.sent
            .retain(|(_, sent_at)| now.duration_since(*sent_at) <= ANSWER_TIMEOUT);
        self.sent.push_back((Text::of(query).hash, now));
    }

    fn finish(&mut self, query: &dyn fmt::Display, error: Option<&Error>, now: Instant) {
        let text = Text::of(query);
        let position = self.sent.iter().position(|(hash, _)| *hash == text.hash);
        if let Some((_, sent_at)) = position.and_then(|position| self.sent.remove(position)) {
            let took = now.duration_since(sent_at);
            self.watch.answered(text.statement, took);
        }
        if let Some(error) = error {
            self.watch.failed(error.into());
        }
    }
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => self.send(&query, Instant::now()),
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                self.finish(&query, error, Instant::now());
            }
            _ => {}
        }
    }
}

/// What is kept of a statement's text: nothing that was bound to it.
struct Text {
    hash: u64,
    statement: Statement,
}

impl Text {
    fn of(query: &dyn fmt::Display) -> Self {
        let mut first = FirstPiece(None);
        // Ends with an error as soon as the text is there: the bound values come behind it.
        let _ = write!(first, "{query}");
        first.0.unwrap_or(Self {
            hash: 0,
            statement: Statement::Other,
        })
    }
}

/// Takes the SQL, which is written in one piece, and nothing behind it.
struct FirstPiece(Option<Text>);

impl Write for FirstPiece {
    fn write_str(&mut self, sql: &str) -> fmt::Result {
        if self.0.is_some() {
            return Err(fmt::Error);
        }
        let mut hasher = DefaultHasher::new();
        sql.hash(&mut hasher);
        self.0 = Some(Text {
            hash: hasher.finish(),
            statement: Statement::of(sql),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use diesel::sql_types::Integer;
    use diesel_async::{AsyncConnection, RunQueryDsl};
    use futures_util::future::try_join;

    use super::*;
    use crate::store::testing::database;

    #[derive(Default)]
    struct Heard {
        statements: Mutex<Vec<Statement>>,
        faults: Mutex<Vec<Fault>>,
    }

    impl PoolWatch for Heard {
        fn lent(&self, _: Duration) {}

        fn answered(&self, statement: Statement, took: Duration) {
            assert!(took <= ANSWER_TIMEOUT);
            self.statements.lock().unwrap().push(statement);
        }

        fn failed(&self, fault: Fault) {
            self.faults.lock().unwrap().push(fault);
        }
    }

    #[test]
    fn a_statement_is_known_by_its_first_word() {
        for (sql, expected) in [
            ("SELECT 1", Statement::Select),
            ("  select 1", Statement::Select),
            ("INSERT INTO a VALUES ($1)", Statement::Insert),
            (
                "BEGIN ISOLATION LEVEL READ COMMITTED",
                Statement::Transaction,
            ),
            ("COMMIT", Statement::Transaction),
            ("WITH due AS (SELECT 1) UPDATE a", Statement::Other),
            ("", Statement::Other),
        ] {
            assert_eq!(Statement::of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_statement_whose_caller_has_gone_is_nobodys_time() {
        let heard = Arc::<Heard>::default();
        let mut statements = Statements::new(Arc::clone(&heard) as Arc<dyn PoolWatch>);
        let sent = Instant::now();
        statements.send(&"SELECT 1", sent);
        let later = sent + ANSWER_TIMEOUT + Duration::from_secs(1);

        statements.send(&"UPDATE a", later);
        statements.finish(&"SELECT 1", None, later);
        statements.finish(&"UPDATE a", None, later);

        assert_eq!(*heard.statements.lock().unwrap(), [Statement::Update]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_sent_together_is_told_one_by_one_and_faults_by_kind() {
        let database = database().await;
        let heard = Arc::<Heard>::default();
        let mut conn = database.pool.get().await.unwrap();
        conn.set_instrumentation(Statements::new(Arc::clone(&heard) as Arc<dyn PoolWatch>));
        let insert = "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), $1, 'admin')";
        let user = diesel::sql_query(insert).bind::<diesel::sql_types::Text, _>("a@b.example");

        let (mut one, mut other) = (&*conn, &*conn);
        let number = diesel::select(diesel::dsl::sql::<Integer>("1")).get_result::<i32>(&mut one);
        try_join(number, user.clone().execute(&mut other))
            .await
            .unwrap();
        let again = user.execute(&mut conn).await;

        assert!(again.is_err());
        let mut told = heard.statements.lock().unwrap().clone();
        told.sort_by_key(|statement| *statement as u8);
        assert_eq!(
            told,
            [Statement::Select, Statement::Insert, Statement::Insert]
        );
        assert_eq!(*heard.faults.lock().unwrap(), [Fault::Constraint]);
    }
}
