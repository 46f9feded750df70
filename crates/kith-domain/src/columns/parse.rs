//! From every accepted form of a value to its one normal form.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::money::{decimal_of, plain_decimal};
use super::{Column, ColumnOptions, CustomValue, Money, ValueError, link, phone};
use crate::email::{comparison_key, parse_email};
use crate::locale::{Country, Currency};
use crate::text::{clean, excerpt};
use crate::time::Timestamp;

/// Longest text of a plain column, in characters.
pub const MAX_TEXT: usize = 10_000;

/// Most values that one record holds in a link, email or phone column.
pub const MAX_VALUES: usize = 100;

/// What the company says about values that leave something out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParseContext {
    /// Where phone numbers without a country code are dialled.
    pub country: Option<Country>,
    /// The currency of new currency columns that name none.
    pub currency: Currency,
}

/// What is wrong; the column and what it accepts are added by [`ValueError`].
type Reason = Option<String>;

impl Column {
    /// Reads a value in any accepted form. `None` clears: `null`, an empty text, an empty list.
    ///
    /// # Errors
    /// [`ValueError`] if the column does not accept the value.
    pub fn parse(
        &self,
        value: &Value,
        context: &ParseContext,
    ) -> Result<Option<CustomValue>, ValueError> {
        let is_list = self.column_type().is_list();
        let parsed = match value {
            Value::Null => Ok(None),
            Value::String(text) if text.trim().is_empty() => Ok(None),
            Value::Array(items) if items.is_empty() => Ok(None),
            Value::Array(items) if !is_list => Err(match items.len() {
                1 => Some("a list, where one value is expected".to_owned()),
                _ => Some("more than one value".to_owned()),
            }),
            value => self.parse_present(value, context),
        };
        parsed.map_err(|reason| ValueError::new(self, value, reason))
    }

    fn parse_present(
        &self,
        value: &Value,
        context: &ParseContext,
    ) -> Result<Option<CustomValue>, Reason> {
        match &self.options {
            ColumnOptions::Plain => plain(value).map(Some),
            ColumnOptions::Date { .. } => date(text(value)?).map(Some),
            ColumnOptions::DateTime { .. } => date_time(text(value)?).map(Some),
            ColumnOptions::Currency { currency } => money(value, *currency),
            ColumnOptions::SingleSelect { .. } => self.select(text(value)?).map(Some),
            ColumnOptions::Link { allow_multiple } => list(
                value,
                *allow_multiple,
                |text| link::split(text).collect(),
                str::to_owned,
                link::parse,
            ),
            ColumnOptions::Email { allow_multiple } => {
                list(value, *allow_multiple, at_commas, comparison_key, |text| {
                    parse_email(text).map_err(|error| error.to_string())
                })
            }
            ColumnOptions::Phone { allow_multiple } => {
                list(value, *allow_multiple, at_commas, str::to_owned, |text| {
                    phone::parse(text, context.country)
                })
            }
        }
    }

    fn select(&self, text: &str) -> Result<CustomValue, Reason> {
        let text = text.trim();
        match self.find_option(text) {
            Some(option) => Ok(CustomValue::Option(option.value.clone())),
            None => Err(Some(match self.nearest_option(text) {
                Some(label) => format!("no such option; did you mean \"{label}\"?"),
                None => "no such option".to_owned(),
            })),
        }
    }
}

fn text(value: &Value) -> Result<&str, Reason> {
    value
        .as_str()
        .ok_or_else(|| Some(format!("{}, where text is expected", kind(value))))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn plain(value: &Value) -> Result<CustomValue, Reason> {
    let text = clean(text(value)?).map_err(|control| {
        Some(format!(
            "it contains the control character U+{:04X}",
            u32::from(control)
        ))
    })?;
    match text.chars().count() {
        0..=MAX_TEXT => Ok(CustomValue::Text(text)),
        length => Err(Some(format!("it has {length} characters"))),
    }
}

fn date(text: &str) -> Result<CustomValue, Reason> {
    match date_part(text.trim()) {
        Some(date) => Ok(CustomValue::Date(date)),
        None => Err(Some("not a date of the calendar".to_owned())),
    }
}

/// A date, or the date part of an RFC 3339 time as it is written.
pub(crate) fn date_part(text: &str) -> Option<NaiveDate> {
    let date = calendar_date(text).or_else(|| rfc3339(text).map(|at| at.date_naive()));
    date.filter(has_four_digit_year)
}

/// `YYYY-MM-DD` and nothing else (chrono alone would also take signs, missing zeros and white space).
pub(crate) fn calendar_date(text: &str) -> Option<NaiveDate> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if shape {
        text.parse().ok().filter(has_four_digit_year)
    } else {
        None
    }
}

