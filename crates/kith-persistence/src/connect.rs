//! Connections: how each database is opened, for reading and for writing.

use std::str::FromStr;
use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::sql::{PostgresSession, SqliteSession};
use crate::writer::Connect;

/// Where the data is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://FILE?mode=rwc` or `postgres://…` (`KITH_DATABASE_URL`).
    pub url: String,
    /// Most connections of the read pool.
    pub readers: u32,
    /// Writers on PostgreSQL, each with a connection; companies are spread over them.
    pub lanes: usize,
    /// From how many found records on an answer is read along its order, instead of being sorted.
    pub walk_from: u64,
}

impl Settings {
    /// The usual numbers for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Settings {
            url: url.into(),
            readers: 8,
            lanes: 4,
            walk_from: 5_000,
        }
    }
}

/// Why the storage could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is of no database that Kith speaks.
    #[error(
        "the database URL must begin with sqlite:// or postgres://, as in sqlite://kith.db?mode=rwc"
    )]
    UnknownScheme,
    /// An in-memory database has one connection; Kith needs several on the same data.
    #[error(
        "SQLite in memory cannot be shared by several connections; name a file, as in sqlite://kith.db?mode=rwc"
    )]
    InMemory,
    /// The database did not answer or refused.
    #[error("the database cannot be opened: {0}")]
    Database(String),
    /// A schema step failed.
    #[error("the schema cannot be brought up to date: {0}")]
    Schema(String),
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> Self {
        ConnectError::Database(error.to_string())
    }
}

impl From<sea_orm::DbErr> for ConnectError {
    fn from(error: sea_orm::DbErr) -> Self {
        ConnectError::Database(error.to_string())
    }
}

/// Options of one of the two databases.
#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Target {
    pub(crate) fn of(url: &str) -> Result<Self, ConnectError> {
        if url.starts_with("sqlite:") {
            if url.contains(":memory:") || url.contains("mode=memory") {
                return Err(ConnectError::InMemory);
            }
            Ok(Target::Sqlite(sqlite_options(
                SqliteConnectOptions::from_str(url)?,
            )))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Ok(Target::Postgres(
                PgConnectOptions::from_str(url)?.application_name("kith"),
            ))
        } else {
            Err(ConnectError::UnknownScheme)
        }
    }
}

/// Longest wait for a database server to answer at the start.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// Connects once, so that a server that cannot be reached says why: a pool would only say that it waited.
pub(crate) async fn first_contact(target: Target) -> Result<(), ConnectError> {
    let Target::Postgres(options) = target else {
        return Ok(());
    };
    let contact = async { PgConnection::connect_with(&options).await?.close().await };
    match tokio::time::timeout(FIRST_CONTACT, contact).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ConnectError::Database(format!(
            "no answer within {} seconds",
            FIRST_CONTACT.as_secs()
        ))),
    }
}

/// Durable (`FULL`), readers beside one writer (`WAL`), other processes waited for.
fn sqlite_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30))
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-8000")
        // 16 MB of log before it is folded into the file: pages that are written again and again are folded once.
        .pragma("wal_autocheckpoint", "4000")
}

/// A small pool for schema steps and workspace changes.
pub(crate) async fn admin_pool(url: &str) -> Result<DatabaseConnection, ConnectError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .min_connections(0)
        .sqlx_logging(false)
        .idle_timeout(Duration::from_secs(60))
        .map_sqlx_sqlite_opts(sqlite_options)
        .map_sqlx_postgres_opts(|options| options.application_name("kith"));
    Ok(Database::connect(options).await?)
}

/// How long a connection to a server is trusted to be alive after its last use: under load a ping before each use would
/// cost a round trip, and after a restart of the server all idle ones are dead.
const TRUSTED: Duration = Duration::from_secs(1);

/// KiB of pages that the connections of the read pool remember together, on SQLite.
const SQLITE_READ_CACHE: u32 = 16_000;

/// How many connections read on SQLite: each is a thread with pages of its own, and they are used in turn, so that more
/// of them than there are cores only remember less each.
fn sqlite_readers(most: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    cores.clamp(2, 4).min(most).max(1)
}

/// The pool that reads use. On SQLite it cannot write.
pub(crate) async fn read_pool(settings: &Settings) -> Result<DatabaseConnection, ConnectError> {
    let mut options = ConnectOptions::new(&settings.url);
    let is_sqlite = settings.url.starts_with("sqlite:");
    let readers = settings.readers;
    options
        .max_connections(if is_sqlite {
            sqlite_readers(settings.readers)
        } else {
            settings.readers
        })
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10))
        // A ping before each use would be a round trip, or on SQLite a hop to its thread.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| {
            let cache = SQLITE_READ_CACHE / sqlite_readers(readers);
            sqlite_options(options)
                .pragma("query_only", "1")
                .pragma("cache_size", format!("-{cache}"))
                .statement_cache_capacity(256)
        })
        .map_sqlx_postgres_opts(|options| options.application_name("kith"));
    if !is_sqlite {
        options.test_before_acquire_if_idle_for(TRUSTED);
    }
    Ok(Database::connect(options).await?)
}

/// The pool that questions use: that of the reads, but on PostgreSQL one of its own, whose statements are planned for
/// their values (a plan for any values can be hundreds of times slower).
pub(crate) async fn question_pool(
    settings: &Settings,
    reads: &DatabaseConnection,
) -> Result<DatabaseConnection, ConnectError> {
    if settings.url.starts_with("sqlite:") {
        return Ok(reads.clone());
    }
    let mut options = ConnectOptions::new(&settings.url);
    options
        .max_connections(settings.readers)
        .min_connections(0)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(TRUSTED)
        .map_sqlx_postgres_opts(|options| {
            options
                .application_name("kith")
                .options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")])
        });
    Ok(Database::connect(options).await?)
}

/// Opens a connection to a SQLite file that its reader or writer keeps.
pub(crate) struct OpenSqlite(SqliteConnectOptions);

impl OpenSqlite {
    pub(crate) fn to_write(options: &SqliteConnectOptions) -> Self {
        OpenSqlite(set_based(options).statement_cache_capacity(512))
    }

    pub(crate) fn to_read(options: &SqliteConnectOptions) -> Self {
        let options = set_based(options).statement_cache_capacity(64);
        OpenSqlite(options.pragma("query_only", "1"))
    }
}

/// For statements over sets, which find rows through the indexes that there are. From some hundred members on, SQLite
/// would rather walk the whole table beside an index that it makes of the set: it does not know how large the table is.
fn set_based(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().pragma("automatic_index", "0")
}

impl Connect for OpenSqlite {
    type Session = SqliteSession;

    async fn connect(&self) -> Result<SqliteSession, sqlx::Error> {
        Ok(SqliteSession::new(
            SqliteConnection::connect_with(&self.0).await?,
        ))
    }
}

/// Opens the connection of a PostgreSQL lane.
pub(crate) struct OpenPostgres(pub(crate) PgConnectOptions);

impl Connect for OpenPostgres {
    type Session = PostgresSession;

    async fn connect(&self) -> Result<PostgresSession, sqlx::Error> {
        let options = self.0.clone().statement_cache_capacity(512);
        PostgresSession::new(PgConnection::connect_with(&options).await?).await
    }
}
