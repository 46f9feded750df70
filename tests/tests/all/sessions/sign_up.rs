//! Signing up, where that is open to everybody, to the invited, or to nobody.

use kith_tests::TestServer;
use serde_json::json;

use super::{PASSWORD, cookie, post, serving, sign_in, with_cookie};
use crate::{id, text};

crate::scenarios!(
    the_invited_sign_up,
    companies_are_founded_where_that_is_open,
    nobody_signs_up_where_that_is_closed,
);

async fn the_invited_sign_up(server: &mut TestServer) {
    let api = &server.api;
    let roles = api.get("/roles").await.unwrap().expect(200);
    let body = json!({"email": "eva@example.com", "roleId": id(&roles[1])});
    let invitation = api.call("POST", "/invitations", &body).await.unwrap();
    let token = text(&invitation.expect(201), "token");
    let founding = json!({"companyName": "Eva", "email": "eva@example.com", "firstName": "Eva", "password": PASSWORD});
    let refused = post(api, "/sign-up", &founding).await.expect(403);
    assert!(text(&refused, "detail").contains("invited"));
    let body = json!({"token": token, "firstName": "Eva", "password": PASSWORD});
    let reply = post(api, "/sign-up", &body).await;
    assert_eq!(reply.expect(201)["email"], "eva@example.com");
    let eva = with_cookie(api, &cookie(&reply));
    let me = eva.get("/users/me").await.unwrap().expect(200);
    assert_eq!(me["roleId"], roles[1]["id"]);
    post(api, "/sign-up", &body).await.expect(404);
    sign_in(api, "eva@example.com", PASSWORD).await;
}

async fn companies_are_founded_where_that_is_open(server: &mut TestServer) {
    let open = serving(server, &[("KITH_SIGN_UP", "open")]);
    let api = &server.api.at(open.address);
    let founding = json!({"companyName": "Eva & Co", "email": "eva@example.com", "firstName": "Eva", "lastName": "Lind", "password": PASSWORD});
    let reply = post(api, "/sign-up", &founding).await;
    let user = reply.expect(201);
    let eva = with_cookie(api, &cookie(&reply));
    let company = eva.get("/company").await.unwrap().expect(200);
    assert_eq!(company["name"], "Eva & Co");
    let log = eva.get("/events").await.unwrap().expect(200);
    let names: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["event"])
        .collect();
    assert_eq!(names, ["user.created", "session.created"], "{log}");
    let keys = eva.get("/api-keys").await.unwrap().expect(200);
    assert_eq!(keys, json!([]));
    let found = eva.call("POST", "/users/search", &json!({})).await.unwrap();
    assert_eq!(found.expect(200)["items"], json!([user]));
    let taken = post(api, "/sign-up", &founding).await.expect(409);
    assert_eq!(taken["errors"][0]["code"], "email_taken");
    sign_in(&server.api, "eva@example.com", PASSWORD).await;
}

async fn nobody_signs_up_where_that_is_closed(server: &mut TestServer) {
    let closed = serving(server, &[("KITH_SIGN_UP", "closed")]);
    let api = &server.api.at(closed.address);
    for body in [
        json!({"companyName": "X", "email": "x@example.com", "firstName": "X", "password": PASSWORD}),
        json!({"token": "x", "firstName": "X", "password": PASSWORD}),
    ] {
        post(api, "/sign-up", &body).await.expect(403);
    }
    let body = json!({"token": "x", "firstName": "X", "password": PASSWORD});
    post(api, "/invitations/accept", &body).await.expect(403);
}
