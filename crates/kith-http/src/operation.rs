//! Operations as rows of a table: what the document says of one, how it is reached and what it does, in one place.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kith_api_types::Problem;
use kith_api_types::schema::reference;
use kith_domain::actor::Actor;
use kith_domain::text::excerpt;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::Method;
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaRequest,
    MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, MetaTag, Registry,
};
use uuid::Uuid;

use crate::auth::{self, Door};
use crate::document::{errors, parameter, security};
use crate::reply::Failure;

/// What a handler returns.
pub(crate) type Answer = std::result::Result<Response, Failure>;

type Doing = Pin<Box<dyn Future<Output = Answer> + Send>>;
type ForActor<S> = dyn Fn(Arc<S>, Arc<Actor>, Request) -> Doing + Send + Sync;
type ForAnyone<S> = dyn Fn(Arc<S>, Request) -> Doing + Send + Sync;

/// Operations that belong together, over the use cases that they call.
pub(crate) trait Surface: Sized + Send + Sync + 'static {
    /// Tags of the document, each with its description.
    const TAGS: &'static [(&'static str, &'static str)];

    /// Its operations, in the order of the document.
    fn operations() -> Vec<Operation<Self>>;

    /// Registers schemas of its own.
    fn schemas(_registry: &mut Registry) {}
}

/// A [`Surface`] as poem-openapi takes it, behind the door.
pub(crate) struct Table<S> {
    door: Arc<Door>,
    surface: Arc<S>,
}

impl<S: Surface> Table<S> {
    pub(crate) fn new(door: &Arc<Door>, surface: S) -> Self {
        Table {
            door: Arc::clone(door),
            surface: Arc::new(surface),
        }
    }
}

/// Who may call an operation, and what it does.
enum Handler<S> {
    /// Needs a credential.
    Actor(Box<ForActor<S>>),
    /// Needs none.
    Anyone(Box<ForAnyone<S>>),
}

/// One row: a description with what it does.
pub(crate) struct Operation<S> {
    about: Described,
    handler: Handler<S>,
}

/// What the document says of an operation: made by [`get`], [`post`], [`put`] or [`delete`], completed by its methods,
/// the last of which says what the operation does.
pub(crate) struct Described {
    method: Method,
    path: &'static str,
    texts: [&'static str; 3],
    tag: Option<&'static str>,
    /// Operation id and summary under which `PATCH` does the same.
    patch: Option<[&'static str; 2]>,
    parameters: Vec<MetaOperationParam>,
    body: Option<&'static str>,
    success: (u16, &'static str, Vec<(&'static str, MetaSchemaRef)>),
    failures: Vec<u16>,
}

/// A row for `GET`: path (with parameters like `:id`), then operation id, summary and description.
pub(crate) fn get(path: &'static str, texts: [&'static str; 3]) -> Described {
    row(Method::GET, path, texts)
}

/// A row for `POST`.
pub(crate) fn post(path: &'static str, texts: [&'static str; 3]) -> Described {
    row(Method::POST, path, texts)
}

/// A row for `PUT`.
pub(crate) fn put(path: &'static str, texts: [&'static str; 3]) -> Described {
    row(Method::PUT, path, texts)
}

/// A row for `DELETE`.
pub(crate) fn delete(path: &'static str, texts: [&'static str; 3]) -> Described {
    row(Method::DELETE, path, texts)
}

fn row(method: Method, path: &'static str, texts: [&'static str; 3]) -> Described {
    Described {
        method,
        path,
        texts,
        tag: None,
        patch: None,
        parameters: Vec::new(),
        body: None,
        success: (204, "Done.", Vec::new()),
        failures: Vec::new(),
    }
}

impl Described {
    /// Its tag, if it is not the first of the surface.
    pub(crate) fn tagged(mut self, tag: &'static str) -> Self {
        self.tag = Some(tag);
        self
    }

    /// `PATCH` does the same, under an operation id and a summary of its own.
    pub(crate) fn or_patch(mut self, id: &'static str, summary: &'static str) -> Self {
        self.patch = Some([id, summary]);
        self
    }

