//! The event log over HTTP: pages, live, and the timeline of one record (contract, section 6).

mod live;
mod meta;

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::{Problem, webhook};
use kith_application::{Accounts, Webhooks};
use kith_domain::actor::Actor;
use kith_domain::entity::EntityType;
use kith_domain::record::RecordKey;
use kith_domain::text::excerpt;
use kith_domain::webhook::EventSet;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{Method, StatusCode};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};

use crate::app::App;
use crate::reply::{self, Failure};
use crate::{auth, query};

/// Events on a page if nothing is said, and at most.
const PAGE: (usize, usize) = (100, 1_000);

/// The operations on the event log.
pub(crate) struct EventsApi {
    shared: Arc<Shared>,
}

struct Shared {
    accounts: Arc<Accounts>,
    webhooks: Arc<Webhooks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Page,
    Stream,
    History(EntityType),
}

impl Operation {
    fn all() -> impl Iterator<Item = Operation> {
        let histories = EntityType::ALL.into_iter().map(Operation::History);
        [Operation::Page, Operation::Stream]
            .into_iter()
            .chain(histories)
    }

    fn route(self) -> String {
        match self {
            Operation::Page => "/events".to_owned(),
            Operation::Stream => "/events/stream".to_owned(),
            Operation::History(entity) => format!("/{}/:id/history", entity.plural()),
        }
    }
}

impl EventsApi {
    pub(crate) fn new(app: &App) -> Self {
        let accounts = Arc::clone(&app.accounts);
        let webhooks = Arc::clone(&app.webhooks);
        EventsApi {
            shared: Arc::new(Shared { accounts, webhooks }),
        }
    }
}

impl OpenApi for EventsApi {
    fn meta() -> Vec<MetaApi> {
        vec![MetaApi {
            paths: meta::paths(),
        }]
    }

    fn register(registry: &mut Registry) {
        meta::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for operation in Operation::all() {
            let endpoint = EventEndpoint {
                shared: Arc::clone(&self.shared),
                operation,
            };
            table
                .entry(operation.route())
                .or_default()
                .insert(Method::GET, endpoint.boxed());
        }
    }
}

struct EventEndpoint {
    shared: Arc<Shared>,
    operation: Operation,
}

impl Endpoint for EventEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(&request).await?)
    }
}

impl EventEndpoint {
    async fn answer(&self, request: &Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.shared.accounts, request).await?;
        match self.operation {
            Operation::Page => self.page(&actor, request).await,
            Operation::Stream => {
                let wanted = Wanted::read(request, &["after", "types"])?;
                let after = match last_event_id(request)? {
                    Some(last) => Some(last),
                    None => wanted.after,
                };
                let webhooks = Arc::clone(&self.shared.webhooks);
                live::stream(webhooks, actor, after, wanted.types).await
            }
            Operation::History(entity) => self.history(&actor, entity, request).await,
        }
    }

    /// Reads on until something is found that is wanted, or the end of the log.
    async fn page(
        &self,
        actor: &Actor,
        request: &Request,
    ) -> std::result::Result<Response, Failure> {
        let wanted = Wanted::read(request, &["after", "limit", "types"])?;
        let mut after = wanted.after.unwrap_or_default();
        let webhooks = &self.shared.webhooks;
        loop {
            let mut events = webhooks.events(actor, after, wanted.limit).await?;
            let is_last = events.len() < wanted.limit;
            after = events.last().map_or(after, |event| event.position);
            events.retain(|event| wanted.wants(event.event.name));
            if is_last || !events.is_empty() {
                let page = webhook::event_page(&events, Some(after));
                return Ok(reply::json(StatusCode::OK, page));
            }
        }
    }

    async fn history(
        &self,
        actor: &Actor,
        entity: EntityType,
        request: &Request,
    ) -> std::result::Result<Response, Failure> {
        let text = request.raw_path_param("id").unwrap_or_default();
        let id = kith_api_types::draft::parse_id(text).ok_or_else(|| {
            let detail = format!("there is no {entity} with the id {}", excerpt(text, 60));
            Failure::from(Problem::not_found(detail))
        })?;
        let wanted = Wanted::read(request, &["before", "limit"])?;
        let key = RecordKey { entity, id };
        let webhooks = &self.shared.webhooks;
        let events = webhooks
            .history(actor, key, wanted.before, wanted.limit)
            .await?;
        let next = events.last().filter(|_| events.len() == wanted.limit);
        let page = webhook::event_page(&events, next.map(|event| event.position));
        Ok(reply::json(StatusCode::OK, page))
    }
}

/// What the query string asks for.
struct Wanted {
    after: Option<i64>,
    before: Option<i64>,
    limit: usize,
    /// All if none are named.
    types: Option<EventSet>,
}

impl Wanted {
    fn read(request: &Request, known: &[&str]) -> std::result::Result<Self, Failure> {
        let mut wanted = Wanted {
            after: None,
            before: None,
            limit: PAGE.0,
            types: None,
        };
        for (name, value) in query::pairs(request) {
            match name {
                _ if !known.contains(&name) => return Err(query::unknown(name, known)),
                "after" => wanted.after = Some(position(name, value)?),
                "before" => wanted.before = Some(position(name, value)?),
                "limit" => {
                    let limit = value.parse().ok();
                    let limit = limit.filter(|limit| (1..=PAGE.1).contains(limit));
                    wanted.limit =
                        limit.ok_or_else(|| not(name, value, &format!("1 to {}", PAGE.1)))?;
                }
                _ => wanted.types = Some(types(value)?),
            }
        }
        Ok(wanted)
    }

    fn wants(&self, name: &str) -> bool {
        self.types.is_none_or(|types| types.contains(name))
    }
}

fn position(name: &str, value: &str) -> std::result::Result<i64, Failure> {
    let position = value.parse().ok().filter(|position| *position >= 0);
    position.ok_or_else(|| not(name, value, "a position of the log, a whole number from 0"))
}

fn types(value: &str) -> std::result::Result<EventSet, Failure> {
    let mut types = EventSet::default();
    // Commas may be written as such or encoded; the names need no encoding.
    let value = value.replace("%2C", ",").replace("%2c", ",");
    for name in value.split(',') {
        let one = EventSet::of(name)
            .ok_or_else(|| not("types", name, "names of events, with commas between them"))?;
        types = types.with(one);
    }
    Ok(types)
}

fn not(name: &str, value: &str, accepted: &str) -> Failure {
    query::invalid(format!(
        "{name} is `{}`; accepted: {accepted}",
        excerpt(value, 60)
    ))
}

/// Where a reader of the stream left off.
fn last_event_id(request: &Request) -> std::result::Result<Option<i64>, Failure> {
    let Some(value) = request.headers().get("last-event-id") else {
        return Ok(None);
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    position("Last-Event-ID", &value).map(Some)
}