/// An RFC 3339 time with its offset.
fn rfc3339(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

/// An RFC 3339 time as milliseconds since 1970, if it lies in the years 1 to 9999 of UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let at = rfc3339(text)?.with_timezone(&Utc);
    has_four_digit_year(&at).then(|| Timestamp(at.timestamp_millis()))
}

fn has_four_digit_year(date: &impl Datelike) -> bool {
    (1..=9999).contains(&date.year())
}

fn date_time(text: &str) -> Result<CustomValue, Reason> {
    let text = text.trim();
    match instant(text) {
        Some(at) => Ok(CustomValue::DateTime(at)),
        None if calendar_date(text).is_some() => Err(Some("a date without a time".to_owned())),
        None if rfc3339(&format!("{text}Z")).is_some() => {
            Err(Some("a time without an offset; add Z for UTC".to_owned()))
        }
        None => Err(Some("not a point in time".to_owned())),
    }
}

fn money(value: &Value, default: Currency) -> Result<Option<CustomValue>, Reason> {
    let Some((amount, currency)) = money_parts(value)? else {
        return Ok(None);
    };
    let money = Money::new(amount, currency.unwrap_or(default)).map_err(said)?;
    Ok(Some(CustomValue::Money(money)))
}

/// The amount, of any size, and the currency, if one is named; none if there is no amount.
pub(crate) fn money_parts(value: &Value) -> Result<Option<(Decimal, Option<Currency>)>, Reason> {
    let members = match value {
        Value::Number(number) => return Ok(Some((decimal_of(number).map_err(said)?, None))),
        Value::String(text) => return money_text(text).map(Some),
        Value::Object(members) => members,
        other => {
            let message = format!("{}, where an amount is expected", kind(other));
            return Err(Some(message));
        }
    };
    let known = |name: &&String| matches!(name.as_str(), "amount" | "currency");
    if let Some(unknown) = members.keys().find(|name| !known(name)) {
        let unknown = excerpt(unknown, 40);
        return Err(Some(format!(
            "an object with the unknown member \"{unknown}\""
        )));
    }
    let currency = match members.get("currency") {
        None | Some(Value::Null) => None,
        Some(Value::String(code)) => Some(code.parse().map_err(said)?),
        Some(other) => return Err(Some(format!("the currency is {}", kind(other)))),
    };
    let amount = match members.get("amount") {
        None => return Err(Some("an object without an amount".to_owned())),
        Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::Number(number)) => decimal_of(number).map_err(said)?,
        Some(Value::String(text)) => plain_decimal(text.trim()).map_err(said)?,
        Some(other) => return Err(Some(format!("the amount is {}", kind(other)))),
    };
    Ok(Some((amount, currency)))
}

/// `1234.5` or `1234.5 USD`.
fn money_text(text: &str) -> Result<(Decimal, Option<Currency>), Reason> {
    let mut words = text.split_whitespace();
    let amount = plain_decimal(words.next().unwrap_or_default()).map_err(said)?;
    let currency = words.next().map(str::parse).transpose().map_err(said)?;
    match words.next() {
        None => Ok((amount, currency)),
        Some(_) => Err(Some("more than an amount and a currency".to_owned())),
    }
}

fn said(error: impl std::fmt::Display) -> Reason {
    Some(error.to_string())
}

fn at_commas(text: &str) -> Vec<&str> {
    text.split(',').collect()
}

fn list<'a>(
    value: &'a Value,
    allow_multiple: bool,
    split: impl Fn(&'a str) -> Vec<&'a str>,
    key: impl Fn(&str) -> String,
    parse: impl Fn(&str) -> Result<String, String>,
) -> Result<Option<CustomValue>, Reason> {
    let texts = match value {
        Value::String(text) => split(text),
        Value::Array(items) => items.iter().map(text).collect::<Result<_, _>>()?,
        other => {
            return Err(Some(format!(
                "{}, where text or a list of texts is expected",
                kind(other)
            )));
        }
    };
    let texts: Vec<_> = texts
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    if texts.len() > MAX_VALUES {
        return Err(Some(format!(
            "{} values, more than {MAX_VALUES}",
            texts.len()
        )));
    }
    let mut seen = HashSet::new();
    let mut values = Vec::new();
    for text in &texts {
        let parsed = parse(text).map_err(|reason| {
            let one = excerpt(text.trim(), 60);
            Some(if texts.len() > 1 {
                format!("\"{one}\": {reason}")
            } else {
                reason
            })
        })?;
        if seen.insert(key(&parsed)) {
            values.push(parsed);
        }
    }
    match values.len() {
        0 => Ok(None),
        1 => Ok(Some(CustomValue::Many(values))),
        _ if allow_multiple => Ok(Some(CustomValue::Many(values))),
        more => Err(Some(format!("{more} values, where the column allows one"))),
    }
}
