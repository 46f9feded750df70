//! The operations on records as OpenAPI describes them, derived from the tables.

use kith_api_types::schema::{self, Names, intern, reference};
use kith_domain::entity::EntityType;
use poem::http::Method;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath,
    MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, MetaSecurityScheme,
    MetaTag, Registry,
};
use serde_json::json;

use super::operation::Operation;
use super::respond::Shape;
use crate::auth::cookie;
use crate::document::{errors, parameter, security};

pub(crate) fn register(registry: &mut Registry) {
    schema::register(registry);
    for entity in EntityType::ALL {
        let description = Some(entity.def().description);
        registry.create_tag(MetaTag {
            name: entity.plural(),
            description,
            external_docs: None,
        });
    }
    let scheme = |ty, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    let key = scheme(
        "apiKey",
        "An API key. It acts as its owner, with the rights that they have now.",
    );
    let key = MetaSecurityScheme {
        name: Some("x-api-key"),
        key_in: Some("header"),
        ..key
    };
    registry.create_security_scheme("apiKey", key);
    let bearer = scheme("http", "The same API key as a bearer token.");
    registry.create_security_scheme(
        "bearer",
        MetaSecurityScheme {
            scheme: Some("bearer"),
            ..bearer
        },
    );
    let session = scheme(
        "apiKey",
        "The cookie that browsers get by signing in. Requests that may change something need the header `Origin` with it.",
    );
    registry.create_security_scheme(
        "session",
        MetaSecurityScheme {
            name: Some(cookie::NAME),
            key_in: Some("cookie"),
            ..session
        },
    );
}

pub(crate) fn paths() -> Vec<MetaPath> {
    let mut paths: Vec<MetaPath> = Vec::new();
    for entity in EntityType::ALL {
        for operation in Operation::ALL {
            let path = format!("/{}{}", entity.plural(), operation.path());
            let operations = operation
                .methods()
                .into_iter()
                .map(|method| meta(entity, operation, method));
            match paths.iter_mut().find(|known| known.path == path) {
                Some(known) => known.operations.extend(operations),
                None => paths.push(MetaPath {
                    path,
                    operations: operations.collect(),
                }),
            }
        }
    }
    paths
}

fn meta(entity: EntityType, operation: Operation, method: Method) -> MetaOperation {
    let (summary, description) = texts(entity, operation);
    let mut responses = vec![success(entity, operation)];
    responses.extend(errors(statuses(operation)));
    MetaOperation {
        tags: vec![entity.plural()],
        summary: Some(intern(summary)),
        description: Some(intern(description)),
        external_docs: None,
        params: parameters(entity, operation),
        request: request(entity, operation),
        responses: MetaResponses { responses },
        deprecated: false,
        security: security(),
        operation_id: Some(intern(operation_id(entity, operation, &method))),
        code_samples: Vec::new(),
        method,
    }
}

fn operation_id(entity: EntityType, operation: Operation, method: &Method) -> String {
    let title = entity.def().title;
    match operation {
        Operation::Create => format!("create{title}"),
        Operation::Get => format!("get{title}"),
        Operation::Search => format!("search{title}s"),
        Operation::Configuration => format!("get{title}Configuration"),
        Operation::Update if *method == Method::PATCH => format!("patch{title}"),
        Operation::Update => format!("update{title}"),
        Operation::Delete => format!("delete{title}"),
        Operation::CreateMany => format!("create{title}s"),
        Operation::UpdateMany => format!("update{title}s"),
        Operation::DeleteMany => format!("delete{title}s"),
        Operation::Link => format!("link{title}"),
        Operation::Unlink => format!("unlink{title}"),
        Operation::SetNotes => format!("set{title}Notes"),
        Operation::AppendNotes => format!("append{title}Notes"),
    }
}

