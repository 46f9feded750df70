//! Databases for tests: a SQLite file or a PostgreSQL database each, gone with the value.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kith_domain::actor::Permissions;
use kith_domain::people::{Company, Role, User, UserStatus};
use kith_domain::ports::directory::{Directory, NewCompany};
use kith_domain::ports::{Clock, Notifier};
use kith_domain::time::Timestamp;
use kith_persistence::{Settings, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime::Runtime;
use uuid::Uuid;

const VARIABLE: &str = "KITH_TEST_POSTGRES_URL";

/// A database of its own.
pub(crate) enum Database {
    Sqlite {
        folder: PathBuf,
        url: String,
    },
    Postgres {
        server: String,
        name: String,
        url: String,
    },
}

/// A name that no other test of this or another process uses.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "kith_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

impl Database {
    pub(crate) fn sqlite() -> Option<Self> {
        let folder = std::env::temp_dir().join(unique());
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.join("kith.db").display());
        Some(Database::Sqlite { folder, url })
    }

    pub(crate) fn has_postgres() -> bool {
        std::env::var(VARIABLE).is_ok()
    }

    /// None where no server is given.
    pub(crate) fn postgres() -> Option<Self> {
        let server = std::env::var(VARIABLE).ok()?;
        let name = unique();
        on_server(&server, format!("CREATE DATABASE {name}"));
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/{name}");
        Some(Database::Postgres { server, name, url })
    }

    /// Ends every connection to a PostgreSQL database, as its restart would.
    pub(crate) fn disconnect_all(&self) {
        if let Database::Postgres { server, name, .. } = self {
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            on_server(server, sql);
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Database::Sqlite { url, .. } | Database::Postgres { url, .. } => url,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match self {
            Database::Sqlite { folder, .. } => {
                let _ = std::fs::remove_dir_all(folder);
            }
            Database::Postgres { server, name, .. } => {
                on_server(server, format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

/// Runs a statement on the server, also from within a runtime.
fn on_server(server: &str, sql: String) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime().block_on(async {
                let mut connection = PgConnection::connect(server).await.unwrap();
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            });
        });
    });
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A clock that steps by a millisecond each time it is asked.
#[derive(Default)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_776_852_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A store with a current schema.
pub(crate) async fn open(database: &Database, notifier: Arc<dyn Notifier>) -> Arc<Store> {
    Store::migrate(database.url()).await.unwrap();
    let mut settings = Settings::new(database.url());
    settings.lanes = 2;
    let store = Store::open(&settings, Arc::new(TestClock::default()), notifier).await;
    Arc::new(store.unwrap())
}

/// A company with some people.
pub(crate) async fn found_company(store: &Store, people: usize) -> (Uuid, Vec<Uuid>) {
    #[expect(clippy::disallowed_methods, reason = "ids of tests")]
    let new_id = Uuid::now_v7;
    let company = new_id();
    let at = Timestamp(1_776_852_000_000);
    let role = Role {
        id: new_id(),
        name: "Administrator".to_owned(),
        description: None,
        is_system: true,
        permissions: Permissions::all(),
        created_at: at,
        updated_at: at,
    };
    let person = |_| {
        let id = new_id();
        let user = User {
            id,
            email: format!("{id}@example.com"),
            first_name: String::new(),
            last_name: String::new(),
            country: None,
            avatar_url: None,
            status: UserStatus::Active,
            role: role.id,
            created_at: at,
            updated_at: at,
        };
        (user, None)
    };
    let users: Vec<_> = (0..people).map(person).collect();
    let ids = users.iter().map(|(user, _)| user.id).collect();
    let founded = NewCompany {
        company: Company {
            id: company,
            name: "Test".to_owned(),
            currency: "EUR".to_owned(),
            created_at: at,
            updated_at: at,
            ..Company::default()
        },
        roles: vec![role],
        users,
        key: None,
        events: Vec::new(),
    };
    assert!(store.create_company(&founded).await.unwrap());
    (company, ids)
}
