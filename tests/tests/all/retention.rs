//! Old events and deliveries go, and who comes too late for them is told (contract, section 6).

use std::time::Duration;

use kith_tests::{Reply, TestServer};
use serde_json::{Value, json};

use crate::webhooks::delivering_with;
use crate::{id, text};

crate::scenarios!(a_reader_who_comes_too_late_is_told);

/// Asks until an answer has a status.
async fn until(status: u16, ask: impl AsyncFn() -> Reply) -> Value {
    let answered = async {
        loop {
            let reply = ask().await;
            if reply.status == status {
                return reply.json();
            }
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, answered).await.unwrap()
}

async fn a_reader_who_comes_too_late_is_told(server: &mut TestServer) {
    server.kill().unwrap();
    let settings = [("KITH_KEEP_EVENTS", "1s"), ("KITH_KEEP_DELIVERIES", "1s")];
    let process = delivering_with(server, &settings);
    let api = server.api.at(process.address);
    // Nobody listens there, so that the delivery fails and is finished.
    let wanted = json!({"url": "http://127.0.0.1:9/", "events": ["task.created"]});
    let webhook = api.call("POST", "/webhooks", &wanted).await.unwrap();
    webhook.expect(201);
    let task = api.create("tasks", &json!({"name": "A"})).await.unwrap();
    task.expect(201);
    let page = api.get("/webhook-deliveries").await.unwrap().expect(200);
    let delivery = page["items"].get(0).map(id);
    if let Some(delivery) = delivery {
        let path = format!("/webhook-deliveries/{delivery}");
        until(404, async || api.get(&path).await.unwrap()).await;
    }
    let late = until(410, async || api.get("/events?after=1").await.unwrap()).await;
    assert_eq!(text(&late, "code"), "position_expired");
    let position = |reply: &Value| {
        let (_, last) = reply["detail"].as_str().unwrap().rsplit_once(' ').unwrap();
        last.parse::<i64>().unwrap()
    };
    assert!(position(&late) >= 2, "{late}");
    let path = "/events/stream?after=1";
    assert_eq!(
        api.get(path).await.unwrap().expect(410)["code"],
        late["code"]
    );
    let last_seen = "last-event-id: 0\r\n";
    let reply = api.send("GET", "/events/stream", last_seen, b"").await;
    assert_eq!(reply.unwrap().expect(410)["code"], late["code"]);
    // Who begins anew, or where it is said, misses nothing of what follows.
    let gone = async || api.get("/events?after=0").await.unwrap();
    let begin = position(&until(410, gone).await);
    let page = api.get("/events").await.unwrap().expect(200);
    assert!(page["next"].as_i64().unwrap() >= begin, "{page}");
}
