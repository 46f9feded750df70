//! Roles.

use std::sync::Arc;

use kith_api_types::schema::{array, reference};
use kith_api_types::{Problem, json, people};
use kith_domain::actor::Actor;
use kith_domain::people::Role;
use poem::http::StatusCode;
use poem::{Request, Response};

use super::{PeopleApi, shown};
use crate::operation::{Answer, Operation, delete, get, id_of, id_schema, post, put};
use crate::{body, reply};

/// The tag of these operations.
pub(super) const TAG: &str = "roles";

const ROLE: &str = "role";

pub(super) fn operations() -> Vec<Operation<PeopleApi>> {
    let role = || reference("Role");
    vec![
        get(
            "/roles",
            [
                "listRoles",
                "List the roles",
                "All of them, oldest first, with users:readAll; one's own with users:readOwn.",
            ],
        )
        .tagged(TAG)
        .answers(200, "The roles.", array("The roles.", role()))
        .does(list),
        post(
            "/roles",
            [
                "createRole",
                "Create a role",
                "Needs users:create. Nobody can grant a right that they do not hold.",
            ],
        )
        .tagged(TAG)
        .takes("RoleCreate")
        .answers(201, "The new role.", role())
        .fails([409])
        .does(create),
        get("/roles/:id", ["getRole", "Get a role", "One role."])
            .tagged(TAG)
            .of("The role.")
            .answers(200, "The role.", role())
            .does(one),
        put(
            "/roles/:id",
            [
                "updateRole",
                "Change a role",
                "What is absent stays as it is; given permissions replace the present ones. Needs users:update. Nobody can edit a system role, the role that they have, or one that allows more than they may do.",
            ],
        )
        .or_patch("patchRole", "Change a role (PATCH)")
        .tagged(TAG)
        .of("The role.")
        .takes("RoleUpdate")
        .answers(200, "The role as it now is.", role())
        .fails([409])
        .does(update),
        delete(
            "/roles/:id",
            [
                "deleteRole",
                "Delete a role",
                "Needs users:delete. A role in use cannot be deleted.",
            ],
        )
        .tagged(TAG)
        .of("The role.")
        .answers(
            200,
            "The id of the deleted role.",
            id_schema("The id of the deleted role."),
        )
        .fails([409])
        .does(remove),
    ]
}

fn answer(status: StatusCode, role: &Role) -> Response {
    shown(status, |out| people::write_role(out, role))
}

async fn list(api: Arc<PeopleApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let roles = api.people.roles(&actor).await?;
    Ok(shown(StatusCode::OK, |out| {
        json::array(out, &roles, people::write_role);
    }))
}

async fn create(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = people::role(body.bytes()).map_err(Problem::from)?;
    let role = api.people.create_role(&actor, draft).await?;
    Ok(answer(StatusCode::CREATED, &role))
}

async fn one(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let role = api.people.role(&actor, id_of(&request, ROLE)?).await?;
    Ok(answer(StatusCode::OK, &role))
}

async fn update(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let id = id_of(&request, ROLE)?;
    let body = body::json(&mut request).await?;
    let draft = people::role(body.bytes()).map_err(Problem::from)?;
    let role = api.people.update_role(&actor, id, draft).await?;
    Ok(answer(StatusCode::OK, &role))
}

async fn remove(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, ROLE)?;
    api.people.delete_role(&actor, id).await?;
    Ok(reply::id(id))
}
