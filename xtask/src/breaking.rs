//! Which changes of an OpenAPI 3.1 document break a client that was generated from the earlier one: by structure alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];

/// Bounds that get narrower when they fall, and those that get narrower when they rise.
const UPPER: [&str; 5] = [
    "maxLength",
    "maxItems",
    "maximum",
    "exclusiveMaximum",
    "maxProperties",
];
const LOWER: [&str; 5] = [
    "minLength",
    "minItems",
    "minimum",
    "exclusiveMinimum",
    "minProperties",
];

/// Says each break in one line, in the order of the document; nothing when every old client goes on working.
pub(crate) fn compare(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison {
        old,
        new,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    comparison.paths();
    let mut found = comparison.found;
    found.dedup();
    found
}

/// Who writes a value: what a client sends may be accepted more widely, what it receives may be promised more narrowly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Request,
    Response,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
    seen: BTreeSet<(String, String, Direction)>,
}

impl<'a> Comparison<'a> {
    fn say(&mut self, place: &str, what: impl std::fmt::Display) {
        self.found.push(format!("{place}: {what}"));
    }

    fn paths(&mut self) {
        let (old, new) = (self.old, self.new);
        for (path, old_item) in members(&old["paths"]) {
            let new_item = &new["paths"][path];
            if new_item.is_null() {
                self.say(path, "the path is gone");
                continue;
            }
            for method in METHODS {
                let (old_operation, new_operation) = (&old_item[method], &new_item[method]);
                let place = format!("{} {path}", method.to_uppercase());
                if old_operation.is_null() {
                    continue;
                }
                if new_operation.is_null() {
                    self.say(&place, "the operation is gone");
                    continue;
                }
                self.operation(&place, old_operation, new_operation);
            }
        }
        for (name, hook) in members(&old["webhooks"]) {
            let new_hook = &new["webhooks"][name];
            if new_hook.is_null() {
                self.say(name, "the webhook is gone");
                continue;
            }
            let place = format!("webhook {name}");
            self.content(
                &place,
                &hook["post"]["requestBody"],
                &new_hook["post"]["requestBody"],
                Direction::Response,
            );
        }
    }

    fn operation(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        if old["operationId"] != new["operationId"] {
            self.say(
                place,
                format!(
                    "operationId {} is now {}",
                    old["operationId"], new["operationId"]
                ),
            );
        }
        self.parameters(place, old, new);
        let (old_body, new_body) = (
            resolve(self.old, &old["requestBody"]),
            resolve(self.new, &new["requestBody"]),
        );
        if new_body["required"] == true && old_body["required"] != true {
            self.say(place, "a request body is now required");
        }
        if !old_body.is_null() {
            self.content(
                &format!("{place} request"),
                old_body,
                new_body,
                Direction::Request,
            );
        }
        for (status, old_response) in members(&old["responses"]) {
            let new_response = &new["responses"][status];
            if new_response.is_null() {
                if status.starts_with('2') {
                    self.say(place, format!("the response {status} is gone"));
                }
                continue;
            }
            let (old_response, new_response) = (
                resolve(self.old, old_response),
                resolve(self.new, new_response),
            );
            self.content(
                &format!("{place} {status}"),
                old_response,
                new_response,
                Direction::Response,
            );
        }
    }

    fn parameters(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let (old_ones, new_ones) = (parameters(self.old, old), parameters(self.new, new));
        for (key, old_one) in &old_ones {
            let name = format!("{place} parameter {}", key.1);
            match new_ones.get(key) {
                None => self.say(&name, "is gone"),
                Some(new_one) => {
                    self.schema(
                        &name,
                        &old_one["schema"],
                        &new_one["schema"],
                        Direction::Request,
                    );
                }
            }
        }
        for (key, new_one) in &new_ones {
            let was_required = old_ones
                .get(key)
                .is_some_and(|old_one| old_one["required"] == true);
            if new_one["required"] == true && !was_required {
                self.say(place, format!("the parameter {} is now required", key.1));
            }
        }
    }

    fn content(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        for (media, old_media) in members(&old["content"]) {
            let new_media = &new["content"][media];
            if new_media.is_null() {
                self.say(place, format!("{media} is gone"));
            } else {
                self.schema(place, &old_media["schema"], &new_media["schema"], direction);
            }
        }
    }

