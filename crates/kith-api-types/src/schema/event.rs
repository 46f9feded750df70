//! Schemas of the fifteen events.

use kith_domain::entity::EntityType;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::json;

use super::Names;
use super::build::{add, array, formatted, id, inline, intern, nullable, object, reference};
use super::record;

/// Name of the schema of an event's envelope: `ContactUpdatedEvent` for `contact.updated`.
pub fn event_schema(event: &str) -> String {
    let words = event.split('.').map(|word| {
        let mut word = word.to_owned();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        word
    });
    words.chain(["Event".to_owned()]).collect()
}

pub(super) fn register(registry: &mut Registry, entity: EntityType) {
    let names = Names(entity);
    let name = entity.name();
    let snapshot = intern(format!(
        "A {entity} as events carry it: complete, with notes as a Tiptap document."
    ));
    add(
        registry,
        &names.snapshot(),
        record::shown(entity, snapshot, notes()),
    );
    add(registry, &names.changes(), changes(entity));
    let [created, updated, deleted] = entity.def().events;
    let record = (name, reference(names.snapshot()));
    let moved = ("changes", reference(names.changes()));
    let gone = (intern(format!("{name}Id")), id("The deleted record."));
    for (event, payload) in [
        (created, vec![record.clone()]),
        (updated, vec![record, moved]),
        (deleted, vec![gone]),
    ] {
        add(registry, &event_schema(event), envelope(event, payload));
    }
}

fn envelope(event: &'static str, payload: Vec<(&'static str, MetaSchemaRef)>) -> MetaSchema {
    let required: Vec<_> = payload.iter().map(|(name, _)| *name).collect();
    let payload = object("What the event is about.", &required, payload);
    let data = object(
        "What happened, to what, by whom.",
        &["userId", "companyId", "entityId", "payload"],
        vec![
            (
                "userId",
                id("The user who caused the write, also through an API key."),
            ),
            ("companyId", id("The tenant.")),
            ("entityId", id("The record.")),
            ("payload", inline(payload)),
        ],
    );
    let name = MetaSchema {
        description: Some("The name of the event."),
        enum_items: vec![json!(event)],
        ..MetaSchema::new("string")
    };
    object(
        intern(format!("The event {event}.")),
        &["event", "data", "timestamp"],
        vec![
            ("event", inline(name)),
            ("data", inline(data)),
            (
                "timestamp",
                formatted("date-time", "When the write was committed, UTC."),
            ),
        ],
    )
}

fn notes() -> MetaSchemaRef {
    nullable(reference("TiptapDocument"))
}

/// Each member that moved, with both states.
fn changes(entity: EntityType) -> MetaSchema {
    let fields = entity
        .fields()
        .iter()
        .map(|field| (field.name, record::own_field(field)));
    let links = entity
        .links()
        .iter()
        .map(|link| (link.field.as_str(), record::links(link)));
    let values = array(
        "Only the columns that moved.",
        reference("CustomFieldValue"),
    );
    let parts = fields
        .chain([("notes", notes())])
        .chain(links)
        .chain([("customFieldValues", values)]);
    let properties = parts
        .map(|(name, value)| {
            let states = vec![("previous", value.clone()), ("current", value)];
            (
                name,
                inline(object("Both states.", &["previous", "current"], states)),
            )
        })
        .collect();
    object(
        intern(format!(
            "The members of {} that moved, and only those.",
            entity.one()
        )),
        &[],
        properties,
    )
}
