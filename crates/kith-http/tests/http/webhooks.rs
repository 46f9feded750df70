//! Webhooks, deliveries and the event log over HTTP.

use poem::http::Method;
use serde_json::{Value, json};

use crate::world::World;

fn wanted() -> Value {
    json!({
        "url": "https://hooks.example.com/kith",
        "events": ["contact.created", "deal.updated"],
        "secret": "swordfish"
    })
}

#[tokio::test]
async fn a_webhook_lives_and_its_secret_stays_hidden() {
    let world = World::new();
    let made = world.post("/webhooks", &wanted()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(!made.body.contains("swordfish"));
    let shown = made.json();
    assert_eq!(
        (&shown["hasSecret"], &shown["enabled"]),
        (&json!(true), &json!(true))
    );
    let path = format!("/webhooks/{}", shown["id"].as_str().unwrap());
    assert_eq!(world.get("/webhooks").await.json(), json!([shown]));
    assert_eq!(world.get(&path).await.json(), shown);

    let revealed = world
        .post(&format!("{path}/secret/reveal"), &json!({}))
        .await;
    assert_eq!(revealed.json(), json!({"secret": "swordfish"}));
    // A fetched webhook can be sent back.
    let mut back = shown.clone();
    back["description"] = json!("Orders");
    let changed = world.put(&path, &back).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.json()["description"], "Orders");
    assert_eq!(changed.json()["hasSecret"], true);
    let cleared = world
        .call(Method::PATCH, &path, r#"{"secret": null}"#)
        .await;
    assert_eq!(cleared.json()["hasSecret"], false);
    let revealed = world
        .post(&format!("{path}/secret/reveal"), &json!({}))
        .await;
    assert_eq!(revealed.json(), json!({"secret": null}));

    let deleted = world.call(Method::DELETE, &path, "").await;
    assert_eq!((deleted.status, deleted.json()), (200, shown["id"].clone()));
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_told_at_once() {
    let world = World::new();
    let reply = world
        .post(
            "/webhooks",
            &json!({"url": "http://127.0.0.1/", "events": ["contact.created", "contact.born"], "retry": true}),
        )
        .await;
    let found = reply.problems(400);
    let places: Vec<_> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/retry", "/url", "/events/1"]);
    let mut inside = wanted();
    inside["url"] = json!("https://inside.example/");
    let reply = world.post("/webhooks", &inside).await;
    assert_eq!(
        reply.problems(400),
        [("/url".to_owned(), "invalid".to_owned())]
    );
    assert_eq!(world.get("/webhooks").await.json(), json!([]));
    assert_eq!(world.get("/webhooks/nonsense").await.status, 404);
}

#[tokio::test]
async fn a_test_is_a_delivery_and_can_be_sent_again() {
    let world = World::new();
    let id = world.made("/webhooks", &wanted()).await;
    let test = world
        .post(&format!("/webhooks/{id}/test"), &json!({}))
        .await;
    assert_eq!(test.status, 201, "{}", test.body);
    let test = test.json();
    let path = format!("/webhook-deliveries/{}", test["id"].as_str().unwrap());
    let details = world.get(&path).await.json();
    let body: Value = serde_json::from_str(details["requestBody"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["event"], &body["data"]["entityId"]),
        (&json!("webhook.test"), &json!(id))
    );
    let again = world.post(&format!("{path}/resend"), &json!({})).await;
    assert_eq!(again.status, 201, "{}", again.body);
    let again = again.json();
    assert_eq!(
        (&again["resendOf"], &again["eventId"]),
        (&test["id"], &test["eventId"])
    );
    assert_eq!(world.get(&path).await.json(), details);

    let page = world
        .get("/webhook-deliveries?pageSize=1&status=pending")
        .await
        .json();
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["nextCursor"]),
        (1, &again["id"])
    );
    let body = json!({"pageSize": 1, "cursor": page["nextCursor"]});
    let page = world.post("/webhook-deliveries/search", &body).await.json();
    assert_eq!(
        (&page["items"][0]["id"], &page["nextCursor"]),
        (&test["id"], &Value::Null)
    );
    let reply = world.get("/webhook-deliveries?state=pending").await;
    assert_eq!(reply.problems(400).len(), 1);

    let off = world
        .put(&format!("/webhooks/{id}"), &json!({"enabled": false}))
        .await;
    assert_eq!(off.json()["enabled"], false);
    world
        .post(&format!("{path}/resend"), &json!({}))
        .await
        .problems(409);
    world
        .post(&format!("/webhooks/{id}/test"), &json!({}))
        .await
        .problems(409);
    world
        .call(Method::DELETE, &format!("/webhooks/{id}"), "")
        .await;
    world
        .post(&format!("{path}/resend"), &json!({}))
        .await
        .problems(409);
    world
        .post(&format!("/webhook-deliveries/{id}/resend"), &json!({}))
        .await
        .problems(404);
}

