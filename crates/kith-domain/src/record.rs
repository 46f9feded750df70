//! A record: one shape for all entity types, its content described by the tables in [`crate::entity`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::columns::CustomValue;
use crate::entity::{EntityType, FieldValue};
use crate::notes::Notes;
use crate::time::Timestamp;

/// Values of custom columns by column id; a column without a value is absent.
pub type CustomValues = BTreeMap<Uuid, CustomValue>;

/// Names one record within a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The record's type.
    pub entity: EntityType,
    /// The record's id.
    pub id: Uuid,
}

/// One record as it stands, complete with its links.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The type; it fixes the meaning of `fields` and `links`.
    pub entity: EntityType,
    /// UUID version 7, made by Kith.
    pub id: Uuid,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// 1 for a new record, one more with each change.
    pub version: i64,
    /// Notes, if there are any.
    pub notes: Option<Notes>,
    /// Values of custom columns.
    pub custom: CustomValues,
    /// Own fields, aligned with [`EntityType::fields`].
    pub fields: Vec<FieldValue>,
    /// Links, aligned with [`EntityType::links`].
    pub links: Vec<LinkSet>,
}

impl Record {
    /// A record without content, at version 0: not yet stored.
    pub fn empty(entity: EntityType, id: Uuid, now: Timestamp) -> Self {
        Record {
            entity,
            id,
            created_at: now,
            updated_at: now,
            version: 0,
            notes: None,
            custom: CustomValues::new(),
            fields: entity
                .fields()
                .iter()
                .map(|field| field.kind.default_value())
                .collect(),
            links: entity
                .links()
                .iter()
                .map(|link| LinkSet::new(link.quantity))
                .collect(),
        }
    }

    /// Type and id.
    pub fn key(&self) -> RecordKey {
        RecordKey {
            entity: self.entity,
            id: self.id,
        }
    }

    /// An own field by its JSON name.
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.get(self.entity.field_index(name)?)
    }

    /// A link set by the name of its relation (`organizations`).
    pub fn linked(&self, relation: &str) -> Option<&LinkSet> {
        self.links.get(self.entity.link_index(relation)?)
    }

    /// The name for people: name fields joined, first name first.
    pub fn display_name(&self) -> String {
        let parts: Vec<_> = self
            .entity
            .def()
            .sort_name
            .iter()
            .rev()
            .filter_map(|&field| self.fields.get(field))
            .map(FieldValue::as_text)
            .filter(|text| !text.is_empty())
            .collect();
        parts.join(" ")
    }
}

/// The linked ids of one relation end: a set, kept sorted; with a quantity each where the end shows quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSet {
    ids: Vec<Uuid>,
    /// As long as `ids`, or absent.
    quantities: Option<Vec<Decimal>>,
}

impl LinkSet {
    /// No links.
    pub fn new(with_quantities: bool) -> Self {
        LinkSet {
            ids: Vec::new(),
            quantities: with_quantities.then(Vec::new),
        }
    }

    /// A set without quantities from ids in any order.
    pub fn from_ids(mut ids: Vec<Uuid>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        LinkSet {
            ids,
            quantities: None,
        }
    }

    /// A set with quantities from pairs in any order; the last of equal ids counts.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Uuid, Decimal)>) -> Self {
        let mut set = LinkSet::new(true);
        for (id, quantity) in pairs {
            set.insert(id, quantity);
        }
        set
    }

    /// The ids, ascending.
    pub fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no link.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether this end shows quantities.
    pub fn has_quantities(&self) -> bool {
        self.quantities.is_some()
    }

    /// Whether `id` is linked.
    pub fn contains(&self, id: Uuid) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// Ids with their quantities; 1 where the end shows none.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, Decimal)> + '_ {
        self.ids
            .iter()
            .enumerate()
            .map(|(at, id)| (*id, self.quantity_at(at)))
    }

    /// The quantity of a link, if it exists.
    pub fn quantity(&self, id: Uuid) -> Option<Decimal> {
        self.ids
            .binary_search(&id)
            .ok()
            .map(|at| self.quantity_at(at))
    }

    fn quantity_at(&self, at: usize) -> Decimal {
        self.quantities
            .as_ref()
            .and_then(|quantities| quantities.get(at).copied())
            .unwrap_or(Decimal::ONE)
    }

    /// Links `id`; an existing link takes the quantity.
    pub fn insert(&mut self, id: Uuid, quantity: Decimal) {
        match self.ids.binary_search(&id) {
            Ok(at) => {
                if let Some(quantities) = &mut self.quantities {
                    quantities[at] = quantity;
                }
            }
            Err(at) => {
                self.ids.insert(at, id);
                if let Some(quantities) = &mut self.quantities {
                    quantities.insert(at, quantity);
                }
            }
        }
    }

    /// Unlinks `id`; whether it was linked.
    pub fn remove(&mut self, id: Uuid) -> bool {
        let Ok(at) = self.ids.binary_search(&id) else {
            return false;
        };
        self.ids.remove(at);
        if let Some(quantities) = &mut self.quantities {
            quantities.remove(at);
        }
        true
    }

    /// Keeps the links that are wanted.
    pub fn retain(&mut self, wanted: impl Fn(Uuid) -> bool) {
        if let Some(quantities) = &mut self.quantities {
            let mut kept = self.ids.iter().map(|id| wanted(*id));
            quantities.retain(|_| kept.next().unwrap_or(false));
        }
        self.ids.retain(|id| wanted(*id));
    }

    /// Links of `self` that `other` lacks or holds with another quantity.
    pub fn not_in<'a>(&'a self, other: &'a LinkSet) -> impl Iterator<Item = (Uuid, Decimal)> + 'a {
        self.iter()
            .filter(|(id, quantity)| other.quantity(*id) != Some(*quantity))
    }

    /// Ids of `self` that `other` lacks.
    pub fn ids_not_in<'a>(&'a self, other: &'a LinkSet) -> impl Iterator<Item = Uuid> + 'a {
        self.ids.iter().copied().filter(|id| !other.contains(*id))
    }
}
