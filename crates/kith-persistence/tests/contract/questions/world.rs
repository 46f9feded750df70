//! A company with random records in all types and all kinds of columns, and short ways to change it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kith_domain::columns::{Column, ColumnDraft, ColumnType, OptionDraft, OptionsDraft};
use kith_domain::decide::{
    self, Circumstances, ColumnCommand, ColumnDecision, Command, OptionHolders,
};
use kith_domain::draft::{CustomInput, Draft, LinkItem, NotesInput, Patch};
use kith_domain::entity::{EntityType, FieldKind, FieldValue};
use kith_domain::event::{EncodedEvent, Event, Subject};
use kith_domain::ports::{Contribution, IdempotencyClaim, Repository, Silent, UnitOfWork};
use kith_domain::record::{Record, RecordKey};
use kith_domain::relation::Target;
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use kith_domain::violation::Refusal;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use kith_persistence::{Settings, Store};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Database, TestClock, found_company};

/// Repeatable chance.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % sides
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

pub(super) enum Task {
    Records(Command),
    Columns(ColumnCommand),
}

pub(super) type Done = Result<(Vec<Arc<Record>>, Option<ColumnDecision>, Vec<Event>), Refusal>;

struct Unit {
    scope: Scope,
    task: Task,
    at: Timestamp,
    outcome: Arc<Mutex<Option<Done>>>,
}

#[expect(clippy::disallowed_methods, reason = "ids of tests")]
pub(super) fn new_id() -> Uuid {
    Uuid::now_v7()
}

impl Unit {
    fn with<T>(&self, run: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        run(&Circumstances {
            scope: self.scope,
            now: self.at,
            new_id: &new_id,
        })
    }
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        self.scope.company
    }

    fn plan(&self) -> LoadPlan {
        match &self.task {
            Task::Records(command) => command.plan(),
            Task::Columns(_) => LoadPlan::default(),
        }
    }

    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey> {
        match &self.task {
            Task::Records(command) => command.reach(set, &self.scope),
            Task::Columns(_) => Vec::new(),
        }
    }

    fn holders(&self, set: &WorkingSet) -> Option<OptionHolders> {
        match &self.task {
            Task::Records(_) => None,
            Task::Columns(command) => self.with(|with| command.holders(set, with)),
        }
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let done = match &self.task {
            Task::Records(command) => self
                .with(|with| decide::decide(set, command, with))
                .map(|decision| (decision.records, None, decision.events)),
            Task::Columns(command) => self
                .with(|with| decide::decide_column(set, command, with))
                .map(|decision| (Vec::new(), Some(decision.clone()), decision.events)),
        };
        let events = done.as_ref().ok().map(|(_, _, events)| {
            let encoded = events.iter().map(|event| EncodedEvent {
                id: event.id,
                name: event.name(),
                subject: Subject::Record(event.key),
                user: event.user,
                at: event.at,
                body: event.name().into(),
            });
            encoded.collect()
        });
        *self.outcome.lock().unwrap() = Some(done);
        Some(Contribution {
            events: events?,
            response: None,
        })
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) company: Uuid,
    pub(super) users: Vec<Uuid>,
    clock: Mutex<i64>,
}

impl World {
    pub(super) async fn new(database: &Database, walk_from: u64) -> World {
        Store::migrate(database.url()).await.unwrap();
        let mut settings = Settings::new(database.url());
        settings.walk_from = walk_from;
        let clock = Arc::new(TestClock::default());
        let store = Store::open(&settings, clock, Arc::new(Silent))
            .await
            .unwrap();
        let (company, users) = found_company(&store, 3).await;
        World {
            store,
            company,
            users,
            clock: Mutex::new(1_776_852_000_000),
        }
    }

    /// Another process on the same database.
    pub(super) async fn peer(database: &Database, world: &World) -> Arc<World> {
        let settings = Settings::new(database.url());
        let clock = Arc::new(TestClock::default());
        let store = Store::open(&settings, clock, Arc::new(Silent))
            .await
            .unwrap();
        Arc::new(World {
            store,
            company: world.company,
            users: world.users.clone(),
            clock: Mutex::new(1_776_852_000_000),
        })
    }

    /// Of one who may read everything.
    pub(super) fn scope(&self) -> Scope {
        Scope::everything(self.company, self.users[0])
    }

    /// Every write happens some hours after the one before.
    fn now(&self) -> Timestamp {
        let mut clock = self.clock.lock().unwrap();
        *clock += 7_654_321;
        Timestamp(*clock)
    }

    pub(super) async fn run(&self, task: Task) -> Done {
        let outcome = Arc::default();
        let unit = Unit {
            scope: self.scope(),
            task,
            at: self.now(),
            outcome: Arc::clone(&outcome),
        };
        self.store.transact(Box::new(unit)).await.unwrap();
        let done = outcome.lock().unwrap().take();
        done.unwrap()
    }

    pub(super) async fn records(&self, command: Command) -> Vec<Arc<Record>> {
        self.run(Task::Records(command)).await.unwrap().0
    }

    pub(super) async fn create(&self, draft: Draft) -> Arc<Record> {
        self.records(Command::create(draft)).await.remove(0)
    }

    pub(super) async fn column(&self, draft: ColumnDraft) -> Column {
        let done = self.run(Task::Columns(ColumnCommand::Create(draft))).await;
        done.unwrap().1.unwrap().column
    }

    pub(super) async fn columns(&self) -> Arc<Vec<Column>> {
        self.store.schema(self.company).await.unwrap().columns
    }

    pub(super) async fn get(&self, key: RecordKey) -> Option<Arc<Record>> {
        self.store.get(&self.scope(), key).await.unwrap()
    }
}

