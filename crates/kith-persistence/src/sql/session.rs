//! A connection that a writer owns, on either database.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kith_domain::record::LinkSet;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, Row};
use uuid::Uuid;

use super::{Rows, Step};
use crate::indexes::Index;
use crate::shape::from_scaled;

/// Most rows in one statement on SQLite, fewer where they are wide.
const SQLITE_ROWS: usize = 1024;

/// Most parameters of one statement on SQLite.
const SQLITE_PARAMETERS: usize = 32_766;

/// Powers of two up to [`SQLITE_ROWS`].
const SIZES: usize = 11;

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Reads the cells of a row by position.
pub(crate) trait Cells {
    fn uuid(&self, at: usize) -> Result<Uuid, sqlx::Error>;
    fn int(&self, at: usize) -> Result<i64, sqlx::Error>;
    fn optional_int(&self, at: usize) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, at: usize) -> Result<&str, sqlx::Error>;
    fn optional_text(&self, at: usize) -> Result<Option<&str>, sqlx::Error>;
    fn bytes(&self, at: usize) -> Result<Vec<u8>, sqlx::Error>;
    fn optional_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, sqlx::Error>;
    /// A link set, from the aggregate of [`aggregate`] at `at`, and of its quantities at `at + 1`.
    fn links(&self, at: usize, quantities: bool) -> Result<LinkSet, sqlx::Error>;
}

macro_rules! plain_cells {
    () => {
        fn uuid(&self, at: usize) -> Result<Uuid, sqlx::Error> {
            self.try_get(at)
        }
        fn int(&self, at: usize) -> Result<i64, sqlx::Error> {
            self.try_get(at)
        }
        fn optional_int(&self, at: usize) -> Result<Option<i64>, sqlx::Error> {
            self.try_get(at)
        }
        fn text(&self, at: usize) -> Result<&str, sqlx::Error> {
            self.try_get(at)
        }
        fn optional_text(&self, at: usize) -> Result<Option<&str>, sqlx::Error> {
            self.try_get(at)
        }
        fn bytes(&self, at: usize) -> Result<Vec<u8>, sqlx::Error> {
            self.try_get(at)
        }
        fn optional_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
            self.try_get(at)
        }
    };
}

impl Cells for SqliteRow {
    plain_cells!();

    fn links(&self, at: usize, quantities: bool) -> Result<LinkSet, sqlx::Error> {
        let hex = self.optional_text(at)?.unwrap_or_default();
        let ids = hex
            .as_bytes()
            .chunks(32)
            .map(|id| Uuid::try_parse_ascii(id).map_err(corrupt));
        if !quantities {
            return Ok(LinkSet::from_ids(ids.collect::<Result<_, _>>()?));
        }
        let numbers = self.optional_text(at + 1)?.unwrap_or_default();
        let numbers = numbers
            .split(',')
            .map(|number| number.parse().map(from_scaled).map_err(corrupt));
        let pairs = ids.zip(numbers).map(|(id, number)| Ok((id?, number?)));
        Ok(LinkSet::from_pairs(
            pairs.collect::<Result<Vec<_>, sqlx::Error>>()?,
        ))
    }
}

impl Cells for PgRow {
    plain_cells!();

    fn links(&self, at: usize, quantities: bool) -> Result<LinkSet, sqlx::Error> {
        let ids: Vec<Uuid> = self.try_get(at)?;
        if !quantities {
            return Ok(LinkSet::from_ids(ids));
        }
        let numbers: Vec<i64> = self.try_get(at + 1)?;
        Ok(LinkSet::from_pairs(
            ids.into_iter().zip(numbers.into_iter().map(from_scaled)),
        ))
    }
}

/// Something stored cannot be what Kith wrote.
pub(crate) fn corrupt(reason: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(reason))
}

/// A connection with at most one transaction at a time.
pub(crate) trait Session: Send + Sized {
    type Row: Cells + Send;
    const DIALECT: Dialect;

