//! From the JSON of a filter to its typed form, with every problem at once.

use serde_json::{Map, Value};

use super::field::{listing, operator_names, unknown_field};
use super::operand::test;
use super::{Filter, FilterContext, FilterField, Operator, fields_of, find_field};
use crate::columns::{Column, shown};
use crate::entity::EntityType;
use crate::text::{excerpt, nearest};
use crate::violation::{Violation, pointer_token};

/// How deep `or`, `and` and `not` nest.
pub const MAX_DEPTH: usize = 5;
/// Most rules of one filter.
pub const MAX_RULES: usize = 100;
/// Most values of one `in` or `notIn`.
pub const MAX_VALUES: usize = 1_000;

/// Problems after which reading ends: what is not even a rule does not count as one, and a body has room for millions.
const MAX_PROBLEMS: usize = 2 * MAX_RULES;

const SHAPE: &str = "accepted: {\"field\": …, \"operator\": …, \"value\": …}, {\"or\": [rules]}, {\"and\": [rules]} or {\"not\": rule}";

impl Filter {
    /// Reads the array of rules of a search, a widget or an export; `pointer` is its place in the request.
    ///
    /// # Errors
    /// Every problem, each with its pointer.
    pub fn parse(
        entity: EntityType,
        columns: &[Column],
        context: &FilterContext,
        filters: &Value,
        pointer: &str,
    ) -> Result<Filter, Vec<Violation>> {
        let fields = fields_of(entity, columns);
        let mut reader = Reader {
            entity,
            columns,
            context,
            fields,
            rules: 0,
            listed: false,
            problems: Vec::new(),
        };
        let filter = match filters {
            Value::Null => Some(Filter::everything()),
            Value::Array(rules) => reader.all(rules, 0, pointer).map(Filter::All),
            other => {
                let message = format!(
                    "filters are an array of rules, not {}; {SHAPE}",
                    shown(other)
                );
                reader.problem(pointer, "type", message);
                None
            }
        };
        match filter {
            Some(filter) if reader.problems.is_empty() => Ok(filter),
            _ => Err(reader.problems),
        }
    }
}

struct Reader<'a> {
    entity: EntityType,
    columns: &'a [Column],
    context: &'a FilterContext,
    fields: Vec<FilterField>,
    rules: usize,
    /// Whether a problem has listed the fields: the list can be long, so that one does it for all.
    listed: bool,
    problems: Vec<Violation>,
}