pub(super) fn draft_of(entity: EntityType, label: &str, column_type: ColumnType) -> ColumnDraft {
    let mut options = OptionsDraft::default();
    if column_type == ColumnType::SingleSelect {
        options.options = Patch::Set(
            ["new", "Won", "lost", "Später"]
                .map(|label| option(label, label))
                .into(),
        );
    }
    ColumnDraft {
        entity,
        label: label.to_owned(),
        column_type,
        options,
    }
}

pub(super) fn option(value: &str, label: &str) -> OptionDraft {
    OptionDraft {
        value: Some(value.to_owned()),
        label: label.to_owned(),
        ..OptionDraft::default()
    }
}

pub(super) const WORDS: [&str; 16] = [
    "Ada",
    "ADA lovelace",
    "Søren",
    "MÜLLER",
    "Müller & Söhne",
    "100 % _ \\",
    "o'hara",
    "ΟΔΟΣ",
    "日本語",
    "Straße",
    "a",
    "Li",
    "İstanbul",
    "\"quoted\", [x]",
    "new\nline",
    "ﬁn ädä",
];

const LINKS: [&str; 4] = [
    "https://example.com/a",
    "https://example.com/A",
    "https://kith.example/?q=100%25",
    "http://x.example",
];

const EMAILS: [&str; 5] = [
    "ada@example.com",
    "Ada.L@example.com",
    "bob+tag@x.example",
    "ADA@example.com",
    "zoe@kith.example",
];

const PHONES: [&str; 3] = ["+4930123456", "+442079460958", "+12025550123"];

pub(super) fn words(dice: &mut Dice) -> String {
    let count = 1 + dice.roll(3);
    let words: Vec<_> = (0..count).map(|_| *dice.pick(&WORDS)).collect();
    words.join(" ")
}

fn some_of(dice: &mut Dice, from: &[&str]) -> Value {
    let mut picked: BTreeMap<String, &str> = BTreeMap::new();
    for _ in 0..=dice.roll(3) {
        let one = *dice.pick(from);
        picked.insert(one.to_lowercase(), one);
    }
    let mut picked: Vec<_> = picked.into_values().collect();
    if dice.chance(50) {
        picked.reverse();
    }
    json!(picked)
}

/// A value that a column accepts.
pub(super) fn value_of(dice: &mut Dice, column: &Column) -> Value {
    match column.column_type() {
        ColumnType::Plain if dice.chance(15) => {
            // Alike in what is sorted by.
            format!("{}{}", "Ä long text ".repeat(20), words(dice)).into()
        }
        ColumnType::Plain => words(dice).into(),
        ColumnType::Date => format!("2026-0{}-1{}", 1 + dice.roll(4), dice.roll(3)).into(),
        ColumnType::DateTime => {
            format!("2026-04-2{}T1{}:00:00.5Z", dice.roll(4), dice.roll(3)).into()
        }
        ColumnType::Currency => {
            let amount = Decimal::new(i64::try_from(dice.roll(40)).unwrap() - 10, 1);
            format!("{amount} {}", dice.pick(&["EUR", "USD", "JPY"])).into()
        }
        ColumnType::SingleSelect => dice.pick(column.select_options()).value.clone().into(),
        ColumnType::Link => some_of(dice, &LINKS),
        ColumnType::Email => some_of(dice, &EMAILS),
        ColumnType::Phone => some_of(dice, &PHONES),
    }
}

/// Random content of a record.
pub(super) fn content(
    dice: &mut Dice,
    entity: EntityType,
    columns: &[Column],
    known: &[RecordKey],
    users: &[Uuid],
) -> Draft {
    let mut draft = Draft::new(entity);
    for (at, field) in entity.fields().iter().enumerate() {
        let value = match field.kind {
            FieldKind::Text { required, .. } if !required && dice.chance(30) => continue,
            FieldKind::Text { .. } => FieldValue::Text(words(dice)),
            FieldKind::Emails { .. } => {
                let emails = some_of(dice, &EMAILS);
                let emails = emails.as_array().unwrap().iter();
                FieldValue::Emails(emails.map(|email| email.as_str().unwrap().into()).collect())
            }
            FieldKind::Amount => {
                FieldValue::Decimal(Decimal::new(i64::try_from(dice.roll(60)).unwrap() - 20, 2))
            }
            FieldKind::TotalValue | FieldKind::TotalQuantity => continue,
        };
        draft.fields[at] = Patch::Set(value);
    }
    for (at, link) in entity.links().iter().enumerate() {
        let all: Vec<Uuid> = match link.target {
            Target::User => users.to_vec(),
            Target::Record(other) => {
                let others = known.iter().filter(|key| key.entity == other);
                others.map(|key| key.id).collect()
            }
        };
        if all.is_empty() || dice.chance(50) {
            continue;
        }
        let mut ids: Vec<_> = (0..=dice.roll(2)).map(|_| *dice.pick(&all)).collect();
        ids.sort_unstable();
        ids.dedup();
        let items = ids.into_iter().enumerate().map(|(at, id)| LinkItem {
            at,
            id,
            quantity: link
                .quantity
                .then(|| Decimal::new(1 + i64::try_from(dice.roll(50)).unwrap(), 1)),
        });
        draft.links[at] = Patch::Set(items.collect());
    }
    if dice.chance(20) {
        draft.notes = Patch::Set(NotesInput::Markdown(words(dice)));
    }
    let own = columns.iter().filter(|column| column.entity == entity);
    for (at, column) in own.enumerate() {
        if dice.chance(60) {
            draft.custom.push(CustomInput {
                at,
                column: column.id,
                value: value_of(dice, column),
            });
        } else if dice.chance(10) {
            draft.custom.push(CustomInput {
                at,
                column: column.id,
                value: Value::Null,
            });
        }
    }
    draft
}
