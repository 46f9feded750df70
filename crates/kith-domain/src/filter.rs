//! Questions about records: filters, sorting, search terms, pages (contract, section 5), and what they mean.
//!
//! A [`Search`] is judged once ([`SearchInput::judge`]) and is then typed: nothing in it can fail. Storage compiles it;
//! [`Filter::matches`], [`Sort::compare`] and [`Search::answer`] say, naively, what the compiled form must give.

mod answer;
mod cursor;
mod evaluate;
mod field;
mod operand;
mod parse;
mod search;
mod sort;
#[cfg(test)]
mod tests;

use std::ops::Bound;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

pub use self::answer::Answer;
pub use self::cursor::{Cursor, InvalidCursor};
pub use self::field::{FieldRef, FilterField, FilterKind, Operator, fields_of, find_field};
pub use self::parse::{MAX_DEPTH, MAX_RULES, MAX_VALUES};
pub use self::search::{
    DEFAULT_PAGE_SIZE, MAX_OFFSET, MAX_PAGE_SIZE, Search, SearchInput, SearchTerm, Window,
    searched_text,
};
pub use self::sort::{
    Direction, Sort, SortField, SortInput, SortKey, SortKind, SortableField, sort_name,
    sortable_fields,
};
use crate::columns::ParseContext;
use crate::entity::EntityType;
use crate::locale::Currency;
use crate::relation::Target;
use crate::scope::{Reach, Scope};
use crate::time::Timestamp;

/// What the meaning of a filter depends on besides its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterContext {
    /// What the company says about values that leave something out.
    pub parse: ParseContext,
    /// The time at which the question is asked, for `inLastDays`.
    pub now: Timestamp,
}

/// A condition on records of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every one holds; an empty list holds always.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A test of one field.
    Rule(Rule),
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The field.
    pub field: FieldRef,
    /// What kind of values the field holds.
    pub kind: FilterKind,
    /// What is asked of them.
    pub test: Test,
    /// Whether the rule holds where the test does not (`notIn`, `hasNone`): also for records without a value.
    pub negated: bool,
}

/// What is asked of a field's values. Every test but [`Test::Absent`] fails where there is no value; on fields with
/// several values it holds if it holds for one.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is no value: no link, an empty text or list, no custom value.
    Absent,
    /// There is a value.
    Present,
    /// The [lower-case](crate::text::lower) form of the text contains this lower-case text.
    Contains(String),
    /// The text is one of these: exactly, for options by value, for e-mail addresses by
    /// [`comparison_key`](crate::email::comparison_key).
    Texts(Vec<String>),
    /// The id is one of these.
    Ids(Vec<Uuid>),
    /// The number lies in one of these.
    Numbers(Vec<Interval<Decimal>>),
    /// The point in time lies in one of these.
    Instants(Vec<Interval<Timestamp>>),
    /// The date lies in one of these.
    Dates(Vec<Interval<NaiveDate>>),
    /// The amount lies in one of these.
    Money(Vec<MoneyInterval>),
}

/// Values between two bounds.
pub type Interval<T> = (Bound<T>, Bound<T>);

/// Amounts between two bounds, of one currency if one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyInterval {
    /// The amounts: at most 4 decimals, below 10^14.
    pub amount: Interval<Decimal>,
    /// The currency; without one, amounts count whatever their currency.
    pub currency: Option<Currency>,
}

impl Filter {
    /// Holds for every record.
    pub fn everything() -> Self {
        Filter::All(Vec::new())
    }

    /// Holds for records that are assigned to this user.
    pub fn of_user(entity: EntityType, user: Uuid) -> Self {
        match entity.link_index("users") {
            Some(link) => Filter::Rule(Rule {
                field: FieldRef::Link(link),
                kind: FilterKind::Links,
                test: Test::Ids(vec![user]),
                negated: false,
            }),
            None => Filter::Any(Vec::new()),
        }
    }

    /// What the filter asks of the links that a caller may see, as far as the scope alone tells; a filter that holds
    /// for the same records on whose links that they see. Links to records of which only some are seen are left to
    /// whoever knows which.
    #[must_use]
    pub fn within(self, scope: &Scope, entity: EntityType) -> Self {
        let each = |filters: Vec<Filter>| {
            let filters = filters.into_iter();
            filters.map(|filter| filter.within(scope, entity)).collect()
        };
        match self {
            Filter::All(filters) => Filter::All(each(filters)),
            Filter::Any(filters) => Filter::Any(each(filters)),
            Filter::Not(filter) => Filter::Not(Box::new(filter.within(scope, entity))),
            Filter::Rule(rule) => rule.within(scope, entity),
        }
    }

    /// Holds for every record, or for none.
    fn constant(holds: bool) -> Self {
        if holds {
            Filter::everything()
        } else {
            Filter::Any(Vec::new())
        }
    }

    /// Holds where both hold.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        match (self, other) {
            (Filter::All(rules), other) if rules.is_empty() => other,
            (filter, Filter::All(rules)) if rules.is_empty() => filter,
            (Filter::All(mut rules), other) => {
                rules.push(other);
                Filter::All(rules)
            }
            (filter, other) => Filter::All(vec![filter, other]),
        }
    }

    /// Every rule, in order.
    pub fn rules(&self) -> Vec<&Rule> {
        match self {
            Filter::All(filters) | Filter::Any(filters) => {
                filters.iter().flat_map(Filter::rules).collect()
            }
            Filter::Not(filter) => filter.rules(),
            Filter::Rule(rule) => vec![rule],
        }
    }
}

impl Rule {
    fn within(self, scope: &Scope, entity: EntityType) -> Filter {
        let FieldRef::Link(link) = self.field else {
            return Filter::Rule(self);
        };
        let target = entity.links().get(link).map(|link| link.target);
        match target.map(|target| (target, scope.reach(target))) {
            // There are no links, as far as the caller knows.
            Some((_, Reach::Nothing)) => {
                Filter::constant((self.test == Test::Absent) != self.negated)
            }
            Some((Target::User, Reach::Own)) => {
                let me = scope.user;
                let is_absent = self.test == Test::Absent;
                match &self.test {
                    Test::Ids(ids) if !ids.contains(&me) => Filter::constant(self.negated),
                    _ => Filter::Rule(Rule {
                        test: Test::Ids(vec![me]),
                        negated: self.negated != is_absent,
                        ..self
                    }),
                }
            }
            _ => Filter::Rule(self),
        }
    }
}
