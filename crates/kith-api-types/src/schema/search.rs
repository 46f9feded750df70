//! Schemas of searches and of their answers.

use kith_domain::entity::EntityType;
use kith_domain::filter::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_RULES, Operator};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::json;

use super::Names;
use super::build::{add, array, id, inline, intern, nullable, object, reference, text};

pub(super) fn register(registry: &mut Registry, entity: EntityType) {
    let names = Names(entity);
    let plural = entity.plural();
    let result = object(
        intern(format!("A page of {plural}.")),
        &["items", "pagination", "nextCursor", "customColumns"],
        vec![
            (
                "items",
                array(
                    "The records, in the order asked for.",
                    reference(names.record()),
                ),
            ),
            ("pagination", reference("Pagination")),
            (
                "nextCursor",
                nullable(text(
                    "Send it as `cursor` to get what follows; null at the end.",
                )),
            ),
            (
                "customColumns",
                array("The custom columns of the type.", reference("CustomColumn")),
            ),
            ("references", references()),
        ],
    );
    add(registry, &names.search_result(), result);
}

/// Names of linked things by id.
pub(super) fn references() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("With `include=references`: the type and the name of every linked id."),
        additional_properties: Some(Box::new(reference("Reference"))),
        ..MetaSchema::new("object")
    })
}

pub(super) fn register_common(registry: &mut Registry) {
    let kind = || text("`contact`, `organization`, `deal`, `service`, `task` or `user`.");
    let named = object(
        "A linked thing by its name.",
        &["type", "name"],
        vec![("type", kind()), ("name", text("For people."))],
    );
    add(registry, "Reference", named);
    pagination(registry);
    filter(registry);
    search(registry);
    configuration(registry);
    let term = MetaSchema {
        description: Some("Words; every one must occur, without regard to case and accents."),
        min_length: Some(1),
        max_length: Some(500),
        ..MetaSchema::new("string")
    };
    add(
        registry,
        "FindRequest",
        object(
            "What to look for in all types.",
            &["searchTerm"],
            vec![("searchTerm", inline(term))],
        ),
    );
    let item = object(
        "A record that was found.",
        &["type", "id", "name"],
        vec![
            ("type", kind()),
            ("id", id("The record.")),
            ("name", text("For people.")),
        ],
    );
    add(registry, "FoundName", item);
    let items = array(
        "At most 50 of each type, the best first.",
        reference("FoundName"),
    );
    add(
        registry,
        "FindResult",
        object("What was found.", &["items"], vec![("items", items)]),
    );
}

