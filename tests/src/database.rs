//! Fresh databases, and a look into them past the program.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use uuid::Uuid;

/// The environment variable with the address of a PostgreSQL in which databases may be made.
pub const POSTGRES_URL: &str = "KITH_TEST_POSTGRES_URL";

/// Which database a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// A server, found by [`POSTGRES_URL`].
    Postgres,
}

impl Backend {
    /// Both.
    pub const ALL: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        }
    }

    /// The backend with a name, in whichever case.
    ///
    /// # Errors
    /// That there is none, with what is accepted.
    pub fn named(name: &str) -> Result<Backend, String> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| "sqlite and postgresql are accepted".to_owned())
    }

    /// Those that are asked for, or all, as far as they are there; and those that are not.
    pub fn chosen(asked: &[Backend]) -> (Vec<Backend>, Vec<Backend>) {
        let wanted = |backend: &Backend| asked.is_empty() || asked.contains(backend);
        Backend::ALL
            .into_iter()
            .filter(wanted)
            .partition(|backend| backend.is_available())
    }

    /// Whether it can be used here.
    pub fn is_available(self) -> bool {
        self == Backend::Sqlite || std::env::var_os(POSTGRES_URL).is_some()
    }
}

/// A database of its own; dropping it deletes it.
#[derive(Debug)]
pub struct Database {
    /// Which kind.
    pub backend: Backend,
    /// As `KITH_DATABASE_URL` takes it.
    pub url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Server { admin_url: String, name: String },
}

/// A row of the event log.
#[derive(Clone, Debug)]
pub struct Event {
    /// Position in the company's log.
    pub position: i64,
    /// `contact.updated`.
    pub name: String,
    /// The record.
    pub entity: Uuid,
    /// Who caused it.
    pub user: Uuid,
    /// The envelope, byte for byte.
    pub body: Vec<u8>,
}

impl Event {
    /// The envelope as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// `data.payload` of the envelope.
    pub fn payload(&self) -> Value {
        self.json()["data"]["payload"].take()
    }

    /// `changes` of the payload.
    pub fn changes(&self) -> Value {
        self.payload()["changes"].take()
    }
}

/// An open connection that is not the program's.
pub enum Session {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

impl Database {
    /// Makes an empty one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn create(backend: Backend) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("kith_e2e_{}_{number}", std::process::id());
        match backend {
            Backend::Sqlite => {
                let folder = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&folder)?;
                let url = format!("sqlite://{}?mode=rwc", folder.join("kith.db").display());
                Ok(Database {
                    backend,
                    url,
                    place: Place::Folder(folder),
                })
            }
            Backend::Postgres => {
                let admin_url = std::env::var(POSTGRES_URL)
                    .with_context(|| format!("{POSTGRES_URL} is not set"))?;
                let (server, _) = admin_url
                    .rsplit_once('/')
                    .with_context(|| format!("{POSTGRES_URL} names no database"))?;
                let url = format!("{server}/{name}");
                let mut admin = PgConnection::connect(&admin_url).await?;
                // The template is named so that nobody who is connected to the usual one is in the way.
                for sql in [
                    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                    format!("CREATE DATABASE {name} TEMPLATE template0"),
                ] {
                    sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await?;
                }
                admin.close().await?;
                Ok(Database {
                    backend,
                    url,
                    place: Place::Server { admin_url, name },
                })
            }
        }
    }

    /// Connects past the program.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self) -> Result<Session> {
        Ok(match self.backend {
            Backend::Sqlite => {
                let options = SqliteConnectOptions::from_str(&self.url)?
                    .busy_timeout(std::time::Duration::from_secs(30))
                    .foreign_keys(true);
                Session::Sqlite(SqliteConnection::connect_with(&options).await?)
            }
            Backend::Postgres => {
                let options = PgConnectOptions::from_str(&self.url)?;
                Session::Postgres(PgConnection::connect_with(&options).await?)
            }
        })
    }

    /// A company's events after a position, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(&self, company: Uuid, after: i64) -> Result<Vec<Event>> {
        self.session().await?.events(company, after).await
    }
}

