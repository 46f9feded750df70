//! Sessions and what keeps them safe: cookies, origins, limits, and answers that keep secrets.

use std::num::NonZeroU32;

use kith_http::Policy;
use poem::http::Method;
use serde_json::{Value, json};

use crate::keys::PASSWORD;
use crate::world::{KEY, Reply, World, policy};

const JSON: (&str, &str) = ("content-type", "application/json");
const ORIGIN: (&str, &str) = ("origin", "https://kith.example");

async fn post(world: &World, path: &str, body: &Value) -> Reply {
    let path = format!("/api/v1{path}");
    world
        .send(Method::POST, &path, &[JSON], body.to_string())
        .await
}

fn code(reply: &Reply) -> String {
    reply.json()["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_shows_the_password_gets_a_cookie() {
    let world = World::new();
    let right = json!({"email": "ada@example.com", "password": PASSWORD});
    let reply = post(&world, "/sign-in", &right).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["email"], "ada@example.com");
    let cookie = reply.header("set-cookie").unwrap();
    let (token, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(token.len(), "kith_session=".len() + 43, "{token}");
    assert_eq!(
        attributes,
        "Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
    );
    assert!(!reply.body.contains(&token["kith_session=".len()..]));

    let mut refusals = Vec::new();
    for (email, password) in [
        ("ada@example.com", "correct horse batterz"),
        ("ada@example.com", ""),
        ("eva@example.com", PASSWORD),
        ("nonsense", PASSWORD),
    ] {
        let body = json!({"email": email, "password": password});
        let reply = post(&world, "/sign-in", &body).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.header("set-cookie"), None);
        let mut problem = reply.json();
        problem["requestId"].take();
        refusals.push(problem);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "who has an account shows: {refusals:?}");
}

