//! Filters and search terms as conditions on a record `r`.
//!
//! A condition is never null, so that its negation holds exactly where it does not. Values are bound, never written;
//! names of tables and columns come from the domain's tables, ids of custom columns are ids.

mod custom;

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use kith_domain::entity::{EntityType, FieldKind};
use kith_domain::filter::{FieldRef, Filter, Interval, Rule, SearchTerm, Test};
use kith_domain::relation::Target;
use kith_domain::scope::Scope;
use kith_domain::text::{fold, lower, sort_key};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::statement::Value;
use super::{Approach, Statement};
pub(super) use custom::unslotted;

use crate::columns::CompanyColumns;
use crate::shape::{ends, key_column, lower_column, snake, split_total, to_scaled};
use crate::sql::Dialect;

/// Fewest characters that trigrams can find.
const TRIGRAM: usize = 3;

/// Most texts that are looked for through trigrams at once.
const MAX_SOUGHT: usize = 20;

/// Most trigrams of one text that are looked up; the text itself is checked anyway.
const MAX_TRIGRAMS: usize = 24;

const ALWAYS: &str = "TRUE";
const NEVER: &str = "FALSE";

/// Compiles conditions on records of one type.
pub(super) struct Conditions<'a> {
    pub(super) entity: EntityType,
    /// Whose eyes it is seen with.
    pub(super) scope: &'a Scope,
    pub(super) columns: &'a CompanyColumns,
    pub(super) approach: Approach,
    /// The columns of the order, whose index a walk uses; conditions on them may narrow it.
    pub(super) walked: &'a [String],
    /// Which of the filters that all have to hold leads to the records; SQLite uses the indexes of the others not.
    pub(super) leader: Option<usize>,
    /// Whether conditions are kept from choosing an index.
    pub(super) is_follower: bool,
    pub(super) statement: &'a mut Statement,
}

