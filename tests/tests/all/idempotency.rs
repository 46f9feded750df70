//! `Idempotency-Key`: executed once, repeated as it was (contract, section 2).

use kith_tests::TestServer;
use serde_json::json;

crate::scenarios!(
    a_repeat_gets_the_first_answer_also_after_a_restart,
    the_same_key_for_another_request_is_refused,
    a_repeat_while_the_first_runs_is_a_conflict,
    a_refused_request_leaves_its_key_free,
);

fn key(key: &str) -> String {
    format!("idempotency-key: {key}\r\n")
}

async fn a_repeat_gets_the_first_answer_also_after_a_restart(server: &mut TestServer) {
    let body = json!({"contacts": [{"firstName": "Ada"}, {"firstName": "Grace"}]});
    let one = json!({"firstName": "Ada"});
    let long = key(&"k".repeat(255));
    let mut firsts = Vec::new();
    for (path, head, body) in [
        ("/contacts/many", key("a"), &body),
        ("/contacts", long, &one),
    ] {
        let first = server
            .api
            .call_with("POST", path, &head, body)
            .await
            .unwrap();
        first.expect(201);
        assert_eq!(first.header("idempotency-replayed"), None);
        firsts.push((path, head, body, first));
    }
    let events = server.events(0).await.unwrap().len();
    for restart in [false, true] {
        if restart {
            server.restart().unwrap();
        }
        for (path, head, body, first) in &firsts {
            let again = server
                .api
                .call_with("POST", path, head, body)
                .await
                .unwrap();
            assert_eq!(again.expect(201), first.json());
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("etag"), first.header("etag"));
        }
    }
    assert_eq!(server.events(0).await.unwrap().len(), events);

    // Another company's keys are its own.
    let other = server.another_company("Difference Engines").unwrap();
    let own = other
        .call_with("POST", "/contacts", &firsts[1].1, &one)
        .await
        .unwrap();
    own.expect(201);
    assert_eq!(own.header("idempotency-replayed"), None);
}

async fn the_same_key_for_another_request_is_refused(server: &mut TestServer) {
    let api = &server.api;
    let body = json!({"name": "A"});
    api.call_with("POST", "/tasks", &key("a"), &body)
        .await
        .unwrap()
        .expect(201);
    let before = server
        .session()
        .await
        .unwrap()
        .fingerprint(api.company)
        .await
        .unwrap();
    for (path, body) in [
        ("/tasks", json!({"name": "B"})),
        ("/organizations", body.clone()),
    ] {
        let problem = api
            .call_with("POST", path, &key("a"), &body)
            .await
            .unwrap()
            .expect(422);
        assert_eq!(problem["code"], "idempotency_key_reused");
    }
    for wrong in [String::new(), "k".repeat(256)] {
        let reply = api
            .call_with("POST", "/tasks", &key(&wrong), &body)
            .await
            .unwrap();
        let problem = reply.expect(400);
        assert!(
            problem["detail"].as_str().unwrap().contains("255"),
            "{problem}"
        );
    }
    let after = server
        .session()
        .await
        .unwrap()
        .fingerprint(api.company)
        .await
        .unwrap();
    assert_eq!(before, after);
}

async fn a_repeat_while_the_first_runs_is_a_conflict(server: &mut TestServer) {
    let api = &server.api;
    let mut session = server.session().await.unwrap();
    session.hold_writes(api.company).await.unwrap();
    // Two at once, of which one has to wait for the writer: the other is told so.
    let body = json!({"name": "A"});
    let call = || {
        let (api, body) = (api.clone(), body.clone());
        tokio::spawn(async move {
            api.call_with("POST", "/tasks", &key("a"), &body)
                .await
                .unwrap()
        })
    };
    let (mut one, mut other) = (call(), call());
    let (early, late) = tokio::select! {
        early = &mut one => (early, other),
        early = &mut other => (early, one),
    };
    let problem = early.unwrap().expect(409);
    assert_eq!(problem["code"], "idempotency_conflict");
    session.release().await.unwrap();
    let first = late.await.unwrap();
    let task = first.expect(201);
    let again = api
        .call_with("POST", "/tasks", &key("a"), &body)
        .await
        .unwrap();
    assert_eq!(again.expect(201), task);
    assert_eq!(server.events(0).await.unwrap().len(), 1);
}

async fn a_refused_request_leaves_its_key_free(server: &mut TestServer) {
    let api = &server.api;
    api.call_with("POST", "/tasks", &key("a"), &json!({"name": ""}))
        .await
        .unwrap()
        .expect(400);
    let reply = api
        .call_with("POST", "/tasks", &key("a"), &json!({"name": "A"}))
        .await
        .unwrap();
    reply.expect(201);
}
