//! `GET /users/me` and `POST /users/search`: the caller and the team.

use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, search, user};
use kith_application::Accounts;
use kith_domain::actor::Actor;
use kith_domain::filter::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, SearchInput};
use kith_domain::violation::{Refusal, Violation};
use poem::Request;
use poem::http::StatusCode;

use crate::app::App;
use crate::body;
use crate::operation::{Answer, Operation, Surface, get, post};
use crate::reply;

/// The people of the company.
pub(crate) struct UsersApi {
    accounts: Arc<Accounts>,
}

impl UsersApi {
    pub(crate) fn new(app: &App) -> Self {
        UsersApi {
            accounts: Arc::clone(&app.accounts),
        }
    }
}

impl Surface for UsersApi {
    const TAGS: &'static [(&'static str, &'static str)] =
        &[("users", "The people of the company.")];

    fn operations() -> Vec<Operation<Self>> {
        vec![
            get(
                "/users/me",
                [
                    "getMe",
                    "The caller",
                    "The user behind the key, whatever their rights.",
                ],
            )
            .answers(200, "The caller.", reference("User"))
            .does(me),
            post(
                "/users/search",
                [
                    "searchUsers",
                    "The team",
                    "The people of the company, by name: all of them with the right users:readAll, oneself with users:readOwn.",
                ],
            )
            .takes("UserSearch")
            .answers(
                200,
                "The people that the caller may see.",
                reference("UserSearchResult"),
            )
            .does(team),
        ]
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }
}

async fn me(api: Arc<UsersApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let me = api.accounts.me(&actor).await?;
    let me = me.ok_or_else(|| Problem::new(404, "not_found", "Not found", "you are gone"))?;
    let mut out = Vec::with_capacity(384);
    user::write_user(&mut out, &me);
    Ok(reply::json(StatusCode::OK, out))
}

async fn team(api: Arc<UsersApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let input = search::read(body.bytes()).map_err(Problem::from)?;
    let (page, size) = window(&input).map_err(Problem::from)?;
    let term = input.search_term.unwrap_or_default();
    let skip = (page - 1).saturating_mul(u64::from(size));
    let (users, total) = api.accounts.team(&actor, &term, skip, size).await?;
    let page = user::users_page(&users, page, size, total);
    Ok(reply::json(StatusCode::OK, page))
}

/// The page and its size; what searches of records have besides is refused, not ignored.
fn window(input: &SearchInput) -> Result<(u64, u32), Refusal> {
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
