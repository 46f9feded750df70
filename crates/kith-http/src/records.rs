//! Records over HTTP: the same operations for every entity type (contract, sections 2 and 5).
//!
//! The operations are a table, not functions: [`Operation`] says where each is and what it runs, [`meta`] describes
//! it, and both go over all entity types.

mod meta;
mod operation;
mod respond;

use std::collections::HashMap;
use std::sync::Arc;

use kith_application::{Accounts, Once, Records};
use kith_domain::entity::EntityType;
use kith_domain::ports::StoredResponse;
use kith_domain::record::RecordKey;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{HeaderName, HeaderValue, Method};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};

use crate::app::App;
use crate::reply::{self, Failure};
use crate::{auth, body, header, query};
use operation::{Operation, Target};
use respond::Answer;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The operations on records of all types.
pub(crate) struct RecordsApi {
    shared: Arc<Shared>,
}

struct Shared {
    records: Arc<Records>,
    accounts: Arc<Accounts>,
}

impl RecordsApi {
    pub(crate) fn new(app: &App) -> Self {
        let records = Arc::clone(&app.records);
        let accounts = Arc::clone(&app.accounts);
        RecordsApi {
            shared: Arc::new(Shared { records, accounts }),
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

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(request).await?)
    }
}

impl RecordEndpoint {
    /// Who, what, how; then the use case; then the response.
    async fn answer(&self, mut request: Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.shared.accounts, &request).await?;
        let target = self.target(&request)?;
        let shown = query::shown(&request)?;
        let answer = Answer {
            shape: self.operation.shape(),
            notes: shown.notes,
        };
        if self.operation == Operation::Get {
            let record = self.shared.records.get(&actor, target.key).await?;
            return Ok(answer.of_one(self.entity, &record));
        }
        let expected_version = header::expected_version(&request)?;
        let body = if self.operation.has_body() {
            body::json(&mut request).await?
        } else {
            body::Body::default()
        };
        let command = self
            .operation
            .command(self.entity, target, expected_version, body.bytes());
        let command = command.map_err(kith_api_types::Problem::from)?;
        let claim = if request.method() == Method::POST {
            header::claim(&request, &actor, body.bytes())?
        } else {
            None
        };
        let deleted = answer.deleted_ids(&command);
        let Some(claim) = claim else {
            let records = self.shared.records.execute(&actor, command).await?;
            return Ok(stored(answer.render(&records, &deleted)));
        };
        let respond = Box::new(move |records: &[_]| answer.render(records, &deleted));
        match self
            .shared
            .records
            .execute_once(&actor, command, claim, respond)
            .await?
        {
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
    kith_api_types::Problem::not_found(detail).into()
}

fn no_such_relation(entity: EntityType, relation: &str) -> Failure {
    let relation = kith_domain::text::excerpt(relation, 60);
    let known: Vec<_> = entity.links().iter().map(|link| link.relation).collect();
    let detail = format!(
        "a {entity} cannot be linked to `{relation}`; its relations are {}",
        known.join(", ")
    );
    kith_api_types::Problem::not_found(detail).into()
}
