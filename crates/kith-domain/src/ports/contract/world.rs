//! A workspace as the cases use it: short verbs, and the audit of everything that happened in it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use uuid::Uuid;

use super::unit::{Done, Ledger, Outcome, Sources, Task, Unit};
use super::{Fixture, Workspace};
use crate::actor::right_by_name;
use crate::columns::{Column, ColumnDraft};
use crate::decide::{ColumnCommand, Command};
use crate::draft::Draft;
use crate::entity::{EntityType, FieldValue};
use crate::event::{CommittedEvent, Happening};
use crate::ports::{IdempotencyClaim, Notifier, Repository, Schema, Settled};
use crate::record::{Record, RecordKey};
use crate::scope::Scope;
use crate::violation::Refusal;

/// Remembers what it is told.
#[derive(Default)]
struct Heard(Mutex<Vec<CommittedEvent>>);

impl Notifier for Heard {
    fn committed(&self, events: &[CommittedEvent]) {
        assert!(!events.is_empty(), "a notice without events");
        let companies = events
            .iter()
            .all(|event| event.company == events[0].company);
        assert!(companies, "a notice for two companies");
        self.0.lock().unwrap().extend_from_slice(events);
    }
}

/// The events of each acknowledged unit, with its company.
type Acknowledged = Arc<Mutex<Vec<(Uuid, Vec<Uuid>)>>>;

/// One company of a workspace, and someone who acts in it.
pub(super) struct World {
    workspace: Arc<Workspace>,
    pub(super) company: Uuid,
    pub(super) users: Vec<Uuid>,
    /// What the one who acts may read.
    scope: Scope,
    heard: Arc<Heard>,
    sources: Arc<Sources>,
    ledger: Ledger,
    acknowledged: Acknowledged,
    /// The last positions before the case, by company.
    started: Arc<HashMap<Uuid, i64>>,
    /// Columns that were deleted: their values go without an event.
    dropped: Arc<Mutex<HashSet<Uuid>>>,
    turn: AtomicUsize,
}

impl World {
    pub(super) async fn new(fixture: &dyn Fixture) -> World {
        let heard = Arc::new(Heard::default());
        let workspace = fixture.workspace(heard.clone()).await;
        assert!(workspace.users.len() >= 2 && !workspace.other_users.is_empty());
        let mut started = HashMap::new();
        for company in [workspace.company, workspace.other_company] {
            let before = all_events(&*workspace.repository, company, 0).await;
            started.insert(company, before.last().map_or(0, |event| event.position));
        }
        World {
            company: workspace.company,
            users: workspace.users.clone(),
            scope: Scope::everything(workspace.company, workspace.users[0]),
            heard,
            sources: Arc::new(Sources::new(workspace.company)),
            ledger: Ledger::default(),
            acknowledged: Arc::default(),
            started: Arc::new(started),
            dropped: Arc::default(),
            turn: AtomicUsize::new(0),
            workspace: Arc::new(workspace),
        }
    }

    /// The same storage, seen from the other company.
    pub(super) fn elsewhere(&self) -> World {
        let (company, users) = (self.workspace.other_company, &self.workspace.other_users);
        self.seen_by(Scope::everything(company, users[0]), users.clone())
    }

    /// The same company, seen by someone with these rights.
    pub(super) fn limited(&self, user: Uuid, rights: &[&str]) -> World {
        let rights = rights.iter().map(|name| right_by_name(name).unwrap());
        let scope = Scope::new(self.company, user, rights.collect());
        self.seen_by(scope, self.users.clone())
    }

    fn seen_by(&self, scope: Scope, users: Vec<Uuid>) -> World {
        World {
            workspace: Arc::clone(&self.workspace),
            company: scope.company,
            users,
            scope,
            heard: Arc::clone(&self.heard),
            sources: Arc::clone(&self.sources),
            ledger: Arc::clone(&self.ledger),
            acknowledged: Arc::clone(&self.acknowledged),
            started: Arc::clone(&self.started),
            dropped: Arc::clone(&self.dropped),
            turn: AtomicUsize::new(0),
        }
    }

    /// An id that nothing has.
    pub(super) fn new_id(&self) -> Uuid {
        self.sources.new_id()
    }

