//! Power cuts, stops and starts: what was acknowledged is there (contract, sections 2 and 12).

use kith_tests::TestServer;
use kith_tests::crash::{Load, kill_under_load};
use kith_tests::http::Connection;
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    what_was_acknowledged_survives_a_kill,
    a_stop_finishes_what_is_in_flight,
    a_restart_keeps_everything,
);

async fn what_was_acknowledged_survives_a_kill(server: &mut TestServer) {
    let load = Load {
        rounds: 3,
        writers: 16,
        writes: 150,
    };
    let tally = kill_under_load(server, load, |_, _| ()).await.unwrap();
    assert!(tally.acknowledged >= 3 * 150, "{tally:?}");
}

async fn a_stop_finishes_what_is_in_flight(server: &mut TestServer) {
    let api = server.api.clone();
    let mut connection = Connection::open(api.address).await.unwrap();
    let body = json!({"name": "A"}).to_string();
    let head = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nhost: kith\r\n{}content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        api.key_line,
        body.len()
    );
    connection.send(head.as_bytes()).await.unwrap();
    // The server asks for the body, so the request is in its hands.
    assert_eq!(connection.reply(false).await.unwrap().status, 100);
    server.process().terminate().unwrap();
    let refused = async {
        while Connection::open(api.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), refused)
        .await
        .unwrap();
    connection.send(body.as_bytes()).await.unwrap();
    let task = connection.reply(false).await.unwrap().expect(201);
    drop(connection);
    let status = server.process().ended().await.unwrap();
    assert!(status.success(), "{status}\n{}", server.log());
    assert_eq!(
        server.events(0).await.unwrap()[0].entity.to_string(),
        id(&task)
    );
}

async fn a_restart_keeps_everything(server: &mut TestServer) {
    let api = &server.api;
    let service = id(&api
        .create("services", &json!({"name": "S", "amount": 0.1}))
        .await
        .unwrap()
        .expect(201));
    let body = json!({"name": "Ω", "notes": "> x", "userIds": [api.user], "services": [{"serviceId": service, "quantity": 1.5}]});
    let deal = api.create("deals", &body).await.unwrap().expect(201);
    let events = server.events(0).await.unwrap();
    server.process().terminate().unwrap();
    assert!(server.process().ended().await.unwrap().success());
    server.restart().unwrap();
    assert_eq!(server.api.record("deals", &id(&deal)).await.unwrap(), deal);
    let after = server.events(0).await.unwrap();
    let bytes = |events: &[kith_tests::Event]| {
        events
            .iter()
            .map(|event| event.body.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(&after), bytes(&events));
    let updated = server
        .api
        .update("services", &service, &json!({"amount": 0.2}))
        .await
        .unwrap();
    assert_eq!(updated.expect(200)["dealIds"], json!([deal["id"]]));
    assert_eq!(
        server.api.record("deals", &id(&deal)).await.unwrap()["totalValue"],
        Value::from(0.3)
    );
}