/// Summary and description.
fn texts(entity: EntityType, operation: Operation) -> (String, String) {
    let plural = entity.plural();
    let (summary, description) = match operation {
        Operation::Create => (
            format!("Create {}", entity.one()),
            "Makes a record. Linking from either side is the same link.",
        ),
        Operation::Get => (
            format!("Get {}", entity.one()),
            "One record with the custom columns of its type.",
        ),
        Operation::Search => (
            format!("Search {plural}"),
            "Filters, words and an order; page by page, or by cursor, which costs the same at any depth.",
        ),
        Operation::Configuration => (
            format!("What {plural} can be asked"),
            "The custom columns of the type, the fields that filters may name with their operators, and those to order by.",
        ),
        Operation::Update => (
            format!("Change {}", entity.one()),
            "Partial: an absent member is unchanged, null clears what can be empty, a given array of links replaces \
             the present one, custom values are merged by column. A request that changes nothing makes no event and no new version.",
        ),
        Operation::Delete => (
            format!("Delete {}", entity.one()),
            "Deletes the record with its values and links. Every record that loses a link by it gets a new version and an event.",
        ),
        Operation::CreateMany => (
            format!("Create many {plural}"),
            "1 to 1000 in one request, all or nothing.",
        ),
        Operation::UpdateMany => (
            format!("Change many {plural}"),
            "1 to 1000 in one request, all or nothing; each with its id.",
        ),
        Operation::DeleteMany => (
            format!("Delete many {plural}"),
            "1 to 1000 in one request, all or nothing.",
        ),
        Operation::Link => (
            format!("Link {}", entity.one()),
            "Adds links of one relation and touches nothing else; what is linked already stays linked.",
        ),
        Operation::Unlink => (
            format!("Unlink {}", entity.one()),
            "Removes links of one relation and touches nothing else; what is not linked is passed over.",
        ),
        Operation::SetNotes => (
            format!("Replace the notes of {}", entity.one()),
            "Null removes them.",
        ),
        Operation::AppendNotes => (
            format!("Append to the notes of {}", entity.one()),
            "The present notes stay as they are; the new ones follow after a blank line.",
        ),
    };
    (summary, description.to_owned())
}

fn statuses(operation: Operation) -> Vec<u16> {
    let mut statuses = vec![400, 401, 403, 429];
    if !matches!(operation, Operation::Search | Operation::Configuration) {
        statuses.push(404);
    }
    if operation.takes_idempotency_key() {
        statuses.extend([409, 422]);
    }
    if operation.takes_if_match() {
        statuses.push(412);
    }
    if operation.has_body() {
        statuses.extend([413, 415]);
    }
    statuses.push(500);
    statuses.sort_unstable();
    statuses
}

fn success(entity: EntityType, operation: Operation) -> MetaResponse {
    let names = Names(entity);
    let many = |schema: MetaSchemaRef, description| schema::array(description, schema);
    let id = || {
        let description = Some("The id of the deleted record.");
        let schema = MetaSchema {
            description,
            ..MetaSchema::new_with_format("string", "uuid")
        };
        MetaSchemaRef::Inline(Box::new(schema))
    };
    let (status, description, schema) = match operation.shape() {
        Shape::Wrapped => (200, "The record.", reference(names.answer())),
        Shape::Page => (
            200,
            "A page of what was found.",
            reference(names.search_result()),
        ),
        Shape::Configuration => (200, "The configuration.", reference("Configuration")),
        Shape::Created => (201, "The new record.", reference(names.record())),
        Shape::CreatedMany => (
            201,
            "The new records, in the order of the request.",
            many(reference(names.record()), "The new records."),
        ),
        Shape::Record => (200, "The record as it now is.", reference(names.record())),
        Shape::Records => (
            200,
            "The records as they now are, in the order of the request.",
            many(reference(names.record()), "The records."),
        ),
        Shape::Id => (200, "The id of the deleted record.", id()),
        Shape::Ids => (
            200,
            "The ids of the deleted records.",
            many(id(), "The ids."),
        ),
    };
    let mut headers = Vec::new();
    if matches!(
        operation.shape(),
        Shape::Wrapped | Shape::Created | Shape::Record
    ) {
        headers.push(header(
            "ETag",
            "The version of the record in quotes, for If-Match.",
        ));
    }
    if operation.takes_idempotency_key() {
        headers.push(header(
            "Idempotency-Replayed",
            "`true` if this is the stored response of an earlier request.",
        ));
    }
    let content = vec![MetaMediaType {
        content_type: "application/json",
        schema,
    }];
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content,
        headers,
    }
}

