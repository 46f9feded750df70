//! Domain events: one for every committed change of a record (contract, section 6).

use std::sync::Arc;

use uuid::Uuid;

use crate::diff::Changes;
use crate::entity::EntityType;
use crate::record::{Record, RecordKey};
use crate::time::Timestamp;

/// What happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// It was created; its state.
    Created(Arc<Record>),
    /// It changed; both states and what moved.
    Updated(Changes),
    /// It was deleted.
    Deleted,
}

/// A change of one record, to be stored and delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// UUID version 7; receivers see it as `webhook-id`.
    pub id: Uuid,
    /// The tenant.
    pub company: Uuid,
    /// Who caused the write.
    pub user: Uuid,
    /// The record.
    pub key: RecordKey,
    /// When the write happened.
    pub at: Timestamp,
    /// What happened.
    pub happening: Happening,
}

impl Event {
    /// `contact.updated`.
    pub fn name(&self) -> &'static str {
        let [created, updated, deleted] = self.key.entity.def().events;
        match self.happening {
            Happening::Created(_) => created,
            Happening::Updated(_) => updated,
            Happening::Deleted => deleted,
        }
    }
}

/// All event names, in the order of the entity types.
pub fn names() -> impl Iterator<Item = &'static str> {
    EntityType::ALL
        .into_iter()
        .flat_map(|entity| entity.def().events)
}

/// An event with the exact bytes that are stored and sent.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedEvent {
    /// See [`Event::id`].
    pub id: Uuid,
    /// See [`Event::name`].
    pub name: &'static str,
    /// The record.
    pub key: RecordKey,
    /// Who caused the write.
    pub user: Uuid,
    /// When the write happened.
    pub at: Timestamp,
    /// The envelope as UTF-8 JSON: rendered once, never again.
    pub body: Vec<u8>,
}

/// An event after its commit.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedEvent {
    /// The tenant.
    pub company: Uuid,
    /// Position in the company's log: commit order, without gaps.
    pub position: i64,
    /// The event.
    pub event: Arc<EncodedEvent>,
}
