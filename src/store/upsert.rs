//! Writes many rows of one table at once, new ones and changed ones, as `import` needs it.
//!
//! The rows travel as one JSON document, which PostgreSQL turns into rows of the table: one
//! statement and one parameter for a batch, whatever its columns are.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

/// A row that was written.
#[derive(QueryableByName)]
pub struct Upserted {
    /// Its key.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// It is new; an older one was changed otherwise.
    #[diesel(sql_type = Bool)]
    pub inserted: bool,
}

/// A row that the database will not take.
#[derive(QueryableByName)]
pub struct Collision {
    /// Its key.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The column that collides.
    #[diesel(sql_type = Text)]
    pub column: String,
}

/// A table with an id for its key, and a column `updated_at`.
pub(super) struct Target {
    pub(super) table: &'static str,
    pub(super) key: &'static str,
}

impl Target {
    /// Writes `rows`, a JSON list of objects that hold exactly `columns`, and returns those that
    /// were not there already as they are. `columns` are names from the program, never input.
    pub(super) async fn upsert(
        &self,
        conn: &mut AsyncPgConnection,
        columns: &[&'static str],
        rows: &Value,
    ) -> QueryResult<Vec<Upserted>> {
        diesel::sql_query(self.statement(columns))
            .bind::<Jsonb, _>(rows)
            .load(conn)
            .await
    }

    fn statement(&self, columns: &[&'static str]) -> String {
        let Self { table, key } = self;
        let rest: Vec<_> = columns.iter().filter(|column| *column != key).collect();
        let each = |pattern: &dyn Fn(&str) -> String| {
            let parts: Vec<_> = rest.iter().map(|column| pattern(column)).collect();
            parts.join(", ")
        };
        let names = each(&|column| column.to_owned());
        let set = each(&|column| format!("{column} = excluded.{column}"));
        let present = each(&|column| format!("{table}.{column}"));
        let given = each(&|column| format!("excluded.{column}"));
        format!(
            "INSERT INTO {table} ({key}, {names}) \
             SELECT {key}, {names} FROM jsonb_populate_recordset(NULL::{table}, $1) \
             ON CONFLICT ({key}) DO UPDATE SET {set}, updated_at = now() \
             WHERE ROW({present}) IS DISTINCT FROM ROW({given}) \
             RETURNING {table}.{key} AS id, {table}.xmax = 0 AS inserted"
        )
    }
}
