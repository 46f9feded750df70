//! Deliveries to receivers that are slow, broken, down or malicious, and across kills (contract, section 7). The same on
//! a large scale: `cargo xtask load`.

use std::time::Duration;

use kith_tests::faults::{self, Plan, make_tasks, settled, subscribe};
use kith_tests::server::Process;
use kith_tests::{Backend, Connection, Receiver, TestServer, outcomes};
use serde_json::json;

crate::scenarios!(
    of_every_receiver_the_right_thing_is_recorded,
    nothing_is_lost_while_processes_are_killed_and_the_receiver_is_down,
    neither_a_hanging_endpoint_nor_a_long_queue_delays_the_others,
    a_receiver_that_asks_for_patience_gets_it,
);

const PATIENCE: Duration = Duration::from_secs(60);

async fn of_every_receiver_the_right_thing_is_recorded(server: &mut TestServer) {
    let timeout = Duration::from_secs(2);
    let outcomes = outcomes::of_each_behaviour(server, timeout).await.unwrap();
    for outcome in outcomes {
        outcome.check().unwrap();
    }
}

async fn nothing_is_lost_while_processes_are_killed_and_the_receiver_is_down(
    server: &mut TestServer,
) {
    let plan = Plan {
        events: 400,
        per_request: 10,
        writers: 2,
        webhooks: 3,
        kills: 3,
        workers: match server.database.backend {
            Backend::Sqlite => 0,
            Backend::Postgres => 2,
        },
        down: Duration::from_millis(200),
        timeout: Duration::from_millis(500),
        patience: PATIENCE,
    };
    let tally = faults::run(server, plan, |_| ()).await.unwrap();
    assert!(
        tally.events >= plan.events && tally.attempts >= tally.deliveries,
        "{tally:?}"
    );
}

/// The order says it, without a clock: what others wait for is still held when everybody else's arrive.
async fn neither_a_hanging_endpoint_nor_a_long_queue_delays_the_others(server: &mut TestServer) {
    const QUEUED: usize = 1_000;
    let receiver = Receiver::start().await.unwrap();
    server.kill().unwrap();
    let settings = receiver.settings(Duration::from_secs(60));
    let process = Process::start_as(&server.database.url, "all", &settings).unwrap();
    let api = server.api.at(process.address);
    let mut paths = Vec::new();
    for (name, behaviour, count) in [("Hang", "hang", 50), ("Queue", "wait", QUEUED)] {
        let tenant = server.another_company(name).unwrap().at(process.address);
        let webhooks = subscribe(&tenant, &receiver, 1, behaviour, false)
            .await
            .unwrap();
        let mut connection = Connection::open(process.address).await.unwrap();
        make_tasks(&mut connection, &tenant, count).await.unwrap();
        paths.push(webhooks[0].0.clone());
    }
    // As many as may be under way at once to each of the two are, and none of them ends.
    let first = receiver.ledger.until_arrived(2, PATIENCE).await;
    first.unwrap();
    let webhooks = subscribe(&api, &receiver, 3, "fast", false).await.unwrap();
    let mut connection = Connection::open(process.address).await.unwrap();
    for _ in 0..20 {
        make_tasks(&mut connection, &api, 1).await.unwrap();
    }
    receiver.ledger.until_accepted(60, PATIENCE).await.unwrap();
    for (path, _) in &webhooks {
        assert_eq!(receiver.ledger.at(path).len(), 20);
    }
    for path in &paths {
        let arrived = receiver.ledger.at(path);
        assert!(
            (1..=8).contains(&arrived.len()),
            "{path}: {}",
            arrived.len()
        );
        assert!(arrived.values().all(|arrivals| arrivals.accepted == 0));
    }
    assert_eq!(settled(server, PATIENCE).await.unwrap(), 20);
    receiver.let_go();
    let done = receiver.ledger.until_accepted(60 + QUEUED, PATIENCE).await;
    done.unwrap();
    receiver.ledger.check().unwrap();
}

async fn a_receiver_that_asks_for_patience_gets_it(server: &mut TestServer) {
    let receiver = Receiver::start().await.unwrap();
    server.kill().unwrap();
    let settings = receiver.settings(Duration::from_secs(10));
    let process = Process::start_as(&server.database.url, "all", &settings).unwrap();
    let api = server.api.at(process.address);
    subscribe(&api, &receiver, 1, "429", true).await.unwrap();
    api.create("tasks", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201);
    receiver.ledger.until_arrived(1, PATIENCE).await.unwrap();
    let recorded = async {
        loop {
            let page = api.get("/webhook-deliveries").await.unwrap().expect(200);
            if page["items"][0]["nextAttemptAt"].is_string()
                && page["items"][0]["statusCode"] == 429
            {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, recorded).await.unwrap();
    // `Retry-After` was two minutes, the pause would be five seconds.
    let mut session = server.session().await.unwrap();
    let sql = "SELECT due_at - (SELECT max(a.at) FROM delivery_attempt a WHERE a.company_id = d.company_id) \
               FROM delivery d WHERE d.company_id = ?";
    let pause = session.numbers(sql, &[api.company]).await.unwrap();
    assert!((119_000..150_000).contains(&pause[0]), "{pause:?}");
}
