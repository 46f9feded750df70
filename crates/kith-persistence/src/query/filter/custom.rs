//! Conditions on custom columns.

use kith_domain::columns::ColumnType;
use kith_domain::entity::EntityType;
use kith_domain::filter::{FilterKind, MoneyInterval, Rule, Test};
use kith_domain::text::{fold, lower, sort_key};
use uuid::Uuid;

use super::{ALWAYS, Conditions, NEVER, distinct, joined};
use crate::columns::{CompanyColumns, SlotKind};
use crate::query::Statement;
use crate::query::statement::Value;
use crate::shape::{LOWER, days, to_scaled};
use crate::sql::Dialect;

/// How many characters of a text its sort key has; a shorter key is the whole text, folded.
const KEY_LENGTH: usize = 200;

impl Conditions<'_> {
    pub(super) fn custom(&mut self, id: Uuid, rule: &Rule) -> String {
        let Some(column) = self.columns.get(id) else {
            // It has gone since the question was judged, and its values with it.
            let absent = rule.test == Test::Absent;
            return if absent { ALWAYS } else { NEVER }.to_owned();
        };
        let slot = self.slot(id);
        let present = format!("{slot} IS NOT NULL");
        let held = |condition: String| format!("({present} AND {condition})");
        match (column.column_type(), &rule.test) {
            (_, Test::Absent) => format!("{slot} IS NULL"),
            (_, Test::Present) => present,
            (ColumnType::Plain, Test::Texts(texts)) => {
                let keys = distinct(texts.iter().map(|text| sort_key(text)));
                let by_key = self.statement.one_of(&slot, Value::Texts(keys));
                let stored = texts.iter().map(|text| format!("p{text}")).collect();
                let value = self.document_member(&id.to_string());
                let exactly = self.statement.one_of(&value, Value::Texts(stored));
                held(format!("{by_key} AND {exactly}"))
            }
            (ColumnType::Plain, Test::Contains(part)) => {
                let folded = self.statement.bind(Value::Text(fold(part)));
                let in_key = self.statement.contains(&slot, &folded);
                let value = self.document_member(&id.to_string());
                let made = self.statement.ascii_lower(&format!("substr({value}, 2)"));
                let lowered = self.document_member(&format!("{id}{LOWER}"));
                let part = self.statement.bind(Value::Text(part.clone()));
                let contains = self
                    .statement
                    .contains(&format!("coalesce({lowered}, {made})"), &part);
                held(format!(
                    "({in_key} OR length({slot}) >= {KEY_LENGTH}) AND {contains}"
                ))
            }
            (ColumnType::SingleSelect, Test::Texts(options)) => {
                let known = options
                    .iter()
                    .filter(|option| column.option(option).is_some());
                let ranks: Vec<_> = known.map(|option| self.columns.rank(id, option)).collect();
                if ranks.is_empty() {
                    return NEVER.to_owned();
                }
                let is_one = self.statement.one_of(&slot, Value::Ints(ranks));
                held(is_one)
            }
            (ColumnType::Currency, Test::Money(intervals)) => {
                let money = self.money(id, &slot, intervals);
                held(money)
            }
            (ColumnType::Date, Test::Dates(intervals)) => {
                let dates = self.intervals(&slot, intervals, days);
                held(dates)
            }
            (ColumnType::DateTime, Test::Instants(intervals)) => {
                let instants = self.intervals(&slot, intervals, |at| at.0);
                held(instants)
            }
            (ColumnType::Link | ColumnType::Email | ColumnType::Phone, test) => {
                self.values(id, rule.kind, test)
            }
            _ => NEVER.to_owned(),
        }
    }

    /// Several values lie in rows of their own.
    fn values(&mut self, column: Uuid, kind: FilterKind, test: &Test) -> String {
        let condition = match test {
            Test::Texts(texts) => {
                let texts = match kind {
                    FilterKind::Emails => distinct(texts.iter().map(|key| lower(key))),
                    _ => texts.clone(),
                };
                self.statement.one_of("v.text", Value::Texts(texts))
            }
            Test::Contains(part) => {
                let part = self.statement.bind(Value::Text(part.clone()));
                let lowered = self.statement.ascii_lower("v.text");
                self.statement.contains(&lowered, &part)
            }
            _ => return NEVER.to_owned(),
        };
        let id = self.column("id");
        let column = self.statement.bind(Value::Uuid(column));
        let table = self.entity.name();
        format!(
            "{id} IN (SELECT v.record_id FROM {table}_value v WHERE v.company_id = $1 \
             AND v.column_id = {column} AND v.position >= 0 AND {condition})"
        )
    }

    fn money(&mut self, id: Uuid, slot: &str, intervals: &[MoneyInterval]) -> String {
        if intervals.iter().all(|range| range.currency.is_none()) {
            let amounts: Vec<_> = intervals.iter().map(|range| range.amount).collect();
            return self.intervals(slot, &amounts, to_scaled);
        }
        let mut parts = Vec::new();
        for range in intervals {
            let mut part = self.intervals(slot, &[range.amount], to_scaled);
            if let Some(currency) = range.currency {
                let value = self.document_member(&id.to_string());
                let code = self.statement.bind(Value::Text(currency.code().to_owned()));
                part = format!("({part} AND substr({value}, length({value}) - 2) = {code})");
            }
            parts.push(part);
        }
        joined(parts, "OR", NEVER)
    }

    /// The slot of a column, or the same value where there is none.
    fn slot(&mut self, column: Uuid) -> String {
        match self.columns.slot(column) {
            Some(slot) => self.column(slot.name()),
            None => unslotted(self.statement, self.entity, self.columns, column),
        }
    }

    /// A member of the document of custom values.
    fn document_member(&self, name: &str) -> String {
        match self.statement.dialect {
            Dialect::Sqlite => format!("json_extract(r.custom, '$.\"{name}\"')"),
            Dialect::Postgres => format!("(r.custom::jsonb ->> '{name}')"),
        }
    }
}

/// What the slot of a column would hold if there had been one left.
pub(in crate::query) fn unslotted(
    statement: &mut Statement,
    entity: EntityType,
    columns: &CompanyColumns,
    column: Uuid,
) -> String {
    let table = entity.name();
    let kind = columns
        .get(column)
        .map(|column| SlotKind::of(column.column_type()));
    let cell = match kind {
        Some(SlotKind::Text) => "text",
        _ => "number",
    };
    let column = statement.bind(Value::Uuid(column));
    format!(
        "(SELECT v.{cell} FROM {table}_value v WHERE v.company_id = $1 AND v.record_id = r.id \
         AND v.column_id = {column} AND v.position = -1)"
    )
}
