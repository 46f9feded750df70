//! The order of an answer, and where a page begins in it.

use kith_domain::entity::{EntityType, FieldKind};
use kith_domain::filter::{Cursor, Direction, FieldRef, Filter, Sort, SortField, SortKey};
use rust_decimal::Decimal;

use super::Statement;
use super::filter::{own_key, unslotted};
use super::statement::Value;
use crate::columns::CompanyColumns;
use crate::shape::{days, snake, split_total, to_scaled};

/// What records are ordered by, as expressions on a record `r`; ties by id.
pub(super) struct Order {
    /// Most significant first; none for the order of ids.
    pub(super) keys: Vec<String>,
    /// Where records have a value; nothing if all have one. The others come last, by id.
    pub(super) present: Option<String>,
    direction: Direction,
}

impl Order {
    pub(super) fn new(
        entity: EntityType,
        columns: &CompanyColumns,
        sort: &Sort,
        filter: &Filter,
        statement: &mut Statement,
    ) -> Self {
        let mut present = None;
        let field = match sort.field {
            SortField::Name => None,
            SortField::Field(field) => Some(field),
        };
        let keys = match field {
            None => vec!["r.name_key".to_owned()],
            // Ids are in the order of creation, so that records are found in it through every index; unless the time
            // of creation is asked about, which has an index of its own.
            Some(FieldRef::CreatedAt) if asks_when_created(filter) => {
                vec!["r.created_at".to_owned()]
            }
            Some(FieldRef::UpdatedAt) => vec!["r.updated_at".to_owned()],
            Some(FieldRef::Own(index)) => match entity.fields().get(index) {
                Some(own) => {
                    let name = format!("r.{}", snake(own.name));
                    match own.kind {
                        FieldKind::Text { .. } => {
                            present = Some(format!("{name} <> ''"));
                            vec![own_key(statement, entity, index)]
                        }
                        FieldKind::TotalValue => {
                            let rest = format!("{name}_rest");
                            vec![name, rest]
                        }
                        FieldKind::Amount | FieldKind::TotalQuantity => vec![name],
                        FieldKind::Emails { .. } => Vec::new(),
                    }
                }
                None => Vec::new(),
            },
            Some(FieldRef::Custom(id)) if columns.get(id).is_some() => {
                let slot = match columns.slot(id) {
                    Some(slot) => format!("r.{}", slot.name()),
                    None => unslotted(statement, entity, columns, id),
                };
                present = Some(format!("{slot} IS NOT NULL"));
                vec![slot]
            }
            Some(_) => Vec::new(),
        };
        Order {
            keys,
            present,
            direction: sort.direction,
        }
    }

    /// The columns whose index has this order.
    pub(super) fn walked(&self) -> Vec<String> {
        let mut walked = self.keys.clone();
        walked.push("r.id".to_owned());
        walked
    }

    /// `ORDER BY` of records with values; `hidden` keeps SQLite from choosing an index for it.
    pub(super) fn by(&self, hidden: bool) -> String {
        let keys = self.keys.iter().map(String::as_str).chain(["r.id"]);
        let direction = self.direction();
        let parts = keys.enumerate().map(|(at, key)| {
            let hide = if hidden && at == 0 { "+" } else { "" };
            format!("{hide}{key} {direction}")
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// `ORDER BY` of records without.
    pub(super) fn by_id(&self, hidden: bool) -> String {
        let hide = if hidden { "+" } else { "" };
        format!("{hide}r.id {}", self.direction())
    }

    fn direction(&self) -> &'static str {
        match self.direction {
            Direction::Asc => "ASC",
            Direction::Desc => "DESC",
        }
    }

    fn than(&self) -> char {
        match self.direction {
            Direction::Asc => '>',
            Direction::Desc => '<',
        }
    }

    /// What follows a record in the order of ids.
    pub(super) fn after_id(&self, cursor: &Cursor, statement: &mut Statement) -> String {
        let id = statement.bind(Value::Uuid(cursor.id));
        format!("r.id {} {id}", self.than())
    }

    /// What follows a place among the records with values.
    pub(super) fn after(&self, cursor: &Cursor, statement: &mut Statement) -> String {
        let places = match &cursor.key {
            Some(key) => self.places(key),
            None => Vec::new(),
        };
        if self.keys.is_empty() || places.len() < self.keys.len() {
            return self.after_id(cursor, statement);
        }
        let places = places.into_iter().map(|place| statement.bind(place));
        let mut places: Vec<_> = places.collect();
        places.push(statement.bind(Value::Uuid(cursor.id)));
        let keys = self.keys.join(", ");
        format!("({keys}, r.id) {} ({})", self.than(), places.join(", "))
    }

    fn places(&self, key: &SortKey) -> Vec<Value> {
        match key {
            SortKey::Text(text) => vec![Value::Text(text.clone())],
            SortKey::Number(number) if self.keys.len() == 2 => {
                let (units, rest) = split_total(*number);
                vec![
                    Value::Int(units.unwrap_or_default()),
                    Value::Int(rest.unwrap_or_default()),
                ]
            }
            SortKey::Number(number) => vec![Value::Int(scaled(*number))],
            SortKey::Instant(at) => vec![Value::Int(at.0)],
            SortKey::Date(date) => vec![Value::Int(days(*date))],
            SortKey::Choice(place) => vec![Value::Int(i64::from(*place))],
        }
    }
}

/// A number of a cursor, which somebody may have made up.
fn scaled(number: Decimal) -> i64 {
    to_scaled(number)
}

/// Whether every record that the filter finds is found by the time of its creation too.
fn asks_when_created(filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().any(asks_when_created),
        Filter::Rule(rule) => rule.field == FieldRef::CreatedAt && !rule.negated,
        Filter::Any(_) | Filter::Not(_) => false,
    }
}
