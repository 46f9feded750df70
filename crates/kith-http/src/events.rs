//! The event log over HTTP: pages, live, and the timeline of one record (contract, section 6).

mod live;

use std::sync::Arc;

use kith_api_types::schema::{intern, reference};
use kith_api_types::webhook;
use kith_application::Webhooks;
use kith_domain::actor::Actor;
use kith_domain::entity::EntityType;
use kith_domain::event;
use kith_domain::record::RecordKey;
use kith_domain::text::excerpt;
use poem::Request;
use poem::http::StatusCode;
use poem_openapi::registry::{MetaOperationParam, MetaParamIn, MetaSchema, MetaSchemaRef};
use tokio::sync::watch;

use crate::app::App;
use crate::document::parameter;
use crate::operation::{Answer, Operation, Surface, get, id_of, in_query};
use crate::query;
use crate::reply::{self, Failure};

pub use live::Following;

/// Events on a page if nothing is said, and at most.
const PAGE: (usize, usize) = (100, 1_000);

/// The operations on the event log.
pub(crate) struct EventsApi {
    webhooks: Arc<Webhooks>,
    following: Following,
    stopping: watch::Receiver<bool>,
}

impl EventsApi {
    /// Streams end when `stopping` says `true`.
    pub(crate) fn new(app: &App, stopping: watch::Receiver<bool>) -> Self {
        EventsApi {
            webhooks: Arc::clone(&app.webhooks),
            following: app.following.clone(),
            stopping,
        }
    }
}

impl Surface for EventsApi {
    const TAGS: &'static [(&'static str, &'static str)] =
        &[("events", "Every change of every record, in commit order.")];

    fn operations() -> Vec<Operation<Self>> {
        let mut operations = vec![
            get(
                "/events",
                [
                    "listEvents",
                    "Read the event log",
                    "Events after a position, in commit order; none is ever skipped. `next` is the position to go on from. Where few events are wanted a page may be empty before the end, which is where `next` stays as it was. Without `after` it begins with the oldest event that is kept; where events after the position were removed because of their age, the answer is 410.",
                ],
            )
            .parameters(vec![
                in_query(
                    "after",
                    "The position to go on from: the `next` of the page before.",
                    position_schema(),
                ),
                limit_parameter(),
                types_parameter(),
            ])
            .answers(200, "Events.", reference("EventPage"))
            .fails([410])
            .does(page),
            get(
                "/events/stream",
                [
                    "streamEvents",
                    "Follow the event log",
                    "Server-sent events: `id` is the position, `event` the name, `data` the envelope. With `Last-Event-ID` or `after` the stream begins after that position, otherwise with what happens from now on. Where events after it were removed because of their age, the answer is 410.",
                ],
            )
            .parameters(vec![
                in_query("after", "The position to begin after.", position_schema()),
                types_parameter(),
                parameter(
                    "Last-Event-ID",
                    MetaParamIn::Header,
                    "The `id` of the last event that was seen; browsers send it by themselves.",
                    position_schema(),
                ),
            ])
            .answers_as(
                "text/event-stream",
                200,
                "The events, for as long as the connection lives.",
                MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
            )
            .fails([410])
            .does(stream),
        ];
        operations.extend(EntityType::ALL.map(history_of));
        operations
    }
}

fn history_of(entity: EntityType) -> Operation<EventsApi> {
    let path = intern(format!("/{}/:id/history", entity.plural()));
    let texts = [
        format!("get{}History", entity.def().title),
        format!("Get the history of {}", entity.one()),
        format!("The events of one {entity}, newest first; also after its deletion."),
    ];
    get(path, texts.map(intern))
        .tagged(entity.plural())
        .of("The record.")
        .parameters(vec![
            in_query(
                "before",
                "The position to go on from: the `next` of the page before.",
                position_schema(),
            ),
            limit_parameter(),
        ])
        .answers(200, "Events.", reference("EventPage"))
        .does(move |api, actor, request| history(api, actor, request, entity))
}

