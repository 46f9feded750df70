//! What holds for every sequence of commands on every graph of records.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kith_domain::decide::{Circumstances, Command, Decision, decide};
use kith_domain::diff::{Changes, moved};
use kith_domain::draft::{LinkItem, Patch};
use kith_domain::entity::FieldKind;
use kith_domain::event::{EncodedEvent, Happening, Subject};
use kith_domain::ports::{
    Contribution, IdempotencyClaim, MemoryRepository, Repository, Settled, UnitOfWork,
};
use kith_domain::record::{Record, RecordKey};
use kith_domain::relation::Target;
use kith_domain::time::Timestamp;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::commands::ops;
use super::model::{COMPANY, Model, USERS, columns, everything};

type Records = BTreeMap<RecordKey, Arc<Record>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_keeps_the_graph_whole(ops in ops(12)) {
        let mut model = Model::seeded(columns());
        for op in ops {
            let command = op.command(&model);
            let before = model.clone();
            let decided = model.run(&command);
            match decided {
                Ok(decision) => {
                    events_tell_what_changed(&before.records, &model.records, &decision, &command);
                    links_are_symmetric(&model.records);
                    totals_are_sums(&model.records);
                }
                Err(_) => prop_assert_eq!(&before.records, &model.records),
            }
        }
    }

    #[test]
    fn what_is_planned_and_reached_is_all_that_is_needed(ops in ops(12)) {
        let mut model = Model::seeded(columns());
        for op in ops {
            let command = op.command(&model);
            let mut full = model.full_set();
            let mut planned = model.planned_set(std::slice::from_ref(&command));
            prop_assert_eq!(
                model.decide_on(&mut full, &command),
                model.decide_on(&mut planned, &command)
            );
            prop_assert_eq!(full.writes(), planned.writes());
            let _ = model.run(&command);
        }
    }

    #[test]
    fn commands_in_one_batch_do_what_they_do_alone(first in ops(8), batch in ops(8)) {
        let mut model = Model::seeded(columns());
        for op in first {
            let _ = model.run(&op.command(&model));
        }
        // All are made, planned and loaded before the first one runs, as they are when they wait together.
        let batch: Vec<_> = batch.iter().map(|op| op.command(&model)).collect();
        let mut set = model.planned_set(&batch);
        let mut together = model.clone();
        let mut one_by_one = model;
        for command in &batch {
            let next_id = Cell::new(one_by_one.next_id);
            let in_batch = together.decide_from(&mut set, command, &next_id);
            prop_assert_eq!(in_batch, one_by_one.run(command));
        }
        together.store(&set);
        prop_assert_eq!(together.records, one_by_one.records);
    }

    #[test]
    fn a_refused_command_leaves_the_set_as_it_was(first in ops(6), then in ops(6)) {
        let mut model = Model::seeded(columns());
        for op in first {
            let _ = model.run(&op.command(&model));
        }
        let mut set = model.full_set();
        let next_id = Cell::new(model.next_id);
        for op in then {
            let writes = set.writes();
            if model.decide_from(&mut set, &op.command(&model), &next_id).is_err() {
                prop_assert_eq!(set.writes(), writes);
            }
        }
    }

    #[test]
    fn the_order_of_links_means_nothing(ops in ops(12)) {
        let mut model = Model::seeded(columns());
        for op in ops {
            let command = op.command(&model);
            let turned = turned(command.clone());
            let one = model.decide_on(&mut model.full_set(), &command);
            let other = model.decide_on(&mut model.full_set(), &turned);
            if one.is_ok() {
                prop_assert_eq!(one, other);
            } else {
                prop_assert!(other.is_err());
            }
            if model.run(&command).is_ok() && repeats(&command) {
                let again = model.run(&turned).map(|decision| decision.events);
                prop_assert_eq!(again, Ok(Vec::new()), "the same again changes nothing");
            }
        }
    }

    #[test]
    fn the_repository_in_memory_agrees(ops in ops(12)) {
        let mut model = Model::seeded(Arc::default());
        let repository = MemoryRepository::default();
        USERS.into_iter().for_each(|user| repository.add_user(COMPANY, user));
        let mut logged = 0;
        for record in model.records.values() {
            settle(&repository, Box::new(Seed(Arc::clone(record))));
        }
        for op in ops {
            let command = op.command(&model);
            let next_id = model.next_id;
            let decided = model.run(&command);
            logged += decided.map_or(0, |decision| decision.events.len());
            settle(&repository, Box::new(Unit { command, next_id }));
        }
        for key in model.records.keys() {
            let found = ready(repository.get(&everything(), *key)).unwrap();
            prop_assert_eq!(found.as_ref(), model.records.get(key));
        }
        let events = ready(repository.events(COMPANY, 0, usize::MAX)).unwrap();
        prop_assert_eq!(events.len(), logged);
    }
}

