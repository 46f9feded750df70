//! The schemas hold together, and the writers keep to them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use kith_domain::event;
use kith_domain::record::Record;
use kith_domain::time::Timestamp;
use serde_json::Value;

use super::*;
use crate::record::{NotesFormat, RecordJson};

fn registered() -> Registry {
    let mut registry = Registry::new();
    register(&mut registry);
    registry
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get("$ref") {
                found.insert(name.trim_start_matches("#/components/schemas/"));
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_has_its_schema() {
    let registry = registered();
    let schemas = serde_json::to_value(&registry.schemas).unwrap();
    let mut found = BTreeSet::new();
    references(&schemas, &mut found);
    let missing: Vec<_> = found
        .into_iter()
        .filter(|name| !registry.schemas.contains_key(*name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_event_has_its_schema() {
    let registry = registered();
    assert_eq!(event_schema("contact.updated"), "ContactUpdatedEvent");
    assert!(event::names().all(|name| registry.schemas.contains_key(&event_schema(name))));
}

#[test]
fn records_have_exactly_the_members_of_their_schema() {
    let registry = registered();
    for entity in EntityType::ALL {
        let record = Record::empty(entity, uuid::Uuid::nil(), Timestamp(0));
        let written: Value =
            serde_json::from_slice(&RecordJson(&record, NotesFormat::Markdown).to_vec()).unwrap();
        let written: BTreeSet<_> = written
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for name in [Names(entity).record(), Names(entity).snapshot()] {
            let schema = &registry.schemas[&name];
            let described: BTreeSet<_> = schema.properties.iter().map(|(name, _)| *name).collect();
            assert_eq!(written, described, "{name}");
            assert_eq!(schema.required.len(), described.len(), "{name}");
        }
    }
}

#[test]
fn making_the_schemas_again_keeps_no_more_texts() {
    let first = intern("a text");
    assert!(std::ptr::eq(first, intern(String::from("a text"))));
}
