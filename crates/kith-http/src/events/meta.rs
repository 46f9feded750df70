//! The operations on the event log as OpenAPI describes them.

use kith_api_types::schema::{intern, reference};
use kith_domain::event;
use poem::http::Method;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaResponse,
    MetaResponses, MetaSchema, MetaSchemaRef, MetaTag, Registry,
};
use serde_json::json;

use super::Operation;
use crate::document::{errors, parameter, security};

const TAG: &str = "events";

pub(super) fn register(registry: &mut Registry) {
    registry.create_tag(MetaTag {
        name: TAG,
        description: Some("Every change of every record, in commit order."),
        external_docs: None,
    });
}

pub(super) fn paths() -> Vec<MetaPath> {
    let paths = Operation::all().map(|operation| MetaPath {
        path: operation.route().replace(":id", "{id}"),
        operations: vec![meta(operation)],
    });
    paths.collect()
}

fn meta(operation: Operation) -> MetaOperation {
    let (id, summary, description) = texts(operation);
    let mut responses = vec![success(operation)];
    let statuses = match operation {
        Operation::Page | Operation::Stream => vec![400, 401, 403, 500],
        Operation::History(_) => vec![400, 401, 403, 404, 500],
    };
    responses.extend(errors(statuses));
    let tag = match operation {
        Operation::Page | Operation::Stream => TAG,
        Operation::History(entity) => entity.plural(),
    };
    MetaOperation {
        tags: vec![tag],
        summary: Some(intern(summary)),
        description: Some(intern(description)),
        external_docs: None,
        params: parameters(operation),
        request: None,
        responses: MetaResponses { responses },
        deprecated: false,
        security: security(),
        operation_id: Some(intern(id)),
        code_samples: Vec::new(),
        method: Method::GET,
    }
}

/// Operation id, summary, description.
fn texts(operation: Operation) -> (String, String, String) {
    match operation {
        Operation::Page => (
            "listEvents".to_owned(),
            "Read the event log".to_owned(),
            "Events after a position, in commit order; none is ever skipped. `next` is the position to go on from.".to_owned(),
        ),
        Operation::Stream => (
            "streamEvents".to_owned(),
            "Follow the event log".to_owned(),
            "Server-sent events: `id` is the position, `event` the name, `data` the envelope. With `Last-Event-ID` or `after` the stream begins after that position, otherwise with what happens from now on.".to_owned(),
        ),
        Operation::History(entity) => (
            format!("get{}History", entity.def().title),
            format!("Get the history of a {entity}"),
            format!("The events of one {entity}, newest first; also after its deletion."),
        ),
    }
}

fn success(operation: Operation) -> MetaResponse {
    let (description, content_type, schema) = match operation {
        Operation::Stream => (
            "The events, for as long as the connection lives.",
            "text/event-stream",
            MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        ),
        _ => ("Events.", "application/json", reference("EventPage")),
    };
    MetaResponse {
        description,
        status: Some(200),
        status_range: None,
        content: vec![MetaMediaType {
            content_type,
            schema,
        }],
        headers: Vec::new(),
    }
}

fn parameters(operation: Operation) -> Vec<MetaOperationParam> {
    let position = || MetaSchema {
        minimum: Some(0.0),
        ..MetaSchema::new_with_format("integer", "int64")
    };
    let limit = MetaSchema {
        minimum: Some(1.0),
        maximum: Some(1_000.0),
        default: Some(json!(100)),
        ..MetaSchema::new_with_format("integer", "int32")
    };
    let query =
        |name, description, schema| parameter(name, MetaParamIn::Query, description, schema);
    let types = || {
        let names: Vec<_> = event::names().collect();
        let schema = MetaSchema {
            example: Some(json!("contact.created,deal.updated")),
            ..MetaSchema::new("string")
        };
        let description = format!(
            "Only events of these names, with commas between them: {}.",
            names.join(", ")
        );
        query("types", intern(description), schema)
    };
    let limit = query("limit", "Most events of the answer.", limit);
    match operation {
        Operation::Page => vec![
            query(
                "after",
                "The position to go on from: the `next` of the page before.",
                position(),
            ),
            limit,
            types(),
        ],
        Operation::Stream => vec![
            query("after", "The position to begin after.", position()),
            types(),
            parameter(
                "Last-Event-ID",
                MetaParamIn::Header,
                "The `id` of the last event that was seen; browsers send it by themselves.",
                position(),
            ),
        ],
        Operation::History(_) => {
            let id = MetaSchema::new_with_format("string", "uuid");
            vec![
                parameter("id", MetaParamIn::Path, "The record.", id),
                query(
                    "before",
                    "The position to go on from: the `next` of the page before.",
                    position(),
                ),
                limit,
            ]
        }
    }
}
