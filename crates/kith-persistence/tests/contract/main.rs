//! The contract of the repository port, held by SQLite and by PostgreSQL.
//!
//! PostgreSQL is tested where `KITH_TEST_POSTGRES_URL` names a server on which databases may be made.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod claims;
mod deliveries;
mod found;
mod questions;
mod resends;
mod support;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;
use kith_domain::ports::contract::{self, Fixture, Workspace};
use kith_domain::ports::{
    Contribution, IdempotencyClaim, Notifier, Repository, Settled, Silent, UnitOfWork,
};
use kith_domain::record::RecordKey;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use kith_persistence::Store;

use support::{Database, found_company, open, runtime};

/// Makes workspaces in databases of their own.
struct OnDatabase {
    make: fn() -> Option<Database>,
    /// Whether a second store is opened on the same database, as another process would.
    with_peer: bool,
}

/// Closes the stores before their database goes.
struct Guard {
    stores: Vec<Arc<Store>>,
    _database: Database,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let stores = std::mem::take(&mut self.stores);
        let close = async move {
            for store in stores {
                store.close().await;
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| runtime().block_on(close));
        });
    }
}

#[async_trait]
impl Fixture for OnDatabase {
    async fn workspace(&self, notifier: Arc<dyn Notifier>) -> Workspace {
        let database = (self.make)().unwrap();
        let store = open(&database, notifier).await;
        let mut stores = vec![Arc::clone(&store)];
        let mut peers: Vec<Arc<dyn Repository>> = Vec::new();
        if self.with_peer {
            let peer = open(&database, Arc::new(Silent)).await;
            stores.push(Arc::clone(&peer));
            peers.push(peer);
        }
        let (company, users) = found_company(&store, 2).await;
        let (other_company, other_users) = found_company(&store, 1).await;
        Workspace {
            repository: store,
            peers,
            company,
            users,
            other_company,
            other_users,
            guard: Box::new(Guard {
                stores,
                _database: database,
            }),
        }
    }
}

fn run(fixture: &OnDatabase, case: &str) {
    runtime().block_on(contract::run(fixture, case));
}

mod sqlite {
    use super::*;

    fn run(case: &str) {
        let fixture = OnDatabase {
            make: Database::sqlite,
            with_peer: false,
        };
        super::run(&fixture, case);
    }

    kith_domain::repository_contract!(run);
}

mod postgres {
    use super::*;

    fn run(case: &str) {
        if Database::has_postgres() {
            let fixture = OnDatabase {
                make: Database::postgres,
                with_peer: true,
            };
            super::run(&fixture, case);
        }
    }

    kith_domain::repository_contract!(run);
}

#[test]
fn the_schema_is_made_once_by_many() {
    for make in [Database::sqlite, Database::postgres] {
        let Some(database) = make() else { continue };
        runtime().block_on(async {
            let url = database.url();
            let steps = Store::pending_steps(url).await;
            if let Ok(steps) = steps {
                assert!(!steps.is_empty());
            }
            let all = (0..4).map(|_| {
                let url = url.to_owned();
                tokio::spawn(async move { Store::migrate(&url).await })
            });
            for done in all.collect::<Vec<_>>() {
                done.await.unwrap().unwrap();
            }
            Store::migrate(url).await.unwrap();
            assert_eq!(Store::pending_steps(url).await.unwrap(), [""; 0]);
        });
    }
}

/// A unit that changes nothing.
struct Nothing(uuid::Uuid);

impl UnitOfWork for Nothing {
    fn company(&self) -> uuid::Uuid {
        self.0
    }
    fn plan(&self) -> LoadPlan {
        LoadPlan::default()
    }
    fn reach(&self, _: &WorkingSet) -> Vec<RecordKey> {
        Vec::new()
    }
    fn run(&mut self, _: &mut WorkingSet) -> Option<Contribution> {
        None
    }
    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}

#[test]
fn a_connection_that_died_while_idle_is_replaced() {
    let Some(database) = Database::postgres() else {
        return;
    };
    runtime().block_on(async {
        let store = open(&database, Arc::new(Silent)).await;
        let (company, _) = found_company(&store, 1).await;
        for _ in 0..3 {
            let settled = store.transact(Box::new(Nothing(company))).await;
            assert!(matches!(settled, Ok(Settled::Done)), "{settled:?}");
            database.disconnect_all();
        }
        store.close().await;
    });
}
