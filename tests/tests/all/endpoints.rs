//! Endpoints that are gone, fail for days, or ask for patience (contract, section 7).

use chrono::DateTime;
use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::webhooks::{Receiver, delivering, settled};
use crate::{id, text};

crate::scenarios!(
    an_endpoint_that_is_gone_is_disabled,
    an_endpoint_that_fails_for_five_days_is_disabled,
    an_endpoint_may_ask_for_patience,
);

/// Subscribes a path of a receiver, and makes an event.
async fn subscribed(api: &Api, receiver: &Receiver, path: &str, policy: &str) -> String {
    let url = receiver.url.replace("/hook", path);
    let wanted = json!({"url": url, "events": ["task.created"], "retryPolicy": policy});
    let made = api.call("POST", "/webhooks", &wanted).await.unwrap();
    id(&made.expect(201))
}

async fn task(api: &Api) {
    let made = api.create("tasks", &json!({"name": "A"})).await;
    made.unwrap().expect(201);
}

async fn webhook(api: &Api, id: &str) -> Value {
    api.get(&format!("/webhooks/{id}"))
        .await
        .unwrap()
        .expect(200)
}

/// What the log says of webhooks that the server has disabled.
async fn disabled(api: &Api) -> Vec<Value> {
    let page = api.get("/events?types=webhook.disabled").await.unwrap();
    let mut page = page.expect(200);
    page["items"].take().as_array().unwrap().clone()
}

/// After it was disabled nothing is sent, until somebody enables it.
async fn is_off(api: &Api, receiver: &Receiver, id: &str, reason: &str) {
    let off = webhook(api, id).await;
    assert_eq!(
        (&off["enabled"], &off["disabledReason"]),
        (&json!(false), &json!(reason))
    );
    assert!(off["failingSince"].is_string(), "{off}");
    let log = disabled(api).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["data"]["entityId"], json!(id));
    let told = log[0]["data"]["payload"].to_string();
    assert!(
        told.contains(&format!("\"disabledReason\":\"{reason}\"")),
        "{told}"
    );
    let sent = receiver.received().len();
    task(api).await;
    assert_eq!(receiver.received().len(), sent);
    let path = format!("/webhooks/{id}/test");
    api.call("POST", &path, &json!({}))
        .await
        .unwrap()
        .expect(409);
    let path = format!("/webhooks/{id}");
    let on = api.call("PUT", &path, &json!({"enabled": true})).await;
    let on = on.unwrap().expect(200);
    assert_eq!(
        (&on["disabledReason"], &on["failingSince"]),
        (&Value::Null, &Value::Null)
    );
}

async fn an_endpoint_that_is_gone_is_disabled(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let api = server.api.at(process.address);
    let receiver = Receiver::start().await;
    let id = subscribed(&api, &receiver, "/gone", "standard").await;
    task(&api).await;
    let deliveries = settled(&api).await;
    assert_eq!(deliveries[0]["statusCode"], 410);
    assert_eq!(text(&deliveries[0], "status"), "failed");
    is_off(&api, &receiver, &id, "gone").await;
}

async fn an_endpoint_that_fails_for_five_days_is_disabled(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let api = server.api.at(process.address);
    let receiver = Receiver::start().await;
    let id = subscribed(&api, &receiver, "/fail", "none").await;
    task(&api).await;
    settled(&api).await;
    let failing = webhook(&api, &id).await;
    assert_eq!(failing["enabled"], true);
    let since = DateTime::parse_from_rfc3339(&text(&failing, "failingSince")).unwrap();
    assert_eq!(disabled(&api).await, [Value::Null; 0]);
    // Five days pass.
    let mut session = server.session().await.unwrap();
    let earlier = since.timestamp_millis() - 5 * 86_400_000;
    let sql = format!("UPDATE webhook SET failing_since = {earlier} WHERE company_id = ?");
    session.execute(&sql, &[api.company]).await.unwrap();
    task(&api).await;
    settled(&api).await;
    is_off(&api, &receiver, &id, "failing").await;
}

async fn an_endpoint_may_ask_for_patience(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let api = server.api.at(process.address);
    let receiver = Receiver::start().await;
    subscribed(&api, &receiver, "/later", "standard").await;
    task(&api).await;
    receiver.until(1).await;
    let waiting = async {
        loop {
            let page = api.get("/webhook-deliveries?status=pending").await.unwrap();
            let page = page.expect(200);
            let found = page["items"].get(0).filter(|one| one["statusCode"] == 503);
            if let Some(found) = found {
                return found.clone();
            }
        }
    };
    let limit = std::time::Duration::from_secs(60);
    let waiting = tokio::time::timeout(limit, waiting).await.unwrap();
    let at = |member| {
        let at = DateTime::parse_from_rfc3339(&text(&waiting, member)).unwrap();
        at.timestamp_millis()
    };
    // The schedule would have said five seconds; the receiver said an hour.
    let pause = at("nextAttemptAt") - at("createdAt");
    assert!((3_600_000..3_660_000).contains(&pause), "{pause} ms");
    // Each attempt is there with where its time went.
    let path = format!("/webhook-deliveries/{}", id(&waiting));
    let details = api.get(&path).await.unwrap().expect(200);
    let attempts = details["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    let timing = &attempts[0]["timing"];
    assert!(timing["totalMicros"].as_i64().unwrap() >= timing["firstByteMicros"].as_i64().unwrap());
    assert!(timing["connectMicros"].is_i64(), "{timing}");
    // Plain HTTP to an address: nothing to look up, and no TLS.
    assert_eq!(
        (&timing["dnsMicros"], &timing["tlsMicros"]),
        (&Value::Null, &Value::Null)
    );
    let headers = text(&attempts[0], "responseHeaders");
    assert!(headers.contains("retry-after: 3600"), "{headers}");
}