fn position_schema() -> MetaSchema {
    MetaSchema {
        minimum: Some(0.0),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

fn limit_parameter() -> MetaOperationParam {
    let schema = MetaSchema {
        minimum: Some(1.0),
        maximum: Some(1_000.0),
        default: Some(100.into()),
        ..MetaSchema::new_with_format("integer", "int32")
    };
    in_query("limit", "Most events of the answer.", schema)
}

fn types_parameter() -> MetaOperationParam {
    let names: Vec<_> = event::logged_names().collect();
    let schema = MetaSchema {
        example: Some("contact.created,deal.updated".into()),
        ..MetaSchema::new("string")
    };
    let description = format!(
        "Only events of these names, with commas between them: {}.",
        names.join(", ")
    );
    in_query("types", &description, schema)
}

/// Events that are read at once where only some are wanted, and how often before an answer is due.
const LOOK: (usize, usize) = (1_000, 20);

/// Reads on until something is found that is wanted, or the end of the log, but not for ever: an answer may be empty
/// and say where to go on.
async fn page(api: Arc<EventsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let wanted = Wanted::read(&request, &["after", "limit", "types"])?;
    let mut after = match wanted.after {
        Some(after) => after,
        None => api.webhooks.beginning(&actor).await?,
    };
    let (at_once, most) = match wanted.types {
        Some(_) => (LOOK.0, LOOK.1),
        None => (wanted.limit, LOOK.1),
    };
    let mut found = Vec::new();
    for _ in 0..most {
        let read = api.webhooks.events(&actor, after, at_once).await?;
        after = read.last;
        found = read.events;
        found.retain(|event| wanted.wants(event.event.name));
        if let Some(next) = found.get(wanted.limit) {
            // The rest is for the next page.
            after = next.position - 1;
            found.truncate(wanted.limit);
        }
        if read.is_last || !found.is_empty() {
            break;
        }
    }
    let page = webhook::event_page(&found, Some(after));
    Ok(reply::json(StatusCode::OK, page))
}

async fn stream(api: Arc<EventsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let wanted = Wanted::read(&request, &["after", "types"])?;
    let after = match last_event_id(&request)? {
        Some(last) => Some(last),
        None => wanted.after,
    };
    let standing = request.extensions().get().cloned();
    let reader = live::Reader::new(&api, actor, standing, wanted.types)?;
    live::stream(reader, after).await
}

async fn history(
    api: Arc<EventsApi>,
    actor: Arc<Actor>,
    request: Request,
    entity: EntityType,
) -> Answer {
    let id = id_of(&request, entity.name())?;
    let wanted = Wanted::read(&request, &["before", "limit"])?;
    let key = RecordKey { entity, id };
    let read = api
        .webhooks
        .history(&actor, key, wanted.before, wanted.limit)
        .await?;
    let next = (!read.is_last).then_some(read.last);
    let page = webhook::event_page(&read.events, next);
    Ok(reply::json(StatusCode::OK, page))
}

/// What the query string asks for.
struct Wanted {
    after: Option<i64>,
    before: Option<i64>,
    limit: usize,
    /// All if none are named.
    types: Option<Vec<&'static str>>,
}

impl Wanted {
    fn read(request: &Request, known: &[&str]) -> Result<Self, Failure> {
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
        live::is_wanted(self.types.as_deref(), name)
    }
}

fn position(name: &str, value: &str) -> Result<i64, Failure> {
    let position = value.parse().ok().filter(|position| *position >= 0);
    position.ok_or_else(|| not(name, value, "a position of the log, a whole number from 0"))
}

fn types(value: &str) -> Result<Vec<&'static str>, Failure> {
    // Commas may be written as such or encoded; the names need no encoding.
    let value = value.replace("%2C", ",").replace("%2c", ",");
    let known = |name: &str| event::logged_names().find(|known| *known == name);
    let types = value.split(',').map(|name| {
        known(name).ok_or_else(|| not("types", name, "names of events, with commas between them"))
    });
    types.collect()
}

fn not(name: &str, value: &str, accepted: &str) -> Failure {
    query::invalid(format!(
        "{name} is `{}`; accepted: {accepted}",
        excerpt(value, 60)
    ))
}

/// Where a reader of the stream left off.
fn last_event_id(request: &Request) -> Result<Option<i64>, Failure> {
    let Some(value) = request.headers().get("last-event-id") else {
        return Ok(None);
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    position("Last-Event-ID", &value).map(Some)
}
