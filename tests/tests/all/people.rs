//! The company, its people, roles, invitations and keys (contract, section 1).

mod escalation;

use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::{id, text};

crate::scenarios!(
    the_company_is_read_and_changed,
    people_join_by_invitation,
    roles_are_made_changed_and_deleted,
    keys_are_made_rotated_and_revoked,
    a_change_holds_for_the_next_request,
    nobody_sees_another_company,
    the_last_of_two_administrators_stays,
    changes_are_logged_without_secrets,
);

/// A password for tests.
const PASSWORD: &str = "correct horse battery";

/// A role with rights by name.
pub(crate) async fn role(api: &Api, name: &str, rights: &[&str]) -> String {
    let permissions: Vec<_> = rights
        .iter()
        .map(|right| {
            let (resource, action) = right.split_once(':').unwrap();
            json!({"resource": resource, "action": action})
        })
        .collect();
    let body = json!({"name": name, "permissions": permissions});
    id(&api.call("POST", "/roles", &body).await.unwrap().expect(201))
}

/// The id of a role by its name.
async fn role_named(api: &Api, name: &str) -> String {
    let roles = api.get("/roles").await.unwrap().expect(200);
    let mut roles = roles.as_array().unwrap().iter();
    id(roles.find(|role| role["name"] == name).unwrap())
}

/// Somebody who was invited and has accepted, with a key.
pub(crate) async fn join(server: &TestServer, api: &Api, email: &str, role: &str) -> Api {
    let body = json!({"email": email, "roleId": role});
    let invitation = api.call("POST", "/invitations", &body).await.unwrap();
    let token = text(&invitation.expect(201), "token");
    let body =
        json!({"token": token, "firstName": "Eva", "lastName": "Lind", "password": PASSWORD});
    let head = "content-type: application/json\r\n";
    let path = "/api/v1/invitations/accept";
    let reply = api
        .send_raw("POST", path, head, body.to_string().as_bytes())
        .await
        .unwrap();
    let user = id(&reply.expect(201)).parse().unwrap();
    let key = server.key_of(email).unwrap();
    api.with_key(user, &key)
}

/// A key of a caller, as a caller.
async fn key_with(api: &Api, body: &Value) -> Api {
    let made = api.call("POST", "/api-keys", body).await.unwrap();
    api.with_key(api.user, &text(&made.expect(201), "key"))
}

async fn the_company_is_read_and_changed(server: &mut TestServer) {
    let api = &server.api;
    let company = api.get("/company").await.unwrap().expect(200);
    assert_eq!(company["name"], "Analytical Engines");
    assert_eq!(company["currency"], "EUR");
    let change =
        json!({"country": "de", "currency": "CHF", "phone": "030 1234567", "postalCode": "10115"});
    let changed = api.call("PUT", "/company", &change).await.unwrap();
    let changed = changed.expect(200);
    assert_eq!(changed["country"], "DE");
    assert_eq!(changed["phone"], "+49301234567");
    let back = api.call("PATCH", "/company", &changed).await.unwrap();
    assert_eq!(back.expect(200), changed, "what was read is sent back");
    let wrong = json!({"country": "Atlantis", "nmae": "x"});
    let refused = api.call("PUT", "/company", &wrong).await.unwrap();
    assert_eq!(refused.expect(400)["errors"].as_array().unwrap().len(), 2);
}

