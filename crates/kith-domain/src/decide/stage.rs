//! A request in progress: changes over a working set that become real only if the whole request succeeds.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Circumstances, Decision};
use crate::diff::Changes;
use crate::draft::Reference;
use crate::event::{Event, Happening};
use crate::record::{Record, RecordKey};
use crate::relation::Target;
use crate::scope::Scope;
use crate::working_set::WorkingSet;

pub(super) struct Stage<'a> {
    pub(super) set: &'a WorkingSet,
    scope: Scope,
    /// What the request wants changed; `None` is deleted.
    changed: HashMap<RecordKey, Option<Record>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(set: &'a WorkingSet, scope: Scope) -> Self {
        Stage {
            set,
            scope,
            changed: HashMap::new(),
        }
    }

    /// The record as the request sees it.
    pub(super) fn get(&self, key: RecordKey) -> Option<&Record> {
        match self.changed.get(&key) {
            Some(state) => state.as_ref(),
            None => self.set.get(key).map(Arc::as_ref),
        }
    }

    /// Whether something exists for the caller: what they could not read before the request does not.
    pub(super) fn exists(&self, target: Target, id: Uuid) -> bool {
        match target {
            Target::Record(entity) => {
                let key = RecordKey { entity, id };
                self.get(key).is_some() && self.sees(target, id)
            }
            Target::User => self.set.has_user(id) && self.sees(target, id),
        }
    }

    /// Whether the caller could read something before the request, or made it with the request.
    pub(super) fn sees(&self, target: Target, id: Uuid) -> bool {
        let before = |key| self.set.get(key).map(Arc::as_ref);
        let reference = Reference::new(target, id);
        self.scope.sees_any(reference, before)
            || matches!(reference, Reference::Record(key) if before(key).is_none() && self.get(key).is_some())
    }

    /// The record to be changed.
    pub(super) fn edit(&mut self, key: RecordKey) -> Option<&mut Record> {
        let set = self.set;
        self.changed
            .entry(key)
            .or_insert_with(|| set.get(key).map(|record| Record::clone(record)))
            .as_mut()
    }

    pub(super) fn insert(&mut self, record: Record) {
        self.changed.insert(record.key(), Some(record));
    }

    /// Deletes a record and its links.
    pub(super) fn delete(&mut self, key: RecordKey) {
        let Some(links) = self.get(key).map(|record| record.links.clone()) else {
            return;
        };
        for (def, links) in key.entity.links().iter().zip(&links) {
            if let (Target::Record(entity), Some(mirror)) = (def.target, def.mirror) {
                for id in links.ids() {
                    if let Some(other) = self.edit(RecordKey { entity, id: *id }) {
                        other.links[mirror].remove(key.id);
                    }
                }
            }
        }
        self.changed.insert(key, None);
    }

    /// Links both ends; an existing link takes the quantity, if one is given.
    pub(super) fn link(
        &mut self,
        key: RecordKey,
        link: usize,
        id: Uuid,
        quantity: Option<Decimal>,
    ) {
        let def = &key.entity.links()[link];
        let present = self.quantity(key, link, id);
        if present.is_some() && (quantity.is_none() || quantity == present) {
            return;
        }
        if let Some(record) = self.edit(key) {
            record.links[link].insert(id, quantity.unwrap_or(Decimal::ONE));
        }
        if let (Target::Record(entity), Some(mirror)) = (def.target, def.mirror)
            && let Some(other) = self.edit(RecordKey { entity, id })
        {
            other.links[mirror].insert(key.id, quantity.unwrap_or(Decimal::ONE));
        }
    }

    /// The quantity of a link, if it exists, from the end that shows it.
    fn quantity(&self, key: RecordKey, link: usize, id: Uuid) -> Option<Decimal> {
        let def = &key.entity.links()[link];
        let own = self.get(key)?.links[link].quantity(id)?;
        let shown_there = match (def.target, def.mirror) {
            (Target::Record(entity), Some(mirror)) if def.of.quantity && !def.quantity => self
                .get(RecordKey { entity, id })
                .and_then(|other| other.links[mirror].quantity(key.id)),
            _ => None,
        };
        Some(shown_there.unwrap_or(own))
    }

    /// Unlinks both ends.
    pub(super) fn unlink(&mut self, key: RecordKey, link: usize, id: Uuid) {
        let def = &key.entity.links()[link];
        if !self
            .get(key)
            .is_some_and(|record| record.links[link].contains(id))
        {
            return;
        }
        if let Some(record) = self.edit(key) {
            record.links[link].remove(id);
        }
        if let (Target::Record(entity), Some(mirror)) = (def.target, def.mirror)
            && let Some(other) = self.edit(RecordKey { entity, id })
        {
            other.links[mirror].remove(key.id);
        }
    }

    /// Keys of the records that the request has touched.
    pub(super) fn touched(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.changed.keys().copied()
    }

    /// Compares with the state before, steps versions and makes the events.
    pub(super) fn finish(self, targets: &[RecordKey], with: &Circumstances<'_>) -> Staged {
        let mut changed = self.changed;
        let mut ordered: Vec<_> = targets
            .iter()
            .filter_map(|key| changed.remove_entry(key))
            .collect();
        let asked_for = ordered.len();
        ordered.extend(changed);
        ordered[asked_for..].sort_unstable_by_key(|(key, _)| (key.id, key.entity));
        let mut staged = Staged {
            targets: targets.to_vec(),
            scope: self.scope,
            states: Vec::new(),
            events: Vec::new(),
        };
        for (key, state) in ordered {
            let before = self.set.get(key);
            let happening = match (before, state) {
                (None, None) => continue,
                (None, Some(mut record)) => {
                    record.version = 1;
                    let record = Arc::new(record);
                    staged.states.push((key, Some(Arc::clone(&record))));
                    Happening::Created(record)
                }
                (Some(_), None) => {
                    staged.states.push((key, None));
                    Happening::Deleted
                }
                (Some(before), Some(mut record)) => {
                    record.version = before.version + 1;
                    // A clock that was set back, or another server's, must not turn time around.
                    record.updated_at = with.now.max(before.updated_at);
                    let Some(changes) = Changes::between(before, &Arc::new(record)) else {
                        continue;
                    };
                    staged
                        .states
                        .push((key, Some(Arc::clone(&changes.current))));
                    Happening::Updated(changes)
                }
            };
            staged.events.push(Event {
                id: (with.new_id)(),
                company: self.scope.company,
                user: self.scope.user,
                key,
                at: with.now,
                happening,
            });
        }
        staged
    }
}

/// The outcome of a successful request, ready to become the state of the working set.
pub(super) struct Staged {
    targets: Vec<RecordKey>,
    scope: Scope,
    states: Vec<(RecordKey, Option<Arc<Record>>)>,
    events: Vec<Event>,
}

impl Staged {
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn apply(self, set: &mut WorkingSet) {
        self.settle(set);
    }

    pub(super) fn settle(self, set: &mut WorkingSet) -> Decision {
        for (key, state) in self.states {
            set.put(key, state);
        }
        let records = self
            .targets
            .iter()
            .filter_map(|key| set.get(*key))
            .map(|record| {
                let find = |key| set.get(key).map(Arc::as_ref);
                self.scope.shown(record, find)
            })
            .collect();
        Decision {
            records,
            events: self.events,
        }
    }
}
