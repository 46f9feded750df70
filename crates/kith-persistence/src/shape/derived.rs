//! Cells that follow from a record and are stored because the databases cannot compute them as the domain does: what
//! records are sorted by, and in what text is looked for.

use kith_domain::entity::{EntityType, FieldKind, FieldValue};
use kith_domain::filter::{searched_text, sort_name};
use kith_domain::record::Record;
use kith_domain::text::{lower, sort_key};

use super::{emails_text, lasting, snake};

/// A derived column of a record table.
pub(super) enum Derived {
    /// What the record is sorted by name with.
    NameKey,
    /// What search terms are looked for in.
    Search,
    /// The lower-case form of an own text or of the list of e-mail addresses; null where the database can make it.
    Lower(usize),
    /// What an own text is sorted by; null where that is its lower-case form as the database makes it.
    Key(usize),
    /// The notes as Markdown in lower case.
    Notes,
}

/// Name of the column with the lower-case form of an own field.
pub(crate) fn lower_column(entity: EntityType, field: usize) -> String {
    format!("{}_lower", snake(entity.fields()[field].name))
}

/// Name of the column with what an own text is sorted by.
pub(crate) fn key_column(entity: EntityType, field: usize) -> String {
    format!("{}_key", snake(entity.fields()[field].name))
}

impl Derived {
    pub(super) fn of(entity: EntityType) -> Vec<Self> {
        let mut derived = vec![Derived::NameKey, Derived::Search];
        // Where one field is the whole name, its key is that of the name.
        let has_keys = entity.def().sort_name.len() > 1;
        for (index, field) in entity.fields().iter().enumerate() {
            match field.kind {
                FieldKind::Text { .. } => {
                    derived.push(Derived::Lower(index));
                    if has_keys {
                        derived.push(Derived::Key(index));
                    }
                }
                FieldKind::Emails { .. } => derived.push(Derived::Lower(index)),
                FieldKind::Amount | FieldKind::TotalValue | FieldKind::TotalQuantity => {}
            }
        }
        derived.push(Derived::Notes);
        derived
    }

    pub(super) fn column(&self, entity: EntityType) -> &'static str {
        match self {
            Derived::NameKey => "name_key",
            Derived::Search => "search",
            Derived::Lower(field) => lasting(lower_column(entity, *field)),
            Derived::Key(field) => lasting(key_column(entity, *field)),
            Derived::Notes => "notes_lower",
        }
    }

    pub(super) fn cell(&self, record: &Record) -> Option<String> {
        match self {
            Derived::NameKey => Some(sort_name(record)),
            Derived::Search => Some(searched_text(record)),
            Derived::Lower(field) => match &record.fields[*field] {
                FieldValue::Text(text) => lower_cell(text),
                emails @ FieldValue::Emails(_) => lower_cell(&emails_text(emails)),
                FieldValue::Decimal(_) => None,
            },
            Derived::Key(field) => key_cell(record.fields[*field].as_text()),
            Derived::Notes => record
                .notes
                .as_ref()
                .map(|notes| lower(&notes.to_markdown())),
        }
    }
}

/// The lower-case form of a text, unless it differs from the text in ASCII letters only.
pub(super) fn lower_cell(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let lowered = lower(text);
    (lowered != text.to_ascii_lowercase()).then_some(lowered)
}

/// What a text is sorted by, unless it is the text with its ASCII letters in lower case.
fn key_cell(text: &str) -> Option<String> {
    let key = sort_key(text);
    (key != text.to_ascii_lowercase()).then_some(key)
}
