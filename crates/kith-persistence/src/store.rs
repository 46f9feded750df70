//! The storage as a whole: the read pool, the writers, and the implementation of the repository port.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kith_domain::draft::Reference;
use kith_domain::event::CommittedEvent;
use kith_domain::filter::{Search, SearchTerm};
use kith_domain::ports::{
    Clock, Health, Name, Notifier, Page, Repository, RepositoryError, Schema, Settled, UnitOfWork,
};
use kith_domain::record::{Record, RecordKey};
use kith_domain::scope::{Reach, Scope};
use kith_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, TryGetable, Value,
};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::bell::Bells;
use crate::columns::Remembered;
use crate::connect::{
    ConnectError, OpenPostgres, OpenSqlite, Settings, Target, admin_pool, first_contact,
    question_pool, read_pool,
};
use crate::indexes::Indexes;
use crate::query::Totals;
use crate::reader::{ReadQueue, Reader, Standing};
use crate::sql::Dialect;
use crate::writer::outbox::Subscriptions;
use crate::writer::{Queue, Surroundings, Writer};

/// Batched readers, each with a connection: two keep two cores busy, and a large record delays half of the others only.
const READERS: usize = 2;

/// How often the schema steps are tried again on SQLite, where another process may be doing the same ones.
const MIGRATE_AGAIN: usize = 20;

/// How often a process asks whether it may do the schema steps on PostgreSQL.
const MIGRATE_TURN: Duration = Duration::from_millis(50);

/// Kith's data in SQLite or PostgreSQL.
pub struct Store {
    pub(crate) reads: DatabaseConnection,
    /// Connections for questions; see [`question_pool`].
    pub(crate) questions: DatabaseConnection,
    pub(crate) admin: DatabaseConnection,
    pub(crate) remembered: Remembered,
    pub(crate) indexes: Arc<Indexes>,
    pub(crate) totals: Totals,
    /// See [`Settings::walk_from`].
    pub(crate) walk_from: u64,
    pub(crate) bells: Bells,
    pub(crate) notifier: Arc<dyn Notifier>,
    lanes: RwLock<Lanes>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    /// Tasks that end with the store and have nothing to finish.
    ringers: Vec<JoinHandle<()>>,
}

/// The ways to the writers and readers; both empty once the store is closed.
#[derive(Default)]
struct Lanes {
    writers: Vec<Queue>,
    readers: Vec<ReadQueue>,
    /// The writers that claim deliveries, and do the other work on them: on SQLite the only one, on PostgreSQL each its
    /// own.
    claims: Option<Queue>,
    deliveries: Option<Queue>,
}

