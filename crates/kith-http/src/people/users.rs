//! The caller, the team, and changes of users.

use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, people, search};
use kith_domain::actor::Actor;
use kith_domain::filter::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, SearchInput};
use kith_domain::people::User;
use kith_domain::violation::{Refusal, Violation};
use poem::Request;
use poem::http::StatusCode;
use uuid::Uuid;

use super::{PeopleApi, shown};
use crate::body;
use crate::operation::{Answer, Operation, get, id_of, post, put};
use crate::reply;

/// The tag of these operations.
pub(super) const TAG: &str = "users";

const USER: &str = "user";

pub(super) fn operations() -> Vec<Operation<PeopleApi>> {
    let user = || reference("User");
    vec![
        get(
            "/users/me",
            [
                "getMe",
                "The caller",
                "The user behind the key, whatever their rights.",
            ],
        )
        .tagged(TAG)
        .answers(200, "The caller.", user())
        .does(me),
        put(
            "/users/me",
            [
                "updateMe",
                "Change the caller",
                "What is absent stays as it is. The profile can be changed without any right, unless the key has scopes; role and status as by PUT /users/{id}.",
            ],
        )
        .or_patch("patchMe", "Change the caller (PATCH)")
        .tagged(TAG)
        .takes("UserUpdate")
        .answers(200, "The caller as they now are.", user())
        .fails([404, 409])
        .does(update_me),
        post(
            "/users/search",
            [
                "searchUsers",
                "The team",
                "The people of the company, by name: all of them with the right users:readAll, oneself with users:readOwn.",
            ],
        )
        .tagged(TAG)
        .takes("UserSearch")
        .answers(
            200,
            "The people that the caller may see.",
            reference("UserSearchResult"),
        )
        .does(team),
        get(
            "/users/:id",
            [
                "getUser",
                "Get a user",
                "Anybody of the company with the right users:readAll, oneself with users:readOwn.",
            ],
        )
        .tagged(TAG)
        .of("The user.")
        .answers(200, "The user.", user())
        .does(one),
        put(
            "/users/:id",
            [
                "updateUser",
                "Change a user",
                "What is absent stays as it is. Users are not deleted but made inactive. Needs users:update; nobody changes a user who may do more than they, or assigns a role with rights that they do not hold.",
            ],
        )
        .or_patch("patchUser", "Change a user (PATCH)")
        .tagged(TAG)
        .of("The user.")
        .takes("UserUpdate")
        .answers(200, "The user as they now are.", user())
        .fails([409])
        .does(update),
    ]
}

fn answer(user: &User) -> poem::Response {
    shown(StatusCode::OK, |out| people::write_user(out, user))
}

async fn me(api: Arc<PeopleApi>, actor: Arc<Actor>, _: Request) -> Answer {
    Ok(answer(&api.people.me(&actor).await?))
}

async fn update_me(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = actor.user;
    change(&api, &actor, id, request).await
}

async fn one(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let user = api.people.user(&actor, id_of(&request, USER)?).await?;
    Ok(answer(&user))
}

async fn update(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, USER)?;
    change(&api, &actor, id, request).await
}

async fn change(api: &PeopleApi, actor: &Actor, id: Uuid, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = people::user(body.bytes()).map_err(Problem::from)?;
    Ok(answer(&api.people.update_user(actor, id, draft).await?))
}

async fn team(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let input = search::read(body.bytes()).map_err(Problem::from)?;
    let (page, size) = window(&input).map_err(Problem::from)?;
    let term = input.search_term.unwrap_or_default();
    let skip = (page - 1).saturating_mul(u64::from(size));
    let (users, total) = api.people.team(&actor, &term, skip, size).await?;
    let page = people::users_page(&users, page, size, total);
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
