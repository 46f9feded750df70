//! The OpenAPI document: made from the tables without any state, finished here, served and printed.
//!
//! poem-openapi writes 3.0.0 and knows neither webhooks there nor null types; [`finish`] makes a valid 3.1 document of
//! it, with the events as webhooks, and a 3.0 document for generators that need one.

mod finish;
mod webhooks;

use std::collections::HashMap;
use std::sync::LazyLock;

use kith_api_types::schema::{PROBLEM, reference};
use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem_openapi::registry::{
    MetaMediaType, MetaOperationParam, MetaParamIn, MetaResponse, MetaSchema, MetaSchemaRef,
};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService, ServerObject};

use crate::app::{PREFIX, answer};
use crate::columns::ColumnsApi;
use crate::events::EventsApi;
use crate::find::FindApi;
use crate::operation::Table;
use crate::people::PeopleApi;
use crate::records::RecordsApi;
use crate::reply;
use crate::sessions::SessionsApi;
use crate::webhooks::WebhooksApi;
use webhooks::Events;

const DESCRIPTION: &str = "A CRM over HTTP: contacts, organizations, deals, services and tasks, typed links between \
them, custom columns, and an event for every change.\n\nErrors are problem details (RFC 9457) that name every problem \
of a request at once. Responses carry an `ETag`; with `If-Match` a change is refused if the record has moved on. A \
`POST` with an `Idempotency-Key` runs once. Every response has an `X-Request-Id`.";

/// A version of the OpenAPI specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenApiVersion {
    /// 3.1: the document.
    #[default]
    V3_1,
    /// 3.0.3: for generators that need it; without webhooks, which it does not know.
    V3_0,
}

/// The OpenAPI document as JSON, members sorted, with a newline at its end. Needs no state.
pub fn openapi(version: OpenApiVersion) -> String {
    let license = LicenseObject::new("MIT OR Apache-2.0").identifier("MIT OR Apache-2.0");
    let service: OpenApiService<Described, Events> =
        OpenApiService::new(Described, "Kith", env!("CARGO_PKG_VERSION")).webhooks();
    let service = service
        .description(DESCRIPTION)
        .license(license)
        .contact(ContactObject::new().name("The operators of this server"))
        .server(ServerObject::new("/").description("This server."))
        .url_prefix(PREFIX);
    finish::finish(&service.spec(), version)
}

/// Everything that the document describes.
type Api = (
    RecordsApi,
    Table<ColumnsApi>,
    Table<FindApi>,
    Table<PeopleApi>,
    Table<SessionsApi>,
    Table<WebhooksApi>,
    Table<EventsApi>,
);

/// [`Api`] without the use cases behind it.
struct Described;

impl poem_openapi::OpenApi for Described {
    fn meta() -> Vec<poem_openapi::registry::MetaApi> {
        Api::meta()
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Api::register(registry);
    }

    fn add_routes(
        self,
        _: &mut HashMap<String, HashMap<poem::http::Method, BoxEndpoint<'static>>>,
    ) {
    }
}

/// The documents, made when they are first asked for.
static DOCUMENTS: LazyLock<[String; 2]> =
    LazyLock::new(|| [OpenApiVersion::V3_1, OpenApiVersion::V3_0].map(openapi));

pub(crate) fn routes() -> Vec<(&'static str, BoxEndpoint<'static>)> {
    vec![
        ("/api/v1/openapi.json", answer(|| served(&DOCUMENTS[0]))),
        ("/api/v1/openapi-3.0.json", answer(|| served(&DOCUMENTS[1]))),
    ]
}

fn served(document: &'static str) -> Response {
    let mut response = reply::json(StatusCode::OK, Vec::new());
    response.set_body(document);
    response
}

/// The credentials of an operation: one of them.
pub(crate) fn security() -> Vec<HashMap<&'static str, Vec<&'static str>>> {
    vec![
        HashMap::from([("apiKey", Vec::new())]),
        HashMap::from([("bearer", Vec::new())]),
        HashMap::from([("session", Vec::new())]),
    ]
}

/// A parameter; those of paths are required.
pub(crate) fn parameter(
    name: &str,
    in_type: MetaParamIn,
    description: &str,
    schema: MetaSchema,
) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema: MetaSchemaRef::Inline(Box::new(schema)),
        required: in_type == MetaParamIn::Path,
        in_type,
        description: Some(description.to_owned()),
        deprecated: false,
        explode: false,
        style: None,
    }
}

/// The error responses of an operation.
pub(crate) fn errors(statuses: Vec<u16>) -> impl Iterator<Item = MetaResponse> {
    statuses.into_iter().map(|status| MetaResponse {
        description: meaning(status),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: reference(PROBLEM),
        }],
        headers: Vec::new(),
    })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is not valid; `errors` names each problem with its place.",
        401 => {
            "There is no API key and no session, or what was shown is wrong, revoked or expired."
        }
        403 => "The caller lacks a right, which `detail` names; or this is not for them.",
        429 => "There were too many; `Retry-After` says when to come again.",
        404 => "Something that the request names does not exist for the caller.",
        409 => {
            "The request conflicts with another, for example one with the same Idempotency-Key that still runs."
        }
        410 => {
            "Events after the position are not kept any more; `detail` names the oldest that is."
        }
        412 => "The record is not at the version of If-Match.",
        413 => "The body is longer than 5 MiB.",
        415 => "The body is not JSON.",
        422 => "The Idempotency-Key was used for another request.",
        _ => "The server failed; nothing was done.",
    }
}

#[cfg(test)]
mod tests;
