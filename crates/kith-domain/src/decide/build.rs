//! Commands built by hand: for embedding, and for tests.

use uuid::Uuid;

use super::command::{Change, Command, LinkChange, LinkMode, NotesChange};
use crate::draft::{Draft, LinkItem, NotesInput};
use crate::entity::EntityType;
use crate::record::RecordKey;

impl Command {
    /// A new record.
    pub fn create(draft: Draft) -> Command {
        Command::Create {
            entity: draft.entity,
            drafts: vec![draft],
            batch: false,
        }
    }

    /// New records, all or none.
    pub fn create_many(entity: EntityType, drafts: impl IntoIterator<Item = Draft>) -> Command {
        Command::Create {
            entity,
            drafts: drafts.into_iter().collect(),
            batch: true,
        }
    }

    /// A change of one record.
    pub fn update(id: Uuid, draft: Draft) -> Command {
        Command::Update {
            entity: draft.entity,
            changes: vec![Change {
                id,
                expected_version: None,
                draft,
            }],
            batch: false,
        }
    }

    /// Changes of many records, all or none.
    pub fn update_many(
        entity: EntityType,
        changes: impl IntoIterator<Item = (Uuid, Draft)>,
    ) -> Command {
        let change = |(id, draft)| Change {
            id,
            expected_version: None,
            draft,
        };
        Command::Update {
            entity,
            changes: changes.into_iter().map(change).collect(),
            batch: true,
        }
    }

    /// The end of one record.
    pub fn delete(key: RecordKey) -> Command {
        Command::Delete {
            entity: key.entity,
            ids: vec![key.id],
            expected_version: None,
            batch: false,
        }
    }

    /// The end of many records, all or none.
    pub fn delete_many(entity: EntityType, ids: impl IntoIterator<Item = Uuid>) -> Command {
        Command::Delete {
            entity,
            ids: ids.into_iter().collect(),
            expected_version: None,
            batch: true,
        }
    }

    /// Links of one relation (`organizations`) added to a record; none if its type has no such relation.
    pub fn link(
        key: RecordKey,
        relation: &str,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Option<Command> {
        linking(key, relation, LinkMode::Link, ids)
    }

    /// Links of one relation removed from a record; none if its type has no such relation.
    pub fn unlink(
        key: RecordKey,
        relation: &str,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Option<Command> {
        linking(key, relation, LinkMode::Unlink, ids)
    }

    /// The notes of a record replaced by Markdown; a blank text clears them.
    pub fn notes(key: RecordKey, markdown: &str) -> Command {
        Command::Notes(NotesChange {
            key,
            expected_version: None,
            notes: Some(NotesInput::Markdown(markdown.to_owned())),
            append: false,
        })
    }

    /// On the condition that the records have this version; a batch of creations has none.
    #[must_use]
    pub fn expecting(mut self, version: i64) -> Command {
        match &mut self {
            Command::Create { .. } => {}
            Command::Update { changes, .. } => {
                for change in changes {
                    change.expected_version = Some(version);
                }
            }
            Command::Delete {
                expected_version, ..
            } => *expected_version = Some(version),
            Command::Link(change) => change.expected_version = Some(version),
            Command::Notes(change) => change.expected_version = Some(version),
        }
        self
    }
}

fn linking(
    key: RecordKey,
    relation: &str,
    mode: LinkMode,
    ids: impl IntoIterator<Item = Uuid>,
) -> Option<Command> {
    let items = ids.into_iter().enumerate();
    Some(Command::Link(LinkChange {
        key,
        link: key.entity.link_index(relation)?,
        mode,
        expected_version: None,
        member: "ids",
        items: items.map(|(at, id)| LinkItem::id(at, id)).collect(),
        problems: Vec::new(),
    }))
}
