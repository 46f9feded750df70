//! Webhooks and their deliveries over HTTP (contract, section 7).

use std::sync::Arc;

use kith_api_types::schema::{self, array, reference};
use kith_api_types::{Problem, json, webhook};
use kith_application::Webhooks;
use kith_domain::actor::Actor;
use kith_domain::ports::webhooks::Delivery;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::resend::ResendJob;
use poem::http::StatusCode;
use poem::{Request, Response};
use poem_openapi::registry::{MetaOperationParam, MetaSchema, Registry};

use crate::app::App;
use crate::operation::{
    Answer, Operation, Surface, delete, get, id_of, id_schema, in_query, post, put,
};
use crate::{body, query, reply};

/// What ids in paths are expected to be the ids of.
const WEBHOOK: &str = "webhook";
const DELIVERY: &str = "webhook delivery";

/// The tag of the operations on deliveries.
const DELIVERIES: &str = "webhook-deliveries";

/// The operations on webhooks and deliveries.
pub(crate) struct WebhooksApi {
    webhooks: Arc<Webhooks>,
}

impl WebhooksApi {
    pub(crate) fn new(app: &App) -> Self {
        WebhooksApi {
            webhooks: Arc::clone(&app.webhooks),
        }
    }
}

impl Surface for WebhooksApi {
    const TAGS: &'static [(&'static str, &'static str)] = &[
        ("webhooks", "Who is told of which events, and where."),
        (
            DELIVERIES,
            "What was sent, what came back, and sending it again.",
        ),
    ];

    fn operations() -> Vec<Operation<Self>> {
        let mut operations = on_webhooks();
        operations.extend(on_deliveries());
        operations
    }

    fn schemas(registry: &mut Registry) {
        schema::webhook::register(registry);
    }
}

fn on_webhooks() -> Vec<Operation<WebhooksApi>> {
    let webhook = || reference("Webhook");
    vec![
        get(
            "/webhooks",
            [
                "listWebhooks",
                "List the webhooks",
                "All of them, oldest first.",
            ],
        )
        .answers(200, "The webhooks.", array("The webhooks.", webhook()))
        .does(list),
        post(
            "/webhooks",
            [
                "createWebhook",
                "Create a webhook",
                "From then on every event that it subscribes to is sent to its URL. The URL must be https and must not lead to a private or otherwise special address.",
            ],
        )
        .takes("WebhookCreate")
        .answers(201, "The new webhook.", webhook())
        .does(create),
        get(
            "/webhooks/:id",
            [
                "getWebhook",
                "Get a webhook",
                "One webhook; its secret is not shown.",
            ],
        )
        .of("The webhook.")
        .answers(200, "The webhook.", webhook())
        .does(one),
        put(
            "/webhooks/:id",
            [
                "updateWebhook",
                "Change a webhook",
                "What is absent stays as it is; null or an empty text clears description and secret. Enabling a webhook that the server has disabled forgets its failures.",
            ],
        )
        .or_patch("patchWebhook", "Change a webhook (PATCH)")
        .of("The webhook.")
        .takes("WebhookUpdate")
        .answers(200, "The webhook as it now is.", webhook())
        .does(update),
        delete(
            "/webhooks/:id",
            [
                "deleteWebhook",
                "Delete a webhook",
                "Its deliveries stay; those that wait are not sent any more.",
            ],
        )
        .of("The webhook.")
        .answers(
            200,
            "The id of the deleted webhook.",
            id_schema("The id of the deleted webhook."),
        )
        .does(remove),
        post(
            "/webhooks/:id/secret/reveal",
            [
                "revealWebhookSecret",
                "Reveal a webhook's secret",
                "The secret in clear, or null. Needs the right to update; that it was revealed is logged.",
            ],
        )
        .of("The webhook.")
        .answers(200, "The secret.", reference("WebhookSecret"))
        .does(reveal),
        post(
            "/webhooks/:id/test",
            [
                "testWebhook",
                "Send a test to a webhook",
                "Sends a body with the event `webhook.test`, signed as any other, as a delivery of its own.",
            ],
        )
        .of("The webhook.")
        .answers(201, "The new delivery.", reference("WebhookDelivery"))
        .fails([409])
        .does(test),
    ]
}

