//! The order of records in an answer.

use std::cmp::Ordering;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::evaluate::{Held, held};
use super::field::kind_of_own;
use super::{Cursor, FieldRef, FilterKind};
use crate::columns::{Column, ColumnType};
use crate::entity::EntityType;
use crate::record::Record;
use crate::text::{excerpt, nearest, sort_key};
use crate::time::Timestamp;
use crate::violation::Violation;

/// What records are ordered by; ties are ordered by id, in the same direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The field.
    pub field: SortField,
    /// How its values compare.
    pub kind: SortKind,
    /// Which way.
    pub direction: Direction,
    /// Values of a [`SortKind::Choice`] in the order of the column's options; empty for other kinds.
    pub options: Vec<String>,
}

/// What decides a record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortField {
    /// The name, as [`sort_name`] writes it.
    Name,
    /// The value of a field; of several values the first.
    Field(FieldRef),
}

/// How values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortKind {
    /// By [`sort_key`], bytewise.
    Text,
    /// By number; money by its amount.
    Number,
    /// By time.
    Instant,
    /// By date.
    Date,
    /// By the position of the option in its column.
    Choice,
}

/// Which end comes first; records without a value come last either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Greatest first.
    Desc,
}

impl Direction {
    /// `asc`, `desc`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Asc => "asc",
            Direction::Desc => "desc",
        }
    }
}

/// A wanted order as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortInput {
    /// Name of a sortable field.
    pub field: String,
    /// `asc` (also if absent) or `desc`.
    pub direction: Option<String>,
}

/// What a record's place is decided by; keys of one sort are of one variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// Of [`SortKind::Text`].
    Text(String),
    /// Of [`SortKind::Number`].
    Number(Decimal),
    /// Of [`SortKind::Instant`].
    Instant(Timestamp),
    /// Of [`SortKind::Date`].
    Date(NaiveDate),
    /// Of [`SortKind::Choice`].
    Choice(u32),
}

/// One field that records can be ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortableField {
    /// What a sort descriptor calls it.
    pub name: String,
    /// For people.
    pub label: String,
    /// How its values compare.
    pub kind: SortKind,
    /// What decides.
    pub field: SortField,
}

/// Every field that records of a type can be ordered by.
pub fn sortable_fields(entity: EntityType, columns: &[Column]) -> Vec<SortableField> {
    let field = |name: &str, label: &str, kind: SortKind, field: SortField| SortableField {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        field,
    };
    let common = [
        field(
            "createdAt",
            "Created at",
            SortKind::Instant,
            SortField::Field(FieldRef::CreatedAt),
        ),
        field(
            "updatedAt",
            "Updated at",
            SortKind::Instant,
            SortField::Field(FieldRef::UpdatedAt),
        ),
        field("name", "Name", SortKind::Text, SortField::Name),
    ];
    let own = entity
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, own)| own.name != "name")
        .filter_map(|(index, own)| {
            let kind = match kind_of_own(own.kind) {
                FilterKind::Text => SortKind::Text,
                FilterKind::Number { .. } => SortKind::Number,
                _ => return None,
            };
            Some(field(
                own.name,
                own.label,
                kind,
                SortField::Field(FieldRef::Own(index)),
            ))
        });
    let custom = columns
        .iter()
        .filter(|column| column.entity == entity)
        .map(|column| {
            let kind = match column.column_type() {
                ColumnType::Currency => SortKind::Number,
                ColumnType::Date => SortKind::Date,
                ColumnType::DateTime => SortKind::Instant,
                ColumnType::SingleSelect => SortKind::Choice,
                ColumnType::Plain | ColumnType::Link | ColumnType::Email | ColumnType::Phone => {
                    SortKind::Text
                }
            };
            field(
                &column.id.to_string(),
                &column.label,
                kind,
                SortField::Field(FieldRef::Custom(column.id)),
            )
        });
    common.into_iter().chain(own).chain(custom).collect()
}

impl Default for Sort {
    /// Newest first.
    fn default() -> Self {
        Sort {
            field: SortField::Field(FieldRef::CreatedAt),
            kind: SortKind::Instant,
            direction: Direction::Desc,
            options: Vec::new(),
        }
    }
}

