//! The in-memory repository: the reference for the contract of the port, for tests and for embedding.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Notifier, Repository, RepositoryError, Settled, Silent, StoredResponse, UnitOfWork};
use crate::event::CommittedEvent;
use crate::record::{Record, RecordKey};
use crate::working_set::{LoadPlan, WorkingSet, Write};

/// Keeps everything in memory; one lock, so units run strictly one after another.
pub struct MemoryRepository {
    companies: Mutex<HashMap<Uuid, Company>>,
    notifier: Arc<dyn Notifier>,
}

#[derive(Default)]
struct Company {
    records: HashMap<RecordKey, Arc<Record>>,
    users: HashSet<Uuid>,
    events: Vec<CommittedEvent>,
    responses: HashMap<String, (Vec<u8>, StoredResponse)>,
}

impl Default for MemoryRepository {
    fn default() -> Self {
        MemoryRepository::new(Arc::new(Silent))
    }
}

impl MemoryRepository {
    /// An empty repository that tells `notifier` of each commit.
    pub fn new(notifier: Arc<dyn Notifier>) -> Self {
        MemoryRepository {
            companies: Mutex::default(),
            notifier,
        }
    }

    /// Makes a user known to a company.
    pub fn add_user(&self, company: Uuid, user: Uuid) {
        self.lock().entry(company).or_default().users.insert(user);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Company>> {
        // Writes happen after all that could panic, so a poisoned lock still guards a consistent state.
        self.companies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Company {
    fn load(&self, set: &mut WorkingSet, plan: &LoadPlan) {
        let records = plan.records.iter().filter_map(|key| self.records.get(key));
        records.for_each(|record| set.load(Arc::clone(record)));
        let users = plan.users.iter().filter(|user| self.users.contains(*user));
        users.for_each(|user| set.load_user(*user));
    }
}

#[async_trait]
impl Repository for MemoryRepository {
    async fn transact(&self, mut unit: Box<dyn UnitOfWork>) -> Result<Settled, RepositoryError> {
        let id = unit.company();
        let mut companies = self.lock();
        let company = companies.entry(id).or_default();
        if let Some(claim) = unit.claim()
            && let Some((fingerprint, response)) = company.responses.get(&claim.key)
        {
            return Ok(if *fingerprint == claim.fingerprint {
                Settled::Replayed(response.clone())
            } else {
                Settled::ClaimedOtherwise
            });
        }
        let mut set = WorkingSet::default();
        company.load(&mut set, &unit.plan());
        let records = unit.reach(&set);
        company.load(
            &mut set,
            &LoadPlan {
                records,
                users: Vec::new(),
            },
        );
        let Some(contribution) = unit.run(&mut set) else {
            return Ok(Settled::Done);
        };
        for write in set.writes() {
            match write {
                Write::Insert(record)
                | Write::Update {
                    current: record, ..
                } => {
                    company.records.insert(record.key(), record);
                }
                Write::Delete { key, .. } => {
                    company.records.remove(&key);
                }
            }
        }
        let first = company.events.len();
        for event in contribution.events {
            let position = i64::try_from(company.events.len()).unwrap_or(i64::MAX - 1) + 1;
            company.events.push(CommittedEvent {
                company: id,
                position,
                event: Arc::new(event),
            });
        }
        if let (Some(claim), Some(response)) = (unit.claim(), contribution.response) {
            let settled = (claim.fingerprint.clone(), response);
            company.responses.insert(claim.key.clone(), settled);
        }
        if first < company.events.len() {
            self.notifier.committed(&company.events[first..]);
        }
        Ok(Settled::Done)
    }

    async fn get(
        &self,
        company: Uuid,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError> {
        Ok(self
            .lock()
            .get(&company)
            .and_then(|company| company.records.get(&key).cloned()))
    }

    async fn events(
        &self,
        company: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        let companies = self.lock();
        let events = companies
            .get(&company)
            .map(|company| company.events.as_slice())
            .unwrap_or_default();
        Ok(events
            .iter()
            .filter(|event| event.position > after)
            .take(limit)
            .cloned()
            .collect())
    }
}
