//! The values that custom columns hold.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use super::{Column, ColumnType, Money, StoredValueError};
use crate::time::Timestamp;

/// A value in its one normal form; "no value" is the absence of a `CustomValue`.
///
/// Equality is by meaning: amounts compare numerically, lists in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomValue {
    /// Of a plain column: trimmed, not empty.
    Text(String),
    /// Of a date column.
    Date(NaiveDate),
    /// Of a dateTime column.
    DateTime(Timestamp),
    /// Of a currency column.
    Money(Money),
    /// Of a singleSelect column: the value of an option.
    Option(String),
    /// Of a link, email or phone column: distinct, in the given order, not empty.
    Many(Vec<String>),
}

/// As it is stored and returned (contract, section 4).
impl Serialize for CustomValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            CustomValue::Text(text) | CustomValue::Option(text) => serializer.serialize_str(text),
            CustomValue::Date(date) => serializer.collect_str(date),
            CustomValue::DateTime(at) => serializer.collect_str(at),
            CustomValue::Many(texts) => texts.serialize(serializer),
            CustomValue::Money(money) => {
                let mut object = serializer.serialize_struct("Money", 2)?;
                object.serialize_field("amount", &money.amount().to_string())?;
                object.serialize_field("currency", money.currency().code())?;
                object.end()
            }
        }
    }
}

impl CustomValue {
    /// As it is stored and returned; [`Column::parse`] accepts it back.
    pub fn to_json(&self) -> Value {
        // Strings, arrays of strings and objects of strings always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`CustomValue::to_json`] wrote for a column of a type, without judging it anew.
    ///
    /// # Errors
    /// [`StoredValueError`] if `stored` was not written for a column of this type.
    pub fn from_stored(column_type: ColumnType, stored: Value) -> Result<Self, StoredValueError> {
        read(column_type, stored).ok_or(StoredValueError { column_type })
    }

    /// The value as one text that [`Column::parse`] accepts back, with the option's label: for tables and files.
    pub fn to_text(&self, column: &Column) -> String {
        match self {
            CustomValue::Text(text) => text.clone(),
            CustomValue::Date(date) => date.to_string(),
            CustomValue::DateTime(at) => at.to_string(),
            CustomValue::Money(money) => format!("{} {}", money.amount(), money.currency()),
            CustomValue::Option(value) => match column.option(value) {
                Some(option) if column.find_option(&option.label) == Some(option) => {
                    option.label.clone()
                }
                _ => value.clone(),
            },
            CustomValue::Many(texts) => texts.join(", "),
        }
    }
}

fn read(column_type: ColumnType, stored: Value) -> Option<CustomValue> {
    Some(match (column_type, stored) {
        (ColumnType::Plain, Value::String(text)) => CustomValue::Text(text),
        (ColumnType::SingleSelect, Value::String(value)) => CustomValue::Option(value),
        (ColumnType::Date, Value::String(date)) => CustomValue::Date(date.parse().ok()?),
        (ColumnType::DateTime, Value::String(at)) => {
            let at = chrono::DateTime::parse_from_rfc3339(&at).ok()?;
            CustomValue::DateTime(Timestamp(at.timestamp_millis()))
        }
        (ColumnType::Currency, Value::Object(money)) => {
            let amount = Decimal::from_str_exact(money.get("amount")?.as_str()?).ok()?;
            let currency = money.get("currency")?.as_str()?.parse().ok()?;
            CustomValue::Money(Money::new(amount, currency).ok()?)
        }
        (ColumnType::Link | ColumnType::Email | ColumnType::Phone, Value::Array(items)) => {
            let texts: Option<Vec<_>> = items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                })
                .collect();
            CustomValue::Many(texts?)
        }
        _ => return None,
    })
}
