//! Signing in and out and up, sessions, passwords and limits (contract, section 1).

mod limits;
pub(crate) mod mail;
mod sign_up;

use std::process::Stdio;

use kith_tests::server::Process;
use kith_tests::{Api, Reply, TestServer, binary};
use serde_json::{Value, json};

use crate::{id, text};

crate::scenarios!(
    people_sign_in_and_out,
    a_session_ends_when_it_is_not_used,
    a_new_password_ends_the_other_sessions,
    a_link_gives_a_new_password_once,
    whoever_is_inactive_is_out,
    the_demo_can_be_signed_in_to,
);

/// The header line of a request from a page of the server.
pub(crate) const ORIGIN: &str = "origin: http://kith\r\n";

/// A password for tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// `POST` without a credential.
pub(crate) async fn post(api: &Api, path: &str, body: &Value) -> Reply {
    let head = "content-type: application/json\r\nuser-agent: test\r\n";
    let path = format!("/api/v1{path}");
    let body = body.to_string();
    api.send_raw("POST", &path, head, body.as_bytes())
        .await
        .unwrap()
}

/// The cookie of an answer, without its attributes.
#[track_caller]
pub(crate) fn cookie(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Signs somebody in; their cookie.
pub(crate) async fn sign_in(api: &Api, email: &str, password: &str) -> String {
    let reply = try_to_sign_in(api, email, password).await;
    reply.expect(200);
    cookie(&reply)
}

async fn try_to_sign_in(api: &Api, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    post(api, "/sign-in", &body).await
}

/// A caller with a cookie instead of a key.
pub(crate) fn with_cookie(api: &Api, cookie: &str) -> Api {
    let mut api = api.clone();
    api.key_line = format!("cookie: {cookie}\r\n{ORIGIN}");
    api
}

/// Gives the administrator of a company, who has none yet, a password; their address.
pub(crate) async fn give_password(api: &Api, password: &str) -> String {
    let path = format!("/users/{}/password-reset", api.user);
    let link = api.call("POST", &path, &json!({})).await.unwrap();
    let body = json!({"token": text(&link.expect(201), "token"), "newPassword": password});
    post(api, "/password-reset/complete", &body)
        .await
        .expect(204);
    let me = api.get("/users/me").await.unwrap().expect(200);
    text(&me, "email")
}

/// A server on the same database with further settings.
pub(crate) fn serving(server: &TestServer, settings: &[(&str, &str)]) -> Process {
    let mut command = binary::command(&server.database.url, &["serve"]).unwrap();
    command
        .env("KITH_LISTEN", "127.0.0.1:0")
        .env("KITH_LOG_FORMAT", "json")
        .envs(settings.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Process::spawn(command).unwrap()
}

async fn people_sign_in_and_out(server: &mut TestServer) {
    let api = &server.api;
    let email = give_password(api, PASSWORD).await;
    for (email, password) in [
        (email.as_str(), "correct horse batterz"),
        ("nobody@example.com", PASSWORD),
    ] {
        let refused = try_to_sign_in(api, email, password).await.expect(401);
        assert_eq!(refused["code"], "wrong_credentials");
    }
    let reply = try_to_sign_in(api, &email.to_uppercase(), PASSWORD).await;
    assert_eq!(id(&reply.expect(200)), api.user.to_string());
    let desk = with_cookie(api, &cookie(&reply));
    let phone = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    assert_eq!(
        desk.get("/users/me").await.unwrap().expect(200)["email"],
        *email
    );
    let body = json!({"firstName": "X"});
    phone.create("contacts", &body).await.unwrap().expect(201);

    let sessions = phone.get("/sessions").await.unwrap().expect(200);
    let shown: Vec<_> = sessions.as_array().unwrap().iter().collect();
    let current: Vec<_> = shown.iter().map(|session| &session["isCurrent"]).collect();
    assert_eq!(current, [false, true]);
    assert_eq!(shown[0]["userAgent"], "test");
    assert_eq!(shown[0]["address"], "127.0.0.1");
    let first = format!("/sessions/{}", id(shown[0]));
    phone.delete(&first).await.unwrap().expect(200);
    desk.get("/users/me").await.unwrap().expect(401);
    phone.delete(&first).await.unwrap().expect(404);

    let reply = phone.call("POST", "/sign-out", &json!({})).await.unwrap();
    reply.expect(204);
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    phone.get("/users/me").await.unwrap().expect(401);
    let events = server.events(0).await.unwrap();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    let of_sessions = names
        .iter()
        .filter(|name| name.starts_with("session.") || name.starts_with("user."));
    assert_eq!(
        of_sessions.copied().collect::<Vec<_>>(),
        [
            "user.passwordResetGranted",
            "user.passwordChanged",
            "session.created",
            "session.created",
            "session.revoked"
        ]
    );
}

async fn a_session_ends_when_it_is_not_used(server: &mut TestServer) {
    let api = &server.api;
    let email = give_password(api, PASSWORD).await;
    // Not used yet, so that nothing is known of them in the server.
    let used = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let sql =
        "UPDATE session SET last_used_at = 1, expires_at = 4000000000000 WHERE company_id = ?";
    let mut database = server.session().await.unwrap();
    database.execute(sql, &[api.company]).await.unwrap();
    let reply = used.get("/users/me").await.unwrap();
    reply.expect(200);
    assert!(cookie(&reply).len() > 20);
    let sessions = used.get("/sessions").await.unwrap();
    assert_eq!(sessions.header("set-cookie"), None, "once an hour");
    let sessions = sessions.expect(200);
    let (last, until) = (
        text(&sessions[0], "lastUsedAt"),
        text(&sessions[0], "expiresAt"),
    );
    assert!(
        last.as_str() > "2026" && until.as_str() < "2090",
        "{sessions}"
    );

    let idle = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let sql = "UPDATE session SET expires_at = 1 WHERE company_id = ?";
    database.execute(sql, &[api.company]).await.unwrap();
    idle.get("/users/me").await.unwrap().expect(401);
    // Signing in clears away what is over.
    let next = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let count = "SELECT count(*) FROM session WHERE company_id = ?";
    let left = database.numbers(count, &[api.company]).await.unwrap();
    assert_eq!(left, [1]);
    next.get("/users/me").await.unwrap().expect(200);
}

async fn a_new_password_ends_the_other_sessions(server: &mut TestServer) {
    let api = &server.api;
    let email = give_password(api, PASSWORD).await;
    let desk = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let phone = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let path = "/users/me/password";
    let body = json!({"currentPassword": "not this one", "newPassword": "another password"});
    let refused = desk.call("PUT", path, &body).await.unwrap().expect(400);
    assert_eq!(refused["errors"][0]["pointer"], "/currentPassword");
    let body = json!({"currentPassword": PASSWORD, "newPassword": "another password"});
    desk.call("PUT", path, &body).await.unwrap().expect(204);
    desk.get("/users/me").await.unwrap().expect(200);
    phone.get("/users/me").await.unwrap().expect(401);
    try_to_sign_in(api, &email, PASSWORD).await.expect(401);
    sign_in(api, &email, "another password").await;
    api.get("/users/me").await.unwrap().expect(200);

    let body = json!({"name": "Reader", "scopes": "read"});
    let key = api.call("POST", "/api-keys", &body).await.unwrap();
    let reader = api.with_key(api.user, &text(&key.expect(201), "key"));
    let body = json!({"currentPassword": "another password", "newPassword": PASSWORD});
    reader.call("PUT", path, &body).await.unwrap().expect(403);
    reader.get("/sessions").await.unwrap().expect(403);
}

async fn a_link_gives_a_new_password_once(server: &mut TestServer) {
    let api = &server.api;
    let email = give_password(api, PASSWORD).await;
    // Now that there is one, a key alone is no way around it.
    let own = format!("/users/{}/password-reset", api.user);
    let refused = api.call("POST", &own, &json!({})).await.unwrap();
    assert!(text(&refused.expect(403), "detail").contains("own password"));

    let lost = with_cookie(api, &sign_in(api, &email, PASSWORD).await);
    let eva = crate::people::join(server, api, "eva@example.com", &{
        let roles = api.get("/roles").await.unwrap().expect(200);
        id(&roles[0])
    })
    .await;
    let given = eva.call("POST", &own, &json!({})).await.unwrap();
    let given = given.expect(201);
    let token = text(&given, "token");
    assert!(text(&given, "link").ends_with(&format!("/password-reset#{token}")));
    let complete = async |token: &str, password: &str| {
        let body = json!({"token": token, "newPassword": password});
        post(api, "/password-reset/complete", &body).await
    };
    complete("no such token", "another password")
        .await
        .expect(404);
    complete(&token, "short").await.expect(400);
    complete(&token, "another password").await.expect(204);
    complete(&token, "yet another one").await.expect(404);
    lost.get("/users/me").await.unwrap().expect(401);
    try_to_sign_in(api, &email, PASSWORD).await.expect(401);
    sign_in(api, &email, "another password").await;
    // Without a mail server nothing is sent, and nobody learns that.
    let body = json!({"email": email});
    post(api, "/password-reset", &body).await.expect(202);
}

async fn whoever_is_inactive_is_out(server: &mut TestServer) {
    let api = &server.api;
    let roles = api.get("/roles").await.unwrap().expect(200);
    let eva = crate::people::join(server, api, "eva@example.com", &id(&roles[1])).await;
    let session = with_cookie(api, &sign_in(api, "eva@example.com", PASSWORD).await);
    session.get("/users/me").await.unwrap().expect(200);
    let path = format!("/users/{}", eva.user);
    let change = json!({"status": "inactive"});
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    let refused = session.get("/users/me").await.unwrap().expect(403);
    assert_eq!(refused["code"], "inactive_user");
    let refused = try_to_sign_in(api, "eva@example.com", PASSWORD).await;
    assert_eq!(refused.expect(403)["code"], "inactive_user");
    try_to_sign_in(api, "eva@example.com", "something else")
        .await
        .expect(401);
    let reset = format!("{path}/password-reset");
    api.call("POST", &reset, &json!({}))
        .await
        .unwrap()
        .expect(409);
    let change = json!({"status": "active"});
    api.call("PUT", &path, &change).await.unwrap().expect(200);
    session.get("/users/me").await.unwrap().expect(200);
}

async fn the_demo_can_be_signed_in_to(server: &mut TestServer) {
    let demo = kith_tests::Database::create(server.database.backend)
        .await
        .unwrap();
    let said = std::env::temp_dir().join(format!("kith-demo-{}", server.api.company));
    let mut command = binary::command(&demo.url, &["serve", "--demo"]).unwrap();
    command
        .env("KITH_LISTEN", "127.0.0.1:0")
        .env("KITH_LOG_FORMAT", "json")
        .stdout(std::fs::File::create(&said).unwrap())
        .stderr(Stdio::piped());
    let process = Process::spawn(command).unwrap();
    let text = std::fs::read_to_string(&said).unwrap();
    std::fs::remove_file(&said).unwrap();
    let line = text.lines().find(|line| line.contains("Sign in:")).unwrap();
    let (_, line) = line.split_once("Sign in: ").unwrap();
    let (email, password) = line.split_once(" with the password ").unwrap();
    let demo = server.api.at(process.address);
    let session = with_cookie(&demo, &sign_in(&demo, email, password).await);
    let found = session
        .call("POST", "/contacts/search", &json!({}))
        .await
        .unwrap();
    assert!(found.expect(200)["pagination"]["total"].as_u64() > Some(10));
}