impl SortInput {
    /// Judges a sort descriptor; columns are named by id, or by label where no field has that name.
    ///
    /// # Errors
    /// What is wrong, with pointers into `{field, direction}`.
    pub fn judge(&self, entity: EntityType, columns: &[Column]) -> Result<Sort, Vec<Violation>> {
        let fields = sortable_fields(entity, columns);
        let mut problems = Vec::new();
        let direction = match self.direction.as_deref() {
            None | Some("asc") => Direction::Asc,
            Some("desc") => Direction::Desc,
            Some(other) => {
                let message = format!(
                    "direction \"{}\" is unknown; accepted: asc, desc",
                    excerpt(other, 40)
                );
                problems.push(Violation::new("/direction", "unknown_direction", message));
                Direction::Asc
            }
        };
        let field = self.find(&fields);
        if field.is_none() {
            problems.push(Violation::new(
                "/field",
                "unknown_field",
                self.unknown(entity, &fields),
            ));
        }
        match field {
            Some(field) if problems.is_empty() => {
                let column = columns
                    .iter()
                    .find(|column| field.field == SortField::Field(FieldRef::Custom(column.id)));
                let options = column.map_or(&[][..], Column::select_options);
                Ok(Sort {
                    field: field.field,
                    kind: field.kind,
                    direction,
                    options: options.iter().map(|option| option.value.clone()).collect(),
                })
            }
            _ => Err(problems),
        }
    }

    fn find<'a>(&self, fields: &'a [SortableField]) -> Option<&'a SortableField> {
        let is_custom =
            |field: &SortableField| matches!(field.field, SortField::Field(FieldRef::Custom(_)));
        let name = match Uuid::parse_str(&self.field) {
            Ok(id) => id.to_string(),
            Err(_) => self.field.clone(),
        };
        fields.iter().find(|field| field.name == name).or_else(|| {
            fields
                .iter()
                .find(|field| is_custom(field) && field.label == name)
        })
    }

    fn unknown(&self, entity: EntityType, fields: &[SortableField]) -> String {
        let names: Vec<_> = fields
            .iter()
            .map(|field| match field.field {
                SortField::Field(FieldRef::Custom(_)) => {
                    format!("\"{}\" ({})", field.label, field.name)
                }
                _ => field.name.clone(),
            })
            .collect();
        let candidates = fields
            .iter()
            .flat_map(|field| [field.name.as_str(), field.label.as_str()]);
        let guess = match nearest(&self.field, candidates) {
            Some(near) => format!("; did you mean \"{near}\"?"),
            None => ";".to_owned(),
        };
        let shown = excerpt(&self.field, 80);
        format!(
            "{} cannot be sorted by \"{shown}\"{guess} Available: {}",
            entity.plural(),
            names.join(", ")
        )
    }
}

impl Sort {
    /// What decides a record's place; none if it has no value.
    pub fn key(&self, record: &Record) -> Option<SortKey> {
        let field = match self.field {
            SortField::Name => return Some(SortKey::Text(sort_name(record))),
            SortField::Field(field) => field,
        };
        Some(match held(record, field).into_iter().next()? {
            Held::Text(value) if self.kind == SortKind::Choice => {
                let position = self.options.iter().position(|option| option == value);
                SortKey::Choice(
                    u32::try_from(position.unwrap_or(self.options.len())).unwrap_or(u32::MAX),
                )
            }
            Held::Text(text) => SortKey::Text(sort_key(text)),
            Held::Notes(text) => SortKey::Text(sort_key(&text)),
            Held::Number(number) => SortKey::Number(number),
            Held::Money(money) => SortKey::Number(money.amount()),
            Held::Instant(at) => SortKey::Instant(at),
            Held::Date(date) => SortKey::Date(date),
            Held::Id(id) => SortKey::Text(id.to_string()),
        })
    }

    /// The order of two records.
    pub fn compare(&self, one: &Record, other: &Record) -> Ordering {
        self.compare_places((&self.key(one), one.id), (&self.key(other), other.id))
    }

    /// Whether a record comes after the place that a cursor marks.
    pub fn is_after(&self, record: &Record, cursor: &Cursor) -> bool {
        let place = (&cursor.key, cursor.id);
        self.compare_places((&self.key(record), record.id), place) == Ordering::Greater
    }

    fn compare_places(
        &self,
        one: (&Option<SortKey>, Uuid),
        other: (&Option<SortKey>, Uuid),
    ) -> Ordering {
        let directed = |ordering: Ordering| match self.direction {
            Direction::Asc => ordering,
            Direction::Desc => ordering.reverse(),
        };
        let by_key = match (one.0, other.0) {
            (Some(one), Some(other)) => directed(one.cmp(other)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_key.then_with(|| directed(one.1.cmp(&other.1)))
    }
}

/// What a record's name is sorted by: the parts of the name, most significant first, without empty ones. A contact
/// without a last name stands where its first name belongs.
pub fn sort_name(record: &Record) -> String {
    let parts = record
        .entity
        .def()
        .sort_name
        .iter()
        .filter_map(|index| record.fields.get(*index));
    let parts: Vec<_> = parts
        .map(|field| field.as_text())
        .filter(|text| !text.is_empty())
        .collect();
    // A control character, which no text has, sorts before every other: `Li, Ada` before `Lindt, Ada`.
    sort_key(&parts.join("\u{1}"))
}
