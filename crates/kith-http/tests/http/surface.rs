//! What every request meets: keys, rights, request ids, failures, signs of life.

use std::sync::Arc;

use poem::http::Method;
use serde_json::json;

use crate::world::{Broken, KEY, World};

#[tokio::test]
async fn callers_need_a_key() {
    let world = World::new();
    let authorization = format!("bearer {KEY}");
    for (headers, status) in [
        (vec![], 401),
        (vec![("x-api-key", "wrong")], 401),
        (vec![("authorization", "Basic abc")], 401),
        (vec![("x-api-key", "inactive-key")], 403),
        (vec![("x-api-key", KEY)], 404),
        (vec![("authorization", authorization.as_str())], 404),
    ] {
        let path = "/api/v1/tasks/0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
        let reply = world.send(Method::GET, path, &headers, "").await;
        assert_eq!(reply.problems(status), [], "{headers:?}");
        assert_eq!(
            reply.header("www-authenticate").is_some(),
            status == 401,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let world = World::new();
    let headers = [
        ("x-api-key", "powerless-key"),
        ("content-type", "application/json"),
    ];
    let reply = world
        .send(Method::POST, "/api/v1/tasks", &headers, r#"{"name": "T"}"#)
        .await;
    assert_eq!(reply.problems(403), []);
    assert!(reply.body.contains("tasks:create"), "{}", reply.body);
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let world = World::new();
    let one = world.get("/nothing").await;
    let other = world.send(Method::GET, "/healthz", &[], "").await;
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    for (given, kept) in [
        ("abc-1_2.3", true),
        ("a b", false),
        ("<script>", false),
        (&*"x".repeat(129), false),
    ] {
        let reply = world
            .send(Method::GET, "/healthz", &[("x-request-id", given)], "")
            .await;
        assert_eq!(reply.header("x-request-id") == Some(given), kept, "{given}");
    }
}

#[tokio::test]
async fn methods_that_a_path_lacks_are_answered_with_those_it_has() {
    let world = World::new();
    let reply = world.call(Method::DELETE, "/contacts", "").await;
    assert_eq!(reply.problems(405), []);
    assert_eq!(reply.header("allow"), Some("POST"));
    let head = world.send(Method::HEAD, "/healthz", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn failures_show_nothing_of_the_inside() {
    for (broken, status) in [
        (Broken::Panicking, 500),
        (Broken::Failing, 500),
        (Broken::Busy, 503),
    ] {
        let world = World::over(Arc::new(broken));
        let reply = world.post("/tasks", &json!({"name": "T"})).await;
        assert_eq!(reply.problems(status), []);
        assert!(!reply.body.contains("secret"), "{}", reply.body);
        assert_eq!(reply.header("retry-after"), (status == 503).then_some("1"));
    }
}

#[tokio::test]
async fn the_server_tells_how_it_is_and_what_it_offers() {
    let world = World::new();
    for path in [
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/openapi-3.0.json",
    ] {
        let reply = world.send(Method::GET, path, &[], "").await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/json")),
            "{path}"
        );
        reply.json();
    }
    for path in [
        "/docs",
        "/docs/start.js",
        "/docs/reference.js",
        "/docs/reference.css",
    ] {
        let reply = world.send(Method::GET, path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self'"), "{path}");
    }
}
