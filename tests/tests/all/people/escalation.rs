//! Ways to get further than one is, each of which is refused.

use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use super::{join, key_with, role, role_named};
use crate::{id, text};

crate::scenarios!(
    one_s_own_role_is_not_edited,
    nobody_grants_what_they_do_not_hold,
    nobody_assigns_a_higher_role,
    nobody_changes_a_higher_user,
    a_key_does_not_make_or_get_a_wider_one,
    keys_of_higher_users_are_left_alone,
    what_was_given_out_does_not_rise_with_its_owner,
);

/// What those hold who run the people of a company without being administrators.
const LEAD: [&str; 10] = [
    "contacts:readAll",
    "contacts:create",
    "users:readAll",
    "users:create",
    "users:update",
    "users:delete",
    "api:create",
    "api:readAll",
    "api:update",
    "api:delete",
];

async fn lead(server: &TestServer) -> (Api, String) {
    let role = role(&server.api, "Lead", &LEAD).await;
    (
        join(server, &server.api, "lea@example.com", &role).await,
        role,
    )
}

/// Expects 403, and gives the words.
async fn refused(api: &Api, method: &str, path: &str, body: &Value) -> String {
    let reply = api.call(method, path, body).await.unwrap();
    let problem = reply.expect(403);
    assert_eq!(problem["code"], "forbidden");
    text(&problem, "detail")
}

async fn one_s_own_role_is_not_edited(server: &mut TestServer) {
    let (lea, role) = lead(server).await;
    let path = format!("/roles/{role}");
    let all = json!({"permissions": [{"resource": "auditLog", "action": "readAll"}]});
    for body in [all, json!({"name": "Leads"}), json!({"permissions": []})] {
        let words = refused(&lea, "PUT", &path, &body).await;
        assert!(words.contains("themselves"), "{words}");
    }
    let administrator = role_named(&server.api, "Administrator").await;
    let path = format!("/roles/{administrator}");
    for api in [&server.api, &lea] {
        let words = refused(api, "PUT", &path, &json!({"name": "Root"})).await;
        assert!(words.contains("system role"), "{words}");
        refused(api, "DELETE", &path, &json!({})).await;
    }
}

async fn nobody_grants_what_they_do_not_hold(server: &mut TestServer) {
    let (lea, _) = lead(server).await;
    let permissions = json!([{"resource": "deals", "action": "delete"}]);
    let body = json!({"name": "Seller", "permissions": permissions});
    let words = refused(&lea, "POST", "/roles", &body).await;
    assert!(words.contains("deals:delete"), "{words}");
    let helper = role(&lea, "Helper", &["contacts:readOwn"]).await;
    let body = json!({"permissions": permissions});
    refused(&lea, "PUT", &format!("/roles/{helper}"), &body).await;
    // Nor do they take away from roles that allow more.
    let seller = role(&server.api, "Seller", &["deals:delete"]).await;
    let path = format!("/roles/{seller}");
    refused(&lea, "PUT", &path, &json!({"permissions": []})).await;
    refused(&lea, "DELETE", &path, &json!({})).await;
}

async fn nobody_assigns_a_higher_role(server: &mut TestServer) {
    let (lea, _) = lead(server).await;
    let administrator = role_named(&lea, "Administrator").await;
    let helper = role(&lea, "Helper", &["contacts:readAll"]).await;
    let eva = join(server, &lea, "eva@example.com", &helper).await;
    let body = json!({"roleId": administrator});
    for path in [
        "/users/me".to_owned(),
        format!("/users/{}", lea.user),
        format!("/users/{}", eva.user),
    ] {
        let words = refused(&lea, "PUT", &path, &body).await;
        assert!(words.contains("grant"), "{words}");
    }
    let words = refused(&eva, "PUT", "/users/me", &body).await;
    assert!(words.contains("users:update"), "{words}");
    let body = json!({"email": "max@example.com", "roleId": administrator});
    let words = refused(&lea, "POST", "/invitations", &body).await;
    assert!(words.contains("grant"), "{words}");
    assert_eq!(
        lea.get("/invitations").await.unwrap().expect(200),
        json!([])
    );
}

async fn nobody_changes_a_higher_user(server: &mut TestServer) {
    let (lea, _) = lead(server).await;
    let administrator = role_named(&lea, "Administrator").await;
    let eva = join(server, &server.api, "eva@example.com", &administrator).await;
    let path = format!("/users/{}", eva.user);
    for body in [json!({"firstName": "X"}), json!({"status": "inactive"})] {
        let words = refused(&lea, "PUT", &path, &body).await;
        assert!(words.contains("more than you"), "{words}");
    }
    let change = json!({"status": "inactive"});
    server
        .api
        .call("PUT", &path, &change)
        .await
        .unwrap()
        .expect(200);
    refused(&lea, "PUT", &path, &json!({"status": "active"})).await;
    eva.get("/users/me").await.unwrap().expect(403);
    // An invitation that an administrator made for a higher role is not theirs to take back either.
    let body = json!({"email": "max@example.com", "roleId": administrator});
    let made = server
        .api
        .call("POST", "/invitations", &body)
        .await
        .unwrap();
    let path = format!("/invitations/{}", id(&made.expect(201)));
    refused(&lea, "DELETE", &path, &json!({})).await;
}

