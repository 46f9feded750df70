//! How custom values lie in a record's row: all of them in one JSON document that needs nothing else to be read, and a
//! copy in a slot or in rows of their own, for questions.

use std::fmt::Write as _;

use chrono::NaiveDate;
use kith_domain::columns::{CustomValue, Money};
use kith_domain::entity::EntityType;
use kith_domain::record::{CustomValues, Record};
use kith_domain::text::{lower, sort_key};
use kith_domain::time::Timestamp;
use kith_domain::working_set::Write;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use crate::columns::{CompanyColumns, Slot, SlotKind};
use crate::sql::{Column, corrupt};

/// What follows a column's id in the name of the member that holds the lower-case form of its text, where the database
/// cannot make it itself.
pub(crate) const LOWER: &str = "~";

/// The document: `{"<column id>": "<kind><text>"}`, for lists an array.
pub(super) fn text(custom: &CustomValues) -> Option<String> {
    if custom.is_empty() {
        return None;
    }
    let mut document = String::from("{");
    for (column, value) in custom {
        let separator = if document.len() > 1 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(document, "{separator}\"{column}\":{}", value_json(value));
        if let CustomValue::Text(text) = value
            && let Some(lowered) = super::derived::lower_cell(text)
        {
            let _ = write!(document, ",\"{column}{LOWER}\":{}", Value::from(lowered));
        }
    }
    document.push('}');
    Some(document)
}

fn value_json(value: &CustomValue) -> Value {
    match value {
        CustomValue::Text(text) => format!("p{text}").into(),
        CustomValue::Option(option) => format!("o{option}").into(),
        CustomValue::Date(date) => format!("d{date}").into(),
        CustomValue::DateTime(at) => format!("t{}", at.0).into(),
        CustomValue::Money(money) => format!("m{}{}", money.amount(), money.currency()).into(),
        CustomValue::Many(texts) => texts.as_slice().into(),
    }
}

pub(super) fn read(text: Option<&str>) -> Result<CustomValues, sqlx::Error> {
    let mut custom = CustomValues::new();
    let Some(text) = text else {
        return Ok(custom);
    };
    let document: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(corrupt)?;
    for (name, stored) in document {
        if !name.ends_with(LOWER) {
            let column = Uuid::parse_str(&name).map_err(corrupt)?;
            let value = read_value(stored)
                .ok_or_else(|| sqlx::Error::Decode("a custom value is not readable".into()))?;
            custom.insert(column, value);
        }
    }
    Ok(custom)
}

fn read_value(stored: Value) -> Option<CustomValue> {
    let text = match stored {
        Value::String(text) => text,
        Value::Array(items) => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            });
            return Some(CustomValue::Many(texts.collect::<Option<_>>()?));
        }
        _ => return None,
    };
    let (kind, rest) = text.split_at_checked(1)?;
    Some(match kind {
        "p" => CustomValue::Text(rest.to_owned()),
        "o" => CustomValue::Option(rest.to_owned()),
        "d" => CustomValue::Date(rest.parse().ok()?),
        "t" => CustomValue::DateTime(Timestamp(rest.parse().ok()?)),
        "m" => {
            let (amount, currency) = rest.split_at_checked(rest.len().checked_sub(3)?)?;
            let amount = Decimal::from_str_exact(amount).ok()?;
            CustomValue::Money(Money::new(amount, currency.parse().ok()?).ok()?)
        }
        _ => return None,
    })
}

/// A calendar date as days since 1970.
pub(crate) fn days(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// What is sorted and compared of a value: a text or a number.
fn cell(
    columns: &CompanyColumns,
    column: Uuid,
    value: &CustomValue,
) -> (Option<String>, Option<i64>) {
    let number = |number| (None, Some(number));
    match value {
        CustomValue::Text(text) => (Some(sort_key(text)), None),
        CustomValue::Many(texts) => (texts.first().map(|text| sort_key(text)), None),
        CustomValue::Option(option) => number(columns.rank(column, option)),
        CustomValue::Money(money) => number(money.scaled()),
        CustomValue::Date(date) => number(days(*date)),
        CustomValue::DateTime(at) => number(at.0),
    }
}

/// The cells of one slot, for records in order.
pub(super) fn slot_column(
    slot: Slot,
    entity: EntityType,
    records: &[(&CompanyColumns, &Record)],
) -> Column {
    let cells = records.iter().map(|(columns, record)| {
        let column = columns.column_in(entity, slot)?;
        Some(cell(columns, column, record.custom.get(&column)?))
    });
    match slot.kind {
        SlotKind::Text => Column::Text(cells.map(|cell| cell?.0).collect()),
        SlotKind::Number | SlotKind::Time => Column::Int(cells.map(|cell| cell?.1).collect()),
    }
}

/// Values that lie in rows of their own: of columns that hold several, and of those that got no slot.
#[derive(Default)]
pub(crate) struct ValueRows {
    /// To be written.
    pub(crate) set: Vec<ValueRow>,
    /// Tenant, record, column, position.
    pub(crate) gone: Vec<(Uuid, Uuid, Uuid, i64)>,
}

/// Tenant and record, column, position, text, number.
pub(crate) type ValueRow = ((Uuid, Uuid), Uuid, i64, Option<String>, Option<i64>);

type Row = (Uuid, i64, Option<String>, Option<i64>);

impl ValueRows {
    /// Adds what a write of a record does to its rows.
    pub(crate) fn collect(&mut self, company: Uuid, columns: &CompanyColumns, write: &Write) {
        match write {
            Write::Insert(record) => self.replace(company, columns, None, record),
            Write::Update { stored, current } => {
                self.replace(company, columns, Some(stored), current);
            }
            // The foreign key cascades.
            Write::Delete { .. } => {}
        }
    }

    /// Adds what has to be written so that the rows of `current` replace those of `stored`.
    fn replace(
        &mut self,
        company: Uuid,
        columns: &CompanyColumns,
        stored: Option<&Record>,
        current: &Record,
    ) {
        if stored.is_some_and(|stored| stored.custom == current.custom) {
            return;
        }
        let before = stored
            .map(|stored| rows(columns, stored))
            .unwrap_or_default();
        let after = rows(columns, current);
        for (column, position, ..) in &before {
            if !after
                .iter()
                .any(|row| (row.0, row.1) == (*column, *position))
            {
                self.gone.push((company, current.id, *column, *position));
            }
        }
        for row in after {
            if !before.contains(&row) {
                let (column, position, text, number) = row;
                self.set
                    .push(((company, current.id), column, position, text, number));
            }
        }
    }
}

fn rows(columns: &CompanyColumns, record: &Record) -> Vec<Row> {
    let mut rows = Vec::new();
    for (column, value) in &record.custom {
        if let CustomValue::Many(texts) = value {
            let is_email = columns.holds_emails(*column);
            rows.extend((0..).zip(texts).map(|(position, text)| {
                let text = if is_email { lower(text) } else { text.clone() };
                (*column, position, Some(text), None)
            }));
        }
        if columns.slot(*column).is_none() && columns.get(*column).is_some() {
            let (text, number) = cell(columns, *column, value);
            rows.push((*column, -1, text, number));
        }
    }
    rows
}
