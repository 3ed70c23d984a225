//! Statements that stay prepared on their connection.
//!
//! Diesel prepares anew, at the cost of a round trip and of PostgreSQL's planning, whatever might
//! have a different text each time: every SQL text, every `UPDATE`, and every `INSERT` of a struct
//! whose `None` may stand for a column's default. Ours have one text each. An `INSERT` says so by
//! `treat_none_as_default_value = false`, everything else by [`Prepare::prepared`].

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// Lets a statement stay prepared.
pub(super) trait Prepare: Sized {
    /// For a statement whose text is the same each time it runs: every other text would stay in the
    /// server's memory as well, for as long as the connection lives.
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<T: QueryFragment<Pg>> Prepare for T {}

/// A statement that is prepared once on each connection.
pub(super) struct Prepared<T>(T);

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// It is found by its text: what is safe to keep is not always told apart by its type.
impl<T> QueryId for Prepared<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: Query> Query for Prepared<T> {
    type SqlType = T::SqlType;
}

#[cfg(test)]
pub(crate) mod testing;
