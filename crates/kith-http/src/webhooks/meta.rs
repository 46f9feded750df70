//! The operations on webhooks and deliveries as OpenAPI describes them.

use kith_api_types::schema::{array, reference, webhook};
use kith_domain::webhook::delivery::Status;
use poem::http::Method;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaRequest,
    MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, MetaTag, Registry,
};
use serde_json::json;

use super::Operation;
use crate::document::{errors, parameter, security};

const TAGS: [(&str, &str); 2] = [
    ("webhooks", "Who is told of which events, and where."),
    (
        "webhook-deliveries",
        "What was sent, what came back, and sending it again.",
    ),
];

pub(super) fn register(registry: &mut Registry) {
    webhook::register(registry);
    for (name, description) in TAGS {
        registry.create_tag(MetaTag {
            name,
            description: Some(description),
            external_docs: None,
        });
    }
}

pub(super) fn paths() -> Vec<MetaPath> {
    let mut paths: Vec<MetaPath> = Vec::new();
    for operation in Operation::ALL {
        let path = operation.route().replace(":id", "{id}");
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
        Operation::Create => Some("WebhookCreate"),
        Operation::Update => Some("WebhookUpdate"),
        Operation::SearchDeliveries => Some("WebhookDeliverySearch"),
        _ => None,
    };
    let request = body.map(|schema| MetaRequest {
        description: None,
        content: json_content(reference(schema)),
        required: true,
    });
    let is_delivery = operation.route().starts_with("/webhook-deliveries");
    MetaOperation {
        tags: vec![TAGS[usize::from(is_delivery)].0],
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
            "listWebhooks",
            "List the webhooks",
            "All of them, oldest first.",
        ),
        Operation::Create => (
            "createWebhook",
            "Create a webhook",
            "From then on every event that it subscribes to is sent to its URL. The URL must be https and must not lead to a private or otherwise special address.",
        ),
        Operation::Get => (
            "getWebhook",
            "Get a webhook",
            "One webhook; its secret is not shown.",
        ),
        Operation::Update if *method == Method::PATCH => (
            "patchWebhook",
            "Change a webhook (PATCH)",
            "The same as with PUT: what is absent stays as it is.",
        ),
        Operation::Update => (
            "updateWebhook",
            "Change a webhook",
            "What is absent stays as it is; null or an empty text clears description and secret. Enabling a webhook that the server has disabled forgets its failures.",
        ),
        Operation::Delete => (
            "deleteWebhook",
            "Delete a webhook",
            "Its deliveries stay; those that wait are not sent any more.",
        ),
        Operation::Reveal => (
            "revealWebhookSecret",
            "Reveal a webhook's secret",
            "The secret in clear, or null. Needs the right to update; that it was revealed is logged.",
        ),
        Operation::Test => (
            "testWebhook",
            "Send a test to a webhook",
            "Sends a body with the event `webhook.test`, signed as any other, as a delivery of its own.",
        ),
        Operation::Deliveries => (
            "listWebhookDeliveries",
            "List deliveries",
            "Newest first, by the parameters of the query string.",
        ),
        Operation::SearchDeliveries => (
            "searchWebhookDeliveries",
            "Search deliveries",
            "Newest first; the same as the list, with the conditions in the body.",
        ),
        Operation::Delivery => (
            "getWebhookDelivery",
            "Get a delivery",
            "One delivery with the body that is sent and every attempt.",
        ),
        Operation::Resend => (
            "resendWebhookDelivery",
            "Send a delivery again",
            "Makes a new delivery with the same body and `webhook-id`, to the webhook's present URL, signed with its present secret. The original stays as it is.",
        ),
    }
}

fn statuses(operation: Operation) -> Vec<u16> {
    match operation {
        Operation::List | Operation::Deliveries => vec![400, 401, 403, 500],
        Operation::Create | Operation::SearchDeliveries => vec![400, 401, 403, 413, 415, 500],
        Operation::Get | Operation::Delete | Operation::Reveal | Operation::Delivery => {
            vec![400, 401, 403, 404, 500]
        }
        Operation::Test | Operation::Resend => vec![400, 401, 403, 404, 409, 500],
        Operation::Update => vec![400, 401, 403, 404, 413, 415, 500],
    }
}

fn success(operation: Operation) -> MetaResponse {
    let (status, description, schema) = match operation {
        Operation::List => (
            200,
            "The webhooks.",
            array("The webhooks.", reference("Webhook")),
        ),
        Operation::Create => (201, "The new webhook.", reference("Webhook")),
        Operation::Get => (200, "The webhook.", reference("Webhook")),
        Operation::Update => (200, "The webhook as it now is.", reference("Webhook")),
        Operation::Delete => {
            let description = "The id of the deleted webhook.";
            let schema = MetaSchema {
                description: Some(description),
                ..MetaSchema::new_with_format("string", "uuid")
            };
            (200, description, MetaSchemaRef::Inline(Box::new(schema)))
        }
        Operation::Reveal => (200, "The secret.", reference("WebhookSecret")),
        Operation::Test | Operation::Resend => {
            (201, "The new delivery.", reference("WebhookDelivery"))
        }
        Operation::Deliveries | Operation::SearchDeliveries => (
            200,
            "A page of deliveries.",
            reference("WebhookDeliveryPage"),
        ),
        Operation::Delivery => (200, "The delivery.", reference("WebhookDeliveryDetails")),
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
    let query =
        |name, description, schema| parameter(name, MetaParamIn::Query, description, schema);
    let string = || MetaSchema::new("string");
    match operation {
        Operation::List | Operation::Create | Operation::SearchDeliveries => Vec::new(),
        Operation::Deliveries => {
            let statuses = Status::ALL.map(Status::name);
            let status = MetaSchema {
                enum_items: statuses.iter().map(|name| json!(name)).collect(),
                ..string()
            };
            let time = || MetaSchema::new_with_format("string", "date-time");
            let id = || MetaSchema::new_with_format("string", "uuid");
            let size = MetaSchema {
                minimum: Some(1.0),
                maximum: Some(100.0),
                default: Some(json!(25)),
                ..MetaSchema::new_with_format("integer", "int32")
            };
            vec![
                query(
                    "searchTerm",
                    "Text in the URL or the event's name.",
                    string(),
                ),
                query("status", "Only deliveries in this status.", status),
                query("webhookId", "Only deliveries of this webhook.", id()),
                query("event", "Only deliveries of this event.", string()),
                query(
                    "from",
                    "Only deliveries made at or after this time.",
                    time(),
                ),
                query("until", "Only deliveries made before this time.", time()),
                query("pageSize", "Most deliveries on the page.", size),
                query("cursor", "The `nextCursor` of the page before.", id()),
            ]
        }
        _ => {
            let schema = MetaSchema::new_with_format("string", "uuid");
            let of = match operation {
                Operation::Delivery | Operation::Resend => "The delivery.",
                _ => "The webhook.",
            };
            vec![parameter("id", MetaParamIn::Path, of, schema)]
        }
    }
}