impl Conditions<'_> {
    /// What a filter asks.
    pub(super) fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::All(filters) => {
                let leader = self.leader.take();
                let mut parts = Vec::with_capacity(filters.len());
                for (at, filter) in filters.iter().enumerate() {
                    let was_follower = self.is_follower;
                    self.is_follower |= leader.is_some_and(|leader| leader != at);
                    parts.push(self.filter(filter));
                    self.is_follower = was_follower;
                }
                joined(parts, "AND", ALWAYS)
            }
            Filter::Any(filters) => {
                let parts = filters.iter().map(|filter| self.filter(filter)).collect();
                self.any(parts)
            }
            Filter::Not(filter) => format!("NOT ({})", self.filter(filter)),
            Filter::Rule(rule) => {
                let condition = self.rule(rule);
                if rule.negated {
                    format!("NOT ({condition})")
                } else {
                    condition
                }
            }
        }
    }

    /// At least one of some conditions. PostgreSQL uses no index where one of them asks another table, so that each is
    /// found for itself then; when much is found anyway, that would be dearer than looking.
    fn any(&self, parts: Vec<String>) -> String {
        let asks_elsewhere = |part: &String| part.contains("SELECT");
        let is_plain = self.statement.dialect == Dialect::Sqlite
            || self.approach == Approach::Walk
            || parts.len() < 2
            || !parts.iter().any(asks_elsewhere);
        if is_plain {
            return joined(parts, "OR", NEVER);
        }
        let table = self.entity.name();
        let each: Vec<_> = parts
            .into_iter()
            .map(|part| format!("SELECT r.id FROM {table} r WHERE r.company_id = $1 AND {part}"))
            .collect();
        format!("r.id IN ({})", each.join(" UNION ALL "))
    }

    /// What a search term asks.
    pub(super) fn term(&mut self, term: &SearchTerm) -> String {
        let mut parts = Vec::new();
        let long: Vec<_> = term
            .tokens()
            .iter()
            .filter(|token| token.chars().count() >= TRIGRAM)
            .cloned()
            .collect();
        if !long.is_empty() {
            parts.extend(self.trigrams(&long, "AND"));
        }
        for token in term.tokens() {
            let token = self.statement.bind(Value::Text(token.clone()));
            parts.push(self.statement.contains("r.search", &token));
        }
        joined(parts, "AND", ALWAYS)
    }

    /// Records whose searched text contains all (or one) of some folded texts, found through trigrams: a first choice
    /// that is checked afterwards. Nothing where trigrams would not help.
    fn trigrams(&mut self, texts: &[String], join: &str) -> Option<String> {
        let is_long = |text: &String| text.chars().count() >= TRIGRAM;
        if self.approach == Approach::Walk
            || self.is_follower
            || texts.len() > MAX_SOUGHT
            || !texts.iter().all(is_long)
        {
            return None;
        }
        let table = self.entity.name();
        Some(match self.statement.dialect {
            Dialect::Sqlite => {
                let parts: Vec<_> = texts.iter().map(|text| trigrams_of(text)).collect();
                let sought = parts.join(&format!(" {join} "));
                let sought = self.statement.bind(Value::Text(sought));
                format!("r.rid IN (SELECT rowid FROM {table}_fts WHERE {table}_fts MATCH {sought})")
            }
            Dialect::Postgres => {
                let likes = texts.iter().map(|text| {
                    let pattern = Value::Text(format!("%{}%", literal(text)));
                    format!("s.search LIKE {}", self.statement.bind(pattern))
                });
                let likes = joined(likes.collect(), join, ALWAYS);
                format!(
                    "r.id IN (SELECT s.id FROM {table}_search s WHERE s.company_id = $1 AND {likes})"
                )
            }
        })
    }

    fn rule(&mut self, rule: &Rule) -> String {
        match rule.field {
            FieldRef::Id => match &rule.test {
                Test::Ids(ids) => {
                    let id = self.column("id");
                    self.statement.one_of(&id, Value::Uuids(ids.clone()))
                }
                test => of_presence(test),
            },
            FieldRef::CreatedAt => self.instants("created_at", &rule.test),
            FieldRef::UpdatedAt => self.instants("updated_at", &rule.test),
            FieldRef::Version => match &rule.test {
                Test::Numbers(intervals) => {
                    let version = |number: Decimal| number.to_i64().unwrap_or(i64::MAX);
                    self.intervals("r.version", intervals, version)
                }
                test => of_presence(test),
            },
            FieldRef::Notes => match &rule.test {
                Test::Absent => "r.notes IS NULL".to_owned(),
                Test::Present => "r.notes IS NOT NULL".to_owned(),
                Test::Contains(part) => {
                    let part = self.statement.bind(Value::Text(part.clone()));
                    let contains = self.statement.contains("r.notes_lower", &part);
                    format!("(r.notes_lower IS NOT NULL AND {contains})")
                }
                _ => NEVER.to_owned(),
            },
            FieldRef::Own(field) => self.own(field, &rule.test),
            FieldRef::Link(link) => self.link(link, &rule.test),
            FieldRef::Custom(column) => self.custom(column, rule),
        }
    }

    /// A column of the record; in a walk it is kept from choosing another index than that of the order.
    fn column(&self, name: &str) -> String {
        let column = format!("r.{name}");
        let is_hidden = match self.approach {
            Approach::Walk => !self.walked.contains(&column),
            Approach::Filter => self.is_follower,
        };
        if self.statement.dialect == Dialect::Sqlite && is_hidden {
            format!("+{column}")
        } else {
            column
        }
    }

    fn own(&mut self, field: usize, test: &Test) -> String {
        let Some(def) = self.entity.fields().get(field) else {
            return NEVER.to_owned();
        };
        let name = snake(def.name);
        match (def.kind, test) {
            (FieldKind::Text { .. }, Test::Absent) => format!("r.{name} = ''"),
            (FieldKind::Text { .. }, Test::Present) => format!("r.{name} <> ''"),
            (FieldKind::Text { .. }, Test::Texts(texts)) => self.own_texts(field, &name, texts),
            (FieldKind::Emails { .. }, Test::Absent) => format!("r.{name} = '[]'"),
            (FieldKind::Emails { .. }, Test::Present) => format!("r.{name} <> '[]'"),
            (FieldKind::Emails { .. }, Test::Texts(keys)) => self.own_emails(field, &name, keys),
            // No address has the signs that stand between them.
            (FieldKind::Emails { .. }, Test::Contains(part))
                if part.contains(['"', ',', '[', ']', '\\']) || part.contains(char::is_control) =>
            {
                NEVER.to_owned()
            }
            (FieldKind::Text { .. } | FieldKind::Emails { .. }, Test::Contains(part)) => {
                let mut parts = Vec::new();
                parts.extend(self.trigrams(&[fold(part)], "AND"));
                let lowered = self.lowered(field, &name);
                let part = self.statement.bind(Value::Text(part.clone()));
                parts.push(self.statement.contains(&lowered, &part));
                joined(parts, "AND", ALWAYS)
            }
            (FieldKind::TotalValue, Test::Numbers(intervals)) => self.totals(&name, intervals),
            (FieldKind::Amount | FieldKind::TotalQuantity, Test::Numbers(intervals)) => {
                let column = self.column(&name);
                self.intervals(&column, intervals, to_scaled)
            }
            (FieldKind::Amount | FieldKind::TotalQuantity | FieldKind::TotalValue, test) => {
                of_presence(test)
            }
            _ => NEVER.to_owned(),
        }
    }

    fn lowered(&self, field: usize, name: &str) -> String {
        let lower = lower_column(self.entity, field);
        let made = self.statement.ascii_lower(&format!("r.{name}"));
        format!("coalesce(r.{lower}, {made})")
    }

    fn own_texts(&mut self, field: usize, name: &str, texts: &[String]) -> String {
        let mut parts = Vec::new();
        if self.entity.def().sort_name == [field] {
            let keys = distinct(texts.iter().map(|text| sort_key(text)));
            let key = self.column("name_key");
            parts.push(self.statement.one_of(&key, Value::Texts(keys)));
        } else {
            let folded = distinct(texts.iter().map(|text| fold(text)));
            parts.extend(self.trigrams(&folded, "OR"));
        }
        let is_text = self
            .statement
            .one_of(&format!("r.{name}"), Value::Texts(texts.to_vec()));
        parts.push(is_text);
        joined(parts, "AND", ALWAYS)
    }

    fn own_emails(&mut self, field: usize, name: &str, keys: &[String]) -> String {
        let mut parts = Vec::new();
        let folded = distinct(keys.iter().map(|key| fold(key)));
        parts.extend(self.trigrams(&folded, "OR"));
        let lowered = self.lowered(field, name);
        let quoted = keys.iter().map(|key| format!("\"{}\"", lower(key)));
        let each = self.statement.each(distinct(quoted));
        let contains = self.statement.contains(&lowered, "e.value");
        let exists = self.statement.exists(&format!("{each} WHERE {contains}"));
        parts.push(exists);
        joined(parts, "AND", ALWAYS)
    }

    /// A total lies in two columns: whole units of 10^-4, and the rest.
    fn totals(&mut self, name: &str, intervals: &[Interval<Decimal>]) -> String {
        let (whole, rest) = (self.column(name), format!("r.{name}_rest"));
        let mut side = |bound: &Bound<Decimal>, than: &str| {
            let (number, or_equal) = match bound {
                Unbounded => return None,
                Included(number) => (number, "="),
                Excluded(number) => (number, ""),
            };
            let (units, more) = split_total(*number);
            let units = self.statement.int(units.unwrap_or_default());
            let more = self.statement.int(more.unwrap_or_default());
            Some(format!(
                "({whole} {than}= {units} AND ({whole} {than} {units} OR {rest} {than}{or_equal} {more}))"
            ))
        };
        let mut parts = Vec::new();
        for (from, to) in intervals {
            let sides = side(from, ">").into_iter().chain(side(to, "<")).collect();
            parts.push(joined(sides, "AND", ALWAYS));
        }
        joined(parts, "OR", NEVER)
    }

    fn instants(&mut self, name: &str, test: &Test) -> String {
        match test {
            Test::Instants(intervals) => {
                let column = self.column(name);
                self.intervals(&column, intervals, |at| at.0)
            }
            test => of_presence(test),
        }
    }

    /// Whether a whole number lies in one of some intervals.
    fn intervals<T: Copy>(
        &mut self,
        expression: &str,
        intervals: &[Interval<T>],
        number: impl Fn(T) -> i64,
    ) -> String {
        let point = |(from, to): &Interval<T>| match (from, to) {
            (Included(from), Included(to)) if number(*from) == number(*to) => Some(number(*from)),
            _ => None,
        };
        let points: Option<Vec<_>> = intervals.iter().map(point).collect();
        if let Some(points) = points {
            return self.statement.one_of(expression, Value::Ints(points));
        }
        let mut side = |bound: &Bound<T>, than: &str| match bound {
            Unbounded => None,
            Included(at) => Some(format!(
                "{expression} {than}= {}",
                self.statement.int(number(*at))
            )),
            Excluded(at) => Some(format!(
                "{expression} {than} {}",
                self.statement.int(number(*at))
            )),
        };
        let mut parts = Vec::new();
        for (from, to) in intervals {
            let sides = side(from, ">").into_iter().chain(side(to, "<")).collect();
            parts.push(joined(sides, "AND", ALWAYS));
        }
        joined(parts, "OR", NEVER)
    }

    fn link(&mut self, link: usize, test: &Test) -> String {
        let Some(def) = self.entity.links().get(link) else {
            return NEVER.to_owned();
        };
        let (own, other) = ends(def);
        let seen = match def.target {
            Target::Record(_) => {
                let id = format!("l.{other}");
                self.statement.seen(self.scope, def.target, &id)
            }
            // The filter has been brought within the scope, which is itself asked in this way.
            Target::User => None,
        };
        let seen = seen.map_or_else(String::new, |seen| format!(" AND {seen}"));
        let table = def.of.name;
        let exists = self.statement.exists(&format!(
            "{table} l WHERE l.company_id = $1 AND l.{own} = r.id{seen}"
        ));
        match test {
            Test::Present => exists,
            Test::Absent => format!("NOT ({exists})"),
            Test::Ids(ids) => {
                let id = self.column("id");
                let linked = self
                    .statement
                    .one_of(&format!("l.{other}"), Value::Uuids(ids.clone()));
                format!(
                    "{id} IN (SELECT l.{own} FROM {table} l WHERE l.company_id = $1 AND {linked}{seen})"
                )
            }
            _ => NEVER.to_owned(),
        }
    }
}