    fn begin(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    fn commit(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    fn rollback(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Runs a query over the set `$k`; empty sets are not asked about.
    fn fetch(
        &mut self,
        text: &str,
        rows: &Rows,
    ) -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send;
    /// Runs statements in order; those over an empty set are left out.
    fn write(&mut self, steps: &[Step]) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Makes an index, outside of a transaction, unless this session has seen to it.
    fn index(&mut self, index: &Index) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// The one write connection of a SQLite file.
pub(crate) struct SqliteSession {
    connection: SqliteConnection,
    /// Texts by template and number of rows, so that they are built once and found in the statement cache.
    texts: HashMap<String, [Option<Arc<str>>; SIZES]>,
    indexed: HashSet<String>,
}

impl SqliteSession {
    pub(crate) fn new(connection: SqliteConnection) -> Self {
        SqliteSession {
            connection,
            texts: HashMap::new(),
            indexed: HashSet::new(),
        }
    }

    /// The text for a number of rows, rounded up so that few texts serve all numbers; unused rows are bound as nulls.
    fn text(&mut self, template: &str, rows: &Rows, size: usize) -> AssertSqlSafe<Arc<str>> {
        let slot = size.trailing_zeros() as usize;
        if let Some(Some(text)) = self.texts.get(template).and_then(|sizes| sizes.get(slot)) {
            return AssertSqlSafe(Arc::clone(text));
        }
        let mut sql = String::from("WITH ");
        rows.define_values("k", size, &mut sql);
        sql.push(' ');
        sql.push_str(&template.replace("$k", "k"));
        let text: Arc<str> = sql.into();
        let sizes = self.texts.entry(template.to_owned()).or_default();
        if let Some(known) = sizes.get_mut(slot) {
            *known = Some(Arc::clone(&text));
        }
        AssertSqlSafe(text)
    }
}

/// Where each statement over `len` rows of `width` cells begins, and for how many rows it has room: a power of two.
fn chunks(len: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    let fitting = (SQLITE_PARAMETERS / width.max(1)).clamp(1, SQLITE_ROWS);
    let most = 1 << fitting.ilog2();
    let starts = (0..len).step_by(most);
    starts.map(move |start| (start, (len - start).min(most).next_power_of_two()))
}

impl Session for SqliteSession {
    type Row = SqliteRow;
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.connection.execute("BEGIN IMMEDIATE").await.map(drop)
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.connection.execute("COMMIT").await.map(drop)
    }

    async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        self.connection.execute("ROLLBACK").await.map(drop)
    }

    async fn fetch(&mut self, text: &str, rows: &Rows) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut found = Vec::new();
        for (start, size) in chunks(rows.len(), rows.width()) {
            let arguments = rows.bind_values(start, size).map_err(sqlx::Error::Encode)?;
            let sql = self.text(text, rows, size);
            found.extend(
                sqlx::query_with(sql, arguments)
                    .fetch_all(&mut self.connection)
                    .await?,
            );
        }
        Ok(found)
    }

    async fn write(&mut self, steps: &[Step]) -> Result<(), sqlx::Error> {
        for step in steps {
            for (start, size) in chunks(step.rows.len(), step.rows.width()) {
                let arguments = step
                    .rows
                    .bind_values(start, size)
                    .map_err(sqlx::Error::Encode)?;
                let sql = self.text(&step.text, &step.rows, size);
                sqlx::query_with(sql, arguments)
                    .execute(&mut self.connection)
                    .await?;
            }
        }
        Ok(())
    }

    async fn index(&mut self, index: &Index) -> Result<(), sqlx::Error> {
        if !self.indexed.insert(index.name()) {
            return Ok(());
        }
        let sql = index.sql("");
        self.connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }
}

/// A connection of a PostgreSQL lane.
pub(crate) struct PostgresSession {
    connection: PgConnection,
    indexed: HashSet<String>,
    begun: u64,
    replanned: u64,
}

/// The advisory lock of the one session that makes an index.
const INDEXING: i64 = 7_238_212;

/// How often the others ask for their turn.
const TURN: Duration = Duration::from_millis(50);

/// Most transactions between two plannings.
const REPLAN: u64 = 4096;

impl PostgresSession {
    /// Prepares a connection for set-based statements: each is planned once, and found through indexes, in their order,
    /// however small the tables were then. What a server holds that has stopped in a transaction is free again soon.
    pub(crate) async fn new(mut connection: PgConnection) -> Result<Self, sqlx::Error> {
        connection
            .execute(
                "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; \
                 SET idle_in_transaction_session_timeout = '10s'",
            )
            .await?;
        Ok(PostgresSession {
            connection,
            indexed: HashSet::new(),
            begun: 0,
            replanned: 0,
        })
    }

