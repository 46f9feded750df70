//! The units of work of the cases: a command, decided, with events in a form that no storage may touch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use uuid::{Builder, Uuid};

use crate::columns::Column;
use crate::decide::{self, Circumstances, ColumnCommand, Command, OptionHolders};
use crate::draft::Draft;
use crate::entity::FieldValue;
use crate::event::{EncodedEvent, Event, Happening, Subject};
use crate::ports::{Contribution, IdempotencyClaim, StoredResponse, UnitOfWork};
use crate::record::{Record, RecordKey};
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::violation::Refusal;
use crate::working_set::{LoadPlan, WorkingSet};

/// Time and ids that always move forward.
pub(super) struct Sources {
    ticks: AtomicU64,
    /// Keeps the ids of companies apart that share a storage.
    salt: [u8; 10],
}

impl Sources {
    pub(super) fn new(company: Uuid) -> Self {
        let mut salt = [0; 10];
        salt.copy_from_slice(&company.as_bytes()[6..]);
        Sources {
            ticks: AtomicU64::new(1_790_000_000_000),
            salt,
        }
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn new_id(&self) -> Uuid {
        Builder::from_unix_timestamp_millis(self.tick(), &self.salt).into_uuid()
    }

    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.tick()).unwrap())
    }
}

/// What a unit is to do.
#[derive(Clone)]
pub(super) enum Task {
    /// This.
    Run(Command),
    /// Raise the amount of a service by one, from whatever it is then.
    Raise(RecordKey),
    /// Change a custom column.
    Column(ColumnCommand),
}

impl Task {
    fn plan(&self) -> LoadPlan {
        match self {
            Task::Run(command) => command.plan(),
            Task::Raise(key) => LoadPlan {
                records: vec![*key],
                users: Vec::new(),
            },
            Task::Column(_) => LoadPlan::default(),
        }
    }

    fn reach(&self, set: &WorkingSet, scope: &Scope) -> Vec<RecordKey> {
        match self {
            Task::Run(command) => command.reach(set, scope),
            Task::Raise(key) => raise(set, *key).reach(set, scope),
            Task::Column(_) => Vec::new(),
        }
    }

    fn decide(&self, set: &mut WorkingSet, with: &Circumstances<'_>) -> Result<Done, Refusal> {
        let decision = match self {
            Task::Run(command) => decide::decide(set, command, with)?,
            Task::Raise(key) => decide::decide(set, &raise(set, *key), with)?,
            Task::Column(command) => {
                let decision = decide::decide_column(set, command, with)?;
                let column = Some((decision.column, decision.is_done));
                return Ok(Done::new(Vec::new(), decision.events, column));
            }
        };
        Ok(Done::new(decision.records, decision.events, None))
    }
}

fn raise(set: &WorkingSet, key: RecordKey) -> Command {
    let amount = set
        .get(key)
        .and_then(|record| record.field("amount"))
        .map_or(Decimal::ZERO, FieldValue::as_decimal);
    let raised = FieldValue::Decimal(amount + Decimal::ONE);
    Command::update(key.id, Draft::new(key.entity).field("amount", raised))
}

/// What a unit did when it ran last.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) records: Vec<Arc<Record>>,
    pub(super) events: Vec<Event>,
    pub(super) encoded: Vec<EncodedEvent>,
    /// The column that the unit changed, and whether nothing of the change is left.
    pub(super) column: Option<(Column, bool)>,
}

impl Done {
    fn new(records: Vec<Arc<Record>>, events: Vec<Event>, column: Option<(Column, bool)>) -> Self {
        Done {
            encoded: events.iter().map(encode).collect(),
            records,
            events,
            column,
        }
    }
}

/// Every event that a unit ever made, also in runs that were given up: what happened, and how it was encoded.
pub(super) type Ledger = Arc<Mutex<HashMap<Uuid, (Event, EncodedEvent)>>>;

/// The outcome of the latest run; none if the unit never ran.
pub(super) type Outcome = Arc<Mutex<Option<Result<Done, Refusal>>>>;

pub(super) struct Unit {
    pub(super) scope: Scope,
    pub(super) task: Task,
    pub(super) claim: Option<IdempotencyClaim>,
    pub(super) sources: Arc<Sources>,
    pub(super) ledger: Ledger,
    pub(super) outcome: Outcome,
}

impl Unit {
    fn circumstances<T>(&self, then: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        then(&Circumstances {
            scope: self.scope,
            now: self.sources.now(),
            new_id: &|| self.sources.new_id(),
        })
    }
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        self.scope.company
    }

    fn plan(&self) -> LoadPlan {
        self.task.plan()
    }

    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey> {
        self.task.reach(set, &self.scope)
    }

    fn holders(&self, set: &WorkingSet) -> Option<OptionHolders> {
        match &self.task {
            Task::Column(command) => self.circumstances(|with| command.holders(set, with)),
            Task::Run(_) | Task::Raise(_) => None,
        }
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let outcome = self.circumstances(|with| self.task.decide(set, with));
        let contribution = outcome.as_ref().ok().map(|done| {
            let made = done.events.iter().zip(&done.encoded);
            let made = made.map(|(event, encoded)| (event.id, (event.clone(), encoded.clone())));
            self.ledger.lock().unwrap().extend(made);
            Contribution {
                events: done.encoded.clone(),
                response: self.claim.is_some().then(|| response(&done.records)),
            }
        });
        *self.outcome.lock().unwrap() = Some(outcome);
        contribution
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        self.claim.as_ref()
    }
}

/// The response that a claim keeps: no text in any encoding.
pub(super) fn response(records: &[Arc<Record>]) -> StoredResponse {
    let mut body = vec![0, 0xff, 0xfe];
    for record in records {
        body.extend_from_slice(record.id.as_bytes());
    }
    StoredResponse {
        status: 201,
        version: records.first().map(|record| record.version),
        body,
    }
}

/// JSON that changes when a storage reads it as JSON: members out of order and twice, spaces, escapes, 1.50.
fn encode(event: &Event) -> EncodedEvent {
    let (version, name) = match &event.happening {
        Happening::Created(record) => (record.version, record.display_name()),
        Happening::Updated(changes) => (changes.current.version, changes.current.display_name()),
        Happening::Deleted => (0, String::new()),
    };
    let name = serde_json::Value::from(name);
    let body = format!(
        "{{ \"z\" : 1.50,\t\"a\":\"\\u0000\\ud83d\\ude00\\/ é 😀\", \"name\":{name},\"v\":0,\"v\":{version} ,\"is\":\"{}\"}}\n",
        event.name()
    );
    EncodedEvent {
        id: event.id,
        name: event.name(),
        subject: Subject::Record(event.key),
        user: event.user,
        at: event.at,
        body: body.into_bytes(),
    }
}