fn on_deliveries() -> Vec<Operation<WebhooksApi>> {
    let page = || reference("WebhookDeliveryPage");
    let job = || reference("WebhookResend");
    vec![
        get(
            "/webhook-deliveries",
            [
                "listWebhookDeliveries",
                "List deliveries",
                "Newest first, by the parameters of the query string. Where few of many deliveries are meant, a page may hold fewer than it has room for, or none: there may be more as long as there is a `nextCursor`.",
            ],
        )
        .tagged(DELIVERIES)
        .parameters(conditions())
        .answers(200, "A page of deliveries.", page())
        .does(deliveries),
        post(
            "/webhook-deliveries/search",
            [
                "searchWebhookDeliveries",
                "Search deliveries",
                "The same as the list, with the conditions in the body: newest first, and there may be more as long as there is a `nextCursor`.",
            ],
        )
        .tagged(DELIVERIES)
        .takes("WebhookDeliverySearch")
        .answers(200, "A page of deliveries.", page())
        .does(search_deliveries),
        get(
            "/webhook-deliveries/:id",
            [
                "getWebhookDelivery",
                "Get a delivery",
                "One delivery with the body that is sent and every attempt.",
            ],
        )
        .tagged(DELIVERIES)
        .of("The delivery.")
        .answers(200, "The delivery.", reference("WebhookDeliveryDetails"))
        .does(delivery),
        post(
            "/webhook-deliveries/:id/resend",
            [
                "resendWebhookDelivery",
                "Send a delivery again",
                "Makes a new delivery with the same body and `webhook-id`, to the webhook's present URL, signed with its present secret. The original stays as it is.",
            ],
        )
        .tagged(DELIVERIES)
        .of("The delivery.")
        .answers(201, "The new delivery.", reference("WebhookDelivery"))
        .fails([409])
        .does(resend),
        post(
            "/webhooks/:id/resend-failed",
            [
                "resendFailedWebhookDeliveries",
                "Send again what failed",
                "Begins a job that makes a new delivery for each failed one of the webhook that was made since a time; the originals stay as they are. Deliveries that have been repeated already are passed over, as are tests. The job goes on by itself, also after a restart of the server.",
            ],
        )
        .tagged(DELIVERIES)
        .of("The webhook.")
        .takes("WebhookResendCreate")
        .answers(202, "The job.", job())
        .fails([409])
        .does(resend_failed),
        get(
            "/webhooks/:id/resend-failed",
            [
                "listWebhookResends",
                "List the resend jobs of a webhook",
                "The last 100, newest first.",
            ],
        )
        .tagged(DELIVERIES)
        .of("The webhook.")
        .answers(200, "The jobs.", array("The jobs.", job()))
        .does(resend_jobs),
        get(
            "/webhook-resends/:id",
            [
                "getWebhookResend",
                "Get a resend job",
                "How far a job is that sends failed deliveries again.",
            ],
        )
        .tagged(DELIVERIES)
        .of("The job.")
        .answers(200, "The job.", job())
        .does(resend_job),
    ]
}

fn conditions() -> Vec<MetaOperationParam> {
    let string = || MetaSchema::new("string");
    let status = MetaSchema {
        enum_items: Status::ALL
            .iter()
            .map(|status| status.name().into())
            .collect(),
        ..string()
    };
    let time = || MetaSchema::new_with_format("string", "date-time");
    let id = || MetaSchema::new_with_format("string", "uuid");
    let size = MetaSchema {
        minimum: Some(1.0),
        maximum: Some(100.0),
        default: Some(25.into()),
        ..MetaSchema::new_with_format("integer", "int32")
    };
    vec![
        in_query(
            "searchTerm",
            "Text in the URL or the event's name.",
            string(),
        ),
        in_query("status", "Only deliveries in this status.", status),
        in_query("webhookId", "Only deliveries of this webhook.", id()),
        in_query("event", "Only deliveries of this event.", string()),
        in_query(
            "from",
            "Only deliveries made at or after this time.",
            time(),
        ),
        in_query("until", "Only deliveries made before this time.", time()),
        in_query("pageSize", "Most deliveries on the page.", size),
        in_query("cursor", "The `nextCursor` of the page before.", id()),
    ]
}

async fn list(api: Arc<WebhooksApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let listed = api.webhooks.list(&actor).await?;
    let mut body = Vec::new();
    json::array(&mut body, &listed, webhook::write_webhook);
    Ok(reply::json(StatusCode::OK, body))
}

