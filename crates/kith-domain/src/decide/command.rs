//! The requests that change records, and what each needs to see.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::draft::{Draft, LinkItem, NotesInput, Patch, Reference};
use crate::entity::{EntityType, FieldValue};
use crate::record::{LinkSet, Record, RecordKey};
use crate::relation::{LinkDef, Target};
use crate::scope::{Reach, Scope};
use crate::working_set::{LoadPlan, WorkingSet};

/// A request that changes records of one type: all or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// New records.
    Create {
        /// Their type.
        entity: EntityType,
        /// One draft each.
        drafts: Vec<Draft>,
        /// Whether messages name the index in a batch.
        batch: bool,
    },
    /// Changes of existing records.
    Update {
        /// Their type.
        entity: EntityType,
        /// One change for each record.
        changes: Vec<Change>,
        /// Whether messages name the index in a batch.
        batch: bool,
    },
    /// Deletions.
    Delete {
        /// Their type.
        entity: EntityType,
        /// What to delete.
        ids: Vec<Uuid>,
        /// The version that the (only) record must have.
        expected_version: Option<i64>,
        /// Whether messages name the index in a batch.
        batch: bool,
    },
    /// Links added to or removed from one record.
    Link(LinkChange),
    /// Notes of one record replaced or appended to.
    Notes(NotesChange),
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The record.
    pub id: Uuid,
    /// The version that it must have, if the caller said so.
    pub expected_version: Option<i64>,
    /// What is to be different.
    pub draft: Draft,
}

/// Whether links come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkMode {
    /// Add.
    Link,
    /// Remove.
    Unlink,
}

/// Links of one relation added to or removed from one record.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkChange {
    /// The record.
    pub key: RecordKey,
    /// Position of the relation in the links of the type.
    pub link: usize,
    /// Add or remove.
    pub mode: LinkMode,
    /// The version that the record must have, if the caller said so.
    pub expected_version: Option<i64>,
    /// JSON member that listed the items: `ids` or `services`.
    pub member: &'static str,
    /// What to link or unlink.
    pub items: Vec<LinkItem>,
    /// What could not be read.
    pub problems: Vec<crate::violation::Violation>,
}

/// Notes of one record, replaced or appended to.
#[derive(Clone, Debug, PartialEq)]
pub struct NotesChange {
    /// The record.
    pub key: RecordKey,
    /// The version that the record must have, if the caller said so.
    pub expected_version: Option<i64>,
    /// The notes; none clears.
    pub notes: Option<NotesInput>,
    /// Whether the present notes stay, with these after them.
    pub append: bool,
}

impl Command {
    /// The type of the records asked for.
    pub fn entity(&self) -> EntityType {
        match self {
            Command::Create { entity, .. }
            | Command::Update { entity, .. }
            | Command::Delete { entity, .. } => *entity,
            Command::Link(change) => change.key.entity,
            Command::Notes(change) => change.key.entity,
        }
    }

    /// The existing records that the answer to the request shows.
    fn shown_later(&self) -> Vec<RecordKey> {
        match self {
            Command::Create { .. } | Command::Delete { .. } => Vec::new(),
            Command::Update {
                entity, changes, ..
            } => changes
                .iter()
                .map(|change| RecordKey {
                    entity: *entity,
                    id: change.id,
                })
                .collect(),
            Command::Link(change) => vec![change.key],
            Command::Notes(change) => vec![change.key],
        }
    }

    /// The targets and everything that the request names.
    pub fn plan(&self) -> LoadPlan {
        let mut plan = LoadPlan::default();
        match self {
            Command::Create { drafts, .. } => {
                drafts
                    .iter()
                    .flat_map(Draft::references)
                    .for_each(|reference| plan.add(reference));
            }
            Command::Update {
                entity, changes, ..
            } => {
                for change in changes {
                    plan.add(Reference::Record(RecordKey {
                        entity: *entity,
                        id: change.id,
                    }));
                    change
                        .draft
                        .references()
                        .for_each(|reference| plan.add(reference));
                }
            }
            Command::Delete { entity, ids, .. } => {
                ids.iter().for_each(|id| {
                    plan.add(Reference::Record(RecordKey {
                        entity: *entity,
                        id: *id,
                    }))
                });
            }
            Command::Link(change) => {
                plan.add(Reference::Record(change.key));
                let def = &change.key.entity.links()[change.link];
                change
                    .items
                    .iter()
                    .for_each(|item| plan.add(Reference::new(def.target, item.id)));
            }
            Command::Notes(change) => plan.add(Reference::Record(change.key)),
        }
        plan
    }

