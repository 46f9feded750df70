//! Webhooks and their deliveries over HTTP (contract, section 7).

mod meta;

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::{Problem, json, webhook};
use kith_application::{Accounts, Webhooks};
use kith_domain::actor::Actor;
use kith_domain::ports::webhooks::Delivery;
use kith_domain::text::excerpt;
use kith_domain::webhook::Webhook;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{Method, StatusCode};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};
use uuid::Uuid;

use crate::app::App;
use crate::reply::{self, Failure};
use crate::{auth, body, query};

/// The operations on webhooks and deliveries.
pub(crate) struct WebhooksApi {
    shared: Arc<Shared>,
}

struct Shared {
    accounts: Arc<Accounts>,
    webhooks: Arc<Webhooks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    List,
    Create,
    Get,
    Update,
    Delete,
    Reveal,
    Test,
    Deliveries,
    SearchDeliveries,
    Delivery,
    Resend,
}

impl Operation {
    const ALL: [Operation; 11] = [
        Operation::List,
        Operation::Create,
        Operation::Get,
        Operation::Update,
        Operation::Delete,
        Operation::Reveal,
        Operation::Test,
        Operation::Deliveries,
        Operation::SearchDeliveries,
        Operation::Delivery,
        Operation::Resend,
    ];

    fn route(self) -> &'static str {
        match self {
            Operation::List | Operation::Create => "/webhooks",
            Operation::Get | Operation::Update | Operation::Delete => "/webhooks/:id",
            Operation::Reveal => "/webhooks/:id/secret/reveal",
            Operation::Test => "/webhooks/:id/test",
            Operation::Deliveries => "/webhook-deliveries",
            Operation::SearchDeliveries => "/webhook-deliveries/search",
            Operation::Delivery => "/webhook-deliveries/:id",
            Operation::Resend => "/webhook-deliveries/:id/resend",
        }
    }

    fn methods(self) -> Vec<Method> {
        match self {
            Operation::List | Operation::Get | Operation::Deliveries | Operation::Delivery => {
                vec![Method::GET]
            }
            Operation::Create
            | Operation::Reveal
            | Operation::Test
            | Operation::SearchDeliveries
            | Operation::Resend => vec![Method::POST],
            Operation::Update => vec![Method::PUT, Method::PATCH],
            Operation::Delete => vec![Method::DELETE],
        }
    }
}

impl WebhooksApi {
    pub(crate) fn new(app: &App) -> Self {
        let accounts = Arc::clone(&app.accounts);
        let webhooks = Arc::clone(&app.webhooks);
        WebhooksApi {
            shared: Arc::new(Shared { accounts, webhooks }),
        }
    }
}

impl OpenApi for WebhooksApi {
    fn meta() -> Vec<MetaApi> {
        vec![MetaApi {
            paths: meta::paths(),
        }]
    }

    fn register(registry: &mut Registry) {
        meta::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for operation in Operation::ALL {
            for method in operation.methods() {
                let endpoint = WebhookEndpoint {
                    shared: Arc::clone(&self.shared),
                    operation,
                };
                table
                    .entry(operation.route().to_owned())
                    .or_default()
                    .insert(method, endpoint.boxed());
            }
        }
    }
}

struct WebhookEndpoint {
    shared: Arc<Shared>,
    operation: Operation,
}

impl Endpoint for WebhookEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        Ok(self.answer(&mut request).await?)
    }
}

impl WebhookEndpoint {
    async fn answer(&self, request: &mut Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.shared.accounts, request).await?;
        let webhooks = &self.shared.webhooks;
        match self.operation {
            Operation::List => {
                let listed = webhooks.list(&actor).await?;
                let mut body = Vec::new();
                json::array(&mut body, &listed, webhook::write_webhook);
                Ok(reply::json(StatusCode::OK, body))
            }
            Operation::Create => {
                let body = body::json(request).await?;
                let draft = webhook::draft(body.bytes()).map_err(Problem::from)?;
                let made = webhooks.create(&actor, draft).await?;
                Ok(shown(StatusCode::CREATED, &made))
            }
            Operation::Deliveries => {
                let members: Vec<(String, String)> = request.params().map_err(|error| {
                    query::invalid(format!("the query string is not understood: {error}"))
                })?;
                self.search(&actor, &members).await
            }
            Operation::SearchDeliveries => {
                let body = body::json(request).await?;
                let members = webhook::search_members(body.bytes()).map_err(Problem::from)?;
                self.search(&actor, &members).await
            }
            _ => self.on_one(&actor, request).await,
        }
    }

    async fn on_one(
        &self,
        actor: &Actor,
        request: &mut Request,
    ) -> std::result::Result<Response, Failure> {
        let id = id(request)?;
        let webhooks = &self.shared.webhooks;
        match self.operation {
            Operation::Update => {
                let body = body::json(request).await?;
                let draft = webhook::draft(body.bytes()).map_err(Problem::from)?;
                let changed = webhooks.update(actor, id, draft).await?;
                Ok(shown(StatusCode::OK, &changed))
            }
            Operation::Delete => {
                webhooks.delete(actor, id).await?;
                let mut body = Vec::new();
                json::id(&mut body, id);
                Ok(reply::json(StatusCode::OK, body))
            }
            Operation::Reveal => {
                let secret = webhooks.reveal(actor, id).await?;
                let secret = secret.as_ref().map(|secret| secret.reveal());
                Ok(reply::json(StatusCode::OK, webhook::secret(secret)))
            }
            Operation::Test => Ok(added(&webhooks.test(actor, id).await?)),
            Operation::Resend => Ok(added(&webhooks.resend(actor, id).await?)),
            Operation::Delivery => {
                let found = webhooks.delivery(actor, id).await?;
                let mut body = Vec::with_capacity(4_096);
                let details = (found.body.as_slice(), found.attempts.as_slice());
                webhook::write_delivery(&mut body, &found.delivery, Some(details));
                Ok(reply::json(StatusCode::OK, body))
            }
            _ => Ok(shown(StatusCode::OK, &webhooks.get(actor, id).await?)),
        }
    }

    /// One more than a page is read, to know whether there is another.
    async fn search(
        &self,
        actor: &Actor,
        members: &[(String, String)],
    ) -> std::result::Result<Response, Failure> {
        let mut search = webhook::delivery_search(members).map_err(Problem::from)?;
        let size = search.limit;
        search.limit += 1;
        let mut found = self.shared.webhooks.deliveries(actor, &search).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = found.len() > size;
        found.truncate(size);
        let page = webhook::delivery_page(&found, has_more);
        Ok(reply::json(StatusCode::OK, page))
    }
}

fn shown(status: StatusCode, shown: &Webhook) -> Response {
    let mut body = Vec::with_capacity(512);
    webhook::write_webhook(&mut body, shown);
    reply::json(status, body)
}

/// A delivery that was just added.
fn added(delivery: &Delivery) -> Response {
    let mut body = Vec::with_capacity(512);
    webhook::write_delivery(&mut body, delivery, None);
    reply::json(StatusCode::CREATED, body)
}

fn id(request: &Request) -> std::result::Result<Uuid, Failure> {
    let text = request.raw_path_param("id").unwrap_or_default();
    kith_api_types::draft::parse_id(text).ok_or_else(|| {
        let detail = format!("there is nothing with the id {}", excerpt(text, 60));
        Problem::not_found(detail).into()
    })
}
