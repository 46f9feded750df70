//! Custom columns over HTTP (contract, section 4).

mod meta;

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::{Problem, column, json};
use kith_application::{Accounts, Columns};
use kith_domain::actor::Actor;
use kith_domain::columns::Column;
use kith_domain::entity::EntityType;
use kith_domain::text::excerpt;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{Method, StatusCode};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};
use uuid::Uuid;

use crate::app::App;
use crate::reply::{self, Failure};
use crate::{auth, body, query};

const PATH: &str = "/custom-columns";

/// The operations on custom columns.
pub(crate) struct ColumnsApi {
    shared: Arc<Shared>,
}

struct Shared {
    accounts: Arc<Accounts>,
    columns: Arc<Columns>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    List,
    Create,
    Get,
    Update,
    Delete,
}

impl Operation {
    const ALL: [Operation; 5] = [
        Operation::List,
        Operation::Create,
        Operation::Get,
        Operation::Update,
        Operation::Delete,
    ];

    fn route(self) -> &'static str {
        match self {
            Operation::List | Operation::Create => "",
            Operation::Get | Operation::Update | Operation::Delete => "/:id",
        }
    }

    fn methods(self) -> Vec<Method> {
        match self {
            Operation::List | Operation::Get => vec![Method::GET],
            Operation::Create => vec![Method::POST],
            Operation::Update => vec![Method::PUT, Method::PATCH],
            Operation::Delete => vec![Method::DELETE],
        }
    }
}

impl ColumnsApi {
    pub(crate) fn new(app: &App) -> Self {
        let accounts = Arc::clone(&app.accounts);
        let columns = Arc::clone(&app.columns);
        ColumnsApi {
            shared: Arc::new(Shared { accounts, columns }),
        }
    }
}

impl OpenApi for ColumnsApi {
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
                let endpoint = ColumnEndpoint {
                    shared: Arc::clone(&self.shared),
                    operation,
                };
                let path = format!("{PATH}{}", operation.route());
                table
                    .entry(path)
                    .or_default()
                    .insert(method, endpoint.boxed());
            }
        }
    }
}

struct ColumnEndpoint {
    shared: Arc<Shared>,
    operation: Operation,
}

impl Endpoint for ColumnEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        Ok(self.answer(&mut request).await?)
    }
}

impl ColumnEndpoint {
    async fn answer(&self, request: &mut Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.shared.accounts, request).await?;
        let columns = &self.shared.columns;
        match self.operation {
            Operation::List => {
                let listed = columns.list(&actor, wanted_type(request)?).await?;
                let mut body = Vec::new();
                column::write_columns(&mut body, &listed);
                Ok(reply::json(StatusCode::OK, body))
            }
            Operation::Create => {
                let body = body::json(request).await?;
                let draft = column::create(body.bytes()).map_err(Problem::from)?;
                let made = columns.create(&actor, draft).await?;
                Ok(shown(StatusCode::CREATED, &made))
            }
            Operation::Get | Operation::Update | Operation::Delete => {
                self.on_one(&actor, request).await
            }
        }
    }

    async fn on_one(
        &self,
        actor: &Actor,
        request: &mut Request,
    ) -> std::result::Result<Response, Failure> {
        let id = id(request)?;
        let columns = &self.shared.columns;
        match self.operation {
            Operation::Update => {
                let body = body::json(request).await?;
                let patch = column::update(body.bytes()).map_err(Problem::from)?;
                Ok(shown(
                    StatusCode::OK,
                    &columns.update(actor, id, patch).await?,
                ))
            }
            Operation::Delete => {
                columns.delete(actor, id).await?;
                let mut body = Vec::new();
                json::id(&mut body, id);
                Ok(reply::json(StatusCode::OK, body))
            }
            Operation::Get | Operation::List | Operation::Create => {
                Ok(shown(StatusCode::OK, &columns.get(actor, id).await?))
            }
        }
    }
}

fn shown(status: StatusCode, shown: &Column) -> Response {
    let mut body = Vec::with_capacity(512);
    column::write_column(&mut body, shown);
    reply::json(status, body)
}

fn id(request: &Request) -> std::result::Result<Uuid, Failure> {
    let text = request.raw_path_param("id").unwrap_or_default();
    kith_api_types::draft::parse_id(text).ok_or_else(|| {
        let detail = format!(
            "there is no custom column with the id {}",
            excerpt(text, 60)
        );
        Problem::not_found(detail).into()
    })
}

/// The `entityType` of the query string.
fn wanted_type(request: &Request) -> std::result::Result<Option<EntityType>, Failure> {
    let mut wanted = None;
    for (name, value) in query::pairs(request) {
        if name != "entityType" {
            return Err(query::unknown(name, &["entityType"]));
        }
        let entity = column::entity(value).map_err(|accepted| {
            query::invalid(format!(
                "entityType is `{}`; {accepted}",
                excerpt(value, 60)
            ))
        })?;
        wanted = Some(entity);
    }
    Ok(wanted)
}