async fn people_join_by_invitation(server: &mut TestServer) {
    let api = &server.api;
    let member = role_named(api, "Member").await;
    let body = json!({"email": "Eva@Example.com", "roleId": member});
    let made = api.call("POST", "/invitations", &body).await.unwrap();
    let made = made.expect(201);
    let listed = api.get("/invitations").await.unwrap();
    assert!(!listed.text().contains(&text(&made, "token")));
    assert_eq!(listed.expect(200)[0]["id"], made["id"]);
    let again = api.call("POST", "/invitations", &body).await.unwrap();
    assert_eq!(again.expect(409)["errors"][0]["code"], "already_invited");

    let accept = async |token: &str, password: &str| {
        let body = json!({"token": token, "firstName": "Eva", "password": password});
        let head = "content-type: application/json\r\n";
        let path = "/api/v1/invitations/accept";
        api.send_raw("POST", path, head, body.to_string().as_bytes())
            .await
            .unwrap()
    };
    accept("no such token", PASSWORD).await.expect(404);
    let token = text(&made, "token");
    let short = accept(&token, "short").await.expect(400);
    assert_eq!(short["errors"][0]["pointer"], "/password");
    let user = accept(&token, PASSWORD).await.expect(201);
    assert_eq!(user["email"], "Eva@example.com");
    assert_eq!(user["status"], "active");
    accept(&token, PASSWORD).await.expect(404);
    let again = api.call("POST", "/invitations", &body).await.unwrap();
    assert_eq!(again.expect(409)["errors"][0]["code"], "already_member");

    let body = json!({"email": "max@example.com", "roleId": member});
    let made = api.call("POST", "/invitations", &body).await.unwrap();
    let made = made.expect(201);
    let path = format!("/invitations/{}", id(&made));
    api.delete(&path).await.unwrap().expect(200);
    api.get(&path).await.unwrap().expect(404);
    accept(&text(&made, "token"), PASSWORD).await.expect(404);

    // An address with an account elsewhere is told to whoever holds the token only.
    let other = server.another_company("Difference Engines").unwrap();
    let theirs = role_named(&other, "Member").await;
    let body = json!({"email": "EVA@example.com", "roleId": theirs});
    let made = other.call("POST", "/invitations", &body).await.unwrap();
    let taken = accept(&text(&made.expect(201), "token"), PASSWORD).await;
    assert_eq!(taken.expect(409)["errors"][0]["code"], "email_taken");
}

async fn roles_are_made_changed_and_deleted(server: &mut TestServer) {
    let api = &server.api;
    let seller = role(api, "Seller", &["deals:readOwn", "users:readOwn"]).await;
    let path = format!("/roles/{seller}");
    let body = json!({"name": "SELLER"});
    let taken = api.call("POST", "/roles", &body).await.unwrap();
    assert_eq!(taken.expect(409)["errors"][0]["code"], "name_taken");
    let body = json!({"description": "Sells", "permissions": [{"resource": "deals", "action": "readAll"}]});
    let changed = api.call("PATCH", &path, &body).await.unwrap().expect(200);
    assert_eq!(changed["permissions"], body["permissions"]);
    let back = api.call("PUT", &path, &changed).await.unwrap();
    assert_eq!(back.expect(200), changed);
    let wrong =
        json!({"permissions": [{"resource": "boats", "action": "sail"}, {"action": "update"}]});
    let refused = api.call("PUT", &path, &wrong).await.unwrap().expect(400);
    assert_eq!(refused["errors"].as_array().unwrap().len(), 3);

    join(server, api, "eva@example.com", &seller).await;
    let used = api.delete(&path).await.unwrap().expect(409);
    assert!(text(&used, "detail").contains("1 users"), "{used}");
    let unused = role(api, "Unused", &[]).await;
    let path = format!("/roles/{unused}");
    api.delete(&path).await.unwrap().expect(200);
    api.delete(&path).await.unwrap().expect(404);
}