#[tokio::test]
async fn what_failed_is_sent_again_by_a_job() {
    let world = World::new();
    let id = world.made("/webhooks", &wanted()).await;
    let path = format!("/webhooks/{id}/resend-failed");
    let since = json!({"since": "2026-04-22T12:00:00.5+02:00"});
    let begun = world.post(&path, &since).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    let begun = begun.json();
    assert_eq!(
        (&begun["since"], &begun["status"], &begun["webhookId"]),
        (
            &json!("2026-04-22T10:00:00.500Z"),
            &json!("running"),
            &json!(id)
        )
    );
    let job = format!("/webhook-resends/{}", begun["id"].as_str().unwrap());
    assert_eq!(world.get(&job).await.json(), begun);
    assert_eq!(world.get(&path).await.json(), json!([begun]));
    for (wrong, code) in [
        (json!({}), "required"),
        (json!({"since": "yesterday"}), "wrong_type"),
        (json!({"since": null}), "wrong_type"),
        (json!([]), "wrong_type"),
    ] {
        let found = world.post(&path, &wrong).await.problems(400);
        assert_eq!(found[0].1, code, "{wrong}");
    }
    for lost in [
        format!("/webhook-resends/{id}"),
        "/webhook-resends/x".into(),
    ] {
        world.get(&lost).await.problems(404);
    }
    let off = json!({"enabled": false});
    world.put(&format!("/webhooks/{id}"), &off).await;
    world.post(&path, &since).await.problems(409);
    world
        .call(Method::DELETE, &format!("/webhooks/{id}"), "")
        .await;
    world.post(&path, &since).await.problems(404);
    world.get(&path).await.problems(404);
}

#[tokio::test]
async fn the_event_log_is_read_in_order_and_by_record() {
    let world = World::new();
    let ada = world.made("/contacts", &json!({"firstName": "Ada"})).await;
    let task = world.made("/tasks", &json!({"name": "Call"})).await;
    world
        .put(
            &format!("/contacts/{ada}"),
            &json!({"lastName": "Lovelace"}),
        )
        .await;
    let page = world.get("/events").await.json();
    let names: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    assert_eq!(
        names,
        ["contact.created", "task.created", "contact.updated"]
    );
    assert_eq!(
        page["items"][0]["data"]["payload"]["contact"]["firstName"],
        "Ada"
    );
    assert_eq!(page["next"], 3);
    let rest = world.get("/events?after=1&limit=1").await.json();
    assert_eq!(
        (&rest["items"][0]["data"]["entityId"], &rest["next"]),
        (&json!(task), &json!(2))
    );
    let some = world
        .get("/events?types=contact.updated,task.deleted&limit=1")
        .await
        .json();
    assert_eq!(
        (&some["items"][0]["position"], &some["next"]),
        (&json!(3), &json!(3))
    );
    let none = world.get("/events?after=3").await.json();
    assert_eq!(none, json!({"items": [], "next": 3}));
    let history = world
        .get(&format!("/contacts/{ada}/history?limit=1"))
        .await
        .json();
    assert_eq!(
        (&history["items"][0]["event"], &history["next"]),
        (&json!("contact.updated"), &json!(3))
    );
    let history = world
        .get(&format!("/contacts/{ada}/history?before=3"))
        .await
        .json();
    assert_eq!(
        (&history["items"][0]["event"], &history["next"]),
        (&json!("contact.created"), &Value::Null)
    );
    for wrong in [
        "after=-1",
        "limit=0",
        "limit=1001",
        "types=contact.born",
        "before=1",
        "x=1",
    ] {
        world.get(&format!("/events?{wrong}")).await.problems(400);
    }
    world.get("/contacts/nonsense/history").await.problems(404);
}
