//! What every path shares: keys, rights, problems, signs of life (contract, sections 1, 11 and 12).

use kith_tests::{Reply, TestServer};
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    without_a_good_key_nothing_is_possible,
    every_operation_of_the_document_asks_for_a_key,
    a_missing_right_is_named,
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

async fn every_operation_of_the_document_asks_for_a_key(server: &mut TestServer) {
    let api = &server.api;
    let reply = api
        .send_raw("GET", "/api/v1/openapi.json", "", b"")
        .await
        .unwrap();
    let document = reply.expect(200);
    let mut checked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{id}", "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44")
            .replace("{relation}", "users");
        assert!(
            !path.contains('{'),
            "{path} has a parameter that this test does not know"
        );
        for method in ["get", "put", "post", "delete", "patch"] {
            if methods.get(method).is_none() || ["/healthz", "/readyz"].contains(&path.as_str()) {
                continue;
            }
            let method = method.to_uppercase();
            let head = "content-type: application/json\r\n";
            let reply = api.send_raw(&method, &path, head, b"{}").await.unwrap();
            assert_eq!(reply.status, 401, "{method} {path}: {}", reply.text());
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

/// Makes a person with a role of their own, past the program: `(resource, action)` are its rights.
async fn person(server: &TestServer, email: &str, status: &str, rights: &[(&str, &str)]) -> String {
    let mut session = server.session().await.unwrap();
    let company = server.api.company;
    let (role, user) = (
        uuid::Uuid::from_u128(rights.len() as u128 + 1),
        uuid::Uuid::from_u128(email.len() as u128),
    );
    let sql = format!(
        "INSERT INTO role (company_id, id, name, is_system, created_at, updated_at) VALUES (?, ?, 'R {email}', 0, 0, 0)"
    );
    session.execute(&sql, &[company, role]).await.unwrap();
    for (resource, action) in rights {
        let sql = format!(
            "INSERT INTO role_permission (company_id, role_id, resource, action) VALUES (?, ?, '{resource}', '{action}')"
        );
        session.execute(&sql, &[company, role]).await.unwrap();
    }
    let sql = format!(
        "INSERT INTO account (company_id, id, email, email_key, first_name, last_name, status, role_id, created_at, updated_at) \
         VALUES (?, ?, '{email}', '{email}', 'F', 'L', '{status}', ?, 0, 0)"
    );
    session.execute(&sql, &[company, user, role]).await.unwrap();
    server.key_of(email).unwrap()
}

async fn a_missing_right_is_named(server: &mut TestServer) {
    let contact = id(&server
        .api
        .create("contacts", &json!({"firstName": "Ada"}))
        .await
        .unwrap()
        .expect(201));
    let key = person(
        server,
        "reader@example.com",
        "active",
        &[("contacts", "readAll")],
    )
    .await;
    let reader = server.api.with_key(server.api.user, &key);
    let before = server
        .session()
        .await
        .unwrap()
        .fingerprint(server.api.company)
        .await
        .unwrap();
    let path = format!("/contacts/{contact}");
    reader.get(&path).await.unwrap().expect(200);
    let links = format!("{path}/links/users");
    let notes = format!("{path}/notes");
    for (method, path, body, right) in [
        ("POST", "/contacts", json!({"firstName": "X"}), "create"),
        (
            "POST",
            "/contacts/many",
            json!({"contacts": [{"firstName": "X"}]}),
            "create",
        ),
        ("PUT", &path, json!({"firstName": "X"}), "update"),
        ("POST", &links, json!({"ids": [server.api.user]}), "update"),
        ("PUT", &notes, json!({"notes": "x"}), "update"),
        ("DELETE", &path, Value::Null, "delete"),
        (
            "DELETE",
            "/contacts/many",
            json!({"ids": [contact]}),
            "delete",
        ),
        (
            "GET",
            "/deals/0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44",
            Value::Null,
            "read",
        ),
    ] {
        let reply = reader.call(method, path, &body).await.unwrap();
        let problem = problem(&reply, 403, "forbidden");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(right), "{method} {path}: {detail}");
    }
    let key = person(
        server,
        "gone@example.com",
        "inactive",
        &[("contacts", "readAll"), ("contacts", "create")],
    )
    .await;
    let gone = server.api.with_key(server.api.user, &key);
    problem(&gone.get(&path).await.unwrap(), 403, "inactive_user");
    let after = server
        .session()
        .await
        .unwrap()
        .fingerprint(server.api.company)
        .await
        .unwrap();
    assert_eq!(before, after);
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