    /// What the `:id` of its path is the id of.
    pub(crate) fn of(self, description: &'static str) -> Self {
        let schema = MetaSchema::new_with_format("string", "uuid");
        let parameter = parameter("id", MetaParamIn::Path, description, schema);
        self.parameters(vec![parameter])
    }

    /// Further parameters.
    pub(crate) fn parameters(mut self, parameters: Vec<MetaOperationParam>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// The schema of its body.
    pub(crate) fn takes(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    /// The answer when it succeeds, as JSON; without it, it is 204.
    pub(crate) fn answers(
        self,
        status: u16,
        description: &'static str,
        schema: MetaSchemaRef,
    ) -> Self {
        self.answers_as("application/json", status, description, schema)
    }

    /// The answer when it succeeds, without a body.
    pub(crate) fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.success = (status, description, Vec::new());
        self
    }

    /// The answer when it succeeds, of a content type.
    pub(crate) fn answers_as(
        mut self,
        content_type: &'static str,
        status: u16,
        description: &'static str,
        schema: MetaSchemaRef,
    ) -> Self {
        self.success = (status, description, vec![(content_type, schema)]);
        self
    }

    /// Statuses of failures besides those that follow from its credential, its path and its body.
    pub(crate) fn fails<const N: usize>(mut self, statuses: [u16; N]) -> Self {
        self.failures.extend(statuses);
        self
    }

    /// What it does for a caller who has shown a credential.
    pub(crate) fn does<S, F, D>(self, handler: F) -> Operation<S>
    where
        F: Fn(Arc<S>, Arc<Actor>, Request) -> D + Send + Sync + 'static,
        D: Future<Output = Answer> + Send + 'static,
    {
        Operation {
            about: self,
            handler: Handler::Actor(Box::new(move |surface, actor, request| {
                Box::pin(handler(surface, actor, request))
            })),
        }
    }

    /// What it does for anyone, without a credential.
    pub(crate) fn does_for_anyone<S, F, D>(self, handler: F) -> Operation<S>
    where
        F: Fn(Arc<S>, Request) -> D + Send + Sync + 'static,
        D: Future<Output = Answer> + Send + 'static,
    {
        Operation {
            about: self,
            handler: Handler::Anyone(Box::new(move |surface, request| {
                Box::pin(handler(surface, request))
            })),
        }
    }

    /// Whether the answer goes on for as long as somebody listens.
    fn is_stream(&self) -> bool {
        let (_, _, content) = &self.success;
        content
            .iter()
            .any(|(content_type, _)| *content_type == "text/event-stream")
    }

    /// The methods with their operation ids, summaries and descriptions.
    fn methods(&self) -> Vec<(Method, [&'static str; 3])> {
        let mut methods = vec![(self.method.clone(), self.texts)];
        if let Some([id, summary]) = self.patch {
            let about = "The same as with PUT: what is absent stays as it is.";
            methods.push((Method::PATCH, [id, summary, about]));
        }
        methods
    }
}

impl<S: Surface> Operation<S> {
    fn needs_credential(&self) -> bool {
        matches!(self.handler, Handler::Actor(_))
    }

    fn statuses(&self) -> Vec<u16> {
        let mut statuses = vec![400, 500];
        statuses.extend(&self.about.failures);
        if self.needs_credential() {
            statuses.extend([401, 403, 429]);
        }
        if self.about.path.contains(':') {
            statuses.push(404);
        }
        if self.about.body.is_some() {
            statuses.extend([413, 415]);
        }
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    fn meta(&self, method: Method, [id, summary, description]: [&'static str; 3]) -> MetaOperation {
        let (status, meaning, content) = &self.about.success;
        let success = MetaResponse {
            description: meaning,
            status: Some(*status),
            status_range: None,
            content: content
                .iter()
                .map(|(content_type, schema)| MetaMediaType {
                    content_type,
                    schema: schema.clone(),
                })
                .collect(),
            headers: Vec::new(),
        };
        let tag = self.about.tag.or(S::TAGS.first().map(|(name, _)| *name));
        MetaOperation {
            method,
            tags: tag.into_iter().collect(),
            summary: Some(summary),
            description: Some(description),
            external_docs: None,
            params: self.about.parameters.iter().map(copy).collect(),
            request: self.about.body.map(|schema| MetaRequest {
                description: None,
                content: vec![MetaMediaType {
                    content_type: "application/json",
                    schema: reference(schema),
                }],
                required: true,
            }),
            responses: MetaResponses {
                responses: std::iter::once(success)
                    .chain(errors(self.statuses()))
                    .collect(),
            },
            deprecated: false,
            security: if self.needs_credential() {
                security()
            } else {
                Vec::new()
            },
            operation_id: Some(id),
            code_samples: Vec::new(),
        }
    }
}

/// A parameter again: poem-openapi's cannot be cloned.
fn copy(known: &MetaOperationParam) -> MetaOperationParam {
    MetaOperationParam {
        name: known.name.clone(),
        schema: known.schema.clone(),
        in_type: known.in_type,
        description: known.description.clone(),
        required: known.required,
        deprecated: known.deprecated,
        explode: known.explode,
        style: known.style,
    }
}

/// An id as an answer.
pub(crate) fn id_schema(description: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        description: Some(description),
        ..MetaSchema::new_with_format("string", "uuid")
    }))
}

/// A parameter of the query string.
pub(crate) fn in_query(name: &str, description: &str, schema: MetaSchema) -> MetaOperationParam {
    parameter(name, MetaParamIn::Query, description, schema)
}

/// The id in a path; what is none leads to nothing.
pub(crate) fn id_of(request: &Request, what: &str) -> std::result::Result<Uuid, Failure> {
    let text = request.raw_path_param("id").unwrap_or_default();
    kith_api_types::draft::parse_id(text).ok_or_else(|| {
        let detail = format!("there is no {what} with the id {}", excerpt(text, 60));
        Problem::not_found(detail).into()
    })
}

impl<S: Surface> OpenApi for Table<S> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for operation in S::operations() {
            let path = documented(operation.about.path);
            let meta: Vec<_> = operation
                .about
                .methods()
                .into_iter()
                .map(|(method, texts)| operation.meta(method, texts))
                .collect();
            match paths.iter_mut().find(|known| known.path == path) {
                Some(known) => known.operations.extend(meta),
                None => paths.push(MetaPath {
                    path,
                    operations: meta,
                }),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        S::schemas(registry);
        for (name, description) in S::TAGS {
            registry.create_tag(MetaTag {
                name,
                description: Some(description),
                external_docs: None,
            });
        }
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for operation in S::operations() {
            let is_stream = operation.about.is_stream();
            let handler = Arc::new(operation.handler);
            for (method, _) in operation.about.methods() {
                let endpoint = Row {
                    door: Arc::clone(&self.door),
                    surface: Arc::clone(&self.surface),
                    handler: Arc::clone(&handler),
                    is_stream,
                };
                table
                    .entry(operation.about.path.to_owned())
                    .or_default()
                    .insert(method, endpoint.boxed());
            }
        }
    }
}

/// `/roles/:id` as the document writes it: `/roles/{id}`.
fn documented(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

struct Row<S> {
    door: Arc<Door>,
    surface: Arc<S>,
    handler: Arc<Handler<S>>,
    is_stream: bool,
}

impl<S: Surface> Endpoint for Row<S> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let surface = Arc::clone(&self.surface);
        let answer = match &*self.handler {
            Handler::Actor(handler) => {
                let identity = self.door.identify(&request).await?;
                auth::remember_session(&mut request, identity.credential);
                let ticket = self
                    .is_stream
                    .then(|| self.door.limits.stream(identity.credential));
                let ticket = ticket.transpose()?;
                let standing = ticket.as_ref().and_then(|_| self.door.standing(&request));
                if let Some(standing) = standing {
                    request.extensions_mut().insert(standing);
                }
                let answer = handler(surface, identity.actor, request).await;
                answer.map(|response| match ticket {
                    Some(ticket) => ticket.with(response),
                    None => response,
                })
            }
            Handler::Anyone(handler) => handler(surface, request).await,
        };
        Ok(answer?)
    }
}
