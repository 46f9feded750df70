//! The units of work of the cases: a command, decided, with events in a form that no storage may touch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use uuid::{Builder, Uuid};

use crate::decide::{self, Circumstances, Command};
use crate::draft::Draft;
use crate::entity::FieldValue;
use crate::event::{EncodedEvent, Event, Happening};
use crate::ports::{Contribution, IdempotencyClaim, StoredResponse, UnitOfWork};
use crate::record::{Record, RecordKey};
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
}

impl Task {
    fn plan(&self) -> LoadPlan {
        match self {
            Task::Run(command) => command.plan(),
            Task::Raise(key) => LoadPlan {
                records: vec![*key],
                users: Vec::new(),
            },
        }
    }

    fn command(&self, set: &WorkingSet) -> Command {
        match self {
            Task::Run(command) => command.clone(),
            Task::Raise(key) => {
                let amount = set
                    .get(*key)
                    .and_then(|record| record.field("amount"))
                    .map_or(Decimal::ZERO, FieldValue::as_decimal);
                let raised = FieldValue::Decimal(amount + Decimal::ONE);
                Command::update(key.id, Draft::new(key.entity).field("amount", raised))
            }
        }
    }
}

/// What a unit did when it ran last.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) records: Vec<Arc<Record>>,
    pub(super) events: Vec<Event>,
    pub(super) encoded: Vec<EncodedEvent>,
}

/// Every event that a unit ever made, also in runs that were given up: what happened, and how it was encoded.
pub(super) type Ledger = Arc<Mutex<HashMap<Uuid, (Event, EncodedEvent)>>>;

/// The outcome of the latest run; none if the unit never ran.
pub(super) type Outcome = Arc<Mutex<Option<Result<Done, Refusal>>>>;

pub(super) struct Unit {
    pub(super) company: Uuid,
    pub(super) user: Uuid,
    pub(super) task: Task,
    pub(super) claim: Option<IdempotencyClaim>,
    pub(super) sources: Arc<Sources>,
    pub(super) ledger: Ledger,
    pub(super) outcome: Outcome,
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        self.company
    }

    fn plan(&self) -> LoadPlan {
        self.task.plan()
    }

    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey> {
        self.task.command(set).reach(set)
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let with = Circumstances {
            company: self.company,
            user: self.user,
            now: self.sources.now(),
            new_id: &|| self.sources.new_id(),
        };
        let decided = decide::decide(set, &self.task.command(set), &with);
        let outcome = decided.map(|decision| {
            let encoded: Vec<_> = decision.events.iter().map(encode).collect();
            Done {
                records: decision.records,
                events: decision.events,
                encoded,
            }
        });
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
        key: event.key,
        user: event.user,
        at: event.at,
        body: body.into_bytes(),
    }
}
