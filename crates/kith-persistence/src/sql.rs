//! Set-based statements in one text for both databases: a named set of key or value rows, and what is done with it.

mod columns;
mod session;

pub(crate) use columns::{Column, Rows};
pub(crate) use session::{
    Cells, Dialect, Listed, PostgresSession, Session, SqliteSession, aggregate, corrupt,
};

/// A statement over a set of rows. In the text, `$k` is the name of the set, whose columns are `c1`, `c2`, …
#[derive(Debug)]
pub(crate) struct Step {
    /// The text; a whole statement but for the definition of `$k`.
    pub(crate) text: String,
    /// The rows.
    pub(crate) rows: Rows,
}

impl Step {
    /// Inserts the rows; `columns` are aligned with the columns of the set, the first is never null.
    pub(crate) fn insert(table: &str, columns: &[&str], conflict: &str, rows: Rows) -> Self {
        let text = format!(
            "INSERT INTO {table} ({}) SELECT * FROM $k WHERE c1 IS NOT NULL {conflict}",
            columns.join(", ")
        );
        Step { text, rows }
    }

    /// Updates the rows of a table found by the first `keys` columns.
    pub(crate) fn update(table: &str, columns: &[&str], keys: usize, rows: Rows) -> Self {
        let numbered = || {
            columns
                .iter()
                .enumerate()
                .map(|(index, column)| (index + 1, column))
        };
        let sets: Vec<_> = numbered()
            .skip(keys)
            .map(|(at, column)| format!("{column} = $k.c{at}"))
            .collect();
        let finds: Vec<_> = numbered()
            .take(keys)
            .map(|(at, column)| format!("{table}.{column} = $k.c{at}"))
            .collect();
        let text = format!(
            "UPDATE {table} SET {} FROM $k WHERE {}",
            sets.join(", "),
            finds.join(" AND ")
        );
        Step { text, rows }
    }

    /// Deletes the rows of a table found by all columns of the set.
    pub(crate) fn delete(table: &str, columns: &[&str], rows: Rows) -> Self {
        let set: Vec<_> = (1..=columns.len()).map(|at| format!("c{at}")).collect();
        let text = format!(
            "DELETE FROM {table} WHERE ({}) IN (SELECT {} FROM $k)",
            columns.join(", "),
            set.join(", ")
        );
        Step { text, rows }
    }
}
