//! The values of a rule, read as its field's kind understands them.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::parse::MAX_VALUES;
use super::{
    FieldRef, FilterContext, FilterField, FilterKind, Interval, MoneyInterval, Operator, Rule, Test,
};
use crate::columns::{
    Column, CustomValue, MAX_DECIMALS, calendar_date, date_part, decimal_of, instant, money_parts,
    plain_decimal, shown,
};
use crate::email::{comparison_key, parse_email};
use crate::locale::Currency;
use crate::text::{has_control, lower};
use crate::time::Timestamp;

/// Longest text of a rule, in characters: nothing that is longer can be found.
const MAX_TEXT: usize = 10_000;
/// Longest span of `inLastDays`.
const MAX_DAYS: u64 = 100_000;
/// Numbers of rules are smaller than 10^14, so that storage can scale them.
const LIMIT: Decimal = Decimal::from_parts(276_447_232, 23_283, 0, false, 0);

/// A rule on a field.
pub(super) fn test(
    field: &FilterField,
    operator: Operator,
    value: Option<&Value>,
    columns: &[Column],
    context: &FilterContext,
) -> Result<Rule, String> {
    let column = match field.field {
        FieldRef::Custom(id) => columns.iter().find(|column| column.id == id),
        _ => None,
    };
    let reader = Reader {
        field,
        operator,
        column,
        context,
    };
    let value = value.filter(|value| !value.is_null());
    let test = match (operator, value) {
        (Operator::IsNull, None) | (Operator::HasNone, None) => Test::Absent,
        (Operator::IsNotNull, None) | (Operator::HasSome, None) => Test::Present,
        (Operator::IsNull | Operator::IsNotNull, Some(value)) => {
            return Err(reader.unfit(value, "the operator takes no value"));
        }
        (_, None) => {
            let hint = if operator == Operator::Equals {
                " (to find records without a value, use isNull)"
            } else {
                ""
            };
            return Err(format!(
                "{} needs a value{hint}; accepted: {}",
                reader.subject(),
                reader.accepted()
            ));
        }
        (Operator::Contains, Some(value)) => Test::Contains(reader.needle(value)?),
        (Operator::InLastDays, Some(value)) => reader.last_days(value)?,
        (_, Some(value)) => reader.comparison(&reader.values(value)?)?,
    };
    let negated = matches!(
        (operator, value),
        (Operator::NotIn, _) | (Operator::HasNone, Some(_))
    );
    Ok(Rule {
        field: field.field,
        kind: field.kind,
        test,
        negated,
    })
}

struct Reader<'a> {
    field: &'a FilterField,
    operator: Operator,
    column: Option<&'a Column>,
    context: &'a FilterContext,
}

/// The values that one operand stands for: from a first one on, up to a bound.
struct Span<T> {
    from: T,
    to: Bound<T>,
}

impl<T: Copy> Span<T> {
    fn exactly(value: T) -> Self {
        Span {
            from: value,
            to: Included(value),
        }
    }

    fn after(&self) -> Bound<T> {
        match self.to {
            Included(last) => Excluded(last),
            Excluded(next) => Included(next),
            Unbounded => Unbounded,
        }
    }
}