async fn keys_are_made_rotated_and_revoked(server: &mut TestServer) {
    let api = &server.api;
    let body =
        json!({"name": "CI", "scopes": ["contacts:readAll"], "expiresAt": "2999-01-01T00:00:00Z"});
    let made = api.call("POST", "/api-keys", &body).await.unwrap();
    let made = made.expect(201);
    let secret = text(&made, "key");
    assert_eq!(secret[..6], text(&made, "prefix"));
    let ci = api.with_key(api.user, &secret);
    ci.call("POST", "/contacts/search", &json!({}))
        .await
        .unwrap()
        .expect(200);
    let body = json!({"firstName": "X"});
    let refused = ci
        .call("POST", "/contacts", &body)
        .await
        .unwrap()
        .expect(403);
    assert!(text(&refused, "detail").contains("contacts:create"));

    let path = format!("/api-keys/{}", id(&made));
    let shown = api.get(&path).await.unwrap();
    assert!(!shown.text().contains(&secret));
    let shown = shown.expect(200);
    assert!(shown["lastUsedAt"].is_string(), "{shown}");
    assert_eq!(shown["scopes"], json!(["contacts:readAll"]));
    let named = api
        .call("PUT", &path, &json!({"name": "Build"}))
        .await
        .unwrap();
    assert_eq!(named.expect(200)["name"], "Build");
    let fixed = api
        .call("PUT", &path, &json!({"scopes": "read"}))
        .await
        .unwrap();
    assert_eq!(fixed.expect(400)["errors"][0]["code"], "unknown_member");

    let rotated = api
        .call("POST", &format!("{path}/rotate"), &json!({}))
        .await
        .unwrap();
    let rotated = api.with_key(api.user, &text(&rotated.expect(200), "key"));
    ci.get("/users/me").await.unwrap().expect(401);
    rotated.get("/users/me").await.unwrap().expect(200);
    api.delete(&path).await.unwrap().expect(200);
    rotated.get("/users/me").await.unwrap().expect(401);
    api.get(&path).await.unwrap().expect(404);

    let reader = key_with(api, &json!({"name": "Reader", "scopes": "read"})).await;
    reader.get("/roles").await.unwrap().expect(200);
    let body = json!({"firstName": "X"});
    for (method, path) in [
        ("PUT", "/users/me"),
        ("POST", "/contacts"),
        ("PUT", "/company"),
    ] {
        let refused = reader.call(method, path, &body).await.unwrap();
        refused.expect(403);
    }
}

async fn a_change_holds_for_the_next_request(server: &mut TestServer) {
    let api = &server.api;
    let writer = role(api, "Writer", &["contacts:create"]).await;
    let reader = role(api, "Reader", &["contacts:readAll"]).await;
    let eva = join(server, api, "eva@example.com", &writer).await;
    let path = format!("/users/{}", eva.user);
    let body = json!({"firstName": "X"});
    eva.create("contacts", &body).await.unwrap().expect(201);
    let change = json!({"roleId": reader});
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    eva.create("contacts", &body).await.unwrap().expect(403);
    let rights = json!({"permissions": [{"resource": "contacts", "action": "create"}]});
    let role = format!("/roles/{reader}");
    api.call("PUT", &role, &rights).await.unwrap().expect(200);
    eva.create("contacts", &body).await.unwrap().expect(201);
    let change = json!({"status": "inactive"});
    api.call("PATCH", &path, &change).await.unwrap().expect(200);
    let refused = eva.create("contacts", &body).await.unwrap().expect(403);
    assert_eq!(refused["code"], "inactive_user");
    eva.get("/users/me").await.unwrap().expect(403);
    let change = json!({"status": "active"});
    api.call("PATCH", &path, &change).await.unwrap().expect(200);
    eva.create("contacts", &body).await.unwrap().expect(201);
}

async fn nobody_sees_another_company(server: &mut TestServer) {
    let api = &server.api;
    let other = server.another_company("Difference Engines").unwrap();
    let role_there = role_named(&other, "Member").await;
    let invitation = json!({"email": "eva@example.com", "roleId": role_there});
    let invitation = other
        .call("POST", "/invitations", &invitation)
        .await
        .unwrap();
    let keys = other.get("/api-keys").await.unwrap().expect(200);
    let nowhere = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
    for (kind, theirs) in [
        ("users", other.user.to_string()),
        ("roles", role_there.clone()),
        ("invitations", id(&invitation.expect(201))),
        ("api-keys", id(&keys[0])),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let body = json!({"name": "x"});
            let body = if kind == "users" {
                json!({"firstName": "x"})
            } else {
                body
            };
            let mut answers = Vec::new();
            for id in [theirs.as_str(), nowhere] {
                let reply = api
                    .call(method, &format!("/{kind}/{id}"), &body)
                    .await
                    .unwrap();
                assert!(matches!(reply.status, 404 | 405), "{method} {kind}");
                let text = reply.text().replace(id, "ID");
                let request = text.find("\"requestId\"");
                answers.push(request.map_or(text.clone(), |at| text[..at].to_owned()));
            }
            assert_eq!(answers[0], answers[1], "{method} {kind}");
        }
    }
    let assign = json!({"roleId": role_there});
    let path = format!("/users/{}", api.user);
    api.call("PUT", &path, &assign).await.unwrap().expect(404);
}

