//! API keys.

use std::sync::Arc;

use kith_api_types::schema::{array, reference};
use kith_api_types::{Problem, json, people};
use kith_domain::actor::Actor;
use poem::Request;
use poem::http::StatusCode;

use super::{PeopleApi, shown};
use crate::operation::{Answer, Operation, delete, get, id_of, id_schema, post, put};
use crate::{body, reply};

/// The tag of these operations.
pub(super) const TAG: &str = "api-keys";

const KEY: &str = "API key";

pub(super) fn operations() -> Vec<Operation<PeopleApi>> {
    let key = || reference("ApiKey");
    vec![
        get(
            "/api-keys",
            [
                "listApiKeys",
                "List the keys",
                "Oldest first: all of the company with api:readAll, one's own with api:readOwn. Of a key only its beginning is shown.",
            ],
        )
        .tagged(TAG)
        .answers(200, "The keys.", array("The keys.", key()))
        .does(list),
        post(
            "/api-keys",
            [
                "createApiKey",
                "Create a key",
                "A key of the caller. It acts as its owner, with the owner's rights of the moment within its scopes. Needs api:create. A key that has scopes or ends cannot make one that reaches further.",
            ],
        )
        .tagged(TAG)
        .takes("ApiKeyCreate")
        .answers(
            201,
            "The new key with its secret, which is shown this once.",
            reference("ApiKeyWithSecret"),
        )
        .fails([409])
        .does(create),
        get("/api-keys/:id", ["getApiKey", "Get a key", "One key."])
            .tagged(TAG)
            .of("The key.")
            .answers(200, "The key.", key())
            .does(one),
        put(
            "/api-keys/:id",
            [
                "updateApiKey",
                "Rename a key",
                "Scopes and expiry are fixed. Needs api:update.",
            ],
        )
        .or_patch("patchApiKey", "Rename a key (PATCH)")
        .tagged(TAG)
        .of("The key.")
        .takes("ApiKeyUpdate")
        .answers(200, "The key as it now is.", key())
        .does(rename),
        post(
            "/api-keys/:id/rotate",
            [
                "rotateApiKey",
                "Give a key a new secret",
                "The old one is worth nothing from then on. Needs api:update.",
            ],
        )
        .tagged(TAG)
        .of("The key.")
        .answers(
            200,
            "The key with its new secret, which is shown this once.",
            reference("ApiKeyWithSecret"),
        )
        .does(rotate),
        delete(
            "/api-keys/:id",
            [
                "deleteApiKey",
                "Revoke a key",
                "It is worth nothing from then on. Needs api:delete.",
            ],
        )
        .tagged(TAG)
        .of("The key.")
        .answers(
            200,
            "The id of the revoked key.",
            id_schema("The id of the revoked key."),
        )
        .does(revoke),
    ]
}

async fn list(api: Arc<PeopleApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let keys = api.people.keys(&actor).await?;
    Ok(shown(StatusCode::OK, |out| {
        json::array(out, &keys, |out, key| people::write_key(out, key, None));
    }))
}

async fn create(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = people::key(body.bytes()).map_err(Problem::from)?;
    let (key, secret) = api.people.create_key(&actor, draft).await?;
    Ok(shown(StatusCode::CREATED, |out| {
        people::write_key(out, &key, Some(secret.reveal()));
    }))
}

async fn one(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let key = api.people.key(&actor, id_of(&request, KEY)?).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_key(out, &key, None);
    }))
}

async fn rename(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let id = id_of(&request, KEY)?;
    let body = body::json(&mut request).await?;
    let draft = people::key_name(body.bytes()).map_err(Problem::from)?;
    let key = api.people.rename_key(&actor, id, draft).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_key(out, &key, None);
    }))
}

async fn rotate(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, KEY)?;
    let (key, secret) = api.people.rotate_key(&actor, id).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_key(out, &key, Some(secret.reveal()));
    }))
}

async fn revoke(api: Arc<PeopleApi>, actor: Arc<Actor>, request: Request) -> Answer {
    let id = id_of(&request, KEY)?;
    api.people.revoke_key(&actor, id).await?;
    Ok(reply::id(id))
}