    fn unit(&self, task: Task, claim: Option<IdempotencyClaim>) -> (Box<Unit>, Outcome) {
        let outcome = Outcome::default();
        let unit = Unit {
            scope: self.scope,
            task,
            claim,
            sources: Arc::clone(&self.sources),
            ledger: Arc::clone(&self.ledger),
            outcome: Arc::clone(&outcome),
        };
        (Box::new(unit), outcome)
    }

    /// Settles a unit; what it came to if it ran. The repositories of a workspace take turns.
    pub(super) async fn settle(
        &self,
        task: Task,
        claim: Option<IdempotencyClaim>,
    ) -> (Settled, Option<Result<Done, Refusal>>) {
        let (unit, outcome) = self.unit(task, claim);
        let repositories = 1 + self.workspace.peers.len();
        let repository = match self.turn.fetch_add(1, Ordering::Relaxed) % repositories {
            0 => &self.workspace.repository,
            peer => &self.workspace.peers[peer - 1],
        };
        let settled = repository.transact(unit).await.unwrap();
        let outcome = outcome.lock().unwrap().take();
        if let (Settled::Done, Some(Ok(done))) = (&settled, &outcome) {
            let ids = done.events.iter().map(|event| event.id).collect();
            self.acknowledged.lock().unwrap().push((self.company, ids));
        }
        (settled, outcome)
    }

    /// Settles a unit without a claim.
    pub(super) async fn perform(&self, task: Task) -> Result<Done, Refusal> {
        let (settled, outcome) = self.settle(task, None).await;
        assert_eq!(settled, Settled::Done);
        outcome.expect("a unit that is done has run")
    }

    pub(super) async fn try_run(&self, command: Command) -> Result<Done, Refusal> {
        self.perform(Task::Run(command)).await
    }

    pub(super) async fn run(&self, command: Command) -> Done {
        self.try_run(command).await.unwrap()
    }

    /// Changes a column in as many rounds as it takes; the column and how many rounds there were.
    pub(super) async fn try_column(
        &self,
        command: ColumnCommand,
    ) -> Result<(Column, usize), Refusal> {
        if let ColumnCommand::Delete { id } = &command {
            self.drops(*id);
        }
        for round in 1.. {
            let done = self.perform(Task::Column(command.clone())).await?;
            if let Some((column, true)) = done.column {
                return Ok((column, round));
            }
        }
        unreachable!("rounds do not end")
    }

    /// From now on values of this column do not count.
    pub(super) fn drops(&self, column: Uuid) {
        self.dropped.lock().unwrap().insert(column);
    }

    pub(super) async fn column(&self, draft: ColumnDraft) -> Column {
        self.try_column(ColumnCommand::Create(draft))
            .await
            .unwrap()
            .0
    }

    pub(super) async fn schema(&self) -> Schema {
        self.workspace
            .repository
            .schema(self.company)
            .await
            .unwrap()
    }

    pub(super) async fn create(&self, draft: Draft) -> Arc<Record> {
        let done = self.run(Command::create(draft)).await;
        Arc::clone(&done.records[0])
    }

    /// A record with nothing but a name.
    pub(super) async fn named(&self, entity: EntityType, name: &str) -> Arc<Record> {
        self.create(named(entity, name)).await
    }

    pub(super) async fn find(&self, key: RecordKey) -> Option<Arc<Record>> {
        self.workspace
            .repository
            .get(&self.scope, key)
            .await
            .unwrap()
    }

    pub(super) async fn get(&self, key: RecordKey) -> Arc<Record> {
        self.find(key).await.expect("the record exists")
    }

    pub(super) async fn events(&self, after: i64, limit: usize) -> Vec<CommittedEvent> {
        let events = self.workspace.repository.events(self.company, after, limit);
        events.await.unwrap()
    }

    /// The events of the case.
    pub(super) async fn log(&self) -> Vec<CommittedEvent> {
        let after = self.started[&self.company];
        all_events(&*self.workspace.repository, self.company, after).await
    }

    /// Compares the log of both companies with what the units did, with what was heard, and with the records.
    pub(super) async fn audit(&self) {
        self.audit_company().await;
        self.elsewhere().audit_company().await;
    }

    async fn audit_company(&self) {
        let log = self.log().await;
        for (position, event) in (self.started[&self.company] + 1..).zip(&log) {
            assert_eq!(event.position, position, "positions have no gaps");
            assert_eq!(event.company, self.company);
        }
        self.audit_acknowledged(&log);
        self.audit_notices(&log);
        self.audit_records(&log).await;
    }