async fn the_last_of_two_administrators_stays(server: &mut TestServer) {
    let api = &server.api;
    let administrator = role_named(api, "Administrator").await;
    let eva = join(server, api, "eva@example.com", &administrator).await;
    let paths = [api, &eva].map(|caller| format!("/users/{}", caller.user));
    let change = json!({"status": "inactive"});
    for round in 0..6 {
        // At once each makes the other inactive, or themselves.
        let crossed = round % 2;
        let (by_ada, by_eva) = tokio::join!(
            api.call("PUT", &paths[crossed], &change),
            eva.call("PUT", &paths[1 - crossed], &change)
        );
        let mut statuses = [by_ada.unwrap().status, by_eva.unwrap().status];
        statuses.sort_unstable();
        // Whoever was later is inactive, or would have left nobody.
        assert_eq!(statuses, [200, if crossed == 1 { 403 } else { 409 }]);
        let rest = if api.get("/users/me").await.unwrap().status == 200 {
            (api, &paths[1])
        } else {
            (&eva, &paths[0])
        };
        let change = json!({"status": "active"});
        rest.0
            .call("PUT", rest.1, &change)
            .await
            .unwrap()
            .expect(200);
    }
    let path = format!("/users/{}", eva.user);
    let change = json!({"status": "inactive"});
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    for change in [
        json!({"status": "inactive"}),
        json!({"roleId": role_named(api, "Member").await}),
    ] {
        let refused = api.call("PUT", "/users/me", &change).await.unwrap();
        assert_eq!(
            refused.expect(409)["errors"][0]["code"],
            "last_administrator"
        );
    }
}

async fn changes_are_logged_without_secrets(server: &mut TestServer) {
    let api = &server.api;
    let before = server.events(0).await.unwrap().len();
    let member = role(api, "Helper", &["contacts:readAll"]).await;
    let eva = join(server, api, "eva@example.com", &member).await;
    let path = format!("/users/{}", eva.user);
    let change = json!({"lastName": "Lindqvist", "firstName": "Eva"});
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    let key = api
        .call("POST", "/api-keys", &json!({"name": "CI"}))
        .await
        .unwrap();
    let key = key.expect(201);
    let key_path = format!("/api-keys/{}", id(&key));
    let rotated = api
        .call("POST", &format!("{key_path}/rotate"), &json!({}))
        .await
        .unwrap();
    let rotated = rotated.expect(200);
    api.delete(&key_path).await.unwrap().expect(200);
    api.call("PUT", "/company", &json!({"city": "Berlin"}))
        .await
        .unwrap()
        .expect(200);

    let events = server.events(0).await.unwrap().split_off(before);
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    let expected = [
        "role.created",
        "invitation.created",
        "invitation.accepted",
        "user.created",
        "apiKey.created",
        "user.updated",
        "apiKey.created",
        "apiKey.rotated",
        "apiKey.revoked",
        "company.updated",
    ];
    assert_eq!(names, expected);
    let changes = events[5].changes();
    assert_eq!(
        changes,
        json!({"lastName": {"previous": "Lind", "current": "Lindqvist"}})
    );
    let positions: Vec<_> = events.iter().map(|event| event.position).collect();
    assert!(positions.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let bodies: String = events
        .iter()
        .map(|event| String::from_utf8_lossy(&event.body).into_owned())
        .collect();
    let log = server.log();
    for secret in [
        PASSWORD.to_owned(),
        text(&key, "key"),
        text(&rotated, "key"),
    ] {
        assert!(!bodies.contains(&secret) && !log.contains(&secret));
    }
    assert!(!bodies.contains("argon2"));
}
