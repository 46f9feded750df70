//! What the database holds, in bytes.

use std::str::FromStr as _;

use anyhow::Result;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

/// Does what a running database does by itself sooner or later: PostgreSQL gathers its statistics and clears up, SQLite
/// folds its log into the file.
pub(crate) async fn prepare(url: &str) -> Result<()> {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query("VACUUM ANALYZE")
            .execute(&mut connection)
            .await?;
    } else {
        let mut connection = sqlite(url).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

async fn sqlite(url: &str) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::from_str(url)?;
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// What the database holds, and how much that is for each record.
pub(crate) async fn lines(url: &str, records: usize) -> Result<Vec<String>> {
    const EVENTS: &str = "SELECT CAST(sum(length(body)) AS bigint), count(*) FROM event";
    const SIZES: &str = "SELECT CAST(CASE WHEN c.relname LIKE 'event%' THEN 'event' WHEN c.relname LIKE '%search%' \
         THEN 'search' WHEN c.relkind = 'i' THEN 'indexes' ELSE 'tables' END AS text) AS part, \
         CAST(sum(pg_relation_size(c.oid)) AS bigint) FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i') GROUP BY 1 ORDER BY 2 DESC";
    let mut parts: Vec<(String, i64)> = Vec::new();
    let (bytes, bodies, events): (i64, i64, i64);
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await?;
        bytes = sqlx::query_scalar("SELECT pg_database_size(current_database())")
            .fetch_one(&mut connection)
            .await?;
        (bodies, events) = sqlx::query_as(EVENTS).fetch_one(&mut connection).await?;
        for row in sqlx::query(SIZES).fetch_all(&mut connection).await? {
            parts.push((row.try_get(0)?, row.try_get(1)?));
        }
    } else {
        let mut connection = sqlite(url).await?;
        bytes = sqlx::query_scalar(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        )
        .fetch_one(&mut connection)
        .await?;
        (bodies, events) = sqlx::query_as(EVENTS).fetch_one(&mut connection).await?;
    }
    let each = |bytes: i64| bytes as f64 / records as f64;
    let mut lines = vec![
        format!(
            "database       {:>9.1} MB, {:.0} bytes a record",
            bytes as f64 / 1e6,
            each(bytes)
        ),
        format!(
            "event bodies   {:>9.1} MB before compression, {:.0} bytes a record, {events} events",
            bodies as f64 / 1e6,
            each(bodies)
        ),
    ];
    lines.extend(parts.iter().map(|(name, bytes)| {
        format!(
            "  {name:<12} {:>9.1} MB, {:.0} bytes a record",
            *bytes as f64 / 1e6,
            each(*bytes)
        )
    }));
    Ok(lines)
}