/// What an own text is sorted by.
pub(super) fn own_key(statement: &Statement, entity: EntityType, field: usize) -> String {
    if entity.def().sort_name == [field] {
        return "r.name_key".to_owned();
    }
    let name = entity.fields().get(field).map_or("", |field| field.name);
    let made = statement.ascii_lower(&format!("r.{}", snake(name)));
    format!("coalesce(r.{}, {made})", key_column(entity, field))
}

/// The answer of fields that always have a value to whether they have one.
fn of_presence(test: &Test) -> String {
    if *test == Test::Present {
        ALWAYS
    } else {
        NEVER
    }
    .to_owned()
}

/// Conditions joined in a tree that stays flat: databases limit the depth.
fn joined(parts: Vec<String>, join: &str, none: &str) -> String {
    fn tree(parts: &[String], join: &str) -> String {
        match parts {
            [one] => one.clone(),
            parts if parts.len() <= 8 => format!("({})", parts.join(&format!(" {join} "))),
            parts => {
                let (left, right) = parts.split_at(parts.len() / 2);
                format!("({} {join} {})", tree(left, join), tree(right, join))
            }
        }
    }
    if parts.is_empty() {
        none.to_owned()
    } else {
        tree(&parts, join)
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// An FTS5 query for every trigram of a text.
fn trigrams_of(text: &str) -> String {
    let letters: Vec<_> = text.chars().collect();
    let trigrams = distinct(
        letters
            .windows(TRIGRAM)
            .map(|trigram| trigram.iter().collect::<String>()),
    );
    let quoted: Vec<_> = trigrams
        .into_iter()
        .take(MAX_TRIGRAMS)
        .map(|trigram| format!("\"{}\"", trigram.replace('"', "\"\"")))
        .collect();
    format!("({})", quoted.join(" AND "))
}

/// A text that `LIKE` takes literally.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal
}
