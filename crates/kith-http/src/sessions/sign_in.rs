//! Signing in, out and up, and the list of sessions.

use std::sync::Arc;

use kith_api_types::schema::{array, reference};
use kith_api_types::{Problem, json, people};
use kith_application::credentials::GivenPassword;
use kith_application::sessions::{Entrance, SignIn, SignedIn};
use kith_domain::actor::Actor;
use kith_domain::draft::Patch;
use kith_domain::violation::Violation;
use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};

use super::SessionsApi;
use crate::operation::{Answer, Operation, delete, get, id_of, id_schema, post};
use crate::people::shown;
use crate::{auth, body, reply, secret};

/// The tag of these operations.
pub(super) const TAG: &str = "sessions";

pub(super) fn operations() -> Vec<Operation<SessionsApi>> {
    vec![
        post(
            "/sign-in",
            [
                "signIn",
                "Sign in",
                "Opens a session for whoever shows an address and its password, and sets its cookie, `kith_session`. A session lasts 7 days from its last use. Whether there is no such account or the password is another one is not told.",
            ],
        )
        .takes("SignIn")
        .answers(200, "Who signed in.", reference("User"))
        .fails([401, 403, 429])
        .does_for_anyone(sign_in),
        post(
            "/sign-up",
            [
                "signUp",
                "Sign up",
                "With `token`, makes a user of somebody who was invited; with `companyName` and `email`, makes a company and its administrator, if the server is open to everybody. Signs them in.",
            ],
        )
        .takes("SignUp")
        .answers(201, "The new user, with the cookie of their session.", reference("User"))
        .fails([403, 404, 409, 429])
        .does_for_anyone(sign_up),
        post(
            "/sign-out",
            [
                "signOut",
                "Sign out",
                "Ends the session that the request came with, and makes the browser forget its cookie. With an API key there is nothing to end.",
            ],
        )
        .does(sign_out),
        get(
            "/sessions",
            [
                "listSessions",
                "List the caller's sessions",
                "Oldest first. Not for keys that have scopes or expire.",
            ],
        )
        .answers(200, "The sessions.", array("The sessions.", reference("Session")))
        .does(list),
        delete(
            "/sessions/:id",
            [
                "deleteSession",
                "End one of the caller's sessions",
                "It is worth nothing from then on. Not for keys that have scopes or expire.",
            ],
        )
        .of("The session.")
        .answers(
            200,
            "The id of the ended session.",
            id_schema("The id of the ended session."),
        )
        .does(revoke),
    ]
}

async fn sign_in(api: Arc<SessionsApi>, mut request: Request) -> Answer {
    api.door.require_no_other_origin(&request)?;
    let body = body::json(&mut request).await?;
    let [email, password] = people::sign_in(body.bytes())
        .map_err(Problem::from)?
        .into_inner();
    let sign_ins = &api.door.limits.sign_ins;
    let attempt = sign_ins.begin(Some(email.trim()), api.address(&request))?;
    let (password, visitor) = (GivenPassword::new(password), api.visitor(&request));
    match api.sessions.sign_in(&email, password, visitor).await? {
        SignIn::Granted(signed_in) => {
            attempt.does_not_count();
            Ok(welcome(&api, StatusCode::OK, &signed_in))
        }
        SignIn::Inactive => Err(auth::inactive("this user is not active")),
        SignIn::Wrong => {
            let detail = "the e-mail address or the password is wrong";
            Err(Problem::new(401, "wrong_credentials", "Unauthorized", detail).into())
        }
    }
}

/// The user, with the cookie of their session.
fn welcome(api: &SessionsApi, status: StatusCode, signed_in: &SignedIn) -> poem::Response {
    let mut response = shown(status, |out| people::write_user(out, &signed_in.user));
    set_cookie(&mut response, api.door.cookie(signed_in.token.reveal()));
    response
}

fn set_cookie(response: &mut poem::Response, cookie: String) {
    // Letters and digits are always a valid header value.
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

async fn sign_up(api: Arc<SessionsApi>, mut request: Request) -> Answer {
    api.door.require_no_other_origin(&request)?;
    let body = body::json(&mut request).await?;
    let mut given = people::sign_up(body.bytes()).map_err(Problem::from)?;
    let is_invited = !matches!(given.token, Patch::Absent | Patch::Null);
    if let Err(denial) = api.sessions.admits(is_invited) {
        return Err(kith_application::Error::from(denial).into());
    }
    let problems = &mut given.founding.joining.problems;
    let password = secret::chosen("password", given.password, problems);
    if is_invited {
        for (name, patch) in [
            ("companyName", &given.founding.company),
            ("email", &given.founding.email),
        ] {
            if !matches!(patch, Patch::Absent | Patch::Null) {
                let message = format!("`{name}` is not for those who were invited; leave it out");
                problems.push(Violation::new(format!("/{name}"), "invalid", message));
            }
        }
    }
    let token = match given.token {
        Patch::Set(token) => Some(token),
        Patch::Absent | Patch::Null | Patch::Unreadable => None,
    };
    let founding = given.founding;
    let is_fine = founding.joining.problems.is_empty();
    let entrance = match token {
        Some(token) => Entrance::Invitation(token, founding.joining.clone()),
        None => Entrance::Founding(founding.clone()),
    };
    let Some(password) = password.filter(|_| is_fine) else {
        // Everything that is wrong is told at once, with what the rest of the body lacks.
        let problems = if is_invited {
            founding.joining.problems()
        } else {
            founding.problems()
        };
        return Err(Problem::invalid(problems).into());
    };
    let sign_ins = &api.door.limits.sign_ins;
    let attempt = sign_ins.begin(None, api.address(&request))?;
    let visitor = api.visitor(&request);
    let signed_in = api.sessions.sign_up(entrance, password, visitor).await?;
    if is_invited {
        // Companies can be founded without end; invitations are given by somebody.
        attempt.does_not_count();
    }
    Ok(welcome(&api, StatusCode::CREATED, &signed_in))
}

async fn sign_out(api: Arc<SessionsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let mut response = poem::Response::default();
    response.set_status(StatusCode::NO_CONTENT);
    if let Some(session) = auth::current_session(&request) {
        api.sessions.sign_out(&actor, session).await?;
        set_cookie(&mut response, api.door.no_cookie());
    }
    Ok(response)
}

async fn list(api: Arc<SessionsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let current = auth::current_session(&request);
    let sessions = api.sessions.list(&actor).await?;
    Ok(shown(StatusCode::OK, |out| {
        json::array(out, &sessions, |out, session| {
            people::write_session(out, session, Some(session.id) == current);
        });
    }))
}

async fn revoke(api: Arc<SessionsApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, "session")?;
    api.sessions.revoke(&actor, id).await?;
    Ok(reply::id(id))
}
