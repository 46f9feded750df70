//! What a caller wants a record to be: the input of [`crate::decide`], read but not yet judged.

use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use crate::entity::{EntityType, FieldValue};
use crate::record::RecordKey;
use crate::relation::Target;
use crate::violation::{Violation, pointer_token};

/// The states of one member of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Patch<T> {
    /// Not mentioned: unchanged, or the default of a new record.
    #[default]
    Absent,
    /// `null`: cleared, where that is possible.
    Null,
    /// A value.
    Set(T),
    /// Mentioned, but unreadable; the reader has recorded a violation in [`Draft::problems`].
    Unreadable,
}

/// One requested link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkItem {
    /// Position in the request's array, for messages.
    pub at: usize,
    /// What to link.
    pub id: Uuid,
    /// The quantity, where the relation has one and the caller gave it.
    pub quantity: Option<Decimal>,
}

/// Notes as they were given.
#[derive(Clone, Debug, PartialEq)]
pub enum NotesInput {
    /// Markdown text.
    Markdown(String),
    /// A Tiptap document.
    Document(Value),
}

/// A value for a custom column as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomInput {
    /// Position in the request's array, for messages.
    pub at: usize,
    /// The column.
    pub column: Uuid,
    /// The value; `null` clears.
    pub value: Value,
}

/// The wanted content of a new record, or the wanted changes of an existing one.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The type of the record.
    pub entity: EntityType,
    /// Own fields, aligned with [`EntityType::fields`].
    pub fields: Vec<Patch<FieldValue>>,
    /// Links, aligned with [`EntityType::links`]; a set replaces the present one.
    pub links: Vec<Patch<Vec<LinkItem>>>,
    /// Notes.
    pub notes: Patch<NotesInput>,
    /// Custom values, merged by column.
    pub custom: Vec<CustomInput>,
    /// What the reader could not read; pointers are relative to the record.
    pub problems: Vec<Violation>,
}

impl Draft {
    /// Nothing mentioned.
    pub fn new(entity: EntityType) -> Self {
        Draft {
            entity,
            fields: vec![Patch::Absent; entity.fields().len()],
            links: vec![Patch::Absent; entity.links().len()],
            notes: Patch::Absent,
            custom: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// With an own field by its JSON name; an unknown name becomes a problem.
    #[must_use]
    pub fn field(mut self, name: &str, value: FieldValue) -> Self {
        match self.entity.field_index(name) {
            Some(index) => self.fields[index] = Patch::Set(value),
            None => self.unknown(name),
        }
        self
    }

    /// With a text field by its JSON name.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.field(name, FieldValue::Text(value.to_owned()))
    }

    /// With the set of links of a relation (`organizations`); an unknown relation becomes a problem.
    #[must_use]
    pub fn links(self, relation: &str, ids: impl IntoIterator<Item = Uuid>) -> Self {
        let items = ids.into_iter().enumerate();
        self.items(
            relation,
            items.map(|(at, id)| LinkItem::id(at, id)).collect(),
        )
    }

    /// With the set of links of a relation that has quantities (`services`); an unknown relation becomes a problem.
    #[must_use]
    pub fn lines(self, relation: &str, lines: impl IntoIterator<Item = (Uuid, Decimal)>) -> Self {
        let items = lines.into_iter().enumerate();
        let items = items.map(|(at, (id, quantity))| LinkItem::with_quantity(at, id, quantity));
        self.items(relation, items.collect())
    }

    fn items(mut self, relation: &str, items: Vec<LinkItem>) -> Self {
        match self.entity.link_index(relation) {
            Some(index) => self.links[index] = Patch::Set(items),
            None => self.unknown(relation),
        }
        self
    }

    /// With notes from Markdown.
    #[must_use]
    pub fn markdown(mut self, notes: &str) -> Self {
        self.notes = Patch::Set(NotesInput::Markdown(notes.to_owned()));
        self
    }

    fn unknown(&mut self, name: &str) {
        self.problems.push(Violation::new(
            format!("/{}", pointer_token(name)),
            "unknown_member",
            format!("{} has no `{name}`", self.entity.one()),
        ));
    }

    /// Records and users that the draft links.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.entity
            .links()
            .iter()
            .zip(&self.links)
            .flat_map(|(def, patch)| {
                let items: &[LinkItem] = match patch {
                    Patch::Set(items) => items,
                    Patch::Absent | Patch::Null | Patch::Unreadable => &[],
                };
                items
                    .iter()
                    .map(move |item| Reference::new(def.target, item.id))
            })
    }
}

/// Something that a request names: a record or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A record.
    Record(RecordKey),
    /// A user.
    User(Uuid),
}

impl Reference {
    /// The thing with this id behind a link.
    pub fn new(target: Target, id: Uuid) -> Self {
        match target {
            Target::Record(entity) => Reference::Record(RecordKey { entity, id }),
            Target::User => Reference::User(id),
        }
    }

    /// What kind of thing it is.
    pub fn target(self) -> Target {
        match self {
            Reference::Record(key) => Target::Record(key.entity),
            Reference::User(_) => Target::User,
        }
    }

    /// Its id.
    pub fn id(self) -> Uuid {
        match self {
            Reference::Record(key) => key.id,
            Reference::User(id) => id,
        }
    }
}
