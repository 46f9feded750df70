//! Domain events: one for every committed change of a record (contract, section 6).

pub mod workspace;

use std::sync::Arc;

use uuid::Uuid;

use crate::diff::Changes;
use crate::entity::EntityType;
use crate::ports::EventEncoder;
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

/// The names of the events of records, which webhooks subscribe to, in the order of the entity types.
pub fn names() -> impl Iterator<Item = &'static str> {
    EntityType::ALL
        .into_iter()
        .flat_map(|entity| entity.def().events)
}

/// Every name in the log: the events of records, then the changes of the workspace.
pub fn logged_names() -> impl Iterator<Item = &'static str> {
    names().chain(workspace::NAMES)
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A record.
    Record(RecordKey),
    /// Something of the workspace; which kind, the event's name says.
    Workspace(Uuid),
}

impl Subject {
    /// What an event of a name is about; `None` for names that Kith does not know.
    pub fn of(name: &str, id: Uuid) -> Option<(&'static str, Self)> {
        if let Some(name) = workspace::NAMES.into_iter().find(|known| *known == name) {
            return Some((name, Subject::Workspace(id)));
        }
        let name = names().find(|known| *known == name)?;
        let entity = EntityType::by_name(name.split('.').next()?)?;
        Some((name, Subject::Record(RecordKey { entity, id })))
    }

    /// Its id.
    pub fn id(self) -> Uuid {
        match self {
            Subject::Record(key) => key.id,
            Subject::Workspace(id) => id,
        }
    }

    /// The record, if it is one.
    pub fn record(self) -> Option<RecordKey> {
        match self {
            Subject::Record(key) => Some(key),
            Subject::Workspace(_) => None,
        }
    }
}

/// An event with the exact bytes that are stored and sent.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedEvent {
    /// See [`Event::id`].
    pub id: Uuid,
    /// See [`Event::name`] and [`workspace::NAMES`].
    pub name: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Who caused the write.
    pub user: Uuid,
    /// When the write happened.
    pub at: Timestamp,
    /// The envelope as UTF-8 JSON: rendered once, never again.
    pub body: Vec<u8>,
}

impl EncodedEvent {
    /// A change of the workspace with its bytes.
    pub fn of_workspace(event: &workspace::WorkspaceEvent, encoder: &dyn EventEncoder) -> Self {
        EncodedEvent {
            id: event.id,
            name: event.name,
            subject: Subject::Workspace(event.subject),
            user: event.user,
            at: event.at,
            body: encoder.encode_workspace(event),
        }
    }
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
