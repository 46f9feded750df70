//! `GET /users/me` and `POST /users/search`: the caller and the team.

use std::collections::HashMap;
use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, search, user};
use kith_application::Accounts;
use kith_domain::filter::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, SearchInput};
use kith_domain::violation::{Refusal, Violation};
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

const ME: &str = "/users/me";
const SEARCH: &str = "/users/search";

/// The people of the company.
pub(crate) struct UsersApi {
    accounts: Arc<Accounts>,
}

/// One of the two operations.
struct UsersEndpoint {
    accounts: Arc<Accounts>,
    is_search: bool,
}

impl UsersApi {
    pub(crate) fn new(app: &App) -> Self {
        UsersApi {
            accounts: Arc::clone(&app.accounts),
        }
    }
}

impl UsersEndpoint {
    async fn me(&self, request: &Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.accounts, request).await?;
        let me = self.accounts.me(&actor).await?;
        let me = me.ok_or_else(|| Problem::new(404, "not_found", "Not found", "you are gone"))?;
        let mut out = Vec::with_capacity(384);
        user::write_user(&mut out, &me);
        Ok(reply::json(StatusCode::OK, out))
    }

    async fn search(&self, request: &mut Request) -> std::result::Result<Response, Failure> {
        let actor = auth::actor(&self.accounts, request).await?;
        let body = body::json(request).await?;
        let input = search::read(body.bytes()).map_err(Problem::from)?;
        let (page, size) = window(&input).map_err(Problem::from)?;
        let term = input.search_term.unwrap_or_default();
        let skip = (page - 1).saturating_mul(u64::from(size));
        let (users, total) = self.accounts.team(&actor, &term, skip, size).await?;
        let page = user::users_page(&users, page, size, total);
        Ok(reply::json(StatusCode::OK, page))
    }
}

/// The page and its size; what searches of records have besides is refused, not ignored.
fn window(input: &SearchInput) -> std::result::Result<(u64, u32), Refusal> {
    let mut problems = Vec::new();
    let given = [
        ("filters", !input.filters.is_null()),
        ("sortDescriptor", input.sort.is_some()),
        ("cursor", input.cursor.is_some()),
    ];
    for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
        let message =
            format!("people are not searched by `{name}`; accepted are searchTerm and pagination");
        problems.push(Violation::new(
            format!("/{name}"),
            "unknown_member",
            message,
        ));
    }
    let page = input.page.unwrap_or(1);
    if page == 0 {
        let message = "page is 0; pages are counted from 1";
        problems.push(Violation::new("/pagination/page", "out_of_range", message));
    }
    let size = input.page_size.unwrap_or(u64::from(DEFAULT_PAGE_SIZE));
    let size = u32::try_from(size)
        .ok()
        .filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
    if size.is_none() {
        let message = format!("pageSize is out of range; accepted: 1 to {MAX_PAGE_SIZE}");
        problems.push(Violation::new(
            "/pagination/pageSize",
            "out_of_range",
            message,
        ));
    }
    match size {
        Some(size) if problems.is_empty() => Ok((page, size)),
        _ => Err(Refusal::Invalid(problems)),
    }
}

impl Endpoint for UsersEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let answer = if self.is_search {
            self.search(&mut request).await
        } else {
            self.me(&request).await
        };
        Ok(answer?)
    }
}

impl OpenApi for UsersApi {
    fn meta() -> Vec<MetaApi> {
        let json = |schema| {
            vec![MetaMediaType {
                content_type: "application/json",
                schema: reference(schema),
            }]
        };
        let operation = |method,
                         id,
                         summary,
                         about,
                         request: Option<&'static str>,
                         description,
                         answer,
                         statuses| {
            let mut responses = vec![MetaResponse {
                description,
                status: Some(200),
                status_range: None,
                content: json(answer),
                headers: Vec::new(),
            }];
            responses.extend(errors(statuses));
            MetaOperation {
                method,
                tags: vec!["users"],
                summary: Some(summary),
                description: Some(about),
                external_docs: None,
                params: Vec::new(),
                request: request.map(|schema| MetaRequest {
                    description: None,
                    content: json(schema),
                    required: true,
                }),
                responses: MetaResponses { responses },
                deprecated: false,
                security: security(),
                operation_id: Some(id),
                code_samples: Vec::new(),
            }
        };
        let me = operation(
            Method::GET,
            "getMe",
            "The caller",
            "The user behind the key, whatever their rights.",
            None,
            "The caller.",
            "User",
            vec![400, 401, 403, 500],
        );
        let search = operation(
            Method::POST,
            "searchUsers",
            "The team",
            "The people of the company, by name: all of them with the right users:readAll, oneself with users:readOwn.",
            Some("UserSearch"),
            "The people that the caller may see.",
            "UserSearchResult",
            vec![400, 401, 403, 413, 415, 500],
        );
        let path = |path: &str, operation| MetaPath {
            path: path.to_owned(),
            operations: vec![operation],
        };
        vec![MetaApi {
            paths: vec![path(ME, me), path(SEARCH, search)],
        }]
    }

    fn register(registry: &mut Registry) {
        registry.create_tag(MetaTag {
            name: "users",
            description: Some("The people of the company."),
            external_docs: None,
        });
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for (path, method, is_search) in [(ME, Method::GET, false), (SEARCH, Method::POST, true)] {
            let endpoint = UsersEndpoint {
                accounts: Arc::clone(&self.accounts),
                is_search,
            };
            let methods = table.entry(path.to_owned()).or_default();
            methods.insert(method, endpoint.boxed());
        }
    }
}
