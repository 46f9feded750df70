//! SQL written by hand, on one connection.

use std::str::FromStr as _;

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use uuid::Uuid;

use kith_tests::usage;

/// A bound value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Id(Uuid),
    Int(i64),
    Text(String),
}

/// A text with its values, `$1` and so on.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

/// A statement and what it gives.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// One number.
    Count(Sql),
    /// Rows that begin with an id.
    Rows(Sql),
}

/// A connection to either database, opened as someone would who knows it.
pub(crate) enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same on either connection.
macro_rules! rows {
    ($database:expr, $sql:expr, |$row:ident| $read:expr) => {{
        let sql: &Sql = $sql;
        match $database {
            Database::Sqlite(connection) => {
                let mut query = sqlx::query(AssertSqlSafe(sql.text.clone()));
                for value in &sql.values {
                    query = match value {
                        Value::Id(id) => query.bind(*id),
                        Value::Int(number) => query.bind(*number),
                        Value::Text(text) => query.bind(text.clone()),
                    };
                }
                let rows: Vec<SqliteRow> = query.fetch_all(connection).await?;
                rows.iter()
                    .map(|$row| Ok($read))
                    .collect::<Result<Vec<_>>>()
            }
            Database::Postgres(connection) => {
                let mut query = sqlx::query(AssertSqlSafe(sql.text.clone()));
                for value in &sql.values {
                    query = match value {
                        Value::Id(id) => query.bind(*id),
                        Value::Int(number) => query.bind(*number),
                        Value::Text(text) => query.bind(text.clone()),
                    };
                }
                let rows: Vec<PgRow> = query.fetch_all(connection).await?;
                rows.iter()
                    .map(|$row| Ok($read))
                    .collect::<Result<Vec<_>>>()
            }
        }
    }};
}

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if url.starts_with("postgres") {
            let options = PgConnectOptions::from_str(url)?
                .options([("jit", "off")])
                .disable_statement_logging();
            Ok(Database::Postgres(
                PgConnection::connect_with(&options).await?,
            ))
        } else {
            let options = SqliteConnectOptions::from_str(url)?
                .pragma("cache_size", "-8000")
                .disable_statement_logging();
            Ok(Database::Sqlite(
                SqliteConnection::connect_with(&options).await?,
            ))
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.is_sqlite() {
            "SQLite"
        } else {
            "PostgreSQL"
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Database::Sqlite(_))
    }

    /// Rows of a single column of ids.
    pub(crate) async fn ids_of(&mut self, text: &str, values: Vec<Value>) -> Result<Vec<Uuid>> {
        let sql = Sql {
            text: text.to_owned(),
            values,
        };
        rows!(self, &sql, |row| row.try_get(0)?)
    }

    /// Rows of a number and an id.
    pub(crate) async fn places(&mut self, sql: &Sql) -> Result<Vec<(i64, Uuid)>> {
        rows!(self, sql, |row| (row.try_get(0)?, row.try_get(1)?))
    }

    /// Rows of an id and two texts.
    pub(crate) async fn texts(
        &mut self,
        text: &str,
        values: Vec<Value>,
    ) -> Result<Vec<(Uuid, String, String)>> {
        let sql = Sql {
            text: text.to_owned(),
            values,
        };
        rows!(self, &sql, |row| (
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?
        ))
    }

    /// The company of a person.
    pub(crate) async fn company(&mut self, email: &str) -> Result<Uuid> {
        let sql = "SELECT company_id FROM account WHERE email_key = $1";
        let found = self
            .ids_of(sql, vec![Value::Text(email.to_owned())])
            .await?;
        found
            .first()
            .copied()
            .with_context(|| format!("there is no {email}: fill the database with kith-corpus"))
    }

    pub(crate) async fn count(&mut self, statement: &Statement) -> Result<i64> {
        let counts: Vec<i64> = rows!(self, statement.sql(), |row| row.try_get(0)?)?;
        counts.first().copied().context("no count")
    }

    pub(crate) async fn ids(&mut self, statement: &Statement) -> Result<Vec<Uuid>> {
        rows!(self, statement.sql(), |row| row.try_get(0)?)
    }

    /// Asks and looks at every value of the answer.
    pub(crate) async fn run(&mut self, statement: &Statement) -> Result<()> {
        let looked: Vec<usize> = rows!(self, statement.sql(), |row| {
            let mut looked = 0;
            for at in 0..row.len() {
                let _value = row.try_get_raw(at)?;
                looked += 1;
            }
            looked
        })?;
        std::hint::black_box(looked);
        Ok(())
    }

    /// The first process of PostgreSQL, if it is that.
    pub(crate) async fn postgres_pid(&mut self) -> Result<Option<u32>> {
        if self.is_sqlite() {
            return Ok(None);
        }
        let sql = Sql {
            text: "SELECT pg_backend_pid()::bigint".to_owned(),
            values: Vec::new(),
        };
        let pid = self.count(&Statement::Count(sql)).await?;
        usage::parent(u32::try_from(pid)?).map(Some)
    }
}

impl Statement {
    pub(crate) fn sql(&self) -> &Sql {
        match self {
            Statement::Count(sql) | Statement::Rows(sql) => sql,
        }
    }
}
