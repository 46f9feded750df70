//! A `POST` with a key runs once.

use poem::http::Method;
use serde_json::json;

use crate::world::{KEY, Reply, World};

async fn post(world: &World, path: &str, key: &str, body: &str) -> Reply {
    let headers = [
        ("x-api-key", KEY),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    world
        .send(Method::POST, &format!("/api/v1{path}"), &headers, body)
        .await
}

#[tokio::test]
async fn a_repeat_gets_the_first_response() {
    let world = World::new();
    let first = post(&world, "/tasks", "k1", r#"{"name": "T"}"#).await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (201, None)
    );
    let again = post(&world, "/tasks", "k1", r#"{"name": "T"}"#).await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, Some("true"))
    );
    assert_eq!(
        (again.header("etag"), &again.body),
        (first.header("etag"), &first.body)
    );
    assert_eq!(again.header("content-type"), Some("application/json"));
    let other = post(&world, "/tasks", "k2", r#"{"name": "T"}"#).await;
    assert_ne!(other.json()["id"], first.json()["id"]);
}

#[tokio::test]
async fn the_key_of_another_request_is_refused() {
    let world = World::new();
    post(&world, "/tasks", "k", r#"{"name": "T"}"#).await;
    assert_eq!(
        post(&world, "/tasks", "k", r#"{"name": "U"}"#)
            .await
            .problems(422),
        []
    );
    assert_eq!(
        post(&world, "/organizations", "k", r#"{"name": "T"}"#)
            .await
            .problems(422),
        []
    );
}

#[tokio::test]
async fn a_refused_request_may_be_mended_under_its_key() {
    let world = World::new();
    assert_eq!(post(&world, "/tasks", "k", "{}").await.status, 400);
    assert_eq!(
        post(&world, "/tasks", "k", r#"{"name": "T"}"#).await.status,
        201
    );
}

#[tokio::test]
async fn keys_have_1_to_255_characters() {
    let world = World::new();
    assert_eq!(
        post(&world, "/tasks", &"k".repeat(256), r#"{"name": "T"}"#)
            .await
            .problems(400),
        []
    );
    assert_eq!(
        post(&world, "/tasks", "", r#"{"name": "T"}"#)
            .await
            .problems(400),
        []
    );
    assert_eq!(
        post(&world, "/tasks", &"k".repeat(255), r#"{"name": "T"}"#)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn linking_and_appending_run_once_too() {
    let world = World::new();
    let contact = world.made("/contacts", &json!({"firstName": "A"})).await;
    let deal = world.made("/deals", &json!({"name": "D"})).await;
    for (path, body) in [
        (
            format!("/contacts/{contact}/links/deals"),
            json!({"ids": [deal]}).to_string(),
        ),
        (
            format!("/contacts/{contact}/notes/append"),
            json!({"notes": "x"}).to_string(),
        ),
        (
            "/contacts/many".to_owned(),
            json!({"contacts": [{"firstName": "B"}]}).to_string(),
        ),
    ] {
        let first = post(&world, &path, &path, &body).await;
        let again = post(&world, &path, &path, &body).await;
        assert_eq!(
            again.header("idempotency-replayed"),
            Some("true"),
            "{path}: {}",
            again.body
        );
        assert_eq!((again.status, again.body), (first.status, first.body));
    }
}
