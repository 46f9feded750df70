//! What moved between two states of a record (contract, section 6).
//!
//! Links compare as sets (with their quantities), notes deeply, scalars by value, decimals numerically, lists in order.
//! `id`, `createdAt`, `updatedAt` and `version` are not content and never count.

use std::sync::Arc;

use uuid::Uuid;

use crate::record::Record;

/// One part of a record that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// An own field, by position in [`crate::entity::EntityType::fields`].
    Field(usize),
    /// A link set, by position in [`crate::entity::EntityType::links`].
    Link(usize),
    /// The notes.
    Notes,
    /// Values of these custom columns, ascending.
    Custom(Vec<Uuid>),
}

/// An exact account of what moved: both states, and the parts that differ. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The record before.
    pub previous: Arc<Record>,
    /// The record after.
    pub current: Arc<Record>,
    /// What differs, in the order of the record's members.
    pub moved: Vec<Moved>,
}

impl Changes {
    /// Compares two states of one record; `None` if no content differs.
    pub fn between(previous: &Arc<Record>, current: &Arc<Record>) -> Option<Changes> {
        let moved = moved(previous, current);
        (!moved.is_empty()).then(|| Changes {
            previous: Arc::clone(previous),
            current: Arc::clone(current),
            moved,
        })
    }

    /// Replays the changes on a record; on `previous` it gives the content of `current`.
    pub fn apply(&self, record: &mut Record) {
        for part in &self.moved {
            match part {
                Moved::Field(index) => {
                    record.fields[*index].clone_from(&self.current.fields[*index])
                }
                Moved::Link(index) => record.links[*index].clone_from(&self.current.links[*index]),
                Moved::Notes => record.notes.clone_from(&self.current.notes),
                Moved::Custom(columns) => {
                    for column in columns {
                        match self.current.custom.get(column) {
                            Some(value) => record.custom.insert(*column, value.clone()),
                            None => record.custom.remove(column),
                        };
                    }
                }
            }
        }
    }
}

/// The parts of two states of one record that differ.
pub fn moved(previous: &Record, current: &Record) -> Vec<Moved> {
    let mut moved = Vec::new();
    let fields = previous.fields.iter().zip(&current.fields).enumerate();
    moved.extend(
        fields
            .filter(|(_, (old, new))| old != new)
            .map(|(index, _)| Moved::Field(index)),
    );
    if previous.notes != current.notes {
        moved.push(Moved::Notes);
    }
    let links = previous.links.iter().zip(&current.links).enumerate();
    moved.extend(
        links
            .filter(|(_, (old, new))| old != new)
            .map(|(index, _)| Moved::Link(index)),
    );
    let columns = moved_columns(previous, current);
    if !columns.is_empty() {
        moved.push(Moved::Custom(columns));
    }
    moved
}

fn moved_columns(previous: &Record, current: &Record) -> Vec<Uuid> {
    let gone = previous
        .custom
        .keys()
        .filter(|column| !current.custom.contains_key(*column));
    let set = current
        .custom
        .iter()
        .filter(|(column, value)| previous.custom.get(*column) != Some(*value))
        .map(|(column, _)| column);
    let mut columns: Vec<_> = gone.chain(set).copied().collect();
    columns.sort_unstable();
    columns
}
