//! The storage as a whole: the read pool, the writers, and the implementation of the repository port.

use std::sync::Arc;

use async_trait::async_trait;
use kith_domain::event::CommittedEvent;
use kith_domain::ports::{
    Clock, Health, Notifier, Repository, RepositoryError, Settled, UnitOfWork,
};
use kith_domain::record::{Record, RecordKey};
use kith_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::connect::{
    ConnectError, OpenPostgres, OpenSqlite, Settings, Target, admin_pool, read_pool,
};
use crate::sql::Dialect;
use crate::writer::{Queue, Surroundings, Writer};

/// Kith's data in SQLite or PostgreSQL.
pub struct Store {
    pub(crate) reads: DatabaseConnection,
    pub(crate) admin: DatabaseConnection,
    /// Empty once the store is closed.
    lanes: RwLock<Vec<Queue>>,
    writers: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
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
        let surroundings = Surroundings { clock, notifier };
        let writers: Vec<_> = match target {
            Target::Sqlite(options) => vec![Writer::start(OpenSqlite(options), surroundings)],
            Target::Postgres(options) => {
                let lanes = 0..settings.lanes.max(1);
                lanes
                    .map(|_| Writer::start(OpenPostgres(options.clone()), surroundings.clone()))
                    .collect()
            }
        };
        let (lanes, writers) = writers.into_iter().unzip();
        Ok(Store {
            reads,
            admin,
            lanes: RwLock::new(lanes),
            writers: tokio::sync::Mutex::new(writers),
        })
    }

    /// Brings the schema up to date. Several servers may do so at once: on PostgreSQL they wait for each other.
    ///
    /// # Errors
    /// When a step fails; the steps before it stay.
    pub async fn migrate(url: &str) -> Result<(), ConnectError> {
        Target::of(url)?;
        let connection = admin_pool(url).await?;
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        if is_postgres {
            // The pool has one connection, so the lock is held by the session that runs the steps.
            connection
                .execute_unprepared("SELECT pg_advisory_lock(7238211)")
                .await?;
        }
        let done = Migrator::up(&connection, None)
            .await
            .map_err(|error| ConnectError::Schema(error.to_string()));
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
        Target::of(url)?;
        let connection = admin_pool(url).await?;
        let pending = Migrator::get_pending_migrations_read_only(&connection).await?;
        connection.close().await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// Does what waits, then closes all connections. Later writes are refused as unavailable.
    pub async fn close(&self) {
        self.lanes.write().await.clear();
        for writer in self.writers.lock().await.drain(..) {
            if let Err(error) = writer.await {
                tracing::error!(%error, "a writer ended badly");
            }
        }
        for pool in [&self.reads, &self.admin] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a connection pool did not close");
            }
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.reads.get_database_backend() {
            DbBackend::Postgres => Dialect::Postgres,
            _ => Dialect::Sqlite,
        }
    }

    async fn lane(&self, company: Uuid) -> Option<Queue> {
        let lanes = self.lanes.read().await;
        // The last bytes of a version 7 id are random.
        let spread = company.as_u128() % (lanes.len().max(1) as u128);
        lanes
            .get(usize::try_from(spread).unwrap_or_default())
            .cloned()
    }
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> RepositoryError {
    RepositoryError::Unavailable(error.to_string())
}

#[async_trait]
impl Repository for Store {
    async fn transact(&self, unit: Box<dyn UnitOfWork>) -> Result<Settled, RepositoryError> {
        match self.lane(unit.company()).await {
            Some(lane) => lane.settle(unit).await,
            None => Err(RepositoryError::Unavailable(
                "the storage is closed".to_owned(),
            )),
        }
    }

    async fn get(
        &self,
        company: Uuid,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError> {
        self.read_record(company, key).await
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
