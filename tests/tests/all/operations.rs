//! What every type can do, driven from one table (contract, sections 2 and 5).

use kith_tests::TestServer;
use serde_json::{Value, json};

use crate::{id, without};

crate::scenarios!(
    one_is_created_read_changed_and_deleted,
    many_are_created_changed_and_deleted,
);

/// A type: path, least body, all own fields, what these are by default, and a change.
struct Case {
    plural: &'static str,
    least: Value,
    fields: Value,
    links: Value,
    change: Value,
}

fn cases() -> Vec<Case> {
    let named = |plural, links: Value| Case {
        plural,
        least: json!({"name": "A"}),
        fields: json!({"name": "A"}),
        links,
        change: json!({"name": "B"}),
    };
    vec![
        Case {
            plural: "contacts",
            least: json!({"firstName": " Ada "}),
            fields: json!({"firstName": "Ada", "lastName": "", "emails": []}),
            links: json!({"organizationIds": [], "dealIds": [], "userIds": []}),
            change: json!({"lastName": "Lovelace", "emails": ["ada@example.com", "countess@example.com"]}),
        },
        named(
            "organizations",
            json!({"contactIds": [], "dealIds": [], "userIds": []}),
        ),
        Case {
            fields: json!({"name": "A", "totalValue": 0, "totalQuantity": 0}),
            ..named(
                "deals",
                json!({"contactIds": [], "organizationIds": [], "services": [], "userIds": []}),
            )
        },
        Case {
            plural: "services",
            least: json!({"name": "A", "amount": 12.5}),
            fields: json!({"name": "A", "amount": 12.5}),
            links: json!({"dealIds": [], "userIds": []}),
            change: json!({"amount": -0.0001}),
        },
        named("tasks", json!({"userIds": []})),
    ]
}

fn merged(parts: &[&Value]) -> Value {
    let members = parts.iter().filter_map(|part| part.as_object());
    let members = members.flat_map(|part| part.clone().into_iter());
    Value::Object(members.collect())
}

async fn one_is_created_read_changed_and_deleted(server: &mut TestServer) {
    let api = &server.api;
    for case in cases() {
        let plural = case.plural;
        let name = plural.trim_end_matches('s');
        let reply = api.create(plural, &case.least).await.unwrap();
        let created = reply.expect(201);
        assert_eq!(reply.header("etag"), Some("\"1\""));
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let common = json!({"notes": null, "customFieldValues": [], "version": 1});
        assert_eq!(
            without(created.clone(), &["id", "createdAt", "updatedAt"]),
            merged(&[&case.fields, &case.links, &common])
        );
        assert_eq!(created["createdAt"], created["updatedAt"]);
        let at = created["createdAt"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");

        let id = id(&created);
        let path = format!("/{plural}/{id}");
        let reply = api.get(&path).await.unwrap();
        assert_eq!(
            reply.expect(200),
            json!({name: created, "customColumns": []})
        );
        assert_eq!(reply.header("etag"), Some("\"1\""));

        let reply = api.call("PUT", &path, &case.change).await.unwrap();
        let changed = reply.expect(200);
        assert_eq!(reply.header("etag"), Some("\"2\""));
        assert_eq!(changed["createdAt"], created["createdAt"]);
        let expected = merged(&[&created, &case.change, &json!({"version": 2})]);
        assert_eq!(
            without(changed.clone(), &["updatedAt"]),
            without(expected, &["updatedAt"])
        );
        assert_eq!(api.record(plural, &id).await.unwrap(), changed);

        // It is found, and the type says what can be asked.
        let found = json!({
            "items": [changed],
            "pagination": {"page": 1, "pageSize": 25, "total": 1, "totalPages": 1},
            "nextCursor": null,
            "customColumns": [],
        });
        let search = format!("/{plural}/search");
        let reply = api.call("POST", &search, &json!({})).await.unwrap();
        assert_eq!(reply.expect(200), found);
        let reply = api.get(&format!("/{plural}/configuration")).await.unwrap();
        let configuration = reply.expect(200);
        for member in ["filterableFields", "sortableFields"] {
            let fields = configuration[member].as_array().unwrap();
            assert!(fields.iter().any(|field| field["field"] == "createdAt"));
        }
        assert_eq!(configuration["customColumns"], json!([]));

        // A fetched record can be sent back: nothing changes.
        let again = api.call("PATCH", &path, &changed).await.unwrap();
        assert_eq!(again.expect(200), changed);

        let reply = api.delete(&path).await.unwrap();
        assert_eq!(reply.expect(200), json!(id));
        for method in ["GET", "PUT", "DELETE"] {
            let body = if method == "PUT" {
                &case.change
            } else {
                &Value::Null
            };
            let reply = api.call(method, &path, body).await.unwrap();
            let problem = reply.expect(404);
            assert_eq!(problem["code"], "not_found", "{method} {problem}");
        }
        let names: Vec<_> = server.events(0).await.unwrap();
        let last: Vec<_> = names
            .iter()
            .rev()
            .take(3)
            .rev()
            .map(|event| event.name.clone())
            .collect();
        assert_eq!(
            last,
            ["created", "updated", "deleted"].map(|what| format!("{name}.{what}"))
        );
    }
}

async fn many_are_created_changed_and_deleted(server: &mut TestServer) {
    let api = &server.api;
    for case in cases() {
        let plural = case.plural;
        let path = format!("/{plural}/many");
        let body = json!({plural: vec![&case.least; 3]});
        let created = api.call("POST", &path, &body).await.unwrap().expect(201);
        let created = created.as_array().unwrap();
        assert_eq!(created.len(), 3);
        let ids: Vec<_> = created.iter().map(id).collect();
        assert!(ids.is_sorted(), "ids rise in the order of the request");

        // In an order of its own, with one that does not change.
        let changes: Vec<_> = [2, 0, 1]
            .map(|index| {
                let change = if index == 1 {
                    &case.fields
                } else {
                    &case.change
                };
                merged(&[&json!({"id": ids[index]}), change])
            })
            .into();
        let reply = api
            .call("PUT", &path, &json!({plural: changes}))
            .await
            .unwrap();
        let changed = reply.expect(200);
        let versions: Vec<_> = changed
            .as_array()
            .unwrap()
            .iter()
            .map(|record| (id(record), record["version"].as_i64()))
            .collect();
        assert_eq!(
            versions,
            [
                (ids[2].clone(), Some(2)),
                (ids[0].clone(), Some(2)),
                (ids[1].clone(), Some(1))
            ]
        );

        let reply = api
            .call("DELETE", &path, &json!({"ids": ids}))
            .await
            .unwrap();
        assert_eq!(reply.expect(200), json!(ids));
        for id in &ids {
            api.get(&format!("/{plural}/{id}"))
                .await
                .unwrap()
                .expect(404);
        }
    }
}
