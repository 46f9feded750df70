//! Records over HTTP: the same operations for every entity type (contract, sections 2 and 5).
//!
//! The operations are a table, not functions: [`Operation`] says where each is and what it runs, [`meta`] describes
//! it, and both go over all entity types.

mod meta;
mod operation;
mod respond;

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::Problem;
use kith_application::{Columns, Once, Records, Searches};
use kith_domain::actor::Actor;
use kith_domain::decide::Command;
use kith_domain::entity::EntityType;
use kith_domain::ports::{IdempotencyClaim, Name, StoredResponse};
use kith_domain::record::{Record, RecordKey};
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{HeaderName, HeaderValue, Method};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};

use crate::app::App;
use crate::auth::Door;
use crate::query::Shown;
use crate::reply::{self, Failure};
use crate::{body, header, query};
use operation::Target;

pub(crate) use operation::Operation;
use respond::{Answer, Shape};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The operations on records of all types.
pub(crate) struct RecordsApi {
    shared: Arc<Shared>,
}

struct Shared {
    records: Arc<Records>,
    searches: Arc<Searches>,
    columns: Arc<Columns>,
    door: Arc<Door>,
}

impl RecordsApi {
    pub(crate) fn new(door: &Arc<Door>, app: &App) -> Self {
        RecordsApi {
            shared: Arc::new(Shared {
                records: Arc::clone(&app.records),
                searches: Arc::clone(&app.searches),
                columns: Arc::clone(&app.columns),
                door: Arc::clone(door),
            }),
        }
    }
}

impl OpenApi for RecordsApi {
    fn meta() -> Vec<MetaApi> {
        vec![MetaApi {
            paths: meta::paths(),
        }]
    }

    fn register(registry: &mut Registry) {
        meta::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for entity in EntityType::ALL {
            for operation in Operation::ALL {
                for method in operation.methods() {
                    let endpoint = RecordEndpoint {
                        shared: Arc::clone(&self.shared),
                        entity,
                        operation,
                    };
                    let path = format!("/{}{}", entity.plural(), operation.route());
                    table
                        .entry(path)
                        .or_default()
                        .insert(method, endpoint.boxed());
                }
            }
        }
    }
}

/// One operation on records of one type.
struct RecordEndpoint {
    shared: Arc<Shared>,
    entity: EntityType,
    operation: Operation,
}

impl Endpoint for RecordEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        Ok(self.answer(&mut request).await?)
    }
}

impl RecordEndpoint {
    /// Who, what, how; then the use case; then the response.
    async fn answer(&self, request: &mut Request) -> std::result::Result<Response, Failure> {
        let actor = self.shared.door.identify(request).await?.actor;
        let target = self.target(request)?;
        let shown = query::shown(request, self.operation)?;
        let body = if self.operation.has_body() {
            body::json(request).await?
        } else {
            body::Body::default()
        };
        let expected_version = if self.operation.changes() {
            header::expected_version(request, self.operation.takes_if_match())?
        } else {
            None
        };
        let command = self
            .operation
            .command(self.entity, target, expected_version, body.bytes());
        let Some(command) = command else {
            return self.read(&actor, target, shown, body.bytes()).await;
        };
        let claim = if self.operation.takes_idempotency_key() {
            header::claim(request, &actor, body.bytes())?
        } else {
            None
        };
        self.write(&actor, command.map_err(Problem::from)?, claim, shown)
            .await
    }

    async fn read(
        &self,
        actor: &Actor,
        target: Target,
        shown: Shown,
        body: &[u8],
    ) -> std::result::Result<Response, Failure> {
        let Shared {
            records,
            searches,
            columns,
            ..
        } = &*self.shared;
        match self.operation.shape() {
            Shape::Page => {
                let input = kith_api_types::search::read(body).map_err(Problem::from)?;
                let found = searches.search(actor, self.entity, &input).await?;
                let references = self.references(actor, &found.page.records, shown).await?;
                Ok(respond::page(&found, references.as_deref(), shown.notes))
            }
            Shape::Configuration => {
                let configuration = searches.configuration(actor, self.entity).await?;
                Ok(respond::configuration(&configuration))
            }
            _ => {
                let record = records.get(actor, target.key).await?;
                let columns = columns.list(actor, Some(self.entity)).await?;
                let records = std::slice::from_ref(&record);
                let references = self.references(actor, records, shown).await?;
                Ok(respond::one(
                    &record,
                    &columns,
                    references.as_deref(),
                    shown.notes,
                ))
            }
        }
    }

    /// The names of what records are linked with, if they are wanted.
    async fn references(
        &self,
        actor: &Actor,
        records: &[Arc<Record>],
        shown: Shown,
    ) -> std::result::Result<Option<Vec<Name>>, Failure> {
        if !shown.references {
            return Ok(None);
        }
        Ok(Some(self.shared.searches.references(actor, records).await?))
    }

    async fn write(
        &self,
        actor: &Actor,
        command: Command,
        claim: Option<IdempotencyClaim>,
        shown: Shown,
    ) -> std::result::Result<Response, Failure> {
        let answer = Answer {
            shape: self.operation.shape(),
            notes: shown.notes,
        };
        let deleted = answer.deleted_ids(&command);
        let records = &self.shared.records;
        let Some(claim) = claim else {
            let records = records.execute(actor, command).await?;
            return Ok(stored(answer.render(&records, &deleted)));
        };
        let respond = Box::new(move |records: &[_]| answer.render(records, &deleted));
        match records.execute_once(actor, command, claim, respond).await? {
            Once::Ran(records) => Ok(stored(answer.render(&records, &[]))),
            Once::Replayed(response) => {
                let mut response = stored(response);
                response
                    .headers_mut()
                    .insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
        }
    }

    /// The record and the relation that the path names.
    fn target(&self, request: &Request) -> std::result::Result<Target, Failure> {
        let mut target = Target {
            key: RecordKey {
                entity: self.entity,
                id: uuid::Uuid::nil(),
            },
            link: 0,
        };
        if let Some(id) = request.raw_path_param("id") {
            target.key.id = kith_api_types::draft::parse_id(id)
                .ok_or_else(|| no_such_record(self.entity, id))?;
        }
        if let Some(relation) = request.raw_path_param("relation") {
            target.link = self
                .entity
                .link_index(relation)
                .ok_or_else(|| no_such_relation(self.entity, relation))?;
        }
        Ok(target)
    }
}

fn stored(response: StoredResponse) -> Response {
    let version = response.version;
    reply::tagged(
        reply::json(reply::status(response.status), response.body),
        version,
    )
}

fn no_such_record(entity: EntityType, id: &str) -> Failure {
    let id = kith_domain::text::excerpt(id, 60);
    let detail = format!(
        "there is no {entity} with the id {id}; ids are UUIDs such as 0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44"
    );
    Problem::not_found(detail).into()
}

fn no_such_relation(entity: EntityType, relation: &str) -> Failure {
    let relation = kith_domain::text::excerpt(relation, 60);
    let known: Vec<_> = entity.links().iter().map(|link| link.relation).collect();
    let detail = format!(
        "{} cannot be linked to `{relation}`; its relations are {}",
        entity.one(),
        known.join(", ")
    );
    Problem::not_found(detail).into()
}
