//! A company's records in a map: the simplest storage there is, to decide on and to compare with.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use kith_domain::columns::{Column, ColumnOptions, SelectOption};
use kith_domain::decide::{Circumstances, Command, Decision, decide};
use kith_domain::draft::Draft;
use kith_domain::entity::{EntityType, FieldValue};
use kith_domain::locale::Currency;
use kith_domain::record::{Record, RecordKey};
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use kith_domain::violation::Refusal;
use kith_domain::working_set::{LoadPlan, WorkingSet, Write};
use rust_decimal::Decimal;
use uuid::Uuid;

pub(crate) const COMPANY: Uuid = Uuid::from_u128(0xC0);
pub(crate) const USERS: [Uuid; 2] = [Uuid::from_u128(0xA0), Uuid::from_u128(0xA1)];
/// Nothing has this id.
pub(crate) const NOBODY: Uuid = Uuid::from_u128(0xDEAD);

/// Of one who may read everything.
pub(crate) fn everything() -> Scope {
    Scope::everything(COMPANY, USERS[0])
}

/// A plain column of contacts and one of deals with a default.
pub(crate) const PLAIN: Uuid = Uuid::from_u128(0xB0);
pub(crate) const STAGE: Uuid = Uuid::from_u128(0xB1);
pub(crate) const PRICE: Uuid = Uuid::from_u128(0xB2);

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) records: BTreeMap<RecordKey, Arc<Record>>,
    pub(crate) columns: Arc<Vec<Column>>,
    /// Made ids are the numbers from here on.
    pub(crate) next_id: u128,
}

impl Model {
    /// Three records of each type, without links.
    pub(crate) fn seeded(columns: Arc<Vec<Column>>) -> Model {
        let mut model = Model {
            columns,
            next_id: 0x1000,
            ..Model::default()
        };
        for entity in EntityType::ALL {
            let drafts = (0..3).map(|n| named(entity, &format!("{entity} {n}")));
            model.run(&Command::create_many(entity, drafts)).unwrap();
        }
        model
    }

    /// A set that holds everything.
    pub(crate) fn full_set(&self) -> WorkingSet {
        let mut set = WorkingSet::new(Arc::clone(&self.columns));
        self.records
            .values()
            .for_each(|record| set.load(Arc::clone(record)));
        USERS.into_iter().for_each(|user| set.load_user(user));
        set
    }

    /// A set that holds what storage loads for commands that run together: their plans, then what they reach.
    pub(crate) fn planned_set(&self, commands: &[Command]) -> WorkingSet {
        let mut set = WorkingSet::new(Arc::clone(&self.columns));
        commands
            .iter()
            .for_each(|command| self.load(&mut set, &command.plan()));
        let reached: Vec<_> = commands
            .iter()
            .flat_map(|command| command.reach(&set, &everything()))
            .collect();
        let reached = LoadPlan {
            records: reached,
            users: Vec::new(),
        };
        self.load(&mut set, &reached);
        set
    }

    fn load(&self, set: &mut WorkingSet, plan: &LoadPlan) {
        let records = plan.records.iter().filter_map(|key| self.records.get(key));
        records.for_each(|record| set.load(Arc::clone(record)));
        let users = plan.users.iter().filter(|user| USERS.contains(user));
        users.for_each(|user| set.load_user(*user));
    }

    /// Decides on a set with the ids that this model makes next.
    pub(crate) fn decide_on(
        &self,
        set: &mut WorkingSet,
        command: &Command,
    ) -> Result<Decision, Refusal> {
        self.decide_from(set, command, &Cell::new(self.next_id))
    }

    /// Decides on a set with ids from a counter.
    pub(crate) fn decide_from(
        &self,
        set: &mut WorkingSet,
        command: &Command,
        next_id: &Cell<u128>,
    ) -> Result<Decision, Refusal> {
        let now = Timestamp(i64::try_from(next_id.get()).unwrap());
        let new_id = || Uuid::from_u128(next_id.replace(next_id.get() + 1));
        let with = Circumstances {
            scope: everything(),
            now,
            new_id: &new_id,
        };
        decide(set, command, &with)
    }

    /// Decides on everything and keeps the outcome.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let mut set = self.full_set();
        let next_id = Cell::new(self.next_id);
        let decided = self.decide_from(&mut set, command, &next_id);
        self.next_id = next_id.get() + 1;
        self.store(&set);
        decided
    }

    /// Takes over what a set wants written.
    pub(crate) fn store(&mut self, set: &WorkingSet) {
        for write in set.writes() {
            match write {
                Write::Insert(record)
                | Write::Update {
                    current: record, ..
                } => {
                    self.records.insert(record.key(), record);
                }
                Write::Delete { key, .. } => {
                    self.records.remove(&key);
                }
            }
        }
    }

    /// The records of a type, by id.
    pub(crate) fn of(&self, entity: EntityType) -> Vec<Uuid> {
        let keys = self.records.keys().filter(|key| key.entity == entity);
        keys.map(|key| key.id).collect()
    }
}

/// A draft with what the type cannot be without.
pub(crate) fn named(entity: EntityType, name: &str) -> Draft {
    let draft = Draft::new(entity).text(entity.fields()[0].name, name);
    match entity.field_index("amount") {
        Some(_) => draft.field("amount", FieldValue::Decimal(Decimal::TEN)),
        None => draft,
    }
}

pub(crate) fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

pub(crate) fn columns() -> Arc<Vec<Column>> {
    let column = |id, entity, label: &str, options| Column {
        id,
        entity,
        label: label.to_owned(),
        options,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    let option = |value: &str, is_default| SelectOption {
        value: value.to_owned(),
        label: value.to_uppercase(),
        color: None,
        index: 0,
        is_default,
    };
    let stages = ColumnOptions::SingleSelect {
        options: vec![option("open", true), option("won", false)],
    };
    let money = ColumnOptions::Currency {
        currency: Currency::EUR,
    };
    Arc::new(vec![
        column(PLAIN, EntityType::Contact, "Nickname", ColumnOptions::Plain),
        column(STAGE, EntityType::Deal, "Stage", stages),
        column(PRICE, EntityType::Service, "Cost", money),
    ])
}