/// One event for each record that changed, none for others, in order; replaying its changes gives the present state.
fn events_tell_what_changed(
    before: &Records,
    after: &Records,
    decision: &Decision,
    command: &Command,
) {
    let changed: BTreeSet<_> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(key) != after.get(key))
        .copied()
        .collect();
    let told: Vec<_> = decision.events.iter().map(|event| event.key).collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), changed);
    assert_eq!(told.len(), changed.len(), "one event each");
    let asked = told
        .iter()
        .take_while(|key| key.entity == command.entity())
        .count();
    assert!(
        told[asked..].is_sorted_by_key(|key| key.id),
        "the others by id"
    );

    for event in &decision.events {
        let (old, new) = (before.get(&event.key), after.get(&event.key));
        match (&event.happening, old, new) {
            (Happening::Created(record), None, Some(new)) => {
                assert_eq!((record, record.version), (new, 1));
            }
            (Happening::Deleted, Some(_), None) => {}
            (Happening::Updated(changes), Some(old), Some(new)) => {
                assert_eq!((&changes.previous, &changes.current), (old, new));
                assert_eq!(new.version, old.version + 1);
                assert_eq!((new.created_at, new.updated_at), (old.created_at, event.at));
                assert_eq!(changes.moved, moved(old, new));
                let mut replayed = Record::clone(old);
                changes.apply(&mut replayed);
                replayed.version = new.version;
                replayed.updated_at = new.updated_at;
                assert_eq!(replayed, **new);
                assert_eq!(Changes::between(new, &Arc::new(Record::clone(new))), None);
            }
            (happening, old, new) => panic!("{happening:?} of {old:?} to {new:?}"),
        }
    }
}

fn links_are_symmetric(records: &Records) {
    for record in records.values() {
        for (def, links) in record.entity.links().iter().zip(&record.links) {
            for (id, quantity) in links.iter() {
                let (Target::Record(entity), Some(mirror)) = (def.target, def.mirror) else {
                    assert!(USERS.contains(&id));
                    continue;
                };
                let other = &records[&RecordKey { entity, id }];
                assert!(other.links[mirror].contains(record.id));
                assert!(quantity > Decimal::ZERO);
            }
            assert!(links.ids().is_sorted_by(|one, other| one < other));
            assert_eq!(links.has_quantities(), def.quantity);
        }
    }
}

/// Totals in units of 10^-8, far from any rounding.
fn totals_are_sums(records: &Records) {
    let units = |number: Decimal, scale: u32| {
        let number = number.normalize();
        assert!(number.scale() <= scale);
        number.mantissa() * 10_i128.pow(scale - number.scale())
    };
    for deal in records.values() {
        let totals = deal.entity.fields().iter().zip(&deal.fields);
        for (def, total) in totals.filter(|(def, _)| def.kind.is_derived()) {
            let lines = deal.linked("services").unwrap();
            let sum: i128 = lines
                .iter()
                .map(|(id, quantity)| {
                    let entity = kith_domain::entity::EntityType::Service;
                    let service = &records[&RecordKey { entity, id }];
                    let amount = service.field("amount").unwrap().as_decimal();
                    match def.kind {
                        FieldKind::TotalValue => units(amount, 4) * units(quantity, 4),
                        _ => units(quantity, 8),
                    }
                })
                .sum();
            assert_eq!(units(total.as_decimal(), 8), sum, "{}", def.name);
        }
    }
}

/// Whether a command asks for a state, so that a second time changes nothing.
fn repeats(command: &Command) -> bool {
    match command {
        Command::Create { .. } | Command::Delete { .. } => false,
        Command::Update { changes, .. } => changes
            .iter()
            .all(|change| change.expected_version.is_none()),
        Command::Link(_) => true,
        Command::Notes(change) => !change.append,
    }
}

/// The same command with its link arrays the other way round.
fn turned(mut command: Command) -> Command {
    let turn = |items: &mut Vec<LinkItem>| {
        items.reverse();
        (0..).zip(items).for_each(|(at, item)| item.at = at);
    };
    let drafts: Vec<_> = match &mut command {
        Command::Create { drafts, .. } => drafts.iter_mut().collect(),
        Command::Update { changes, .. } => changes.iter_mut().map(|c| &mut c.draft).collect(),
        Command::Link(change) => {
            turn(&mut change.items);
            Vec::new()
        }
        Command::Delete { .. } | Command::Notes(_) => Vec::new(),
    };
    for patch in drafts.into_iter().flat_map(|draft| &mut draft.links) {
        if let Patch::Set(items) = patch {
            turn(items);
        }
    }
    command
}

struct Unit {
    command: Command,
    next_id: u128,
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        COMPANY
    }

    fn plan(&self) -> LoadPlan {
        self.command.plan()
    }

    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey> {
        self.command.reach(set, &everything())
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let decision = Model::default().decide_from(set, &self.command, &Cell::new(self.next_id));
        let events = decision.ok()?.events.into_iter().map(|event| EncodedEvent {
            id: event.id,
            name: event.name(),
            subject: Subject::Record(event.key),
            user: event.user,
            at: event.at,
            body: Vec::new(),
        });
        Some(Contribution {
            events: events.collect(),
            response: None,
        })
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}

/// Creates a record as it is in the model, without telling.
struct Seed(Arc<Record>);

impl UnitOfWork for Seed {
    fn company(&self) -> Uuid {
        COMPANY
    }

    fn plan(&self) -> LoadPlan {
        LoadPlan::default()
    }

    fn reach(&self, _: &WorkingSet) -> Vec<RecordKey> {
        Vec::new()
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let record = &self.0;
        let mut draft = super::model::named(record.entity, "");
        for (patch, value) in draft.fields.iter_mut().zip(&record.fields) {
            if *patch != Patch::Absent {
                *patch = Patch::Set(value.clone());
            }
        }
        let with = Circumstances {
            scope: everything(),
            now: Timestamp(record.created_at.0),
            new_id: &|| record.id,
        };
        decide(set, &Command::create(draft), &with).unwrap();
        Some(Contribution::default())
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}

fn settle(repository: &MemoryRepository, unit: Box<dyn UnitOfWork>) {
    assert_eq!(ready(repository.transact(unit)).unwrap(), Settled::Done);
}

/// Nothing in memory ever waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing in memory waits"),
    }
}
