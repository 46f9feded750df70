//! Invitations, and their acceptance by whoever holds the token.

use std::sync::Arc;

use kith_api_types::schema::{array, reference};
use kith_api_types::{Problem, json, people};
use kith_domain::actor::Actor;
use poem::Request;
use poem::http::StatusCode;

use super::{PeopleApi, shown};
use crate::operation::{Answer, Operation, delete, get, id_of, id_schema, post};
use crate::{body, reply, secret};

/// The tag of these operations.
pub(super) const TAG: &str = "invitations";

const INVITATION: &str = "invitation";

pub(super) fn operations() -> Vec<Operation<PeopleApi>> {
    let invitation = || reference("Invitation");
    vec![
        get(
            "/invitations",
            [
                "listInvitations",
                "List the invitations",
                "Those that were neither accepted nor revoked, oldest first. Needs users:readAll.",
            ],
        )
        .tagged(TAG)
        .answers(
            200,
            "The invitations.",
            array("The invitations.", invitation()),
        )
        .does(list),
        post(
            "/invitations",
            [
                "createInvitation",
                "Invite somebody",
                "The token in the answer makes a user of whoever shows it, once, within 7 days. Needs users:create; nobody can invite into a role with rights that they do not hold.",
            ],
        )
        .tagged(TAG)
        .takes("InvitationCreate")
        .answers(
            201,
            "The invitation with its token, which is shown this once.",
            reference("InvitationWithToken"),
        )
        .fails([404, 409])
        .does(create),
        post(
            "/invitations/accept",
            [
                "acceptInvitation",
                "Accept an invitation",
                "Makes an active user. Needs no credential but the token of the invitation, which is used up.",
            ],
        )
        .tagged(TAG)
        .takes("InvitationAcceptance")
        .answers(201, "The new user.", reference("User"))
        .fails([404, 409])
        .does_for_anyone(accept),
        get(
            "/invitations/:id",
            [
                "getInvitation",
                "Get an invitation",
                "One invitation; its token is not shown. Needs users:readAll.",
            ],
        )
        .tagged(TAG)
        .of("The invitation.")
        .answers(200, "The invitation.", invitation())
        .does(one),
        delete(
            "/invitations/:id",
            [
                "deleteInvitation",
                "Revoke an invitation",
                "Its token is worth nothing from then on. Needs users:delete.",
            ],
        )
        .tagged(TAG)
        .of("The invitation.")
        .answers(
            200,
            "The id of the revoked invitation.",
            id_schema("The id of the revoked invitation."),
        )
        .does(revoke),
    ]
}

async fn list(api: Arc<PeopleApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let invitations = api.people.invitations(&actor).await?;
    Ok(shown(StatusCode::OK, |out| {
        json::array(out, &invitations, |out, invitation| {
            people::write_invitation(out, invitation, None);
        });
    }))
}

async fn create(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = people::invitation(body.bytes()).map_err(Problem::from)?;
    let (invitation, token) = api.people.invite(&actor, draft).await?;
    Ok(shown(StatusCode::CREATED, |out| {
        people::write_invitation(out, &invitation, Some(token.reveal()));
    }))
}

async fn one(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, INVITATION)?;
    let invitation = api.people.invitation(&actor, id).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_invitation(out, &invitation, None);
    }))
}

async fn revoke(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, INVITATION)?;
    api.people.revoke_invitation(&actor, id).await?;
    Ok(reply::id(id))
}

async fn accept(api: Arc<PeopleApi>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let mut given = people::acceptance(body.bytes()).map_err(Problem::from)?;
    let problems = &mut given.joining.problems;
    let token = secret::required("token", given.token, problems);
    let password = secret::chosen("password", given.password, problems);
    let (Some(token), Some(password)) = (token, password) else {
        // Everything that is wrong is told at once, with what the rest of the body lacks.
        let problems = given.joining.problems();
        return Err(Problem::invalid(problems).into());
    };
    let user = api
        .sessions
        .accept_invitation(&token, given.joining, password)
        .await?;
    Ok(shown(StatusCode::CREATED, |out| {
        people::write_user(out, &user);
    }))
}