impl Store {
    /// Opens the storage and starts its writers. The schema has to be current: see [`Store::migrate`].
    ///
    /// # Errors
    /// When the URL is not understood or the database does not answer.
    pub async fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        notifier: Arc<dyn Notifier>,
    ) -> Result<Self, ConnectError> {
        let target = Target::of(&settings.url)?;
        let admin = admin_pool(&settings.url).await?;
        let reads = read_pool(settings).await?;
        let questions = question_pool(settings, &reads).await?;
        let remembered = Remembered::default();
        let bells = Bells::default();
        let indexes = Arc::new(Indexes::new(target.clone()));
        let surroundings = Surroundings {
            clock,
            notifier: Arc::clone(&notifier),
            remembered: remembered.clone(),
            bells: bells.clone(),
            subscriptions: Subscriptions::default(),
            indexes: Arc::clone(&indexes),
        };
        let (writers, readers): (Vec<_>, Vec<_>) = match target {
            Target::Sqlite(options) => (
                vec![Writer::start(OpenSqlite::to_write(&options), surroundings)],
                (0..READERS)
                    .map(|_| Reader::start(OpenSqlite::to_read(&options)))
                    .collect(),
            ),
            Target::Postgres(options) => (
                // The last two work on deliveries.
                (0..settings.lanes.max(1) + 2)
                    .map(|_| Writer::start(OpenPostgres(options.clone()), surroundings.clone()))
                    .collect(),
                (0..READERS)
                    .map(|_| Reader::start(OpenPostgres(options.clone())))
                    .collect(),
            ),
        };
        let (mut writers, writing): (Vec<_>, Vec<_>) = writers.into_iter().unzip();
        let is_postgres = reads.get_database_backend() == DbBackend::Postgres;
        let (claims, deliveries, ringers) = if is_postgres {
            (writers.pop(), writers.pop(), bells.join(&reads).into())
        } else {
            let writer = writers.first();
            (writer.cloned(), writer.cloned(), Vec::new())
        };
        let (readers, reading): (_, Vec<_>) = readers.into_iter().unzip();
        Ok(Store {
            reads,
            questions,
            admin,
            remembered,
            indexes,
            totals: Totals::default(),
            walk_from: settings.walk_from,
            bells,
            notifier,
            lanes: RwLock::new(Lanes {
                writers,
                readers,
                claims,
                deliveries,
            }),
            tasks: tokio::sync::Mutex::new(writing.into_iter().chain(reading).collect()),
            ringers,
        })
    }

    /// Brings the schema up to date. Several processes may do so at once: on PostgreSQL they wait for each other, on
    /// SQLite a step that another one did meanwhile is passed over.
    ///
    /// # Errors
    /// When a step fails; the steps before it stay.
    pub async fn migrate(url: &str) -> Result<(), ConnectError> {
        first_contact(Target::of(url)?).await?;
        let connection = admin_pool(url).await?;
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        if is_postgres {
            take_turn(&connection).await?;
        }
        let mut done = Migrator::up(&connection, None).await;
        // SQLite has no lock that spans the steps. Each step is a transaction, so one that fails because another process
        // was faster is no longer pending, and what is left is tried again.
        for _ in 0..MIGRATE_AGAIN {
            if is_postgres || done.is_ok() {
                break;
            }
            done = Migrator::up(&connection, None).await;
        }
        let done = done.map_err(|error| ConnectError::Schema(error.to_string()));
        if is_postgres {
            connection
                .execute_unprepared("SELECT pg_advisory_unlock(7238211)")
                .await?;
        }
        connection.close().await?;
        done
    }

    /// Names of the schema steps that have not been done yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_steps(url: &str) -> Result<Vec<String>, ConnectError> {
        first_contact(Target::of(url)?).await?;
        let connection = admin_pool(url).await?;
        let pending = Migrator::get_pending_migrations_read_only(&connection).await?;
        connection.close().await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// Does what waits, then closes all connections. Later writes are refused as unavailable.
    pub async fn close(&self) {
        *self.lanes.write().await = Lanes::default();
        self.ringers.iter().for_each(JoinHandle::abort);
        for task in self.tasks.lock().await.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a reader or writer ended badly");
            }
        }
        for pool in [&self.questions, &self.reads, &self.admin] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a connection pool did not close");
            }
        }
    }

    /// How the database goes about a search: its own words about the statement that counts and about the page.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn explain(
        &self,
        scope: &Scope,
        search: &Search,
    ) -> Result<Vec<String>, RepositoryError> {
        self.explain_page(scope, search).await
    }

    /// The rows that a query gives, outside of transactions.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, RepositoryError> {
        let backend = self.reads.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let rows = self.reads.query_all_raw(statement).await;
        rows.map_err(unavailable)
    }

    /// A transaction for a change of the workspace; on SQLite it takes the write lock at once, so that it cannot fail
    /// half-way.
    pub(crate) async fn begin_change(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.admin.begin_with_options(options).await
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.reads.get_database_backend() {
            DbBackend::Postgres => Dialect::Postgres,
            _ => Dialect::Sqlite,
        }
    }

    /// The writer of a company: always the same, so that its requests meet in one batch.
    async fn writer(&self, company: Uuid) -> Option<Queue> {
        let lanes = &self.lanes.read().await.writers;
        lanes.get(spread(company, lanes.len())).cloned()
    }

    /// The writer that claims deliveries.
    pub(crate) async fn claim_writer(&self) -> Result<Queue, RepositoryError> {
        let queue = self.lanes.read().await.claims.clone();
        queue.ok_or_else(closed)
    }

    /// The writer that does the other work on deliveries.
    pub(crate) async fn delivery_writer(&self) -> Result<Queue, RepositoryError> {
        let queue = self.lanes.read().await.deliveries.clone();
        queue.ok_or_else(closed)
    }

    /// What a company says about values, and the version of its custom columns.
    pub(crate) async fn read_standing(
        &self,
        company: Uuid,
    ) -> Result<Option<Standing>, RepositoryError> {
        let reader = self.reader(company).await.ok_or_else(closed)?;
        reader.standing(company).await
    }

    /// The reader for a record or a company: any would do, and ids spread well.
    async fn reader(&self, id: Uuid) -> Option<ReadQueue> {
        let lanes = &self.lanes.read().await.readers;
        lanes.get(spread(id, lanes.len())).cloned()
    }
}

