//! Changes of passwords.

use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, people};
use kith_application::accounts::Credential;
use kith_application::credentials::{GivenPassword, NewPassword};
use kith_domain::actor::Actor;
use kith_domain::violation::Violation;
use poem::Request;
use poem::http::StatusCode;
use uuid::Uuid;

use super::SessionsApi;
use crate::operation::{Answer, Operation, id_of, post, put};
use crate::people::shown;
use crate::reply::Failure;
use crate::{auth, body};

/// The tag of these operations.
pub(super) const TAG: &str = "passwords";

pub(super) fn operations() -> Vec<Operation<SessionsApi>> {
    vec![
        put(
            "/users/me/password",
            [
                "changePassword",
                "Change the caller's password",
                "Needs the present one. Ends all other sessions of the caller; keys stay. Not for keys that have scopes or expire.",
            ],
        )
        .tagged(TAG)
        .takes("PasswordChange")
        .does(change),
        post(
            "/password-reset",
            [
                "requestPasswordReset",
                "Ask for a new password",
                "If an active user has the address and the server can send mail, they are sent a link that is good for an hour, once. The answer is the same in any case.",
            ],
        )
        .tagged(TAG)
        .takes("PasswordReset")
        .answers_nothing(202, "If there is such a user, they will get a mail.")
        .fails([429])
        .does_for_anyone(ask),
        post(
            "/password-reset/complete",
            [
                "completePasswordReset",
                "Choose a new password",
                "Needs no credential but the token of a link, which is used up. Ends all sessions of the user.",
            ],
        )
        .tagged(TAG)
        .takes("PasswordResetCompletion")
        .fails([404])
        .does_for_anyone(complete),
        post(
            "/users/:id/password-reset",
            [
                "createPasswordReset",
                "Give a user leave to choose a new password",
                "The link in the answer is good for a day, once; it is to be handed over. Needs users:update, every right that the user has, and a credential without scopes or end.",
            ],
        )
        .tagged(TAG)
        .of("The user.")
        .answers(
            201,
            "The link with its token, which is shown this once.",
            reference("PasswordResetLink"),
        )
        .fails([409])
        .does(grant),
    ]
}

fn done(status: StatusCode) -> poem::Response {
    let mut response = poem::Response::default();
    response.set_status(status);
    response
}

fn chosen(password: String) -> Result<NewPassword, Failure> {
    NewPassword::parse(password).map_err(|reason| {
        let problem = Violation::new("/newPassword", "invalid", reason);
        Problem::invalid(vec![problem]).into()
    })
}

async fn change(api: Arc<SessionsApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let [present, password] = people::password_change(body.bytes())
        .map_err(Problem::from)?
        .into_inner();
    let password = chosen(password)?;
    let session = auth::current_session(&request);
    // Which key it is makes no difference.
    let credential = session.map_or(Credential::Key(Uuid::nil()), Credential::Session);
    let sign_ins = &api.door.limits.sign_ins;
    let account = actor.user.to_string();
    let attempt = sign_ins.begin(Some(&account), api.address(&request))?;
    let present = GivenPassword::new(present);
    let changed = api
        .sessions
        .change_password(&actor, credential, present, password);
    if changed.await? {
        attempt.does_not_count();
        return Ok(done(StatusCode::NO_CONTENT));
    }
    let message = "this is not the present password";
    let problem = Violation::new("/currentPassword", "wrong_password", message);
    Err(Problem::invalid(vec![problem]).into())
}

async fn ask(api: Arc<SessionsApi>, mut request: Request) -> Answer {
    api.door.require_no_other_origin(&request)?;
    let body = body::json(&mut request).await?;
    let [email] = people::password_reset(body.bytes())
        .map_err(Problem::from)?
        .into_inner();
    let letters = &api.door.limits.letters;
    letters.begin(Some(email.trim()), api.address(&request))?;
    let sessions = Arc::clone(&api.sessions);
    // Nobody waits for it, so that nobody learns whether there was anything to do.
    tokio::spawn(async move {
        if let Err(error) = sessions.mail_reset(&email).await {
            tracing::error!(%error, "a link for a new password was not sent");
        }
    });
    Ok(done(StatusCode::ACCEPTED))
}

async fn complete(api: Arc<SessionsApi>, mut request: Request) -> Answer {
    api.door.require_no_other_origin(&request)?;
    let body = body::json(&mut request).await?;
    let [token, password] = people::reset_completion(body.bytes())
        .map_err(Problem::from)?
        .into_inner();
    let password = chosen(password)?;
    api.sessions.complete_reset(&token, password).await?;
    Ok(done(StatusCode::NO_CONTENT))
}

async fn grant(api: Arc<SessionsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let user = id_of(&request, "user")?;
    let granted = api.sessions.grant_reset(&actor, user).await?;
    let link = api.sessions.reset_link(&granted.token);
    Ok(shown(StatusCode::CREATED, |out| {
        people::write_reset(out, &granted.reset, granted.token.reveal(), &link);
    }))
}