async fn a_key_does_not_make_or_get_a_wider_one(server: &mut TestServer) {
    let api = &server.api;
    let wide = api.get("/api-keys").await.unwrap().expect(200);
    let wide = format!("/api-keys/{}/rotate", id(&wide[0]));
    let scopes = json!([
        "api:create",
        "api:update",
        "api:readAll",
        "contacts:readAll"
    ]);
    let narrow = key_with(api, &json!({"name": "narrow", "scopes": scopes})).await;
    for body in [
        json!({"name": "wider"}),
        json!({"name": "wider", "scopes": "read"}),
        json!({"name": "wider", "scopes": ["contacts:delete"]}),
        json!({"name": "wider", "scopes": ["contacts:readAll", "users:update"]}),
    ] {
        let words = refused(&narrow, "POST", "/api-keys", &body).await;
        assert!(words.contains("cannot give more"), "{words}");
    }
    refused(&narrow, "POST", &wide, &json!({})).await;
    let body = json!({"name": "as narrow", "scopes": ["contacts:readOwn"]});
    let narrower = key_with(&narrow, &body).await;
    refused(&narrower, "POST", "/api-keys", &json!({"name": "x"})).await;
    // A key that ends makes none that outlives it.
    let ending = key_with(
        api,
        &json!({"name": "ending", "expiresAt": "2999-01-01T00:00:00Z"}),
    )
    .await;
    for expiry in [json!(null), json!("2999-01-01T00:00:01Z")] {
        let body = json!({"name": "longer", "expiresAt": expiry});
        refused(&ending, "POST", "/api-keys", &body).await;
    }
    refused(&ending, "POST", &wide, &json!({})).await;
    key_with(
        &ending,
        &json!({"name": "as long", "expiresAt": "2999-01-01T00:00:00Z"}),
    )
    .await;
}

async fn keys_of_higher_users_are_left_alone(server: &mut TestServer) {
    let (lea, _) = lead(server).await;
    let keys = server.api.get("/api-keys").await.unwrap().expect(200);
    let of_ada = keys.as_array().unwrap().iter();
    let mut of_ada = of_ada.filter(|key| text(key, "userId") == server.api.user.to_string());
    let path = format!("/api-keys/{}", id(of_ada.next().unwrap()));
    lea.get(&path).await.unwrap().expect(200);
    refused(&lea, "POST", &format!("{path}/rotate"), &json!({})).await;
    refused(&lea, "PUT", &path, &json!({"name": "x"})).await;
    refused(&lea, "DELETE", &path, &json!({})).await;
    server.api.get("/users/me").await.unwrap().expect(200);
    // Who sees only their own keys finds no others.
    let rights = ["api:create", "api:readOwn", "api:update", "api:delete"];
    let own = role(&server.api, "Own keys", &rights).await;
    let eva = join(server, &server.api, "eva@example.com", &own).await;
    let seen = eva.get("/api-keys").await.unwrap().expect(200);
    assert_eq!(seen.as_array().unwrap().len(), 1);
    for (method, path) in [
        ("GET", path.clone()),
        ("PUT", path.clone()),
        ("DELETE", path),
    ] {
        let reply = eva
            .call(method, &path, &json!({"name": "x"}))
            .await
            .unwrap();
        reply.expect(404);
    }
}

/// A link for somebody's password, or a key of theirs, in the hands of one who may do as much, but not more.
async fn what_was_given_out_does_not_rise_with_its_owner(server: &mut TestServer) {
    let api = &server.api;
    let (lea, _) = lead(server).await;
    let reader = role(api, "Reader", &["users:readAll"]).await;
    let higher = role(api, "Higher", &["users:readAll", "auditLog:readAll"]).await;
    let administrator = role_named(api, "Administrator").await;
    let zoe = join(server, api, "zoe@example.com", &reader).await;
    let path = format!("/users/{}/password-reset", zoe.user);
    let link = async || {
        let given = lea.call("POST", &path, &json!({})).await.unwrap();
        text(&given.expect(201), "token")
    };
    let complete = async |token: String| {
        let body = json!({"token": token, "newPassword": "chosen by another"});
        let path = "/password-reset/complete";
        api.call("POST", path, &body).await.unwrap()
    };
    let by_role = link().await;
    let permissions = json!({"permissions": [{"resource": "users", "action": "readAll"},
        {"resource": "company", "action": "update"}]});
    let of_role = format!("/roles/{reader}");
    let changed = api.call("PUT", &of_role, &permissions).await.unwrap();
    changed.expect(200);
    complete(by_role).await.expect(404);
    let keys = lea.get("/api-keys").await.unwrap().expect(200);
    let theirs = zoe.user.to_string();
    let mut keys = keys.as_array().unwrap().iter();
    let key = keys.find(|key| key["userId"] == theirs.as_str()).map(id);
    let back = json!({"permissions": [{"resource": "users", "action": "readAll"}]});
    let changed = api.call("PUT", &of_role, &back).await.unwrap();
    changed.expect(200);
    let rotate = format!("/api-keys/{}/rotate", key.unwrap());
    let words = refused(&lea, "POST", &rotate, &json!({})).await;
    assert!(words.contains("owner only"), "{words}");

    let by_promotion = link().await;
    for role in [&higher, &administrator] {
        let body = json!({ "roleId": role });
        let path = format!("/users/{}", zoe.user);
        api.call("PUT", &path, &body).await.unwrap().expect(200);
    }
    complete(by_promotion).await.expect(404);
}