    /// Whether it is time to plan anew: after 1, 2, 4, 8, … transactions, then every [`REPLAN`].
    fn is_to_replan(&mut self) -> bool {
        self.begun += 1;
        let due = self.begun - self.replanned > self.replanned.clamp(1, REPLAN);
        if due {
            self.replanned = self.begun;
        }
        due
    }
}

impl Session for PostgresSession {
    type Row = PgRow;
    const DIALECT: Dialect = Dialect::Postgres;

    /// To an empty table every index that begins with the company costs the same, so a plan made then, also one of a
    /// foreign key's check, may walk all records of the company when there are many: plans are dropped as tables grow.
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let text = if self.is_to_replan() {
            "DISCARD PLANS; BEGIN"
        } else {
            "BEGIN"
        };
        self.connection.execute(text).await.map(drop)
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.connection.execute("COMMIT").await.map(drop)
    }

    async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        self.connection.execute("ROLLBACK").await.map(drop)
    }

    async fn fetch(&mut self, text: &str, rows: &Rows) -> Result<Vec<PgRow>, sqlx::Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = String::from("WITH ");
        rows.define_arrays("k", 1, &mut sql);
        sql.push(' ');
        sql.push_str(&text.replace("$k", "k"));
        let mut arguments = PgArguments::default();
        rows.bind_arrays(&mut arguments)
            .map_err(sqlx::Error::Encode)?;
        sqlx::query_with(AssertSqlSafe(sql), arguments)
            .fetch_all(&mut self.connection)
            .await
    }

    /// All statements travel as one: data-modifying `WITH` clauses. Each row is written by one of them only, and
    /// foreign keys are checked when all are through.
    async fn write(&mut self, steps: &[Step]) -> Result<(), sqlx::Error> {
        let mut sql = String::new();
        let mut arguments = PgArguments::default();
        let mut bound = 1;
        for (at, step) in steps
            .iter()
            .filter(|step| !step.rows.is_empty())
            .enumerate()
        {
            sql.push_str(if at == 0 { "WITH " } else { ", " });
            let name = format!("k{at}");
            step.rows.define_arrays(&name, bound, &mut sql);
            sql.push_str(&format!(", w{at} AS ({})", step.text.replace("$k", &name)));
            step.rows
                .bind_arrays(&mut arguments)
                .map_err(sqlx::Error::Encode)?;
            bound += step.rows.width();
        }
        if sql.is_empty() {
            return Ok(());
        }
        sql.push_str(" SELECT 1");
        sqlx::query_with(AssertSqlSafe(sql), arguments)
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    async fn index(&mut self, index: &Index) -> Result<(), sqlx::Error> {
        if self.indexed.contains(&index.name()) {
            return Ok(());
        }
        if self.validity(index).await? != Some(true) {
            // Two that are made at once wait for each other's transaction: they take turns. To wait in a statement
            // would be such a transaction too.
            while !self.is_my_turn().await? {
                tokio::time::sleep(TURN).await;
            }
            let made = self.make_index(index).await;
            let unlock = "SELECT pg_advisory_unlock($1)";
            sqlx::query(unlock)
                .bind(INDEXING)
                .execute(&mut self.connection)
                .await?;
            made?;
        }
        self.indexed.insert(index.name());
        Ok(())
    }
}