impl Reader<'_> {
    fn problem(&mut self, pointer: &str, code: &'static str, message: String) {
        self.problems.push(Violation::new(pointer, code, message));
    }

    /// Every field with its operators, for the first problem that asks.
    fn available(&mut self) -> String {
        if std::mem::replace(&mut self.listed, true) {
            return String::new();
        }
        format!(" Available: {}", listing(&self.fields))
    }

    fn all(&mut self, filters: &[Value], depth: usize, pointer: &str) -> Option<Vec<Filter>> {
        let mut read = Vec::with_capacity(filters.len().min(MAX_RULES));
        for (index, filter) in filters.iter().enumerate() {
            let filter = self.one(filter, depth, &format!("{pointer}/{index}"));
            if self.rules > MAX_RULES || self.problems.len() >= MAX_PROBLEMS {
                return None;
            }
            read.extend(filter);
        }
        Some(read)
    }

    fn one(&mut self, filter: &Value, depth: usize, pointer: &str) -> Option<Filter> {
        let Value::Object(members) = filter else {
            self.problem(
                pointer,
                "type",
                format!("a rule is an object, not {}; {SHAPE}", shown(filter)),
            );
            return None;
        };
        let group = ["or", "and", "not"]
            .into_iter()
            .find_map(|name| Some((name, members.get(name)?)));
        match group {
            Some((name, inner)) if members.len() == 1 => {
                self.group(name, inner, depth + 1, pointer)
            }
            Some((name, _)) => {
                let message = format!("an object with \"{name}\" has no other member; {SHAPE}");
                self.problem(pointer, "unknown_member", message);
                None
            }
            None => self.rule(members, pointer),
        }
    }

    fn group(&mut self, name: &str, inner: &Value, depth: usize, pointer: &str) -> Option<Filter> {
        let pointer = format!("{pointer}/{name}");
        if depth > MAX_DEPTH {
            self.problem(
                &pointer,
                "too_deep",
                format!("filters nest to depth {MAX_DEPTH}; this is depth {depth}"),
            );
            return None;
        }
        match (name, inner) {
            ("not", inner) => Some(Filter::Not(Box::new(self.one(inner, depth, &pointer)?))),
            (_, Value::Array(filters)) if !filters.is_empty() => {
                let filters = self.all(filters, depth, &pointer)?;
                Some(if name == "or" {
                    Filter::Any(filters)
                } else {
                    Filter::All(filters)
                })
            }
            (_, other) => {
                let message = format!(
                    "\"{name}\" takes an array of at least one rule, not {}",
                    shown(other)
                );
                self.problem(&pointer, "type", message);
                None
            }
        }
    }

    fn rule(&mut self, members: &Map<String, Value>, pointer: &str) -> Option<Filter> {
        self.rules += 1;
        if self.rules > MAX_RULES {
            self.problem(
                pointer,
                "too_many",
                format!("a filter has at most {MAX_RULES} rules"),
            );
            return None;
        }
        let unknown = members
            .keys()
            .filter(|name| !matches!(name.as_str(), "field" | "operator" | "value"));
        for name in unknown.take(MAX_PROBLEMS) {
            let message = format!("a rule has no member \"{}\"; {SHAPE}", excerpt(name, 80));
            self.problem(
                &format!("{pointer}/{}", pointer_token(name)),
                "unknown_member",
                message,
            );
        }
        let field = self.field(members, pointer);
        let operator = self.operator(members, field.as_ref(), pointer);
        let (field, operator) = (field?, operator?);
        match test(
            &field,
            operator,
            members.get("value"),
            self.columns,
            self.context,
        ) {
            Ok(rule) => Some(Filter::Rule(rule)),
            Err(message) => {
                self.problem(&format!("{pointer}/value"), "invalid_value", message);
                None
            }
        }
    }

    fn field(&mut self, members: &Map<String, Value>, pointer: &str) -> Option<FilterField> {
        let found = match members.get("field") {
            Some(Value::String(name)) => {
                if let Some(field) = find_field(&self.fields, name) {
                    return Some(field.clone());
                }
                let unknown = unknown_field(self.entity, &self.fields, name);
                ("unknown_field", unknown + &self.available())
            }
            Some(other) => (
                "type",
                format!("`field` is the name of a field, not {}", shown(other)),
            ),
            None => {
                let available = self.available();
                (
                    "required",
                    format!("the rule names no field; {SHAPE}.{available}"),
                )
            }
        };
        self.problem(&format!("{pointer}/field"), found.0, found.1);
        None
    }

    fn operator(
        &mut self,
        members: &Map<String, Value>,
        field: Option<&FilterField>,
        pointer: &str,
    ) -> Option<Operator> {
        let pointer = format!("{pointer}/operator");
        let name = match members.get("operator") {
            Some(Value::String(name)) => name,
            other => {
                let given = other.map_or_else(|| "missing".to_owned(), shown);
                let all = operator_names(field.map_or(&Operator::ALL, |field| field.operators()));
                self.problem(
                    &pointer,
                    "required",
                    format!("`operator` is {given}; accepted: {all}"),
                );
                return None;
            }
        };
        let known = Operator::by_name(name);
        match (known, field) {
            (Some(operator), None) => return Some(operator),
            (Some(operator), Some(field)) if field.operators().contains(&operator) => {
                return Some(operator);
            }
            _ => {}
        }
        let accepted = field.map_or(&Operator::ALL[..], |field| field.operators());
        let guess = match nearest(name, accepted.iter().map(|operator| operator.name())) {
            Some(near) if known.is_none() => format!("; did you mean \"{near}\"?"),
            _ => String::new(),
        };
        let subject = match field {
            Some(field) => format!("field \"{}\" ({}) has", field.label, field.kind.name()),
            None => "there is".to_owned(),
        };
        let message = format!(
            "{subject} no operator \"{}\"{guess}; accepted here: {}.{}",
            excerpt(name, 40),
            operator_names(accepted),
            self.available()
        );
        self.problem(&pointer, "unknown_operator", message);
        None
    }
}