impl Reader<'_> {
    fn subject(&self) -> String {
        format!(
            "{} on field \"{}\" ({})",
            self.operator.name(),
            self.field.label,
            self.field.kind.name()
        )
    }

    fn accepted(&self) -> String {
        let one = match self.column {
            Some(column) if self.field.kind == FilterKind::Choice => column.accepted(),
            _ => self.field.kind.accepted().to_owned(),
        };
        match self.operator {
            Operator::Contains => "a text such as \"ada\", without regard to case".to_owned(),
            Operator::InLastDays => "a positive whole number of days such as 30".to_owned(),
            Operator::IsNull | Operator::IsNotNull => "the rule without `value`".to_owned(),
            Operator::In | Operator::NotIn => format!("an array of 1 to {MAX_VALUES}, each {one}"),
            Operator::HasNone | Operator::HasSome => {
                format!("no value, or an array of 1 to {MAX_VALUES}, each {one}")
            }
            Operator::Between => format!("an array of two, first and last, each {one}"),
            _ => one,
        }
    }

    fn unfit(&self, value: &Value, reason: &str) -> String {
        format!(
            "{} cannot take {}: {reason}; accepted: {}",
            self.subject(),
            shown(value),
            self.accepted()
        )
    }

    fn needle(&self, value: &Value) -> Result<String, String> {
        let Value::String(text) = value else {
            return Err(self.unfit(value, "not a text"));
        };
        let mut needle = lower(text);
        if self.field.kind == FilterKind::Phones {
            // Numbers are stored without the punctuation with which people write them.
            needle.retain(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '.' | '/' | '-'));
        }
        if needle.trim().is_empty() {
            Err(self.unfit(value, "nothing to look for"))
        } else if has_control(&needle) {
            Err(self.unfit(value, "no such text can be stored"))
        } else if needle.chars().count() > MAX_TEXT {
            Err(self.unfit(value, "longer than any text"))
        } else {
            Ok(needle)
        }
    }

    fn last_days(&self, value: &Value) -> Result<Test, String> {
        let days = match value {
            Value::Number(number) => decimal_of(number).ok().filter(|days| days.is_integer()),
            _ => None,
        };
        let days = days
            .and_then(|days| u64::try_from(days).ok())
            .filter(|days| (1..=MAX_DAYS).contains(days));
        let Some(days) = days else {
            return Err(self.unfit(value, "not a whole number from 1 to 100000"));
        };
        let today = self.context.now.to_utc().date_naive();
        let first = today.checked_sub_days(Days::new(days));
        Ok(if self.field.kind == FilterKind::Date {
            Test::Dates(vec![(first.map_or(Unbounded, Included), Included(today))])
        } else {
            let end = today.checked_add_days(Days::new(1));
            Test::Instants(vec![(
                first.map_or(Unbounded, |day| Included(midnight(day))),
                end.map_or(Unbounded, |day| Excluded(midnight(day))),
            )])
        })
    }

    /// The single values of the rule's value: one, or those of an array.
    fn values<'v>(&self, value: &'v Value) -> Result<Vec<&'v Value>, String> {
        let is_list = matches!(
            self.operator,
            Operator::In
                | Operator::NotIn
                | Operator::HasNone
                | Operator::HasSome
                | Operator::Between
        );
        match (is_list, value) {
            (false, Value::Array(_)) => Err(self.unfit(value, "not one value; use in for several")),
            (false, one) => Ok(vec![one]),
            (true, Value::Array(values)) => {
                let count = if self.operator == Operator::Between {
                    2..=2
                } else {
                    1..=MAX_VALUES
                };
                if !count.contains(&values.len()) {
                    return Err(self.unfit(value, &format!("it has {} values", values.len())));
                }
                Ok(values.iter().collect())
            }
            (true, _) => Err(self.unfit(value, "not an array")),
        }
    }

    fn comparison(&self, values: &[&Value]) -> Result<Test, String> {
        Ok(match self.field.kind {
            FilterKind::Id | FilterKind::Links => {
                Test::Ids(self.each(values, |value| self.id(value))?)
            }
            FilterKind::Number { decimals } => {
                let spans = self.each(values, |value| {
                    Ok(Span::exactly(self.number(value, decimals)?))
                })?;
                Test::Numbers(self.intervals(values, spans)?)
            }
            FilterKind::Instant => {
                let spans = self.each(values, |value| self.instant(value))?;
                Test::Instants(self.intervals(values, spans)?)
            }
            FilterKind::Date => {
                let spans = self.each(values, |value| Ok(Span::exactly(self.date(value)?)))?;
                Test::Dates(self.intervals(values, spans)?)
            }
            FilterKind::Money => self.money(values)?,
            FilterKind::Text
            | FilterKind::Emails
            | FilterKind::Urls
            | FilterKind::Phones
            | FilterKind::Choice
            | FilterKind::Notes => Test::Texts(self.each(values, |value| self.text(value))?),
        })
    }

    fn each<T>(
        &self,
        values: &[&Value],
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        values.iter().map(|value| read(value)).collect()
    }

    fn intervals<T: Copy + Ord>(
        &self,
        values: &[&Value],
        spans: Vec<Span<T>>,
    ) -> Result<Vec<Interval<T>>, String> {
        if let (Operator::Between, [first, last]) = (self.operator, spans.as_slice()) {
            if first.from > last.from {
                let values = Value::Array(values.iter().copied().cloned().collect());
                return Err(self.unfit(&values, "the first is greater than the last"));
            }
            return Ok(vec![(Included(first.from), last.to)]);
        }
        let interval = |span: &Span<T>| match self.operator {
            Operator::Gt => (span.after(), Unbounded),
            Operator::Gte => (Included(span.from), Unbounded),
            Operator::Lt => (Unbounded, Excluded(span.from)),
            Operator::Lte => (Unbounded, span.to),
            _ => (Included(span.from), span.to),
        };
        Ok(spans.iter().map(interval).collect())
    }

    fn id(&self, value: &Value) -> Result<Uuid, String> {
        let id = value
            .as_str()
            .and_then(|text| Uuid::parse_str(text.trim()).ok());
        id.ok_or_else(|| self.unfit(value, "not an id"))
    }

    fn number(&self, value: &Value, decimals: u32) -> Result<Decimal, String> {
        let number = match value {
            Value::Number(number) => decimal_of(number).ok(),
            Value::String(text) => plain_decimal(text.trim()).ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unfit(value, "not a number"))?;
        self.within_limits(value, number, decimals)
    }

    fn within_limits(
        &self,
        value: &Value,
        number: Decimal,
        decimals: u32,
    ) -> Result<Decimal, String> {
        let number = number.normalize();
        if number.abs() >= LIMIT {
            Err(self.unfit(value, "not below 10^14"))
        } else if number.scale() > decimals {
            Err(self.unfit(
                value,
                &format!("more than {decimals} decimals, which no value has"),
            ))
        } else {
            Ok(number)
        }
    }

    fn instant(&self, value: &Value) -> Result<Span<Timestamp>, String> {
        let text = value.as_str().map_or("", str::trim);
        if let Some(day) = calendar_date(text) {
            let next = day.checked_add_days(Days::new(1));
            return Ok(Span {
                from: midnight(day),
                to: next.map_or(Unbounded, |next| Excluded(midnight(next))),
            });
        }
        instant(text)
            .map(Span::exactly)
            .ok_or_else(|| self.unfit(value, "not a date or a time"))
    }

    fn date(&self, value: &Value) -> Result<NaiveDate, String> {
        let text = value.as_str().map_or("", str::trim);
        date_part(text).ok_or_else(|| self.unfit(value, "not a date of the calendar"))
    }

    fn money(&self, values: &[&Value]) -> Result<Test, String> {
        let amounts = self.each(values, |value| {
            let parts = money_parts(value).map_err(|reason| {
                self.unfit(value, reason.as_deref().unwrap_or("not an amount"))
            })?;
            let (amount, currency) = parts.ok_or_else(|| self.unfit(value, "no amount"))?;
            Ok((self.within_limits(value, amount, MAX_DECIMALS)?, currency))
        })?;
        let mut currencies: Vec<Option<Currency>> =
            amounts.iter().map(|(_, currency)| *currency).collect();
        if self.operator == Operator::Between {
            let shared = currencies.iter().flatten().next().copied();
            if currencies
                .iter()
                .flatten()
                .any(|currency| Some(*currency) != shared)
            {
                let values = Value::Array(values.iter().copied().cloned().collect());
                return Err(self.unfit(&values, "two currencies"));
            }
            currencies = vec![shared];
        }
        let spans = amounts
            .iter()
            .map(|(amount, _)| Span::exactly(*amount))
            .collect();
        let intervals = self.intervals(values, spans)?;
        let intervals = intervals.into_iter().zip(currencies);
        Ok(Test::Money(
            intervals
                .map(|(amount, currency)| MoneyInterval { amount, currency })
                .collect(),
        ))
    }

    /// A text as the field would store it.
    fn text(&self, value: &Value) -> Result<String, String> {
        let Value::String(text) = value else {
            return Err(self.unfit(value, "not a text"));
        };
        if text.trim().is_empty() {
            return Err(self.unfit(
                value,
                "an empty text (to find records without a value, use isNull)",
            ));
        }
        let stored = match (self.column, self.field.kind) {
            (Some(column), _) => {
                let one_value = |parsed| match parsed {
                    Some(CustomValue::Text(text) | CustomValue::Option(text)) => Some(text),
                    Some(CustomValue::Many(texts)) if texts.len() == 1 => texts.into_iter().next(),
                    _ => None,
                };
                match column.parse(value, &self.context.parse) {
                    Ok(parsed) => one_value(parsed)
                        .ok_or_else(|| self.unfit(value, "not one value; use in for several"))?,
                    Err(error) => {
                        return Err(self
                            .unfit(value, error.reason.as_deref().unwrap_or("not such a value")));
                    }
                }
            }
            (None, FilterKind::Emails) => {
                parse_email(text).map_err(|error| self.unfit(value, &error.to_string()))?
            }
            (None, _) => crate::text::clean(text)
                .ok()
                .filter(|text| text.chars().count() <= MAX_TEXT)
                .ok_or_else(|| self.unfit(value, "no such text can be stored"))?,
        };
        Ok(if self.field.kind == FilterKind::Emails {
            comparison_key(&stored)
        } else {
            stored
        })
    }
}

/// The first instant of a day in UTC.
fn midnight(day: NaiveDate) -> Timestamp {
    Timestamp(
        day.and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis(),
    )
}
