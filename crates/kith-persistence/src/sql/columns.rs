//! Rows for a set-based statement, kept by column: PostgreSQL binds an array per column, SQLite a value per cell.

use std::fmt::Write as _;
use std::sync::Arc;

use kith_domain::event::EncodedEvent;
use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

/// The cells of one column.
#[derive(Debug)]
pub(crate) enum Column {
    Uuid(Vec<Uuid>),
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Name(Vec<&'static str>),
    Bytes(Vec<Vec<u8>>),
    /// The bodies of events, shared with whoever is told of them.
    Body(Vec<Arc<EncodedEvent>>),
}

/// A set of rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<Column>,
    len: usize,
}

impl Rows {
    /// Rows from columns of equal length.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        let len = columns.first().map_or(0, Column::len);
        debug_assert!(columns.iter().all(|column| column.len() == len));
        Rows { columns, len }
    }

    /// Rows of tenant and id.
    pub(crate) fn keys(keys: impl IntoIterator<Item = (Uuid, Uuid)>) -> Self {
        let (companies, ids) = keys.into_iter().unzip();
        Rows::new(vec![Column::Uuid(companies), Column::Uuid(ids)])
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Definition of the set for PostgreSQL, its parameters numbered from `first`.
    pub(crate) fn define_arrays(&self, name: &str, first: usize, sql: &mut String) {
        self.define(name, sql);
        sql.push_str("SELECT * FROM unnest(");
        for (at, column) in self.columns.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(
                sql,
                "{separator}${}::{}[]",
                first + at,
                column.postgres_type()
            );
        }
        sql.push_str("))");
    }

    /// Definition of the set for SQLite with room for `size` rows.
    pub(crate) fn define_values(&self, name: &str, size: usize, sql: &mut String) {
        self.define(name, sql);
        sql.push_str("VALUES ");
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        for at in 0..size {
            if at > 0 {
                sql.push(',');
            }
            sql.push_str(&row);
        }
        sql.push(')');
    }

    fn define(&self, name: &str, sql: &mut String) {
        sql.push_str(name);
        for at in 1..=self.columns.len() {
            let _ = write!(sql, "{}c{at}", if at == 1 { "(" } else { ", " });
        }
        sql.push_str(") AS (");
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Binds an array per column.
    pub(crate) fn bind_arrays(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        for column in &self.columns {
            match column {
                Column::Uuid(cells) => arguments.add(cells)?,
                Column::Int(cells) => arguments.add(cells)?,
                Column::Text(cells) => arguments.add(cells)?,
                Column::Name(cells) => arguments.add(cells)?,
                Column::Bytes(cells) => arguments.add(cells)?,
                Column::Body(events) => {
                    arguments.add(
                        events
                            .iter()
                            .map(|event| event.body.as_slice())
                            .collect::<Vec<_>>(),
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Binds the cells of the rows from `start`, row by row, and nulls up to `size` rows.
    pub(crate) fn bind_values(
        &self,
        start: usize,
        size: usize,
    ) -> Result<SqliteArguments, BoxDynError> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * self.columns.len(), 0);
        for row in start..start + size {
            for column in &self.columns {
                match column {
                    Column::Uuid(cells) => arguments.add(cells.get(row))?,
                    Column::Int(cells) => arguments.add(cells.get(row).copied().flatten())?,
                    Column::Text(cells) => {
                        arguments.add(cells.get(row).and_then(Option::as_deref))?
                    }
                    Column::Name(cells) => arguments.add(cells.get(row).copied())?,
                    Column::Bytes(cells) => arguments.add(cells.get(row).map(Vec::as_slice))?,
                    Column::Body(events) => {
                        arguments.add(events.get(row).map(|event| event.body.as_slice()))?
                    }
                }
            }
        }
        Ok(arguments)
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Column::Uuid(cells) => cells.len(),
            Column::Int(cells) => cells.len(),
            Column::Text(cells) => cells.len(),
            Column::Name(cells) => cells.len(),
            Column::Bytes(cells) => cells.len(),
            Column::Body(events) => events.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Column::Uuid(_) => "uuid",
            Column::Int(_) => "bigint",
            Column::Text(_) | Column::Name(_) => "text",
            Column::Bytes(_) | Column::Body(_) => "bytea",
        }
    }
}
