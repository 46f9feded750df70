//! The fifteen events as webhooks of the OpenAPI document.

use kith_api_types::schema::{event_schema, intern, reference};
use kith_domain::entity::EntityType;
use poem::http::Method;
use poem_openapi::Webhook;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaRequest, MetaResponse, MetaResponses, MetaWebhook, Registry,
};

/// The events.
pub(crate) struct Events;

impl Webhook for Events {
    fn meta() -> Vec<MetaWebhook> {
        EntityType::ALL
            .into_iter()
            .flat_map(|entity| entity.def().events.map(|event| webhook(entity, event)))
            .collect()
    }

    fn register(_: &mut Registry) {}
}

fn webhook(entity: EntityType, event: &'static str) -> MetaWebhook {
    let what = event.rsplit('.').next().unwrap_or_default();
    let response = MetaResponse {
        description: "Received. Any status from 200 to 299 counts as such.",
        status: None,
        status_range: Some("2XX".to_owned()),
        content: Vec::new(),
        headers: Vec::new(),
    };
    let content = vec![MetaMediaType {
        content_type: "application/json",
        schema: reference(event_schema(event)),
    }];
    MetaWebhook {
        name: event,
        operation: MetaOperation {
            method: Method::POST,
            tags: vec![entity.plural()],
            summary: Some(intern(format!("A {entity} was {what}"))),
            description: Some(
                "Sent to every enabled webhook that lists the event, once per committed change; signed over the raw body if the webhook has a secret.",
            ),
            external_docs: None,
            params: Vec::new(),
            request: Some(MetaRequest {
                description: None,
                content,
                required: true,
            }),
            responses: MetaResponses {
                responses: vec![response],
            },
            deprecated: false,
            security: Vec::new(),
            operation_id: Some(intern(format!(
                "on{}{}",
                entity.def().title,
                capitalised(what)
            ))),
            code_samples: Vec::new(),
        },
    }
}

fn capitalised(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}
