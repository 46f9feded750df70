//! What a filter means, evaluated naively on a record in memory.

use std::ops::RangeBounds;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{FieldRef, Filter, FilterKind, Rule, Test};
use crate::columns::{CustomValue, Money};
use crate::email::comparison_key;
use crate::entity::FieldValue;
use crate::record::Record;
use crate::text::lower;
use crate::time::Timestamp;

impl Filter {
    /// Whether the filter holds for a record.
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Filter::All(filters) => filters.iter().all(|filter| filter.matches(record)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.matches(record)),
            Filter::Not(filter) => !filter.matches(record),
            Filter::Rule(rule) => rule.matches(record),
        }
    }
}

impl Rule {
    /// Whether the rule holds for a record.
    pub fn matches(&self, record: &Record) -> bool {
        let held = held(record, self.field);
        let holds = match &self.test {
            Test::Absent => held.is_empty(),
            Test::Present => !held.is_empty(),
            test => held.iter().any(|one| self.holds_for(test, one)),
        };
        holds != self.negated
    }

    fn holds_for(&self, test: &Test, one: &Held<'_>) -> bool {
        match (test, one) {
            (Test::Contains(needle), Held::Text(text)) => lower(text).contains(needle),
            (Test::Contains(needle), Held::Notes(text)) => lower(text).contains(needle),
            (Test::Texts(texts), Held::Text(text)) if self.kind == FilterKind::Emails => {
                texts.contains(&comparison_key(text))
            }
            (Test::Texts(texts), Held::Text(text)) => texts.iter().any(|wanted| wanted == text),
            (Test::Ids(ids), Held::Id(id)) => ids.contains(id),
            (Test::Numbers(intervals), Held::Number(number)) => {
                intervals.iter().any(|range| range.contains(number))
            }
            (Test::Instants(intervals), Held::Instant(at)) => {
                intervals.iter().any(|range| range.contains(at))
            }
            (Test::Dates(intervals), Held::Date(date)) => {
                intervals.iter().any(|range| range.contains(date))
            }
            (Test::Money(intervals), Held::Money(money)) => intervals.iter().any(|range| {
                range.amount.contains(&money.amount())
                    && range
                        .currency
                        .is_none_or(|currency| currency == money.currency())
            }),
            _ => false,
        }
    }
}

/// One value that a record holds in a field.
pub(super) enum Held<'a> {
    Text(&'a str),
    Notes(String),
    Number(Decimal),
    Instant(Timestamp),
    Date(NaiveDate),
    Money(&'a Money),
    Id(Uuid),
}

/// The values that a record holds in a field; none if it has no value.
pub(super) fn held(record: &Record, field: FieldRef) -> Vec<Held<'_>> {
    match field {
        FieldRef::Id => vec![Held::Id(record.id)],
        FieldRef::CreatedAt => vec![Held::Instant(record.created_at)],
        FieldRef::UpdatedAt => vec![Held::Instant(record.updated_at)],
        FieldRef::Version => vec![Held::Number(Decimal::from(record.version))],
        FieldRef::Notes => record
            .notes
            .iter()
            .map(|notes| Held::Notes(notes.to_markdown()))
            .collect(),
        FieldRef::Own(index) => match record.fields.get(index) {
            Some(FieldValue::Text(text)) if !text.is_empty() => vec![Held::Text(text)],
            Some(FieldValue::Emails(emails)) => {
                emails.iter().map(|email| Held::Text(email)).collect()
            }
            Some(FieldValue::Decimal(number)) => vec![Held::Number(*number)],
            Some(FieldValue::Text(_)) | None => Vec::new(),
        },
        FieldRef::Link(index) => match record.links.get(index) {
            Some(links) => links.ids().iter().map(|id| Held::Id(*id)).collect(),
            None => Vec::new(),
        },
        FieldRef::Custom(column) => match record.custom.get(&column) {
            Some(CustomValue::Text(text) | CustomValue::Option(text)) => vec![Held::Text(text)],
            Some(CustomValue::Many(texts)) => texts.iter().map(|text| Held::Text(text)).collect(),
            Some(CustomValue::Date(date)) => vec![Held::Date(*date)],
            Some(CustomValue::DateTime(at)) => vec![Held::Instant(*at)],
            Some(CustomValue::Money(money)) => vec![Held::Money(money)],
            None => Vec::new(),
        },
    }
}