async fn create(api: Arc<WebhooksApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = webhook::draft(body.bytes()).map_err(Problem::from)?;
    let made = api.webhooks.create(&actor, draft).await?;
    Ok(shown(StatusCode::CREATED, &made))
}

async fn one(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let found = api.webhooks.get(&actor, id_of(&request, WEBHOOK)?).await?;
    Ok(shown(StatusCode::OK, &found))
}

async fn update(api: Arc<WebhooksApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let id = id_of(&request, WEBHOOK)?;
    let body = body::json(&mut request).await?;
    let draft = webhook::draft(body.bytes()).map_err(Problem::from)?;
    let changed = api.webhooks.update(&actor, id, draft).await?;
    Ok(shown(StatusCode::OK, &changed))
}

async fn remove(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, WEBHOOK)?;
    api.webhooks.delete(&actor, id).await?;
    Ok(reply::id(id))
}

async fn reveal(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let secret = api
        .webhooks
        .reveal(&actor, id_of(&request, WEBHOOK)?)
        .await?;
    let secret = secret.as_ref().map(|secret| secret.reveal());
    Ok(reply::json(StatusCode::OK, webhook::secret(secret)))
}

async fn test(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let added = api.webhooks.test(&actor, id_of(&request, WEBHOOK)?).await?;
    Ok(added_delivery(&added))
}

async fn deliveries(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let members: Vec<(String, String)> = request
        .params()
        .map_err(|error| query::invalid(format!("the query string is not understood: {error}")))?;
    page(&api, &actor, &members).await
}

async fn search_deliveries(
    api: Arc<WebhooksApi>,
    actor: Arc<Actor>,
    mut request: Request,
) -> Answer {
    let body = body::json(&mut request).await?;
    let members = webhook::search_members(body.bytes()).map_err(Problem::from)?;
    page(&api, &actor, &members).await
}

async fn page(api: &WebhooksApi, actor: &Actor, members: &[(String, String)]) -> Answer {
    let search = webhook::delivery_search(members).map_err(Problem::from)?;
    let found = api.webhooks.deliveries(actor, &search).await?;
    Ok(reply::json(StatusCode::OK, webhook::delivery_page(&found)))
}

async fn delivery(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, DELIVERY)?;
    let found = api.webhooks.delivery(&actor, id).await?;
    let mut body = Vec::with_capacity(4_096);
    let details = (found.body.as_slice(), found.attempts.as_slice());
    webhook::write_delivery(&mut body, &found.delivery, Some(details));
    Ok(reply::json(StatusCode::OK, body))
}

async fn resend(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, DELIVERY)?;
    Ok(added_delivery(&api.webhooks.resend(&actor, id).await?))
}

async fn resend_failed(api: Arc<WebhooksApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let id = id_of(&request, WEBHOOK)?;
    let body = body::json(&mut request).await?;
    let since = webhook::resend_since(body.bytes()).map_err(Problem::from)?;
    let job = api.webhooks.resend_failed(&actor, id, since).await?;
    Ok(shown_job(StatusCode::ACCEPTED, &job))
}

async fn resend_jobs(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, WEBHOOK)?;
    let jobs = api.webhooks.resend_jobs(&actor, id).await?;
    let mut body = Vec::new();
    json::array(&mut body, &jobs, webhook::write_resend_job);
    Ok(reply::json(StatusCode::OK, body))
}

async fn resend_job(api: Arc<WebhooksApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, "resend job")?;
    let job = api.webhooks.resend_job(&actor, id).await?;
    Ok(shown_job(StatusCode::OK, &job))
}

fn shown_job(status: StatusCode, job: &ResendJob) -> Response {
    let mut body = Vec::with_capacity(512);
    webhook::write_resend_job(&mut body, job);
    reply::json(status, body)
}

fn shown(status: StatusCode, shown: &Webhook) -> Response {
    let mut body = Vec::with_capacity(512);
    webhook::write_webhook(&mut body, shown);
    reply::json(status, body)
}

/// A delivery that was just added.
fn added_delivery(delivery: &Delivery) -> Response {
    let mut body = Vec::with_capacity(512);
    webhook::write_delivery(&mut body, delivery, None);
    reply::json(StatusCode::CREATED, body)
}
