//! Custom columns through their life, and the values of records.

use poem::http::Method;
use serde_json::json;

use crate::world::{NOBODY, World};

#[tokio::test]
async fn a_column_through_its_life() {
    let world = World::new();
    let body = json!({
        "label": "Stage", "entityType": "deal", "type": "singleSelect",
        "options": {"options": [{"label": "Open", "isDefault": true}, {"label": "Won"}]}
    });
    let made = world.post("/custom-columns", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let column = made.json();
    assert_eq!(
        (&column["label"], &column["type"], &column["entityType"]),
        (&json!("Stage"), &json!("singleSelect"), &json!("deal"))
    );
    let path = format!("/custom-columns/{}", column["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.json(), column);
    assert_eq!(
        world.get("/custom-columns?entityType=deal").await.json(),
        json!([column])
    );
    assert_eq!(
        world.get("/custom-columns?entityType=contact").await.json(),
        json!([])
    );
    assert_eq!(world.get("/custom-columns").await.json(), json!([column]));

    let deal = world.made("/deals", &json!({"name": "D"})).await;
    let read = world.get(&format!("/deals/{deal}")).await.json();
    assert_eq!(read["customColumns"], json!([column]));
    let open = &column["options"]["options"][0]["value"];
    assert_eq!(
        read["deal"]["customFieldValues"],
        json!([{"columnId": column["id"], "value": open}])
    );

    let values = json!({"customFieldValues": [{"columnId": column["id"], "value": "Won"}]});
    let changed = world.put(&format!("/deals/{deal}"), &values).await.json();
    let won = &column["options"]["options"][1]["value"];
    assert_eq!(changed["customFieldValues"][0]["value"], *won);
    let filters = json!([{"field": column["id"], "operator": "equals", "value": "Won"}]);
    let found = world
        .post("/deals/search", &json!({"filters": filters}))
        .await
        .json();
    assert_eq!(found["items"][0]["id"], json!(deal));

    let renamed = world.put(&path, &json!({"label": "Phase"})).await;
    assert_eq!(
        (renamed.status, &renamed.json()["label"]),
        (200, &json!("Phase")),
        "{}",
        renamed.body
    );
    assert_eq!(
        world.call(Method::DELETE, &path, "").await.json(),
        column["id"]
    );
    assert_eq!(world.get(&path).await.problems(404), []);
    let read = world.get(&format!("/deals/{deal}")).await.json();
    assert_eq!(
        (&read["customColumns"], &read["deal"]["customFieldValues"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_by_label() {
    let world = World::new();
    let body = json!({"label": "Renewal", "entityType": "contact", "type": "date"});
    let column = world.post("/custom-columns", &body).await.json();
    let values = json!([{"columnId": column["id"], "value": "soon"}]);
    let reply = world
        .post(
            "/contacts",
            &json!({"firstName": "A", "customFieldValues": values}),
        )
        .await;
    assert_eq!(reply.problems(400).len(), 1);
    assert!(reply.body.contains("Renewal"), "{}", reply.body);
}

#[tokio::test]
async fn wrong_columns_are_refused() {
    let world = World::new();
    for (method, path, body, status) in [
        (
            Method::POST,
            "/custom-columns",
            json!({"label": "A", "entityType": "person", "type": "date"}),
            400,
        ),
        (
            Method::POST,
            "/custom-columns",
            json!({"label": "", "entityType": "deal", "type": "date"}),
            400,
        ),
        (Method::POST, "/custom-columns", json!({}), 400),
        (Method::POST, "/custom-columns", json!([]), 400),
        (Method::PUT, "/custom-columns/x", json!({"label": "A"}), 404),
        (
            Method::PUT,
            &*format!("/custom-columns/{NOBODY}"),
            json!({"label": "A"}),
            404,
        ),
        (
            Method::DELETE,
            &*format!("/custom-columns/{NOBODY}"),
            json!({}),
            404,
        ),
        (
            Method::GET,
            "/custom-columns?entityType=person",
            json!({}),
            400,
        ),
        (Method::GET, "/custom-columns?type=date", json!({}), 400),
        (Method::DELETE, "/custom-columns", json!({}), 405),
    ] {
        let reply = world.call(method.clone(), path, body.to_string()).await;
        assert_eq!(
            reply.status, status,
            "{method} {path} {body}: {}",
            reply.body
        );
        reply.problems(status);
    }
}
