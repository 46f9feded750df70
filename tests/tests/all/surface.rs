//! What every path shares: keys, problems, signs of life (contract, sections 1, 11 and 12).

use kith_tests::{Reply, TestServer};
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    without_a_good_key_nothing_is_possible,
    paths_and_methods_that_are_not_there,
    only_json_is_read,
    every_answer_carries_its_request_id,
    signs_of_life,
);

/// A problem has all its members, its media type, and the id of its request.
#[track_caller]
fn problem(reply: &Reply, status: u16, code: &str) -> Value {
    let problem = reply.expect(status);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(status), &json!(code)),
        "{problem}"
    );
    for member in ["type", "title", "detail", "requestId"] {
        assert!(
            problem[member]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{member}: {problem}"
        );
    }
    assert_eq!(problem["requestId"].as_str(), reply.header("x-request-id"));
    problem
}

async fn without_a_good_key_nothing_is_possible(server: &mut TestServer) {
    let api = &server.api;
    let contact = id(&api
        .create("contacts", &json!({"firstName": "Ada"}))
        .await
        .unwrap()
        .expect(201));
    let wrong = "0".repeat(64);
    for head in [
        String::new(),
        "x-api-key: \r\n".to_owned(),
        format!("x-api-key: {wrong}\r\n"),
        format!("authorization: Bearer {wrong}\r\n"),
        "authorization: Basic YTpi\r\n".to_owned(),
    ] {
        for path in ["contacts", "organizations", "deals", "services", "tasks"] {
            for (method, rest) in [
                ("POST", String::new()),
                ("GET", format!("/{contact}")),
                ("DELETE", "/many".to_owned()),
            ] {
                let path = format!("/api/v1/{path}{rest}");
                let head = format!("{head}content-type: application/json\r\n");
                let reply = api
                    .send_raw(method, &path, &head, br#"{"name": "A"}"#)
                    .await
                    .unwrap();
                problem(&reply, 401, "unauthorized");
                assert!(reply.header("www-authenticate").is_some());
            }
        }
    }
    // Both headers are good for a good key.
    let bearer = api
        .key_line
        .replace("x-api-key: ", "authorization: Bearer ");
    let path = format!("/api/v1/contacts/{contact}");
    api.send_raw("GET", &path, &bearer, b"")
        .await
        .unwrap()
        .expect(200);
    assert_eq!(server.events(0).await.unwrap().len(), 1);
}

async fn paths_and_methods_that_are_not_there(server: &mut TestServer) {
    let api = &server.api;
    for path in [
        "/api/v1/nothing",
        "/api/v2/contacts",
        "/api/v1/contacts/x/y",
        "/nothing",
    ] {
        let reply = api.send_raw("GET", path, &api.key_line, b"").await.unwrap();
        problem(&reply, 404, "not_found");
    }
    let contact = id(&api
        .create("contacts", &json!({"firstName": "Ada"}))
        .await
        .unwrap()
        .expect(201));
    for (method, path, allowed) in [
        ("PUT", "/contacts".to_owned(), vec!["POST"]),
        (
            "POST",
            format!("/contacts/{contact}"),
            vec!["GET", "PUT", "PATCH", "DELETE"],
        ),
        ("GET", format!("/contacts/{contact}/notes"), vec!["PUT"]),
        (
            "PUT",
            format!("/contacts/{contact}/links/deals"),
            vec!["POST", "DELETE"],
        ),
    ] {
        let reply = api.call(method, &path, &Value::Null).await.unwrap();
        problem(&reply, 405, "method_not_allowed");
        let allow = reply.header("allow").unwrap();
        for method in allowed {
            assert!(allow.contains(method), "{path}: {allow}");
        }
    }
    for wrong in ["not-a-uuid", "0198C5F2", "%00", "..%2f"] {
        let reply = api.get(&format!("/contacts/{wrong}")).await.unwrap();
        problem(&reply, 404, "not_found");
    }
    let reply = api
        .get(&format!("/contacts/{contact}?notesformat=tiptap"))
        .await
        .unwrap();
    assert!(
        reply.expect(400)["detail"]
            .as_str()
            .unwrap()
            .contains("notesFormat")
    );
    let reply = api
        .get(&format!("/contacts/{contact}?notesFormat=html"))
        .await
        .unwrap();
    assert!(
        reply.expect(400)["detail"]
            .as_str()
            .unwrap()
            .contains("tiptap")
    );
}

async fn only_json_is_read(server: &mut TestServer) {
    let api = &server.api;
    let body = br#"{"firstName": "Ada"}"#;
    for head in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
    ] {
        let reply = api.send("POST", "/contacts", head, body).await.unwrap();
        let problem = problem(&reply, 415, "unsupported_media_type");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("application/json")
        );
    }
    assert_eq!(server.events(0).await.unwrap().len(), 0);
    let head = "content-type: application/JSON; charset=UTF-8\r\n";
    api.send("POST", "/contacts", head, body)
        .await
        .unwrap()
        .expect(201);
}

async fn every_answer_carries_its_request_id(server: &mut TestServer) {
    let api = &server.api;
    let mut seen = std::collections::HashSet::new();
    for path in ["/healthz", "/api/v1/contacts", "/nothing"] {
        let reply = api.send_raw("GET", path, "", b"").await.unwrap();
        assert!(seen.insert(reply.header("x-request-id").unwrap().to_owned()));
        let reply = api
            .send_raw("GET", path, "x-request-id: mine-1\r\n", b"")
            .await
            .unwrap();
        assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    }
    let reply = api
        .send_raw(
            "GET",
            "/healthz",
            &format!("x-request-id: {}\r\n", "x".repeat(500)),
            b"",
        )
        .await
        .unwrap();
    assert!(reply.header("x-request-id").unwrap().len() < 200);
}

async fn signs_of_life(server: &mut TestServer) {
    let api = &server.api;
    for path in ["/healthz", "/readyz"] {
        api.send_raw("GET", path, "", b"")
            .await
            .unwrap()
            .expect(200);
        let reply = api.send_raw("HEAD", path, "", b"").await.unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, 0));
    }
    let reply = api
        .send_raw("GET", "/api/v1/openapi.json", "", b"")
        .await
        .unwrap();
    assert!(
        reply.expect(200)["openapi"]
            .as_str()
            .unwrap()
            .starts_with("3.1")
    );
    let reply = api.send_raw("GET", "/docs", "", b"").await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    // A schema that is behind is not ready, and says so without details.
    let mut session = server.session().await.unwrap();
    session
        .execute("DELETE FROM seaql_migrations", &[])
        .await
        .unwrap();
    let reply = api.send_raw("GET", "/readyz", "", b"").await.unwrap();
    problem(&reply, 503, "not_ready");
}
