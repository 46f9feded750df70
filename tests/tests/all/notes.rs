//! Notes over HTTP: replaced, appended, shown both ways (contract, section 3).

use kith_tests::TestServer;
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    notes_are_replaced_and_appended,
    appending_once_appends_once,
    notes_that_are_refused,
);

/// Every type, with the least that makes a record.
fn cases() -> [(&'static str, Value); 5] {
    [
        ("contacts", json!({"firstName": "A"})),
        ("organizations", json!({"name": "A"})),
        ("deals", json!({"name": "A"})),
        ("services", json!({"name": "A", "amount": 1})),
        ("tasks", json!({"name": "A"})),
    ]
}

async fn notes_are_replaced_and_appended(server: &mut TestServer) {
    let api = &server.api;
    for (plural, mut body) in cases() {
        body["notes"] = json!("# One\n\nfirst");
        let created = api.create(plural, &body).await.unwrap().expect(201);
        assert_eq!(created["notes"], "# One\n\nfirst");
        let path = format!("/{plural}/{}", id(&created));

        let append = format!("{path}/notes/append");
        let reply = api
            .call("POST", &append, &json!({"notes": "- a\n- b"}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200)["notes"], "# One\n\nfirst\n\n- a\n- b");

        // What the notes already say changes nothing.
        let notes = format!("{path}/notes");
        let same = json!({"notes": "# One\n\nfirst\n\n- a\n- b"});
        assert_eq!(
            api.call("PUT", &notes, &same).await.unwrap().expect(200)["version"],
            2
        );

        let document = json!({"type": "doc", "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "u", "marks": [{"type": "underline"}]}]}
        ]});
        let reply = api
            .call("PUT", &notes, &json!({"notes": document}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200)["version"], 3);
        let shown = api
            .get(&format!("{path}?notesFormat=tiptap"))
            .await
            .unwrap()
            .expect(200);
        assert_eq!(shown[plural.trim_end_matches('s')]["notes"], document);

        let reply = api
            .call("PUT", &notes, &json!({"notes": null}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200)["notes"], Value::Null);
    }
}

async fn appending_once_appends_once(server: &mut TestServer) {
    let api = &server.api;
    let task = api.create("tasks", &json!({"name": "A"})).await.unwrap();
    let path = format!("/tasks/{}/notes/append", id(&task.expect(201)));
    let head = "idempotency-key: b\r\n";
    for replayed in [None, Some("true")] {
        let reply = api
            .call_with("POST", &path, head, &json!({"notes": "x"}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200)["notes"], "x");
        assert_eq!(reply.header("idempotency-replayed"), replayed);
    }
}

async fn notes_that_are_refused(server: &mut TestServer) {
    let api = &server.api;
    let cases = [
        (json!({"type": "paragraph"}), "doc"),
        (
            json!({"type": "doc", "content": [{"type": "video"}]}),
            "video",
        ),
        (json!({"type": "doc", "content": [[]]}), ""),
        (json!("x".repeat(65_536)), "65"),
        (json!("a\u{0}b"), ""),
    ];
    for (notes, part) in cases {
        let body = json!({"name": "A", "notes": notes});
        let problem = api.create("tasks", &body).await.unwrap().expect(400);
        assert_eq!(problem["errors"][0]["pointer"], "/notes");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(server.events(0).await.unwrap().len(), 0);
}
