//! Who tries too often, asks too much or listens too much.

use std::time::Duration;

use kith_tests::{Connection, TestServer};
use serde_json::json;

use super::{PASSWORD, give_password, post, serving, sign_in, try_to_sign_in, with_cookie};

crate::scenarios!(
    failed_sign_ins_are_limited,
    proxies_are_believed_if_they_are_trusted,
    requests_and_streams_of_a_key_are_limited,
);

async fn failed_sign_ins_are_limited(server: &mut TestServer) {
    let api = &server.api;
    let email = give_password(api, PASSWORD).await;
    for _ in 0..12 {
        sign_in(api, &email, PASSWORD).await;
    }
    // At once: none gets around it by being quick.
    let tries = (0..30).map(|_| {
        let (api, email) = (api.clone(), email.clone());
        tokio::spawn(async move { try_to_sign_in(&api, &email, "wrong").await.status })
    });
    let mut statuses = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        statuses.push(tried.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    // One comes back in 30 seconds.
    assert!(
        (10..=12).contains(&count(401)) && count(401) + count(429) == 30,
        "{statuses:?}"
    );
    let refused = try_to_sign_in(api, &email, PASSWORD).await;
    assert_eq!(refused.expect(429)["code"], "too_many_requests");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds));
}

async fn proxies_are_believed_if_they_are_trusted(server: &mut TestServer) {
    let email = give_password(&server.api, PASSWORD).await;
    let trusting = serving(server, &[("KITH_TRUSTED_PROXIES", "127.0.0.1")]);
    let head = "content-type: application/json\r\nx-forwarded-for: 6.6.6.6, 203.0.113.7\r\n";
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    for (api, address) in [
        (server.api.clone(), "127.0.0.1"),
        (server.api.at(trusting.address), "203.0.113.7"),
    ] {
        let reply = api
            .send_raw("POST", "/api/v1/sign-in", head, body.as_bytes())
            .await
            .unwrap();
        reply.expect(200);
        let session = with_cookie(&api, &super::cookie(&reply));
        let sessions = session.get("/sessions").await.unwrap().expect(200);
        let sessions = sessions.as_array().unwrap();
        assert_eq!(sessions.last().unwrap()["address"], address);
    }
}

async fn requests_and_streams_of_a_key_are_limited(server: &mut TestServer) {
    let settings = [
        ("KITH_REQUESTS_PER_MINUTE", "500"),
        ("KITH_STREAMS_PER_KEY", "1"),
    ];
    let limited = serving(server, &settings);
    let api = server.api.at(limited.address);
    let reply = api.get("/users/me").await.unwrap();
    assert_eq!(reply.header("ratelimit-limit"), Some("500"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("499"));
    let request = format!(
        "GET /api/v1/events/stream HTTP/1.1\r\nhost: kith\r\n{}\r\n",
        api.key_line
    );
    let open = async || {
        let mut connection = Connection::open(limited.address).await.unwrap();
        connection.send(request.as_bytes()).await.unwrap();
        let reply = connection.reply(true).await.unwrap();
        (reply.status, connection)
    };
    let (status, first) = open().await;
    assert_eq!(status, 200);
    let refused = api.get("/events/stream").await.unwrap();
    assert_eq!(refused.expect(429)["code"], "too_many_streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(first);
    let again = async { while open().await.0 != 200 {} };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .unwrap();
    // What needs no credential is not counted.
    let reply = post(&api, "/sign-in", &json!({})).await;
    assert_eq!(reply.header("ratelimit-limit"), None);
}