fn whole(description: &'static str, maximum: Option<u32>) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        minimum: Some(1.0),
        maximum: maximum.map(f64::from),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

fn pagination(registry: &mut Registry) {
    let count = |description| {
        inline(MetaSchema {
            minimum: Some(0.0),
            ..whole(description, None)
        })
    };
    let page = object(
        "Where the page is.",
        &["page", "pageSize", "total", "totalPages"],
        vec![
            ("page", nullable(count("From 1; null after a cursor."))),
            (
                "pageSize",
                inline(whole("Records on a page.", Some(MAX_PAGE_SIZE))),
            ),
            (
                "total",
                nullable(count("Records on all pages; null if it was not wanted.")),
            ),
            (
                "totalPages",
                nullable(count("Pages; null without a total.")),
            ),
        ],
    );
    add(registry, "Pagination", page);
    let wanted = object(
        "Which page.",
        &[],
        vec![
            (
                "page",
                inline(whole(
                    "From 1, which is also what is meant without it.",
                    None,
                )),
            ),
            ("pageSize", page_size()),
        ],
    );
    add(registry, "PageRequest", wanted);
}

fn page_size() -> MetaSchemaRef {
    let description = format!("Records on a page; {DEFAULT_PAGE_SIZE} without it.");
    inline(whole(intern(description), Some(MAX_PAGE_SIZE)))
}

fn filter(registry: &mut Registry) {
    let operator = MetaSchema {
        description: Some(
            "What is asked of the field; the configuration says which operators a field has.",
        ),
        enum_items: Operator::ALL
            .iter()
            .map(|operator| json!(operator.name()))
            .collect(),
        ..MetaSchema::new("string")
    };
    let value = MetaSchema {
        description: Some("By field and operator: one value, an array, or nothing."),
        ..MetaSchema::ANY
    };
    let rules = |description| array(description, reference("FilterRule"));
    let rule = MetaSchema {
        example: Some(json!({"field": "name", "operator": "contains", "value": "acme"})),
        ..object(
            "A rule about one field (`field`, `operator` and perhaps `value`), or other rules combined by `or`, `and` or `not`.",
            &[],
            vec![
                (
                    "field",
                    text("A member of the record, or a custom column by id or label."),
                ),
                ("operator", inline(operator)),
                ("value", inline(value)),
                ("or", rules("At least one holds.")),
                ("and", rules("Every one holds.")),
                ("not", reference("FilterRule")),
            ],
        )
    };
    add(registry, "FilterRule", rule);
}

/// Defaults are told in words: generators take a member with a default for one that is always there.
fn search(registry: &mut Registry) {
    let direction = MetaSchema {
        description: Some(
            "Ascending, which is also what is meant without it, or descending; records without a value come last in both.",
        ),
        enum_items: vec![json!("asc"), json!("desc")],
        ..MetaSchema::new("string")
    };
    let sort = object(
        "The order; without one the newest come first.",
        &["field"],
        vec![
            ("field", text("One of the configuration's sortableFields.")),
            ("direction", inline(direction)),
        ],
    );
    add(registry, "SortDescriptor", sort);
    let filters = inline(MetaSchema {
        description: Some("Rules that all hold."),
        items: Some(Box::new(reference("FilterRule"))),
        max_items: Some(MAX_RULES),
        ..MetaSchema::new("array")
    });
    let with_total = MetaSchema {
        description: Some("Whether to count what is on all pages; true without it."),
        ..MetaSchema::new("boolean")
    };
    let request = MetaSchema {
        example: Some(json!({
            "filters": [{"field": "createdAt", "operator": "inLastDays", "value": 30}],
            "sortDescriptor": {"field": "createdAt", "direction": "desc"},
            "pagination": {"page": 1, "pageSize": 25}
        })),
        ..object(
            "What to look for, in which order, and which part of it.",
            &[],
            vec![
                ("filters", filters),
                (
                    "searchTerm",
                    text(
                        "Words; every one must occur in the name or an address, without regard to case and accents.",
                    ),
                ),
                ("sortDescriptor", reference("SortDescriptor")),
                ("pagination", reference("PageRequest")),
                (
                    "cursor",
                    text(
                        "`nextCursor` of the page before, instead of a page; costs the same at any depth.",
                    ),
                ),
                ("pageSize", page_size()),
                ("withTotal", inline(with_total)),
            ],
        )
    };
    add(registry, "SearchRequest", request);
}

fn configuration(registry: &mut Registry) {
    let named = || {
        vec![
            (
                "field",
                text(
                    "What filters and orders call it: a member of the record, or the id of a column.",
                ),
            ),
            ("label", text("For people.")),
        ]
    };
    add(
        registry,
        "SortableField",
        object("A field to order by.", &["field", "label"], named()),
    );
    let mut filterable = named();
    let operator = inline(MetaSchema::new("string"));
    filterable.push(("operators", array("What can be asked of it.", operator)));
    let filterable = object(
        "A field to ask about.",
        &["field", "label", "operators"],
        filterable,
    );
    add(registry, "FilterableField", filterable);
    let configuration = object(
        "What records of a type can be asked.",
        &["customColumns", "filterableFields", "sortableFields"],
        vec![
            (
                "customColumns",
                array("The custom columns of the type.", reference("CustomColumn")),
            ),
            (
                "filterableFields",
                array("Fields to ask about.", reference("FilterableField")),
            ),
            (
                "sortableFields",
                array("Fields to order by.", reference("SortableField")),
            ),
        ],
    );
    add(registry, "Configuration", configuration);
}
