//! Records of every type through their life.

use poem::http::Method;
use serde_json::{Value, json};

use crate::world::{KEY, NOBODY, USER, World};

#[tokio::test]
async fn a_contact_through_its_life() {
    let world = World::new();
    let organization = world
        .made("/organizations", &json!({"name": "Analytical Engines"}))
        .await;
    let body = json!({
        "firstName": " Ada ", "lastName": "Lovelace", "emails": ["Ada@Example.COM"],
        "organizationIds": [organization], "userIds": [USER.to_string()], "notes": "Met in *London*.",
        "id": NOBODY, "companyId": "x", "version": 9, "totalValue": 1, "createdAt": null
    });
    let made = world.post("/contacts", &body).await;
    assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")));
    let contact = made.json();
    assert_eq!(contact["firstName"], "Ada");
    assert_eq!(contact["emails"], json!(["Ada@example.com"]));
    assert_eq!(contact["organizationIds"], json!([organization]));
    assert_eq!(contact["userIds"], json!([USER.to_string()]));
    assert_eq!(contact["version"], 1);
    assert_ne!(contact["id"], NOBODY);
    let path = format!("/contacts/{}", contact["id"].as_str().unwrap());

    let read = world.get(&path).await;
    assert_eq!((read.status, read.header("etag")), (200, Some("\"1\"")));
    assert_eq!(
        read.json(),
        json!({"contact": contact, "customColumns": []})
    );
    let other_end = world
        .get(&format!("/organizations/{organization}"))
        .await
        .json();
    assert_eq!(
        other_end["organization"]["contactIds"],
        json!([contact["id"]])
    );
    assert_eq!(other_end["organization"]["version"], 2);

    let changed = world.put(&path, &json!({"lastName": "King"})).await;
    assert_eq!(
        (changed.status, changed.header("etag")),
        (200, Some("\"2\""))
    );
    assert_eq!(changed.json()["firstName"], "Ada");
    let patched = world
        .call(Method::PATCH, &path, r#"{"lastName": null}"#)
        .await
        .json();
    assert_eq!(
        (&patched["lastName"], &patched["version"]),
        (&json!(""), &json!(3))
    );

    let sent_back = world.put(&path, &patched).await.json();
    assert_eq!(
        sent_back, patched,
        "a fetched record can be sent back and changes nothing"
    );

    let gone = world.call(Method::DELETE, &path, "").await;
    assert_eq!((gone.status, gone.json()), (200, contact["id"].clone()));
    assert_eq!(world.get(&path).await.problems(404), []);
    let other_end = world
        .get(&format!("/organizations/{organization}"))
        .await
        .json();
    assert_eq!(other_end["organization"]["contactIds"], json!([]));
}

#[tokio::test]
async fn every_type_is_made_read_changed_and_deleted() {
    let world = World::new();
    for (plural, body) in [
        ("contacts", json!({"firstName": "A"})),
        ("organizations", json!({"name": "A"})),
        ("deals", json!({"name": "A"})),
        ("services", json!({"name": "A", "amount": 12.5})),
        ("tasks", json!({"name": "A"})),
    ] {
        let id = world.made(&format!("/{plural}"), &body).await;
        let path = format!("/{plural}/{id}");
        assert_eq!(world.get(&path).await.status, 200, "{plural}");
        assert_eq!(
            world
                .put(&path, &json!({"userIds": [USER.to_string()]}))
                .await
                .json()["version"],
            2
        );
        assert_eq!(
            world.call(Method::DELETE, &path, "").await.json(),
            json!(id)
        );
    }
}

#[tokio::test]
async fn totals_follow_services_exactly() {
    let world = World::new();
    let service = world
        .made("/services", &json!({"name": "Hours", "amount": 0.1}))
        .await;
    let deal = world
        .made(
            "/deals",
            &json!({"name": "D", "services": [{"serviceId": service, "quantity": 3}]}),
        )
        .await;
    let path = format!("/deals/{deal}");
    let body = world.get(&path).await.body;
    assert!(body.contains("\"totalValue\":0.3,"), "{body}");
    let linked = format!("{path}/links/services");
    let body = json!({"services": [{"serviceId": service, "quantity": 2.5}]});
    let changed = world.post(&linked, &body).await.json();
    assert_eq!(changed["totalQuantity"], 2.5);
    assert_eq!(
        changed["services"],
        json!([{"serviceId": service, "quantity": 2.5}])
    );
    for same in [
        json!({"ids": [service]}),
        json!({"services": [{"serviceId": service}]}),
    ] {
        let kept = world.post(&linked, &same).await.json();
        assert_eq!(
            kept["version"], changed["version"],
            "a link that exists keeps its quantity: {same}"
        );
    }
    let none = world
        .call(
            Method::DELETE,
            &linked,
            json!({"ids": [service]}).to_string(),
        )
        .await
        .json();
    assert_eq!(
        (&none["services"], &none["totalValue"]),
        (&json!([]), &json!(0))
    );
}

#[tokio::test]
async fn links_come_and_go_on_both_ends() {
    let world = World::new();
    let contact = world.made("/contacts", &json!({"firstName": "Ada"})).await;
    let deal = world.made("/deals", &json!({"name": "D"})).await;
    let linked = world
        .post(
            &format!("/contacts/{contact}/links/deals"),
            &json!({"ids": [deal]}),
        )
        .await;
    assert_eq!(linked.json()["dealIds"], json!([deal]));
    assert_eq!(linked.header("etag"), Some("\"2\""));
    let other = world.get(&format!("/deals/{deal}")).await.json();
    assert_eq!(other["deal"]["contactIds"], json!([contact]));
    let path = format!("/deals/{deal}/links/contacts");
    let gone = world
        .call(Method::DELETE, &path, json!({"ids": [contact]}).to_string())
        .await
        .json();
    assert_eq!(gone["contactIds"], json!([]));
}

#[tokio::test]
async fn notes_are_replaced_and_appended_to() {
    let world = World::new();
    let task = world.made("/tasks", &json!({"name": "T"})).await;
    let notes = format!("/tasks/{task}/notes");
    let set = world.put(&notes, &json!({"notes": "One"})).await.json();
    assert!(set["notes"].as_str().unwrap().contains("One"), "{set}");
    let document = world
        .get(&format!("/tasks/{task}?notesFormat=tiptap"))
        .await
        .json();
    assert_eq!(document["task"]["notes"]["type"], "doc");
    assert_eq!(
        world
            .post(&format!("{notes}/append"), &json!({"notes": "Two"}))
            .await
            .status,
        200
    );
    let none = world.put(&notes, &json!({"notes": null})).await.json();
    assert_eq!(none["notes"], Value::Null);
}

#[tokio::test]
async fn many_are_made_changed_and_deleted_together() {
    let world = World::new();
    let body = json!({"contacts": [{"firstName": "A"}, {"firstName": "B"}]});
    let made = world.post("/contacts/many", &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let ids: Vec<_> = made
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| contact["id"].clone())
        .collect();
    let body =
        json!({"contacts": [{"id": ids[1], "lastName": "Z"}, {"id": ids[0], "lastName": "Y"}]});
    let changed = world.put("/contacts/many", &body).await.json();
    assert_eq!(
        (&changed[0]["lastName"], &changed[1]["lastName"]),
        (&json!("Z"), &json!("Y"))
    );
    let gone = world
        .call(
            Method::DELETE,
            "/contacts/many",
            json!({"ids": ids}).to_string(),
        )
        .await;
    assert_eq!((gone.status, gone.json()), (200, json!(ids)));
}

#[tokio::test]
async fn if_match_guards_changes() {
    let world = World::new();
    let id = world.made("/tasks", &json!({"name": "T"})).await;
    let path = format!("/api/v1/tasks/{id}");
    for (tag, method, expected) in [
        ("\"1\"", Method::PUT, 200),
        ("\"1\"", Method::PUT, 412),
        ("\"1\"", Method::DELETE, 412),
        ("*", Method::PUT, 200),
        ("W/\"2\"", Method::PUT, 400),
        ("\"2\", \"3\"", Method::PUT, 400),
        ("2", Method::PUT, 400),
        ("\"03\"", Method::PUT, 400),
        ("\"3\"", Method::DELETE, 200),
    ] {
        let headers = [
            ("x-api-key", KEY),
            ("content-type", "application/json"),
            ("if-match", tag),
        ];
        let body = json!({"name": format!("T {tag} {method}")}).to_string();
        let reply = world.send(method.clone(), &path, &headers, body).await;
        assert_eq!(reply.status, expected, "{method} {tag}: {}", reply.body);
        if expected >= 400 {
            reply.problems(expected);
        }
    }
}

#[tokio::test]
async fn if_match_is_refused_where_it_would_guard_nothing() {
    let world = World::new();
    let id = world.made("/tasks", &json!({"name": "T"})).await;
    for (method, path, body) in [
        (Method::POST, "/api/v1/tasks", json!({"name": "U"})),
        (
            Method::PUT,
            "/api/v1/tasks/many",
            json!({"tasks": [{"id": id, "name": "U"}]}),
        ),
        (Method::DELETE, "/api/v1/tasks/many", json!({"ids": [id]})),
    ] {
        let headers = [
            ("x-api-key", KEY),
            ("content-type", "application/json"),
            ("if-match", "\"7\""),
        ];
        let reply = world
            .send(method.clone(), path, &headers, body.to_string())
            .await;
        assert_eq!(reply.status, 400, "{method} {path}: {}", reply.body);
    }
    let task = world.get(&format!("/tasks/{id}")).await.json();
    assert_eq!(task["task"]["name"], "T");
}
