//! Partial updates and optimistic concurrency (contract, section 2).

use kith_tests::TestServer;
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    absent_members_stay_and_null_clears,
    values_are_brought_into_their_stored_form,
    a_stale_if_match_is_refused,
    nothing_changed_means_no_version_step,
);

async fn absent_members_stay_and_null_clears(server: &mut TestServer) {
    let api = &server.api;
    let body = json!({"firstName": "Ada", "lastName": "Byron", "emails": ["a@example.com"], "notes": "x", "userIds": [api.user]});
    let contact = id(&api.create("contacts", &body).await.unwrap().expect(201));
    for method in ["PUT", "PATCH"] {
        let reply = api
            .call(method, &format!("/contacts/{contact}"), &json!({}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200)["version"], 1);
    }
    let body = json!({"lastName": null, "emails": null, "notes": null});
    let cleared = api
        .update("contacts", &contact, &body)
        .await
        .unwrap()
        .expect(200);
    assert_eq!(cleared["firstName"], "Ada");
    assert_eq!(
        (&cleared["lastName"], &cleared["emails"], &cleared["notes"]),
        (&json!(""), &json!([]), &Value::Null)
    );
    assert_eq!(cleared["userIds"], json!([api.user]));

    // What is derived or kept by the server is ignored, so that a fetched record can be sent back.
    let body = json!({"id": "x", "companyId": 1, "createdAt": null, "updatedAt": [], "version": 99, "totalValue": {}, "totalQuantity": "y"});
    let same = api
        .update("contacts", &contact, &body)
        .await
        .unwrap()
        .expect(200);
    assert_eq!(same, cleared);
}

async fn values_are_brought_into_their_stored_form(server: &mut TestServer) {
    let api = &server.api;
    let body = json!({"firstName": " \t Zoë\r\nMaria \n", "emails": [" Ada@Example.com "]});
    let contact = api.create("contacts", &body).await.unwrap().expect(201);
    assert_eq!(contact["firstName"], "Zoë\nMaria");
    let email = contact["emails"][0].as_str().unwrap();
    assert!(email.eq_ignore_ascii_case("ada@example.com"), "{email}");
    for (given, kept) in [
        ("1e3", "1000"),
        ("1.50", "1.5"),
        ("-0.0", "0"),
        ("0.0001", "0.0001"),
        ("99999999999.9999", "99999999999.9999"),
    ] {
        let body = format!(r#"{{"name": "S", "amount": {given}}}"#);
        let reply = api
            .send(
                "POST",
                "/services",
                "content-type: application/json; charset=utf-8\r\n",
                body.as_bytes(),
            )
            .await
            .unwrap();
        reply.expect(201);
        assert!(
            reply.text().contains(&format!("\"amount\":{kept},")),
            "{given}: {}",
            reply.text()
        );
    }
}

async fn a_stale_if_match_is_refused(server: &mut TestServer) {
    let api = &server.api;
    let organization = id(&api
        .create("organizations", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201));
    let path = format!("/organizations/{organization}");
    let fresh = "if-match: \"1\"\r\n";
    let reply = api
        .call_with("PUT", &path, fresh, &json!({"name": "B"}))
        .await
        .unwrap();
    reply.expect(200);
    assert_eq!(reply.header("etag"), Some("\"2\""));

    let events = server.events(0).await.unwrap().len();
    let links = format!("{path}/links/users");
    let notes = format!("{path}/notes");
    for (method, path, body) in [
        ("PUT", &path, json!({"name": "C"})),
        ("PATCH", &path, json!({"name": "C"})),
        ("DELETE", &path, Value::Null),
        ("POST", &links, json!({"ids": [api.user]})),
        ("PUT", &notes, json!({"notes": "x"})),
    ] {
        let problem = api
            .call_with(method, path, fresh, &body)
            .await
            .unwrap()
            .expect(412);
        assert_eq!(problem["code"], "version_mismatch");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains('1') && detail.contains('2'), "{detail}");
    }
    for wrong in ["2", "W/\"2\"", "\"1\", \"2\"", "\"two\"", "\"\""] {
        let head = format!("if-match: {wrong}\r\n");
        let reply = api
            .call_with("PUT", &path, &head, &json!({"name": "C"}))
            .await
            .unwrap();
        assert!(
            matches!(reply.status, 400 | 412),
            "{wrong}: {}",
            reply.text()
        );
    }
    assert_eq!(server.events(0).await.unwrap().len(), events);
    for fine in ["if-match: *\r\n", "if-match: \"3\"\r\n"] {
        let body = json!({"name": fine.trim()});
        api.call_with("PUT", &path, fine, &body)
            .await
            .unwrap()
            .expect(200);
    }
    api.call_with("DELETE", &path, "if-match: \"4\"\r\n", &Value::Null)
        .await
        .unwrap()
        .expect(200);
}

async fn nothing_changed_means_no_version_step(server: &mut TestServer) {
    let api = &server.api;
    let body = json!({"name": "A", "amount": 1.5});
    let service = api.create("services", &body).await.unwrap().expect(201);
    let events = server.events(0).await.unwrap().len();
    for same in [
        json!({"name": " A "}),
        json!({"amount": 1.50}),
        json!({"name": "A", "amount": 1.5, "dealIds": [], "notes": ""}),
    ] {
        assert_eq!(
            api.update("services", &id(&service), &same)
                .await
                .unwrap()
                .expect(200),
            service
        );
    }
    assert_eq!(server.events(0).await.unwrap().len(), events);
}