/// Takes the lock of the schema steps on PostgreSQL. The pool has one connection, so it is held by the session that runs
/// them. To wait for it in a statement would be a transaction, for which an index that is made `CONCURRENTLY` waits.
async fn take_turn(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = "SELECT pg_try_advisory_lock(7238211)";
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = connection.query_one_raw(statement).await?;
        if row.is_some_and(|row| row.try_get_by_index(0).unwrap_or_default()) {
            return Ok(());
        }
        tokio::time::sleep(MIGRATE_TURN).await;
    }
}

/// One of `lanes` for an id; the last bytes of a version 7 id are random.
fn spread(id: Uuid, lanes: usize) -> usize {
    usize::try_from(id.as_u128() % (lanes.max(1) as u128)).unwrap_or_default()
}

fn closed() -> RepositoryError {
    RepositoryError::Unavailable("the storage is closed".to_owned())
}

/// Runs a statement in a transaction; how many rows it touched.
pub(crate) async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: Vec<Value>,
) -> Result<u64, DbErr> {
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let done = transaction.execute_raw(statement).await?;
    Ok(done.rows_affected())
}

/// A cell of a row by its place.
pub(crate) fn get<T: TryGetable>(row: &QueryResult, at: usize) -> Result<T, RepositoryError> {
    row.try_get_by_index(at).map_err(unavailable)
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> RepositoryError {
    RepositoryError::Unavailable(error.to_string())
}

#[async_trait]
impl Repository for Store {
    async fn transact(&self, unit: Box<dyn UnitOfWork>) -> Result<Settled, RepositoryError> {
        let writer = self.writer(unit.company()).await.ok_or_else(closed)?;
        writer.settle(unit).await
    }

    async fn get(
        &self,
        scope: &Scope,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError> {
        if scope.reach_of(key.entity) != Reach::All || !scope.shows_all_links(key.entity) {
            return self.read_within(scope, key).await;
        }
        let reader = self.reader(key.id).await.ok_or_else(closed)?;
        reader.get(scope.company, key).await
    }

    async fn schema(&self, company: Uuid) -> Result<Schema, RepositoryError> {
        self.read_schema(company).await
    }

    async fn search(&self, scope: &Scope, search: &Search) -> Result<Page, RepositoryError> {
        self.read_page(scope, search).await
    }

    async fn names(
        &self,
        scope: &Scope,
        references: &[Reference],
    ) -> Result<Vec<Name>, RepositoryError> {
        self.read_names(scope, references).await
    }

    async fn find(
        &self,
        scope: &Scope,
        term: &SearchTerm,
        limit: u32,
    ) -> Result<Vec<Name>, RepositoryError> {
        self.find_names(scope, term, limit).await
    }

    async fn events(
        &self,
        company: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        self.read_events(company, after, limit).await
    }
}

#[async_trait]
impl Health for Store {
    async fn check(&self) -> Result<(), RepositoryError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.reads)
            .await
            .map_err(unavailable)?;
        match pending.len() {
            0 => Ok(()),
            steps => Err(RepositoryError::Unavailable(format!(
                "{steps} schema steps are pending"
            ))),
        }
    }
}
