//! Schemas of custom columns.

use kith_domain::columns::ColumnType;
use kith_domain::entity::EntityType;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::json;

use super::build::{add, array, formatted, id, inline, nullable, object, reference, text};

pub(super) fn register(registry: &mut Registry) {
    let properties = vec![
        ("id", id("Made by Kith.")),
        ("label", label()),
        ("entityType", entity_type()),
        ("type", kind()),
        ("options", reference("CustomColumnOptions")),
        (
            "createdAt",
            formatted("date-time", "When the column was created, UTC."),
        ),
        (
            "updatedAt",
            formatted("date-time", "When the column last changed, UTC."),
        ),
    ];
    let required: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
    add(
        registry,
        "CustomColumn",
        object("A custom column.", &required, properties),
    );
    options(registry);
    let create = MetaSchema {
        example: Some(json!({
            "label": "Stage", "entityType": "deal", "type": "singleSelect",
            "options": {"options": [{"label": "Open", "isDefault": true}, {"label": "Won"}, {"label": "Lost"}]}
        })),
        ..object(
            "A new custom column.",
            &["label", "entityType", "type"],
            vec![
                ("label", label()),
                ("entityType", entity_type()),
                ("type", kind()),
                ("options", reference("CustomColumnOptions")),
            ],
        )
    };
    add(registry, "CustomColumnCreate", create);
    let replacement =
        "For values whose option is removed: another option by value or label; null clears them.";
    let update = MetaSchema {
        example: Some(json!({"label": "Phase"})),
        ..object(
            "Changes of a custom column: what is absent stays as it is.",
            &[],
            vec![
                ("label", label()),
                ("options", reference("CustomColumnOptions")),
                ("replaceWith", nullable(text(replacement))),
            ],
        )
    };
    add(registry, "CustomColumnUpdate", update);
}

fn label() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(
            "Unique among the columns of the type of records, without regard to case.",
        ),
        min_length: Some(1),
        max_length: Some(100),
        ..MetaSchema::new("string")
    })
}

fn kind() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("What its values are; fixed when the column is made."),
        enum_items: ColumnType::ALL
            .iter()
            .map(|kind| json!(kind.name()))
            .collect(),
        ..MetaSchema::new("string")
    })
}

fn entity_type() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("The type of the records that it extends."),
        enum_items: EntityType::ALL
            .iter()
            .map(|entity| json!(entity.name()))
            .collect(),
        ..MetaSchema::new("string")
    })
}

fn options(registry: &mut Registry) {
    let flag = |description| {
        inline(MetaSchema {
            description: Some(description),
            ..MetaSchema::new("boolean")
        })
    };
    let index = MetaSchema {
        description: Some("Place in the list; without it the position in the request."),
        minimum: Some(0.0),
        ..MetaSchema::new_with_format("integer", "int64")
    };
    let option = object(
        "One option of a singleSelect.",
        &["label"],
        vec![
            (
                "value",
                text("What records hold; made from the label or kept, where it is not given."),
            ),
            ("label", text("What people see.")),
            (
                "color",
                nullable(text("A colour, as user interfaces understand it.")),
            ),
            ("index", inline(index)),
            (
                "isDefault",
                flag("Whether it fills the value of records that are created without one."),
            ),
        ],
    );
    add(registry, "SelectOption", option);
    let list = "Of singleSelect: the complete list, 1 to 500.";
    let options = object(
        "The options of a column, by its type.",
        &[],
        vec![
            (
                "displayFormat",
                nullable(text(
                    "Of date and dateTime: how user interfaces show values.",
                )),
            ),
            (
                "currency",
                text("Of currency: the currency of amounts that name none (ISO 4217)."),
            ),
            ("options", array(list, reference("SelectOption"))),
            (
                "allowMultiple",
                flag("Of link, email and phone: whether a record may hold more than one."),
            ),
        ],
    );
    add(registry, "CustomColumnOptions", options);
}
