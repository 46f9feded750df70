//! The operations on custom columns as OpenAPI describes them.

use kith_api_types::schema::{array, intern, reference};
use kith_domain::entity::EntityType;
use poem::http::Method;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaRequest,
    MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, MetaTag, Registry,
};
use serde_json::json;

use super::{Operation, PATH};
use crate::document::{errors, parameter, security};

const TAG: &str = "custom-columns";

pub(super) fn register(registry: &mut Registry) {
    let description = Some("Custom columns: fields that a company adds to its records.");
    registry.create_tag(MetaTag {
        name: TAG,
        description,
        external_docs: None,
    });
}

pub(super) fn paths() -> Vec<MetaPath> {
    let mut paths: Vec<MetaPath> = Vec::new();
    for operation in Operation::ALL {
        let path = format!("{PATH}{}", operation.route().replace(":id", "{id}"));
        let operations = operation
            .methods()
            .into_iter()
            .map(|method| meta(operation, method));
        match paths.iter_mut().find(|known| known.path == path) {
            Some(known) => known.operations.extend(operations),
            None => paths.push(MetaPath {
                path,
                operations: operations.collect(),
            }),
        }
    }
    paths
}

fn meta(operation: Operation, method: Method) -> MetaOperation {
    let (id, summary, description) = texts(operation, &method);
    let mut responses = vec![success(operation)];
    responses.extend(errors(statuses(operation)));
    let body = match operation {
        Operation::Create => Some("CustomColumnCreate"),
        Operation::Update => Some("CustomColumnUpdate"),
        Operation::List | Operation::Get | Operation::Delete => None,
    };
    let request = body.map(|schema| MetaRequest {
        description: None,
        content: json_content(reference(schema)),
        required: true,
    });
    MetaOperation {
        tags: vec![TAG],
        summary: Some(summary),
        description: Some(description),
        external_docs: None,
        params: parameters(operation),
        request,
        responses: MetaResponses { responses },
        deprecated: false,
        security: security(),
        operation_id: Some(id),
        code_samples: Vec::new(),
        method,
    }
}

/// Operation id, summary, description.
fn texts(operation: Operation, method: &Method) -> (&'static str, &'static str, &'static str) {
    match operation {
        Operation::List => (
            "listCustomColumns",
            "List the custom columns",
            "Those of one type of records, or of all that the caller may read; oldest first.",
        ),
        Operation::Create => (
            "createCustomColumn",
            "Create a custom column",
            "Needs the right to create records of its type. A default option fills the value of records created from then on.",
        ),
        Operation::Get => ("getCustomColumn", "Get a custom column", "One column."),
        Operation::Update if *method == Method::PATCH => (
            "patchCustomColumn",
            "Change a custom column (PATCH)",
            "The same as with PUT: what is absent stays as it is.",
        ),
        Operation::Update => (
            "updateCustomColumn",
            "Change a custom column",
            "What is absent stays as it is; the type is fixed. Removing an option that records hold is refused with 409, unless `replaceWith` names another option for them, or null to clear it.",
        ),
        Operation::Delete => (
            "deleteCustomColumn",
            "Delete a custom column",
            "The column goes with the values that records hold in it.",
        ),
    }
}

fn statuses(operation: Operation) -> Vec<u16> {
    match operation {
        Operation::List => vec![400, 401, 403, 500],
        Operation::Create => vec![400, 401, 403, 413, 415, 500],
        Operation::Get | Operation::Delete => vec![400, 401, 403, 404, 500],
        Operation::Update => vec![400, 401, 403, 404, 409, 413, 415, 500],
    }
}

fn success(operation: Operation) -> MetaResponse {
    let column = || reference("CustomColumn");
    let (status, description, schema) = match operation {
        Operation::List => (200, "The columns.", array("The columns.", column())),
        Operation::Create => (201, "The new column.", column()),
        Operation::Get => (200, "The column.", column()),
        Operation::Update => (200, "The column as it now is.", column()),
        Operation::Delete => {
            let description = Some("The id of the deleted column.");
            let schema = MetaSchema {
                description,
                ..MetaSchema::new_with_format("string", "uuid")
            };
            (
                200,
                "The id of the deleted column.",
                MetaSchemaRef::Inline(Box::new(schema)),
            )
        }
    };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: json_content(schema),
        headers: Vec::new(),
    }
}

fn json_content(schema: MetaSchemaRef) -> Vec<MetaMediaType> {
    vec![MetaMediaType {
        content_type: "application/json",
        schema,
    }]
}

fn parameters(operation: Operation) -> Vec<MetaOperationParam> {
    match operation {
        Operation::List => {
            let names = EntityType::ALL.map(EntityType::name);
            let schema = MetaSchema {
                enum_items: names.iter().map(|name| json!(name)).collect(),
                ..MetaSchema::new("string")
            };
            let description = intern("Only the columns of this type of records.");
            vec![parameter(
                "entityType",
                MetaParamIn::Query,
                description,
                schema,
            )]
        }
        Operation::Create => Vec::new(),
        Operation::Get | Operation::Update | Operation::Delete => {
            let schema = MetaSchema::new_with_format("string", "uuid");
            vec![parameter("id", MetaParamIn::Path, "The column.", schema)]
        }
    }
}