/// Runs the same on either kind of connection; `?` stands for a parameter.
macro_rules! on {
    ($session:expr, $sql:expr, |$query:ident| $bound:expr, |$row:ident| $read:expr) => {{
        let sql: &str = $sql;
        match $session {
            Session::Sqlite(connection) => {
                let $query = sqlx::query(AssertSqlSafe(sql.to_owned()));
                let rows = $bound.fetch_all(connection).await?;
                rows.iter()
                    .map(|$row| Ok($read))
                    .collect::<Result<Vec<_>>>()
            }
            Session::Postgres(connection) => {
                let $query = sqlx::query(AssertSqlSafe(dollars(sql)));
                let rows = $bound.fetch_all(connection).await?;
                rows.iter()
                    .map(|$row| Ok($read))
                    .collect::<Result<Vec<_>>>()
            }
        }
    }};
}

impl Session {
    /// A company's events after a position, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(&mut self, company: Uuid, after: i64) -> Result<Vec<Event>> {
        let sql = "SELECT seq, type, entity_id, user_id, body FROM event \
                   WHERE company_id = ? AND seq > ? ORDER BY seq";
        on!(self, sql, |query| query.bind(company).bind(after), |row| {
            Event {
                position: row.try_get(0)?,
                name: row.try_get(1)?,
                entity: row.try_get(2)?,
                user: row.try_get(3)?,
                body: row.try_get(4)?,
            }
        })
    }

    /// Numbers that a query gives, each row's first column; `?` stands for the ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn numbers(&mut self, sql: &str, ids: &[Uuid]) -> Result<Vec<i64>> {
        on!(
            self,
            sql,
            |query| ids.iter().fold(query, |query, id| query.bind(*id)),
            |row| row.try_get(0)?
        )
    }

    /// Ids that a query gives, each row's first column; `?` stands for the ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ids(&mut self, sql: &str, ids: &[Uuid]) -> Result<Vec<Uuid>> {
        on!(
            self,
            sql,
            |query| ids.iter().fold(query, |query, id| query.bind(*id)),
            |row| row.try_get(0)?
        )
    }

    /// Runs a statement; `?` stands for the ids.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn execute(&mut self, sql: &str, ids: &[Uuid]) -> Result<()> {
        self.numbers(sql, ids).await.map(drop)
    }

    /// How many records, links, events and sessions a company has: the same number before and after means that nothing was
    /// added or removed, and the position of the log says that nothing was changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fingerprint(&mut self, company: Uuid) -> Result<Vec<i64>> {
        const TABLES: [&str; 17] = [
            "contact",
            "organization",
            "deal",
            "service",
            "task",
            "contact_organization",
            "contact_deal",
            "organization_deal",
            "deal_service",
            "contact_user",
            "organization_user",
            "deal_user",
            "service_user",
            "task_user",
            "event",
            "session",
            "password_reset",
        ];
        let mut parts: Vec<_> = TABLES
            .iter()
            .map(|table| format!("SELECT count(*) FROM {table} WHERE company_id = ?"))
            .collect();
        parts.push("SELECT seq FROM company_position WHERE company_id = ?".to_owned());
        let sql = parts.join(" UNION ALL ");
        self.numbers(&sql, &vec![company; parts.len()]).await
    }

    /// Keeps the program from writing for a company until [`Session::release`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold_writes(&mut self, company: Uuid) -> Result<()> {
        match self {
            Session::Sqlite(_) => self.execute("BEGIN IMMEDIATE", &[]).await,
            Session::Postgres(_) => {
                self.execute("BEGIN", &[]).await?;
                let sql = "SELECT seq FROM company_position WHERE company_id = ? FOR UPDATE";
                self.numbers(sql, &[company]).await.map(drop)
            }
        }
    }

    /// Lets the program write again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&mut self) -> Result<()> {
        self.execute("ROLLBACK", &[]).await
    }
}

/// `?` as PostgreSQL writes it: `$1`, `$2`, …
fn dollars(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 8);
    for (number, part) in sql.split('?').enumerate() {
        if number > 0 {
            text.push('$');
            text.push_str(&number.to_string());
        }
        text.push_str(part);
    }
    text
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            // What cannot be deleted stays in the folder for temporary files.
            Place::Folder(folder) => {
                let _ = std::fs::remove_dir_all(folder);
            }
            Place::Server { admin_url, name } => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let admin_url = admin_url.clone();
                // A thread of its own, because this one may be inside a runtime.
                let dropped = std::thread::spawn(move || -> Result<()> {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    runtime.block_on(async {
                        let mut admin = PgConnection::connect(&admin_url).await?;
                        sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await?;
                        Ok(admin.close().await?)
                    })
                });
                let _ = dropped.join();
            }
        }
    }
}