    /// The further records that change along with the targets: those that lose a link, and those whose derived values
    /// follow; and those that decide which links of the targets the caller may see. To be asked when the records of
    /// [`Command::plan`] are in the set; may name records that already are.
    pub fn reach(&self, set: &WorkingSet, scope: &Scope) -> Vec<RecordKey> {
        let mut keys = Vec::new();
        for key in self.shown_later() {
            if let Some(record) = set.get(key) {
                reach_of_sight(record, scope, &mut keys);
            }
        }
        match self {
            Command::Update {
                entity, changes, ..
            } => {
                for change in changes {
                    if let Some(record) = set.get(RecordKey {
                        entity: *entity,
                        id: change.id,
                    }) {
                        reach_of_change(record, &change.draft, &mut keys);
                    }
                }
            }
            Command::Delete { entity, ids, .. } => {
                let records = ids.iter().filter_map(|id| {
                    set.get(RecordKey {
                        entity: *entity,
                        id: *id,
                    })
                });
                for record in records {
                    for (def, linked) in entity.links().iter().zip(&record.links) {
                        keys.extend(linked_keys(def, linked.ids().iter().copied()));
                    }
                }
            }
            Command::Create { .. } | Command::Link(_) | Command::Notes(_) => {}
        }
        keys.retain(|key| !set.knows(*key));
        keys
    }
}

/// The linked records that the caller sees only if they are assigned to them.
fn reach_of_sight(record: &Record, scope: &Scope, keys: &mut Vec<RecordKey>) {
    for (def, linked) in record.entity.links().iter().zip(&record.links) {
        if scope.reach(def.target) == Reach::Own {
            keys.extend(linked_keys(def, linked.ids().iter().copied()));
        }
    }
}

fn reach_of_change(record: &Record, draft: &Draft, keys: &mut Vec<RecordKey>) {
    for ((def, patch), linked) in record
        .entity
        .links()
        .iter()
        .zip(&draft.links)
        .zip(&record.links)
    {
        if let Patch::Set(items) = patch {
            let wanted = LinkSet::from_ids(items.iter().map(|item| item.id).collect());
            keys.extend(linked_keys(def, linked.ids_not_in(&wanted)));
        }
    }
    for ((def, patch), present) in record
        .entity
        .fields()
        .iter()
        .zip(&draft.fields)
        .zip(&record.fields)
    {
        let moves = matches!(patch, Patch::Set(value) if value != present);
        let fed = def
            .feeds
            .filter(|_| moves)
            .and_then(|relation| record.entity.link_index(relation));
        if let Some(link) = fed {
            keys.extend(linked_keys(
                &record.entity.links()[link],
                record.links[link].ids().iter().copied(),
            ));
        }
    }
}

fn linked_keys(def: &LinkDef, ids: impl Iterator<Item = Uuid>) -> impl Iterator<Item = RecordKey> {
    let entity = match def.target {
        Target::Record(entity) => Some(entity),
        Target::User => None,
    };
    ids.filter_map(move |id| entity.map(|entity| RecordKey { entity, id }))
}

/// A change of one own field, for callers that build commands by hand.
impl Change {
    /// Sets one own field of a record.
    pub fn of_field(key: RecordKey, name: &str, value: FieldValue) -> Self {
        Change {
            id: key.id,
            expected_version: None,
            draft: Draft::new(key.entity).field(name, value),
        }
    }
}

impl LinkItem {
    /// An item without a quantity.
    pub fn id(at: usize, id: Uuid) -> Self {
        LinkItem {
            at,
            id,
            quantity: None,
        }
    }

    /// An item with a quantity.
    pub fn with_quantity(at: usize, id: Uuid, quantity: Decimal) -> Self {
        LinkItem {
            at,
            id,
            quantity: Some(quantity),
        }
    }
}
