//! `POST /search`: names across all types.

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, search};
use kith_application::{Accounts, Searches};
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{Method, StatusCode};
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaOperation, MetaPath, MetaRequest, MetaResponse, MetaResponses,
    MetaTag, Registry,
};

use crate::app::App;
use crate::document::{errors, security};
use crate::reply::{self, Failure};
use crate::{auth, body};

const PATH: &str = "/search";

/// The search over all types.
pub(crate) struct FindApi {
    accounts: Arc<Accounts>,
    searches: Arc<Searches>,
}

impl FindApi {
    pub(crate) fn new(app: &App) -> Self {
        FindApi {
            accounts: Arc::clone(&app.accounts),
            searches: Arc::clone(&app.searches),
        }
    }

    async fn answer(&self, request: &mut Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.accounts, request).await?;
        let body = body::json(request).await?;
        let term = search::read_term(body.bytes()).map_err(Problem::from)?;
        let names = self.searches.find(&actor, &term).await?;
        Ok(reply::json(StatusCode::OK, search::found_names(&names)))
    }
}

impl Endpoint for FindApi {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        Ok(self.answer(&mut request).await?)
    }
}

impl OpenApi for FindApi {
    fn meta() -> Vec<MetaApi> {
        let json = |schema| {
            vec![MetaMediaType {
                content_type: "application/json",
                schema: reference(schema),
            }]
        };
        let mut responses = vec![MetaResponse {
            description: "What was found.",
            status: Some(200),
            status_range: None,
            content: json("FindResult"),
            headers: Vec::new(),
        }];
        responses.extend(errors(vec![400, 401, 403, 413, 415, 500]));
        let operation = MetaOperation {
            method: Method::POST,
            tags: vec!["search"],
            summary: Some("Search all types"),
            description: Some(
                "Records of all types that the caller may read whose searched text contains every word: those whose name begins with the first word come first, at most 50 of each type.",
            ),
            external_docs: None,
            params: Vec::new(),
            request: Some(MetaRequest {
                description: None,
                content: json("FindRequest"),
                required: true,
            }),
            responses: MetaResponses { responses },
            deprecated: false,
            security: security(),
            operation_id: Some("searchAll"),
            code_samples: Vec::new(),
        };
        let path = MetaPath {
            path: PATH.to_owned(),
            operations: vec![operation],
        };
        vec![MetaApi { paths: vec![path] }]
    }

    fn register(registry: &mut Registry) {
        let description = Some("Names across all types.");
        registry.create_tag(MetaTag {
            name: "search",
            description,
            external_docs: None,
        });
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        table
            .entry(PATH.to_owned())
            .or_default()
            .insert(Method::POST, self.boxed());
    }
}