#[tokio::test]
async fn a_cookie_needs_an_origin_where_something_may_change() {
    let world = World::new();
    for (method, path, cookie, origin, status, expected) in [
        (Method::GET, "/users/me", "session", None, 200, None),
        (
            Method::GET,
            "/users/me",
            "inactive-session",
            None,
            403,
            Some("inactive_user"),
        ),
        (
            Method::GET,
            "/users/me",
            "never-there",
            None,
            401,
            Some("unauthorized"),
        ),
        (
            Method::GET,
            "/users/me",
            KEY,
            None,
            401,
            Some("unauthorized"),
        ),
        (
            Method::POST,
            "/contacts",
            "session",
            None,
            403,
            Some("foreign_origin"),
        ),
        (
            Method::POST,
            "/contacts",
            "session",
            Some("null"),
            403,
            Some("foreign_origin"),
        ),
        (
            Method::POST,
            "/contacts",
            "session",
            Some("https://evil.example"),
            403,
            Some("foreign_origin"),
        ),
        (
            Method::POST,
            "/contacts",
            "session",
            Some("https://kith.example"),
            201,
            None,
        ),
        (
            Method::POST,
            "/contacts",
            "never-there",
            None,
            401,
            Some("unauthorized"),
        ),
        (
            Method::POST,
            "/sign-out",
            "session",
            None,
            403,
            Some("foreign_origin"),
        ),
        (
            Method::POST,
            "/sign-out",
            "session",
            Some("https://kith.example"),
            204,
            None,
        ),
    ] {
        let cookie = format!("theme=dark; kith_session={cookie}");
        let mut headers = vec![JSON, ("cookie", &cookie)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let full = format!("/api/v1{path}");
        let reply = world
            .send(method.clone(), &full, &headers, r#"{"firstName":"X"}"#)
            .await;
        assert_eq!(
            reply.status, status,
            "{method} {path} {cookie} {origin:?}: {}",
            reply.body
        );
        if let Some(expected) = expected {
            assert_eq!(code(&reply), expected);
        }
    }
    // A key counts before a cookie, and needs no origin; a token of a session is no key.
    let headers = [JSON, ("cookie", "kith_session=session"), ("x-api-key", KEY)];
    let body = r#"{"firstName":"X"}"#;
    let path = "/api/v1/contacts";
    let reply = world.send(Method::POST, path, &headers, body).await;
    assert_eq!(reply.status, 201);
    let headers = [
        JSON,
        ("cookie", "kith_session=session"),
        ("x-api-key", "session"),
    ];
    let reply = world.send(Method::POST, path, &headers, body).await;
    assert_eq!(reply.status, 401);
    // Nobody is signed in by a page of somebody else.
    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let headers = [JSON, ("origin", "https://evil.example")];
    let path = "/api/v1/sign-in";
    let reply = world.send(Method::POST, path, &headers, body).await;
    assert_eq!((reply.status, &*code(&reply)), (403, "foreign_origin"));
}

#[tokio::test]
async fn a_session_that_is_used_lasts_longer_and_its_browser_is_told() {
    let world = World::new();
    for (path, status) in [("/users/me", 200), ("/contacts/none", 404)] {
        let world = World::new();
        let headers = [("cookie", "kith_session=session-from-an-hour-ago")];
        let path = format!("/api/v1{path}");
        let reply = world.send(Method::GET, &path, &headers, "").await;
        assert_eq!(reply.status, status, "{}", reply.body);
        let cookie = reply.header("set-cookie").unwrap();
        assert!(
            cookie.starts_with("kith_session=session-from-an-hour-ago; ")
                && cookie.contains("Max-Age=604800"),
            "{cookie}"
        );
    }
    let headers = [("cookie", "kith_session=session")];
    let reply = world
        .send(Method::GET, "/api/v1/users/me", &headers, "")
        .await;
    assert_eq!(reply.header("set-cookie"), None);
    let headers = [("cookie", "kith_session=session"), ORIGIN];
    let reply = world
        .send(Method::POST, "/api/v1/sign-out", &headers, "")
        .await;
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_without_it() {
    let world = World::new();
    let path = |path| ("POST", path);
    for ((method, path), body, problems) in [
        (path("/sign-in"), r#"{}"#, vec!["/email", "/password"]),
        (
            path("/sign-in"),
            r#"{"email":"a@b.example","password":["hunter2hunter2"]}"#,
            vec!["/password"],
        ),
        (
            path("/sign-in"),
            r#"{"email":"a@b.example","password":"hunter2hunter2","hunter2":1}"#,
            vec!["/hunter2"],
        ),
        (
            path("/sign-up"),
            r#"{"companyName":"X","email":"x","firstName":"","password":"hunter2"}"#,
            vec!["/firstName", "/email", "/password"],
        ),
        (
            path("/sign-up"),
            r#"{"token":"hunter2hunter2","email":"x","firstName":"X","password":"hunter2hunter2"}"#,
            vec!["/email"],
        ),
        (
            path("/sign-up"),
            r#"{"password":"hunter2hunter2"}"#,
            vec!["/companyName", "/email", "/firstName"],
        ),
        (
            path("/sign-up"),
            r#"{"token":{"x":"hunter2"},"firstName":"X","password":"hunter2hunter2"}"#,
            vec!["/token"],
        ),
        (
            ("PUT", "/users/me/password"),
            r#"{"currentPassword":"hunter2hunter2","newPassword":"hunter2"}"#,
            vec!["/newPassword"],
        ),
        (
            ("PUT", "/users/me/password"),
            r#"{"currentPassword":"hunter2hunter2","newPassword":"hunter2hunter2"}"#,
            vec!["/currentPassword"],
        ),
        (
            path("/password-reset"),
            r#"{"email":["hunter2"]}"#,
            vec!["/email"],
        ),
        (
            path("/password-reset/complete"),
            r#"{"token":"hunter2hunter2","newPassword":"hunter2"}"#,
            vec!["/newPassword"],
        ),
        (
            path("/sign-in"),
            r#"{"email":"a@b.example","password":"hunter2hunter2"#,
            vec![],
        ),
        (path("/sign-in"), r#""hunter2hunter2""#, vec![""]),
        (path("/sign-up"), r#"["hunter2hunter2"]"#, vec![""]),
        (path("/invitations/accept"), r#""hunter2hunter2""#, vec![""]),
        (path("/sign-in"), r#"{"password":hunter2hunter2}"#, vec![]),
    ] {
        let reply = world.call(method.parse().unwrap(), path, body).await;
        let mut found: Vec<_> = reply
            .problems(400)
            .into_iter()
            .map(|(pointer, _)| pointer)
            .collect();
        found.sort();
        let mut problems = problems;
        problems.sort_unstable();
        assert_eq!(found, problems, "{path} {body}: {}", reply.body);
        let shown = reply.body.replace("/hunter2", "").replace("`hunter2`", "");
        assert!(!shown.contains("hunter2"), "{path} {body}: {}", reply.body);
    }
    for (path, body) in [
        (
            "/password-reset/complete",
            json!({"token": "hunter2hunter2", "newPassword": "hunter2hunter2"}),
        ),
        (
            "/sign-up",
            json!({"token": "hunter2hunter2", "firstName": "X", "password": "hunter2hunter2"}),
        ),
    ] {
        let reply = post(&world, path, &body).await;
        assert_eq!(reply.status, 404, "{}", reply.body);
        assert!(!reply.body.contains("hunter2"));
    }
}

#[tokio::test]
async fn who_fails_too_often_waits() {
    let world = World::new();
    let wrong = json!({"email": "ada@example.com", "password": "wrong"});
    let right = json!({"email": "ADA@example.com ", "password": PASSWORD});
    for _ in 0..10 {
        assert_eq!(post(&world, "/sign-in", &wrong).await.status, 401);
    }
    for body in [&wrong, &right] {
        let reply = post(&world, "/sign-in", body).await;
        assert_eq!((reply.status, &*code(&reply)), (429, "too_many_requests"));
        let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
    let other = json!({"email": "eva@example.com", "password": "wrong"});
    assert_eq!(post(&world, "/sign-in", &other).await.status, 401);
    for status in [202, 202, 202, 429] {
        let body = json!({"email": "eva@example.com"});
        assert_eq!(post(&world, "/password-reset", &body).await.status, status);
    }
}

#[tokio::test]
async fn requests_of_a_key_are_limited_where_that_is_set() {
    let world = World::set(Policy {
        requests_per_minute: NonZeroU32::new(3),
        ..policy()
    });
    for left in ["2", "1", "0"] {
        let reply = world.get("/contacts/none").await;
        assert_eq!(reply.status, 404, "also where the request fails");
        assert_eq!(reply.header("ratelimit-limit"), Some("3"));
        assert_eq!(reply.header("ratelimit-remaining"), Some(left));
        assert!(reply.header("ratelimit-reset").is_some());
    }
    let reply = world.get("/users/me").await;
    assert_eq!((reply.status, &*code(&reply)), (429, "too_many_requests"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("0"));
    assert!(reply.header("retry-after").is_some());
    let headers = [("x-api-key", "inactive-key")];
    let reply = world
        .send(Method::GET, "/api/v1/users/me", &headers, "")
        .await;
    assert_eq!(reply.status, 403, "who may not act is not counted");
    assert_eq!(
        World::new()
            .get("/users/me")
            .await
            .header("ratelimit-limit"),
        None
    );
}

#[tokio::test]
async fn a_link_leads_to_a_page_that_asks_this_server_alone() {
    let world = World::new();
    let page = world.send(Method::GET, "/password-reset", &[], "").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let script = world
        .send(Method::GET, "/password-reset/page.js", &[], "")
        .await;
    assert!(page.body.contains("/password-reset/page.js"));
    assert!(script.body.contains("/api/v1/password-reset/complete"));
    for file in [&page, &script] {
        let policy = file.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"));
        assert!(!file.body.contains("://"));
    }
}
