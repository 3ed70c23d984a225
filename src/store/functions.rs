//! PostgreSQL's own functions, typed: a typed statement stays prepared, an SQL text is prepared
//! each time.

use diesel::expression::functions::declare_sql_function;
use diesel::sql_types::{SingleValue, SqlType};

#[declare_sql_function]
extern "SQL" {
    /// Small letters, as unique indexes compare e-mail addresses; null stays null.
    fn lower<T: SqlType + SingleValue>(text: T) -> T;
    /// The greatest that is not null.
    fn greatest<T: SqlType + SingleValue>(one: T, other: T) -> T;
    /// The least that is not null.
    fn least<T: SqlType + SingleValue>(one: T, other: T) -> T;
}
