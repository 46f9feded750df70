//! The event log as it is followed: in commit order, without a gap, however many write (contract, section 6).

use std::time::Duration;

use kith_tests::http::{Connection, Stream};
use kith_tests::{Api, Backend, TestServer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::id;
use crate::people::{join, role};

crate::scenarios!(
    the_log_is_followed_as_it_grows,
    a_write_of_another_server_wakes_the_stream,
    a_reader_skips_nothing_while_many_write,
    a_stream_ends_with_the_right_to_it,
);

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn follow(api: &Api, path: &str, head: &str) -> Stream {
    let connection = Connection::open(api.address).await.unwrap();
    let head = format!("{}{head}", api.key_line);
    let path = format!("/api/v1{path}");
    connection.follow(&path, &head).await.unwrap()
}

async fn next(stream: &mut Stream) -> (i64, String, Value) {
    let event = tokio::time::timeout(PATIENCE, stream.next()).await;
    event.unwrap().unwrap()
}

async fn task(api: &Api, name: &str) -> String {
    let made = api.create("tasks", &json!({ "name": name })).await;
    id(&made.unwrap().expect(201))
}

async fn the_log_is_followed_as_it_grows(server: &mut TestServer) {
    let api = &server.api;
    task(api, "before").await;
    let mut stream = follow(api, "/events/stream", "").await;
    let first = task(api, "A").await;
    let (position, name, data) = next(&mut stream).await;
    assert_eq!((position, name.as_str()), (2, "task.created"));
    assert_eq!(data["data"]["entityId"], json!(first));
    assert_eq!(data, server.events(1).await.unwrap()[0].json());
    api.delete(&format!("/tasks/{first}"))
        .await
        .unwrap()
        .expect(200);
    let (position, name, _) = next(&mut stream).await;
    assert_eq!((position, name.as_str()), (3, "task.deleted"));

    // Who was away goes on after the last event that they saw, whatever the address says.
    let last_seen = "last-event-id: 1\r\n";
    let mut again = follow(api, "/events/stream?after=3", last_seen).await;
    assert_eq!((next(&mut again).await.0, next(&mut again).await.0), (2, 3));
    let some = "/events/stream?after=0&types=task.deleted";
    let mut some = follow(api, some, "").await;
    assert_eq!(next(&mut some).await.0, 3);
    task(api, "B").await;
    assert_eq!(next(&mut again).await.0, 4);
    assert_eq!(next(&mut stream).await.0, 4);

    // A stream does not keep a server from stopping.
    server.process().terminate().unwrap();
    assert!(server.process().ended().await.unwrap().success());
    assert!(stream.next().await.is_err());
}

async fn a_write_of_another_server_wakes_the_stream(server: &mut TestServer) {
    if server.database.backend == Backend::Sqlite {
        // Several servers share a PostgreSQL only.
        return;
    }
    let (_other, writer) = server.beside().unwrap();
    let mut stream = follow(&server.api, "/events/stream", "").await;
    // Each event that waits for the next look at the log waits for two seconds.
    let all = async {
        for at in 0..30 {
            task(&writer, "A").await;
            assert_eq!(next(&mut stream).await.0, at + 1);
        }
    };
    let limit = Duration::from_secs(20);
    assert!(tokio::time::timeout(limit, all).await.is_ok());
}

/// Writers at a time, and what each of them writes.
const WRITERS: usize = 8;
const WRITES: usize = 25;

async fn a_reader_skips_nothing_while_many_write(server: &mut TestServer) {
    let (_other, beside) = server.beside().unwrap();
    let servers = [server.api.clone(), beside.clone()];
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let api = servers[writer % 2].clone();
        writers.spawn(async move {
            for at in 0..WRITES {
                // One event, or several in a transaction.
                if at % 5 == 0 {
                    let tasks = json!({"tasks": [{"name": "A"}, {"name": "B"}, {"name": "C"}]});
                    let made = api.call("POST", "/tasks/many", &tasks).await;
                    made.unwrap().expect(201);
                } else {
                    task(&api, "A").await;
                }
            }
        });
    }
    let total = i64::try_from(WRITERS * (WRITES + WRITES / 5 * 2)).unwrap();
    let mut readers = JoinSet::new();
    for api in &servers {
        let (paging, following) = (api.clone(), api.clone());
        readers.spawn(async move {
            let mut after = 0;
            while after < total {
                let path = format!("/events?after={after}&limit=7");
                let page = paging.get(&path).await.unwrap().expect(200);
                for event in page["items"].as_array().unwrap() {
                    after += 1;
                    assert_eq!(event["position"], after);
                }
                assert_eq!(page["next"], after);
            }
        });
        readers.spawn(async move {
            let mut stream = follow(&following, "/events/stream?after=0", "").await;
            for position in 1..=total {
                assert_eq!(next(&mut stream).await.0, position);
            }
        });
    }
    let all = async {
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        while let Some(done) = readers.join_next().await {
            done.unwrap();
        }
    };
    tokio::time::timeout(2 * PATIENCE, all).await.unwrap();
    let stored = server.events(0).await.unwrap();
    assert_eq!(i64::try_from(stored.len()).unwrap(), total);
}

async fn a_stream_ends_with_the_right_to_it(server: &mut TestServer) {
    let api = &server.api;
    let reading = ["auditLog:readAll", "tasks:readAll", "contacts:readAll"];
    let all = role(api, "Auditor", &reading).await;
    let nothing = role(api, "Nothing", &[]).await;
    let eva = join(server, api, "eva@example.com", &all).await;
    let made = api.call("POST", "/api-keys", &json!({"name": "CI"})).await;
    let made = made.unwrap().expect(201);
    let ci = api.with_key(api.user, made["key"].as_str().unwrap());
    let mut of_key = follow(&ci, "/events/stream", "").await;
    let mut of_eva = follow(&eva, "/events/stream?types=task.created", "").await;
    task(api, "A").await;
    assert_eq!(next(&mut of_eva).await.1, "task.created");
    assert_eq!(next(&mut of_key).await.1, "task.created");

    api.delete(&format!("/api-keys/{}", id(&made)))
        .await
        .unwrap()
        .expect(200);
    let path = format!("/users/{}", eva.user);
    let less = json!({ "roleId": nothing });
    api.call("PUT", &path, &less).await.unwrap().expect(200);
    task(api, "B").await;
    for stream in [&mut of_key, &mut of_eva] {
        // What happened before the right was taken may still come.
        let end = async {
            while let Ok((_, name, _)) = stream.next().await {
                assert_ne!(name, "task.created");
            }
        };
        tokio::time::timeout(PATIENCE, end).await.unwrap();
    }
}
