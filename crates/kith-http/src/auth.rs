//! Who is calling: the key of a request (contract, section 1).

use std::sync::Arc;

use kith_api_types::Problem;
use kith_application::Accounts;
use kith_application::accounts::Caller;
use kith_domain::actor::Actor;
use poem::Request;
use poem::http::header;

use crate::reply::Failure;

/// The actor behind the key of a request.
pub(crate) async fn actor(accounts: &Accounts, request: &Request) -> Result<Arc<Actor>, Failure> {
    let key = key(request).ok_or_else(|| {
        unauthorized("this needs an API key, in the header x-api-key or as Authorization: Bearer")
    })?;
    match accounts.authenticate(key).await? {
        Caller::Active(actor) => Ok(actor),
        Caller::Inactive => {
            let detail = "the owner of this API key is not active";
            Err(Problem::new(403, "inactive_user", "Forbidden", detail).into())
        }
        Caller::Unknown => Err(unauthorized("this API key is unknown, revoked or expired")),
    }
}

fn key(request: &Request) -> Option<&str> {
    let headers = request.headers();
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok();
    }
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn unauthorized(detail: &str) -> Failure {
    Problem::new(401, "unauthorized", "Unauthorized", detail).into()
}