fn header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    }
}

fn request(entity: EntityType, operation: Operation) -> Option<MetaRequest> {
    let names = Names(entity);
    let schema = match operation {
        Operation::Get | Operation::Configuration | Operation::Delete => return None,
        Operation::Search => reference("SearchRequest"),
        Operation::Create => reference(names.create()),
        Operation::Update => reference(names.update()),
        Operation::CreateMany => reference(names.create_many()),
        Operation::UpdateMany => reference(names.update_many()),
        Operation::DeleteMany => reference("Ids"),
        Operation::Link | Operation::Unlink => link_body(entity),
        Operation::SetNotes => reference("NotesInput"),
        Operation::AppendNotes => reference("NotesAppendInput"),
    };
    let content = vec![MetaMediaType {
        content_type: "application/json",
        schema,
    }];
    Some(MetaRequest {
        description: None,
        content,
        required: true,
    })
}

fn link_body(entity: EntityType) -> MetaSchemaRef {
    let mut bodies: Vec<String> = entity
        .links()
        .iter()
        .flat_map(schema::link_bodies)
        .collect();
    bodies.sort_unstable();
    bodies.dedup();
    if let [only] = bodies.as_slice() {
        return reference(only);
    }
    let one_of = bodies.into_iter().map(reference).collect();
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        one_of,
        ..MetaSchema::ANY
    }))
}

fn parameters(entity: EntityType, operation: Operation) -> Vec<MetaOperationParam> {
    let mut parameters = Vec::new();
    if operation.route().contains(":id") {
        let schema = MetaSchema::new_with_format("string", "uuid");
        parameters.push(parameter(
            "id",
            MetaParamIn::Path,
            &format!("The {entity}."),
            schema,
        ));
    }
    if operation.route().contains(":relation") {
        let relations = entity
            .links()
            .iter()
            .map(|link| json!(link.relation))
            .collect();
        let schema = MetaSchema {
            enum_items: relations,
            ..MetaSchema::new("string")
        };
        parameters.push(parameter(
            "relation",
            MetaParamIn::Path,
            "What to link.",
            schema,
        ));
    }
    if !matches!(
        operation.shape(),
        Shape::Id | Shape::Ids | Shape::Configuration
    ) {
        let schema = MetaSchema {
            enum_items: vec![json!("markdown"), json!("tiptap")],
            default: Some(json!("markdown")),
            ..MetaSchema::new("string")
        };
        let description = "How notes are shown in the response.";
        parameters.push(parameter(
            "notesFormat",
            MetaParamIn::Query,
            description,
            schema,
        ));
    }
    if operation.takes_include() {
        let schema = MetaSchema {
            enum_items: vec![json!("references")],
            ..MetaSchema::new("string")
        };
        let description = "`references` adds the type and the name of every linked id.";
        parameters.push(parameter(
            "include",
            MetaParamIn::Query,
            description,
            schema,
        ));
    }
    if operation.takes_if_match() {
        let description = "The ETag that the record must have, or `*`; otherwise the request is refused with 412.";
        parameters.push(parameter(
            "If-Match",
            MetaParamIn::Header,
            description,
            MetaSchema::new("string"),
        ));
    }
    if operation.takes_idempotency_key() {
        let description =
            "A request with this key runs once in 24 hours; a repeat gets the first response.";
        let schema = MetaSchema {
            min_length: Some(1),
            max_length: Some(255),
            ..MetaSchema::new("string")
        };
        parameters.push(parameter(
            "Idempotency-Key",
            MetaParamIn::Header,
            description,
            schema,
        ));
    }
    parameters
}