    fn schema(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        if let (Some(old_name), Some(new_name)) = (old["$ref"].as_str(), new["$ref"].as_str())
            && !self
                .seen
                .insert((old_name.to_owned(), new_name.to_owned(), direction))
        {
            return; // said where it was met first
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.types(place, old, new, direction);
        self.values(place, old, new, direction);
        self.properties(place, old, new, direction);
        if !old["items"].is_null() && !new["items"].is_null() {
            self.schema(
                &format!("{place}/[]"),
                &old["items"],
                &new["items"],
                direction,
            );
        }
        if old["additionalProperties"].is_object() && new["additionalProperties"].is_object() {
            self.schema(
                &format!("{place}/*"),
                &old["additionalProperties"],
                &new["additionalProperties"],
                direction,
            );
        }
        for keyword in ["oneOf", "anyOf", "allOf"] {
            self.alternatives(place, keyword, old, new, direction);
        }
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (old_types, new_types) = (types(old), types(new));
        let (narrow, wide) = match direction {
            Direction::Request => (&old_types, &new_types),
            Direction::Response => (&new_types, &old_types),
        };
        if wide.is_empty() {
            return; // anything goes
        }
        let covered =
            |kind: &&str| wide.contains(kind) || (*kind == "integer" && wide.contains("number"));
        if narrow.is_empty() || !narrow.iter().all(covered) {
            self.say(
                place,
                format!(
                    "the type {} is now {}",
                    words(&old_types),
                    words(&new_types)
                ),
            );
        }
    }

    fn values(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        if direction == Direction::Response {
            return; // fewer values, or other bounds, surprise nobody who reads; more values are told apart by their kind
        }
        if let Some(allowed) = new["enum"].as_array() {
            match old["enum"].as_array() {
                None => self.say(place, "only listed values are now accepted"),
                Some(before) => {
                    for gone in before.iter().filter(|value| !allowed.contains(value)) {
                        self.say(place, format!("the value {gone} is no longer accepted"));
                    }
                }
            }
        }
        for (bounds, falls) in [(UPPER, true), (LOWER, false)] {
            for bound in bounds {
                let Some(now) = new[bound].as_f64() else {
                    continue;
                };
                let before = old[bound].as_f64();
                if before.is_none_or(|before| if falls { now < before } else { now > before }) {
                    self.say(
                        place,
                        format!("{bound} {} is now {}", old[bound], new[bound]),
                    );
                }
            }
        }
        if new["pattern"].is_string() && new["pattern"] != old["pattern"] {
            self.say(
                place,
                format!("the pattern {} is now {}", old["pattern"], new["pattern"]),
            );
        }
    }

    fn properties(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        let (old_required, new_required) = (required(old), required(new));
        for (name, old_member) in members(&old["properties"]) {
            let new_member = &new["properties"][name];
            if !new_member.is_null() {
                self.schema(
                    &format!("{place}/{name}"),
                    old_member,
                    new_member,
                    direction,
                );
            } else if direction == Direction::Response || new["additionalProperties"] == false {
                self.say(place, format!("the member {name} is gone"));
            }
        }
        match direction {
            Direction::Request => {
                for name in new_required.difference(&old_required) {
                    self.say(place, format!("the member {name} is now required"));
                }
            }
            Direction::Response => {
                for name in old_required.difference(&new_required) {
                    if !new["properties"][*name].is_null() {
                        self.say(place, format!("the member {name} may now be absent"));
                    }
                }
            }
        }
    }

    /// Every alternative that one side counts on has a counterpart, at best at the same place or of the same name.
    fn alternatives(
        &mut self,
        place: &str,
        keyword: &str,
        old: &'a Value,
        new: &'a Value,
        direction: Direction,
    ) {
        let (Some(old_ones), Some(new_ones)) = (old[keyword].as_array(), new[keyword].as_array())
        else {
            return;
        };
        let same_name =
            |one: &Value, other: &Value| one["$ref"].is_string() && one["$ref"] == other["$ref"];
        for (index, old_one) in old_ones.iter().enumerate() {
            let counterpart = new_ones
                .iter()
                .find(|new_one| same_name(old_one, new_one))
                .or_else(|| new_ones.get(index));
            match counterpart {
                Some(new_one) => self.schema(
                    &format!("{place}/{keyword}[{index}]"),
                    old_one,
                    new_one,
                    direction,
                ),
                None if direction == Direction::Request || keyword == "allOf" => {
                    self.say(place, format!("the alternative {keyword}[{index}] is gone"));
                }
                None => {}
            }
        }
        if direction == Direction::Response && keyword != "allOf" && new_ones.len() > old_ones.len()
        {
            self.say(place, format!("{keyword} has new alternatives"));
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    for _hop in 0..16 {
        let Some(pointer) = value["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'))
        else {
            break;
        };
        value = document.pointer(pointer).unwrap_or(&Value::Null);
    }
    value
}

fn parameters<'a>(
    document: &'a Value,
    operation: &'a Value,
) -> BTreeMap<(String, String), &'a Value> {
    let mut found = BTreeMap::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolve(document, parameter);
        let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
        found.insert((text("in"), text("name")), parameter);
    }
    found
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn words(types: &BTreeSet<&str>) -> String {
    if types.is_empty() {
        return "any".to_owned();
    }
    types.iter().copied().collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests;
