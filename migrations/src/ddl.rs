//! One schema text for both databases: the column types that differ are written as words that this module replaces.

use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Runs `;`-separated statements after replacing
///
/// | word | SQLite | PostgreSQL |
/// |---|---|---|
/// | `UUID_` | `BLOB` (16 bytes) | `uuid` |
/// | `INT_` | `INTEGER` | `bigint` |
/// | `BYTES_` | `BLOB` | `bytea` |
/// | `SORTED_` | `TEXT` | `text COLLATE "C"`: compared bytewise |
/// | `ROWKEY_` | a row number that stays and the key as a constraint: full-text rows point at it | the key |
/// | `STRICT_` | `STRICT` | nothing |
/// | `CLUSTERED_` | `STRICT, WITHOUT ROWID` | nothing |
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let words = match manager.get_database_backend() {
        DbBackend::Postgres => [
            "uuid",
            "bigint",
            "bytea",
            "text COLLATE \"C\"",
            "PRIMARY KEY (company_id, id)",
            "",
            "",
        ],
        _ => [
            "BLOB",
            "INTEGER",
            "BLOB",
            "TEXT",
            "rid INTEGER PRIMARY KEY, UNIQUE (company_id, id)",
            "STRICT",
            "STRICT, WITHOUT ROWID",
        ],
    };
    let mut sql = statements.to_owned();
    for (word, replacement) in [
        "UUID_",
        "INT_",
        "BYTES_",
        "SORTED_",
        "ROWKEY_",
        "STRICT_",
        "CLUSTERED_",
    ]
    .into_iter()
    .zip(words)
    {
        sql = sql.replace(word, replacement);
    }
    for statement in sql
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Makes an index on a table with data, in a step without a transaction: on PostgreSQL beside the writes, and anew where
/// an attempt broke off.
pub(crate) async fn index(manager: &SchemaManager<'_>, name: &str, on: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    if manager.get_database_backend() != DbBackend::Postgres {
        let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON {on}");
        return connection.execute_unprepared(&sql).await.map(drop);
    }
    let invalid =
        "SELECT 1 AS found FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid";
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, invalid, [name.to_owned().into()]);
    if connection.query_one_raw(statement).await?.is_some() {
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
        connection.execute_unprepared(&sql).await?;
    }
    let sql = format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}");
    connection.execute_unprepared(&sql).await.map(drop)
}