impl PostgresSession {
    /// Whether an index can be used; nothing if there is none.
    async fn validity(&mut self, index: &Index) -> Result<Option<bool>, sqlx::Error> {
        let text = "SELECT x.indisvalid FROM pg_index x WHERE x.indexrelid = to_regclass($1)";
        sqlx::query_scalar(text)
            .bind(index.name())
            .fetch_optional(&mut self.connection)
            .await
    }

    async fn is_my_turn(&mut self) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(INDEXING)
            .fetch_one(&mut self.connection)
            .await
    }

    /// Made beside other writers; what a broken attempt left behind is removed first.
    async fn make_index(&mut self, index: &Index) -> Result<(), sqlx::Error> {
        let valid = self.validity(index).await?;
        if valid == Some(false) {
            let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name());
            self.connection.execute(AssertSqlSafe(sql)).await?;
        }
        if valid != Some(true) {
            let sql = index.sql("CONCURRENTLY");
            self.connection.execute(AssertSqlSafe(sql)).await?;
        }
        Ok(())
    }
}

/// What an aggregate of a link set lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Ids,
    Numbers,
}

/// The aggregate of a column of a link table, for [`Cells::links`]; `order` where two aggregates have to be aligned.
pub(crate) fn aggregate(
    dialect: Dialect,
    listed: Listed,
    column: &str,
    from: &str,
    order: Option<&str>,
) -> String {
    let order = order
        .map(|order| format!(" ORDER BY {order}"))
        .unwrap_or_default();
    match (dialect, listed) {
        (Dialect::Postgres, _) => format!("ARRAY(SELECT {column} {from}{order})"),
        (Dialect::Sqlite, Listed::Ids) => {
            format!("(SELECT group_concat(hex({column}), ''{order}) {from})")
        }
        (Dialect::Sqlite, Listed::Numbers) => {
            format!("(SELECT group_concat({column}, ','{order}) {from})")
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::str::FromStr as _;

    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;
    use crate::connect::OpenSqlite;
    use crate::sql::Column;
    use crate::writer::Connect as _;

    #[tokio::test]
    async fn a_large_set_is_not_a_reason_to_walk_a_table_on_sqlite() {
        let options = SqliteConnectOptions::from_str("sqlite::memory:").unwrap();
        let mut session = OpenSqlite::to_write(&options).connect().await.unwrap();
        let table = "CREATE TABLE t (a BLOB, b BLOB, c INTEGER, PRIMARY KEY (a, b)) STRICT";
        session.connection.execute(table).await.unwrap();
        for size in [1, 256, SQLITE_ROWS] {
            let rows = Rows::new(vec![
                Column::Uuid(vec![Uuid::nil(); size]),
                Column::Uuid(vec![Uuid::nil(); size]),
                Column::Int(vec![Some(1); size]),
            ]);
            let step = Step::update("t", &["a", "b", "c"], 2, rows);
            let AssertSqlSafe(text) = session.text(&step.text, &step.rows, size);
            let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let arguments = step.rows.bind_values(0, size).unwrap();
            let plan = sqlx::query_with(sql, arguments);
            let plan = plan.fetch_all(&mut session.connection).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
            let is_found = plan.iter().any(|line| line.starts_with("SEARCH t USING"));
            assert!(is_found, "{size}: {plan:?}");
        }
    }

    #[test]
    fn statements_never_have_more_parameters_than_sqlite_takes() {
        for width in [1, 4, 31, 32, 73, 1_000] {
            for len in [0, 1, 3, 1_000, 5_000] {
                let mut next = 0;
                for (start, size) in chunks(len, width) {
                    assert_eq!(start, next, "{len} rows of {width}");
                    assert!(size.is_power_of_two() && size <= SQLITE_ROWS);
                    assert!(size * width <= SQLITE_PARAMETERS, "{size} rows of {width}");
                    next = (start + size).min(len);
                }
                assert_eq!(next, len);
            }
        }
    }
}
