//! The entity types and the tables that describe their own fields (contract, section 2).
//!
//! Everything that treats the types alike (JSON, OpenAPI, SQL, filters, diffing) reads these tables, so that a
//! further type is a file here, its relations in [`crate::relation`] and a schema step.

mod contact;
mod deal;
mod organization;
mod service;
mod task;

use std::fmt;

use rust_decimal::Decimal;

use crate::relation::{self, LinkDef};

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntityType {
    /// A person.
    Contact,
    /// A company that one deals with (not the tenant).
    Organization,
    /// A sales opportunity; its totals are derived from its services.
    Deal,
    /// A product or an offering with a price.
    Service,
    /// A to-do item.
    Task,
}

/// What there is to know about one entity type.
#[derive(Debug)]
pub struct EntityDef {
    /// `contact`: in event names, payload members and references.
    pub name: &'static str,
    /// `contacts`: in paths and batch bodies.
    pub plural: &'static str,
    /// Title for people: `Contact`.
    pub title: &'static str,
    /// One sentence for the API reference.
    pub description: &'static str,
    /// Names of the events: created, updated, deleted.
    pub events: [&'static str; 3],
    /// Own fields in the order in which they are shown.
    pub fields: &'static [FieldDef],
    /// Fields, by position in `fields`, that make up the name of a record, most significant first for sorting.
    pub sort_name: &'static [usize],
    /// Fields, by position in `fields`, whose text a search term is looked for in.
    pub searched: &'static [usize],
}

impl EntityType {
    /// Every type, in the order of the contract.
    pub const ALL: [EntityType; 5] = [
        EntityType::Contact,
        EntityType::Organization,
        EntityType::Deal,
        EntityType::Service,
        EntityType::Task,
    ];

    /// The table of this type.
    pub fn def(self) -> &'static EntityDef {
        match self {
            EntityType::Contact => &contact::DEF,
            EntityType::Organization => &organization::DEF,
            EntityType::Deal => &deal::DEF,
            EntityType::Service => &service::DEF,
            EntityType::Task => &task::DEF,
        }
    }

    /// Position in [`EntityType::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// `contact`.
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// With its article: `a contact`, `an organization`.
    pub fn one(self) -> String {
        let name = self.name();
        let article = match name.starts_with(['a', 'e', 'i', 'o', 'u']) {
            true => "an",
            false => "a",
        };
        format!("{article} {name}")
    }

    /// `contacts`.
    pub fn plural(self) -> &'static str {
        self.def().plural
    }

    /// Own fields of the type.
    pub fn fields(self) -> &'static [FieldDef] {
        self.def().fields
    }

    /// The ends of relations that records of this type hold.
    pub fn links(self) -> &'static [LinkDef] {
        relation::links_of(self)
    }

    /// Position of an own field by its JSON name.
    pub fn field_index(self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.name == name)
    }

    /// Position of a link by its relation name (`organizations`).
    pub fn link_index(self, relation: &str) -> Option<usize> {
        self.links()
            .iter()
            .position(|link| link.relation == relation)
    }

    /// The type with this singular or plural name.
    pub fn by_name(name: &str) -> Option<EntityType> {
        Self::ALL
            .into_iter()
            .find(|entity| entity.name() == name || entity.plural() == name)
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One own field of an entity type.
#[derive(Debug)]
pub struct FieldDef {
    /// JSON member: `firstName`.
    pub name: &'static str,
    /// For people: `First name`.
    pub label: &'static str,
    /// Shape and limits.
    pub kind: FieldKind,
    /// The relation (by name) whose other ends hold values derived from this field, if any.
    pub feeds: Option<&'static str>,
}

/// Shape and limits of an own field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text of at most `max` characters; `required` text has at least one.
    Text {
        /// Whether a record cannot be without it.
        required: bool,
        /// Longest accepted text in characters.
        max: usize,
    },
    /// A list of distinct e-mail addresses, in the given order.
    Emails {
        /// Most accepted addresses.
        max: usize,
    },
    /// A required decimal with up to 4 decimals and a magnitude below 10^11.
    Amount,
    /// Derived: the exact sum of amount × quantity, up to 8 decimals.
    TotalValue,
    /// Derived: the sum of quantities, up to 4 decimals.
    TotalQuantity,
}

impl FieldKind {
    /// Whether the value follows from other records and cannot be written.
    pub fn is_derived(self) -> bool {
        matches!(self, FieldKind::TotalValue | FieldKind::TotalQuantity)
    }

    /// Whether a record cannot be created without a value.
    pub fn is_required(self) -> bool {
        matches!(
            self,
            FieldKind::Text { required: true, .. } | FieldKind::Amount
        )
    }

    /// The value of a record that was created without one.
    pub fn default_value(self) -> FieldValue {
        match self {
            FieldKind::Text { .. } => FieldValue::Text(String::new()),
            FieldKind::Emails { .. } => FieldValue::Emails(Vec::new()),
            FieldKind::Amount | FieldKind::TotalValue | FieldKind::TotalQuantity => {
                FieldValue::Decimal(Decimal::ZERO)
            }
        }
    }
}

/// The value of an own field; its variant follows from the [`FieldKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// [`FieldKind::Text`].
    Text(String),
    /// [`FieldKind::Emails`].
    Emails(Vec<String>),
    /// [`FieldKind::Amount`] and the totals. Equality is numeric: 1.0 equals 1.00.
    Decimal(Decimal),
}

impl FieldValue {
    /// The text, or `""` for other kinds.
    pub fn as_text(&self) -> &str {
        match self {
            FieldValue::Text(text) => text,
            FieldValue::Emails(_) | FieldValue::Decimal(_) => "",
        }
    }

    /// The number, or zero for other kinds.
    pub fn as_decimal(&self) -> Decimal {
        match self {
            FieldValue::Decimal(number) => *number,
            FieldValue::Text(_) | FieldValue::Emails(_) => Decimal::ZERO,
        }
    }
}