    fn audit_acknowledged(&self, log: &[CommittedEvent]) {
        let places: HashMap<_, _> = log
            .iter()
            .enumerate()
            .map(|(at, e)| (e.event.id, at))
            .collect();
        assert_eq!(places.len(), log.len(), "an event is logged once");
        let acknowledged = self.acknowledged.lock().unwrap();
        for (_, ids) in acknowledged
            .iter()
            .filter(|(company, _)| *company == self.company)
        {
            let Some(first) = ids.first() else { continue };
            let first = places
                .get(first)
                .expect("what was acknowledged is in the log");
            let logged = log[*first..].iter().map(|event| event.event.id);
            assert!(
                logged.take(ids.len()).eq(ids.iter().copied()),
                "the events of a unit stand together, in order"
            );
        }
    }

    fn audit_notices(&self, log: &[CommittedEvent]) {
        let heard = self.heard.0.lock().unwrap();
        let heard: Vec<_> = heard
            .iter()
            .filter(|event| event.company == self.company)
            .collect();
        if self.workspace.peers.is_empty() {
            assert!(
                heard.iter().copied().eq(log),
                "all that is logged is heard, in order"
            );
        } else {
            let mut log = log.iter();
            for event in heard {
                assert!(
                    log.any(|logged| logged == event),
                    "what is heard is logged, in order"
                );
            }
        }
    }

    /// Every logged event is as its unit made it, its record stepped by one version, and is now as its last event says.
    async fn audit_records(&self, log: &[CommittedEvent]) {
        let mut last: HashMap<RecordKey, Option<Arc<Record>>> = HashMap::new();
        for committed in log {
            let (event, encoded) = {
                let ledger = self.ledger.lock().unwrap();
                ledger
                    .get(&committed.event.id)
                    .cloned()
                    .expect("a unit made the event")
            };
            assert_eq!(
                *committed.event, encoded,
                "events are stored as they were encoded"
            );
            let before = last.get(&event.key).cloned();
            let state = match (&event.happening, before) {
                (Happening::Created(record), None) => {
                    assert_eq!(record.version, 1);
                    Some(Arc::clone(record))
                }
                (Happening::Updated(changes), Some(Some(before))) => {
                    let (previous, before) = (&changes.previous, &before);
                    assert_eq!(
                        self.without_dropped(previous),
                        self.without_dropped(before),
                        "an update builds on the state before"
                    );
                    assert_eq!(changes.current.version, before.version + 1);
                    Some(Arc::clone(&changes.current))
                }
                (Happening::Deleted, Some(Some(_))) => None,
                (happening, before) => panic!("{happening:?} does not follow {before:?}"),
            };
            last.insert(event.key, state);
        }
        for (key, state) in last {
            let found = self
                .find(key)
                .await
                .map(|found| self.without_dropped(&found));
            let state = state.map(|state| self.without_dropped(&state));
            assert_eq!(found, state, "a record is as its last event says");
        }
    }

    fn without_dropped(&self, record: &Record) -> Record {
        let dropped = self.dropped.lock().unwrap();
        let mut record = record.clone();
        record.custom.retain(|column, _| !dropped.contains(column));
        record
    }

    /// Lets a unit start and turns away from it.
    pub(super) async fn abandon(&self, command: Command) {
        let (unit, _) = self.unit(Task::Run(command), None);
        super::together::abandon(self.workspace.repository.transact(unit)).await;
    }
}

async fn all_events(repository: &dyn Repository, company: Uuid, after: i64) -> Vec<CommittedEvent> {
    let mut events: Vec<CommittedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(after, |event| event.position);
        let page = repository.events(company, after, 1000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        assert!(page[0].position > after, "a page begins after the position");
        events.extend(page);
    }
}

/// A draft with what the type cannot be without.
pub(super) fn named(entity: EntityType, name: &str) -> Draft {
    let first_text = entity.fields()[0].name;
    let draft = Draft::new(entity).text(first_text, name);
    match entity.field_index("amount") {
        Some(_) => draft.field("amount", FieldValue::Decimal(Decimal::ZERO)),
        None => draft,
    }
}

/// A decimal from its text.
pub(super) fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

/// The number in a field.
pub(super) fn number(record: &Record, field: &str) -> Decimal {
    record.field(field).unwrap().as_decimal()
}

/// The linked ids of a relation.
pub(super) fn linked<'a>(record: &'a Record, relation: &str) -> &'a [Uuid] {
    record.linked(relation).unwrap().ids()
}
