//! A statement under construction: its text, and the values that are bound to it.

use kith_domain::ports::RepositoryError;
use kith_domain::relation::Target;
use kith_domain::scope::{Reach, Scope};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};
use uuid::Uuid;

use crate::read::failed;
use crate::shape::ends;
use crate::sql::{Cells, Dialect};
use crate::store::Store;

/// A value of a statement. Lists are one value each, so that the number of their items does not change the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Uuid(Uuid),
    Int(i64),
    Text(String),
    Uuids(Vec<Uuid>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// A statement about one company, which is `$1`.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) dialect: Dialect,
    values: Vec<Value>,
    /// Whether the values make no difference to how it is best run.
    is_planned_once: bool,
}

impl Statement {
    pub(crate) fn new(dialect: Dialect, company: Uuid) -> Self {
        Statement {
            dialect,
            values: vec![Value::Uuid(company)],
            is_planned_once: false,
        }
    }

    /// As a statement that is run in one way, whatever its values: PostgreSQL then plans it no more than a few times.
    #[must_use]
    pub(crate) fn planned_once(mut self) -> Self {
        self.is_planned_once = true;
        self
    }

    /// The place of a value in the text.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        // The same value is bound once.
        let at = self.values.iter().position(|known| *known == value);
        let at = at.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        format!("${}", at + 1)
    }

    pub(crate) fn int(&mut self, number: i64) -> String {
        self.bind(Value::Int(number))
    }

    /// Whether the record or user with this id is one that a caller may see; nothing where they see all.
    pub(crate) fn seen(&mut self, scope: &Scope, target: Target, id: &str) -> Option<String> {
        match (scope.reach(target), target) {
            (Reach::All, _) => None,
            (Reach::Own, Target::User) => {
                let me = self.bind(Value::Uuid(scope.user));
                Some(format!("{id} = {me}"))
            }
            (Reach::Own, Target::Record(entity)) => {
                let me = self.bind(Value::Uuid(scope.user));
                let users = &entity.links()[entity.link_index("users")?];
                let (own, other) = ends(users);
                Some(self.exists(&format!(
                    "{} o WHERE o.company_id = $1 AND o.{own} = {id} AND o.{other} = {me}",
                    users.of.name
                )))
            }
            (Reach::Nothing, _) => Some("FALSE".to_owned()),
        }
    }

    /// `<expression> is one of these`.
    pub(crate) fn one_of(&mut self, expression: &str, list: Value) -> String {
        let single = match &list {
            Value::Uuids(ids) if ids.len() == 1 => Some(Value::Uuid(ids[0])),
            Value::Ints(numbers) if numbers.len() == 1 => Some(Value::Int(numbers[0])),
            Value::Texts(texts) if texts.len() == 1 => Some(Value::Text(texts[0].clone())),
            _ => None,
        };
        if let Some(value) = single {
            return format!("{expression} = {}", self.bind(value));
        }
        let is_ids = matches!(list, Value::Uuids(_));
        let place = self.bind(list);
        match self.dialect {
            Dialect::Postgres => format!("{expression} = ANY ({place})"),
            Dialect::Sqlite if is_ids => {
                format!("{expression} IN (SELECT unhex(value) FROM json_each({place}))")
            }
            Dialect::Sqlite => format!("{expression} IN (SELECT value FROM json_each({place}))"),
        }
    }

    /// The rows `value` of a list of texts, for a `FROM`.
    pub(crate) fn each(&mut self, texts: Vec<String>) -> String {
        let place = self.bind(Value::Texts(texts));
        match self.dialect {
            Dialect::Postgres => format!("unnest({place}) AS e (value)"),
            Dialect::Sqlite => format!("json_each({place}) AS e"),
        }
    }

    /// Whether rows exist. SQLite turns an `EXISTS` into a join, which up to 3.51.3 counts a record more than once
    /// against an `OFFSET`; a value it leaves alone.
    pub(crate) fn exists(&self, from: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("EXISTS (SELECT 1 FROM {from})"),
            Dialect::Sqlite => format!("(SELECT 1 FROM {from} LIMIT 1) IS NOT NULL"),
        }
    }

    /// Whether one text is a part of another, literally.
    pub(crate) fn contains(&self, text: &str, part: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("strpos({text}, {part}) > 0"),
            Dialect::Sqlite => format!("instr({text}, {part}) > 0"),
        }
    }

    /// A text with its ASCII letters in lower case.
    pub(crate) fn ascii_lower(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("lower({text} COLLATE \"C\")"),
            Dialect::Sqlite => format!("lower({text})"),
        }
    }

    fn sqlite_arguments(&self) -> Result<SqliteArguments, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        for value in &self.values {
            let added = match value {
                Value::Uuid(id) => arguments.add(id),
                Value::Int(number) => arguments.add(number),
                Value::Text(text) => arguments.add(text.as_str()),
                Value::Uuids(ids) => {
                    let hex: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
                    arguments.add(serde_json::Value::from(hex).to_string())
                }
                Value::Ints(numbers) => {
                    arguments.add(serde_json::Value::from(numbers.as_slice()).to_string())
                }
                Value::Texts(texts) => {
                    arguments.add(serde_json::Value::from(texts.as_slice()).to_string())
                }
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }

    fn postgres_arguments(&self) -> Result<PgArguments, sqlx::Error> {
        let mut arguments = PgArguments::default();
        for value in &self.values {
            let added = match value {
                Value::Uuid(id) => arguments.add(id),
                Value::Int(number) => arguments.add(number),
                Value::Text(text) => arguments.add(text),
                Value::Uuids(ids) => arguments.add(ids),
                Value::Ints(numbers) => arguments.add(numbers),
                Value::Texts(texts) => arguments.add(texts),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

impl Store {
    /// Runs a statement with this text and reads its rows.
    pub(crate) async fn ask<T>(
        &self,
        statement: &Statement,
        text: String,
        read: impl Fn(&dyn Cells) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, RepositoryError> {
        let text = AssertSqlSafe(text);
        let pool = if statement.is_planned_once {
            &self.reads
        } else {
            &self.questions
        };
        let found: Result<Vec<T>, sqlx::Error> = match statement.dialect {
            Dialect::Sqlite => {
                let arguments = statement.sqlite_arguments().map_err(failed)?;
                let pool = pool.get_sqlite_connection_pool();
                let rows = sqlx::query_with(text, arguments).fetch_all(pool).await;
                rows.map_err(failed)?.iter().map(|row| read(row)).collect()
            }
            Dialect::Postgres => {
                let arguments = statement.postgres_arguments().map_err(failed)?;
                let pool = pool.get_postgres_connection_pool();
                let rows = sqlx::query_with(text, arguments).fetch_all(pool).await;
                rows.map_err(failed)?.iter().map(|row| read(row)).collect()
            }
        };
        found.map_err(failed)
    }
}
