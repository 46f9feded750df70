//! The in-memory repository: the reference for the contract of the port, for tests and for embedding.

mod feed;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Name, Notifier, Page, Repository, RepositoryError, Schema, Settled, Silent, StoredResponse,
    UnitOfWork,
};
use crate::columns::{Column, CustomValue};
use crate::decide::OptionHolders;
use crate::draft::Reference;
use crate::entity::EntityType;
use crate::event::CommittedEvent;
use crate::filter::{Search, SearchTerm, sort_name};
use crate::record::{Record, RecordKey};
use crate::relation::Target;
use crate::scope::Scope;
use crate::working_set::{LoadPlan, WorkingSet, Write};
use feed::News;

/// Keeps everything in memory; one lock, so units run strictly one after another.
pub struct MemoryRepository {
    companies: Mutex<HashMap<Uuid, Company>>,
    notifier: Arc<dyn Notifier>,
    news: News,
}

#[derive(Default)]
struct Company {
    records: HashMap<RecordKey, Arc<Record>>,
    users: HashSet<Uuid>,
    columns: Arc<Vec<Column>>,
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
            news: News::default(),
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

    fn load_holders(&self, set: &mut WorkingSet, asked: OptionHolders) {
        let holds = |record: &&Arc<Record>| {
            let value = record.custom.get(&asked.column);
            matches!(value, Some(CustomValue::Option(held)) if asked.options.contains(held))
        };
        let holders = || self.records.values().filter(holds);
        let count = holders().count() as u64;
        for record in holders().take(asked.limit) {
            set.load(Arc::clone(record));
        }
        set.load_option_count(asked.column, asked.options, count);
    }

    /// Columns that are gone take their values along.
    fn take_columns(&mut self, columns: &Arc<Vec<Column>>) {
        self.columns = Arc::clone(columns);
        for record in self.records.values_mut() {
            let is_gone = |id: &Uuid| !columns.iter().any(|column| column.id == *id);
            if record.custom.keys().any(is_gone) {
                Arc::make_mut(record).custom.retain(|id, _| !is_gone(id));
            }
        }
    }

    fn find(&self, key: RecordKey) -> Option<&Record> {
        self.records.get(&key).map(Arc::as_ref)
    }

    /// The records of a type that a caller may see, as they see them.
    fn shown(&self, scope: &Scope, entity: EntityType) -> Vec<Arc<Record>> {
        let of_type = |record: &&Arc<Record>| record.entity == entity && scope.sees(record);
        let seen = self.records.values().filter(of_type);
        seen.map(|record| scope.shown(record, |key| self.find(key)))
            .collect()
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
        let mut set = WorkingSet::new(Arc::clone(&company.columns));
        company.load(&mut set, &unit.plan());
        if let Some(holders) = unit.holders(&set) {
            company.load_holders(&mut set, holders);
        }
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
        if !Arc::ptr_eq(&company.columns, set.columns()) {
            company.take_columns(set.columns());
        }
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
            self.news.ring();
        }
        Ok(Settled::Done)
    }

    async fn get(
        &self,
        scope: &Scope,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError> {
        let companies = self.lock();
        let company = companies.get(&scope.company);
        Ok(company.and_then(|company| {
            let record = company.records.get(&key);
            record
                .filter(|record| scope.sees(record))
                .map(|record| scope.shown(record, |key| company.find(key)))
        }))
    }

    async fn schema(&self, company: Uuid) -> Result<Schema, RepositoryError> {
        let companies = self.lock();
        Ok(companies
            .get(&company)
            .map(|company| Schema {
                columns: Arc::clone(&company.columns),
                ..Schema::default()
            })
            .unwrap_or_default())
    }

    async fn search(&self, scope: &Scope, search: &Search) -> Result<Page, RepositoryError> {
        let companies = self.lock();
        let company = companies.get(&scope.company);
        let shown = company.map(|company| company.shown(scope, search.entity));
        let shown = shown.unwrap_or_default();
        let answer = search.answer(shown.iter().map(Arc::as_ref));
        Ok(Page {
            records: answer
                .records
                .into_iter()
                .map(|record| Arc::new(record.clone()))
                .collect(),
            total: search.with_total.then_some(answer.total),
            next_cursor: answer.next_cursor,
        })
    }

    async fn names(
        &self,
        scope: &Scope,
        references: &[Reference],
    ) -> Result<Vec<Name>, RepositoryError> {
        let companies = self.lock();
        let Some(company) = companies.get(&scope.company) else {
            return Ok(Vec::new());
        };
        let seen = references
            .iter()
            .filter(|reference| scope.sees_any(**reference, |key| company.find(key)));
        let names = seen.filter_map(|reference| match reference {
            Reference::Record(key) => company.records.get(key).map(|record| name_of(record)),
            // Users have no names here.
            Reference::User(id) => company.users.contains(id).then(|| Name {
                target: Target::User,
                id: *id,
                name: id.to_string(),
            }),
        });
        Ok(names.collect())
    }

    async fn find(
        &self,
        scope: &Scope,
        term: &SearchTerm,
        limit: u32,
    ) -> Result<Vec<Name>, RepositoryError> {
        let companies = self.lock();
        let Some(company) = companies.get(&scope.company) else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entity in EntityType::ALL {
            let mut found = company.shown(scope, entity);
            found.retain(|record| term.matches(record));
            found.sort_by_key(|record| (!term.begins(record), sort_name(record), record.id));
            found.truncate(limit as usize);
            names.extend(found.iter().map(|record| name_of(record)));
        }
        Ok(names)
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

fn name_of(record: &Record) -> Name {
    Name {
        target: Target::Record(record.entity),
        id: record.id,
        name: record.display_name(),
    }
}
