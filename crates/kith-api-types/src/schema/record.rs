//! Schemas of records, of requests about them, and of their parts.

use kith_domain::entity::{EntityType, FieldDef, FieldKind};
use kith_domain::relation::{LinkDef, RELATIONS};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Value, json};

use super::Names;
use super::build::{
    add, array, formatted, id, inline, intern, nullable, number, object, reference, text,
};
use crate::draft::MAX_BATCH;

const EXAMPLE_ID: &str = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";

type Property = (&'static str, MetaSchemaRef);

pub(super) fn register(registry: &mut Registry, entity: EntityType) {
    let names = Names(entity);
    let def = entity.def();
    let plural = def.plural;
    add(
        registry,
        &names.record(),
        shown(entity, def.description, notes_shown()),
    );
    let create = input(entity, Purpose::Create);
    add(registry, &names.create(), create);
    add(registry, &names.update(), input(entity, Purpose::Update));
    add(
        registry,
        &names.update_item(),
        input(entity, Purpose::UpdateItem),
    );
    let many = |description: String, item: String| {
        let items = bounded(array(
            intern("All or nothing: one that is refused refuses all."),
            reference(item),
        ));
        object(intern(description), &[plural], vec![(plural, items)])
    };
    add(
        registry,
        &names.create_many(),
        many(format!("New {plural}."), names.create()),
    );
    add(
        registry,
        &names.update_many(),
        many(
            format!("Changes of {plural}, each with its id."),
            names.update_item(),
        ),
    );
    let answer = object(
        intern(format!("A {entity} with the custom columns of {plural}.")),
        &[def.name, "customColumns"],
        vec![
            (def.name, reference(names.record())),
            (
                "customColumns",
                array("The custom columns of the type.", reference("CustomColumn")),
            ),
            ("references", super::search::references()),
        ],
    );
    add(registry, &names.answer(), answer);
}

/// A record with all its members.
pub(super) fn shown(
    entity: EntityType,
    description: &'static str,
    notes: MetaSchemaRef,
) -> MetaSchema {
    let mut properties: Vec<Property> = vec![("id", id("Made by Kith: a UUID, version 7."))];
    properties.extend(
        entity
            .fields()
            .iter()
            .map(|field| (field.name, own_field(field))),
    );
    properties.push(("notes", notes));
    properties.extend(
        entity
            .links()
            .iter()
            .map(|link| (link.field.as_str(), links(link))),
    );
    properties.extend([
        (
            "customFieldValues",
            array("Values of custom columns.", reference("CustomFieldValue")),
        ),
        (
            "createdAt",
            formatted("date-time", "When the record was created, UTC."),
        ),
        (
            "updatedAt",
            formatted("date-time", "When the record last changed, UTC."),
        ),
        ("version", version()),
    ]);
    let required: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
    object(description, &required, properties)
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Create,
    Update,
    UpdateItem,
}

/// What a request says about a record.
fn input(entity: EntityType, purpose: Purpose) -> MetaSchema {
    let mut properties: Vec<Property> = Vec::new();
    let mut required = Vec::new();
    if purpose == Purpose::UpdateItem {
        properties.push(("id", id("The record to change.")));
        required.push("id");
    }
    for field in entity
        .fields()
        .iter()
        .filter(|field| !field.kind.is_derived())
    {
        let schema = own_field(field);
        let can_clear = purpose != Purpose::Create && !field.kind.is_required();
        properties.push((
            field.name,
            if can_clear { nullable(schema) } else { schema },
        ));
        if purpose == Purpose::Create && field.kind.is_required() {
            required.push(field.name);
        }
    }
    properties.push(("notes", notes_input()));
    properties.extend(
        entity
            .links()
            .iter()
            .map(|link| (link.field.as_str(), links(link))),
    );
    let merged = "Values of custom columns, merged by column: only those listed change.";
    properties.push((
        "customFieldValues",
        array(merged, reference("CustomFieldValue")),
    ));
    let description = match purpose {
        Purpose::Create => format!("A new {entity}."),
        Purpose::Update => format!(
            "Changes of {}: what is absent stays as it is, a given array of links replaces the present one.",
            entity.one()
        ),
        Purpose::UpdateItem => format!("Changes of one {entity} among many."),
    };
    let mut schema = object(intern(description), &required, properties);
    schema.example = Some(example(entity, purpose));
    schema
}

fn example(entity: EntityType, purpose: Purpose) -> Value {
    let mut example = serde_json::Map::new();
    if purpose == Purpose::UpdateItem {
        example.insert("id".to_owned(), json!(EXAMPLE_ID));
    }
    for field in entity
        .fields()
        .iter()
        .filter(|field| !field.kind.is_derived())
    {
        let value = match field.kind {
            FieldKind::Emails { .. } => json!(["ada@example.com"]),
            FieldKind::Amount => json!(120.5),
            _ => json!(field.label),
        };
        example.insert(field.name.to_owned(), value);
    }
    if purpose == Purpose::Create {
        example.insert("notes".to_owned(), json!("Met in *London*."));
    }
    Value::Object(example)
}

/// The value of an own field, of the domain's kind.
pub(super) fn own_field(field: &FieldDef) -> MetaSchemaRef {
    match field.kind {
        FieldKind::Text { required, max } => inline(MetaSchema {
            description: Some(intern(format!("{}.", field.label))),
            min_length: required.then_some(1),
            max_length: Some(max),
            ..MetaSchema::new("string")
        }),
        FieldKind::Emails { max } => {
            let items = formatted("email", "An address.");
            limited(
                array("E-mail addresses, distinct, in the given order.", items),
                max,
            )
        }
        FieldKind::Amount => inline(MetaSchema {
            description: Some("A decimal with up to 4 decimals, exact."),
            minimum: Some(-1e11),
            exclusive_minimum: Some(true),
            maximum: Some(1e11),
            exclusive_maximum: Some(true),
            ..MetaSchema::new("number")
        }),
        FieldKind::TotalValue => {
            number("The sum of amount × quantity over the services, exact; derived.")
        }
        FieldKind::TotalQuantity => {
            number("The sum of the quantities of the services, exact; derived.")
        }
    }
}

/// A set of links as records show it.
pub(super) fn links(link: &LinkDef) -> MetaSchemaRef {
    let target = link.target.plural();
    if link.quantity {
        let description = intern(format!(
            "The linked {target}, each with its quantity; a set."
        ));
        array(description, reference(quantity_schema(link)))
    } else {
        array(
            intern(format!("The linked {target}; a set.")),
            id(intern(format!("The id of one of the {target}."))),
        )
    }
}

/// `ServiceQuantity`.
fn quantity_schema(link: &LinkDef) -> String {
    let mut name = link.target.name().to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name + "Quantity"
}

/// Schemas that no single type owns.
pub(super) fn register_common(registry: &mut Registry) {
    let with_quantity = RELATIONS.iter().filter(|relation| relation.quantity);
    for relation in with_quantity {
        for link in relation.left.links().iter().filter(|link| link.quantity) {
            quantified(registry, link);
        }
    }
    let value = MetaSchema {
        description: Some("The value, in the form of the column's type; null clears the column."),
        ..MetaSchema::ANY
    };
    add(
        registry,
        "CustomFieldValue",
        object(
            "The value of one custom column.",
            &["columnId", "value"],
            vec![("columnId", id("The column.")), ("value", inline(value))],
        ),
    );
    add(
        registry,
        "TiptapDocument",
        MetaSchema {
            example: Some(
                json!({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Hello"}]}]}),
            ),
            ..object(
                "Notes as a Tiptap document, the structure that the editor keeps.",
                &["type"],
                vec![
                    ("type", text("`doc`.")),
                    (
                        "content",
                        array("Block nodes.", inline(MetaSchema::new("object"))),
                    ),
                ],
            )
        },
    );
    add(
        registry,
        "NotesInput",
        object(
            "Notes that replace the present ones.",
            &["notes"],
            vec![("notes", notes_input())],
        ),
    );
    add(
        registry,
        "NotesAppendInput",
        object(
            "Notes that follow the present ones.",
            &["notes"],
            vec![("notes", notes_text_or_document(false, NOTES_INPUT))],
        ),
    );
    let ids = array("Ids.", id("An id."));
    add(
        registry,
        "Ids",
        object(
            "Records, by id.",
            &["ids"],
            vec![("ids", bounded(ids.clone()))],
        ),
    );
    add(
        registry,
        "LinkIds",
        object(
            "What to link or unlink, by id.",
            &["ids"],
            vec![("ids", ids)],
        ),
    );
    super::column::register(registry);
}

fn quantified(registry: &mut Registry, link: &LinkDef) {
    let member = intern(format!("{}Id", link.target.name()));
    let quantity = MetaSchema {
        description: Some("A decimal above 0 with up to 4 decimals, exact; 1 where it is absent."),
        minimum: Some(0.0),
        exclusive_minimum: Some(true),
        maximum: Some(1e11),
        exclusive_maximum: Some(true),
        ..MetaSchema::new("number")
    };
    let name = quantity_schema(link);
    add(
        registry,
        &name,
        object(
            intern(format!(
                "One of the linked {} with its quantity.",
                link.relation
            )),
            &[member],
            vec![
                (member, id("The linked record.")),
                ("quantity", inline(quantity)),
            ],
        ),
    );
    let items = array("What to link, with quantities.", reference(name));
    add(
        registry,
        &link_quantities(link),
        object(
            "What to link or unlink, with quantities.",
            &[link.relation],
            vec![(link.relation, items)],
        ),
    );
}

/// Name of the schema of a body that links with quantities.
pub(super) fn link_quantities(link: &LinkDef) -> String {
    format!("Link{}", quantity_schema(link))
}

const NOTES_INPUT: &str = "Markdown text, or a Tiptap document.";

/// Notes in responses: Markdown, or a document where the request asks for it.
fn notes_shown() -> MetaSchemaRef {
    notes_text_or_document(
        true,
        "Markdown text, or null without notes; with `notesFormat=tiptap` a Tiptap document.",
    )
}

fn notes_input() -> MetaSchemaRef {
    notes_text_or_document(
        true,
        "Markdown text, or a Tiptap document; null for no notes.",
    )
}

/// The null stands in the text, because a null beside references is understood by few generators.
fn notes_text_or_document(null: bool, description: &'static str) -> MetaSchemaRef {
    let markdown = MetaSchema {
        description: Some("Markdown."),
        max_length: Some(65_535),
        nullable: null,
        ..MetaSchema::new("string")
    };
    inline(MetaSchema {
        description: Some(description),
        one_of: vec![inline(markdown), reference("TiptapDocument")],
        ..MetaSchema::ANY
    })
}

fn version() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("1 for a new record, one more with each change; the ETag."),
        minimum: Some(1.0),
        ..MetaSchema::new_with_format("integer", "int64")
    })
}

fn bounded(array: MetaSchemaRef) -> MetaSchemaRef {
    match limited(array, MAX_BATCH) {
        MetaSchemaRef::Inline(schema) => inline(MetaSchema {
            min_items: Some(1),
            ..*schema
        }),
        other @ MetaSchemaRef::Reference(_) => other,
    }
}

fn limited(array: MetaSchemaRef, max: usize) -> MetaSchemaRef {
    match array {
        MetaSchemaRef::Inline(schema) => inline(MetaSchema {
            max_items: Some(max),
            ..*schema
        }),
        other @ MetaSchemaRef::Reference(_) => other,
    }
}
