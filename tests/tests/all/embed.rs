//! A service that embeds Kith follows the log of a database that servers write to, without HTTP.

use std::sync::Arc;
use std::time::Duration;

use kith_application::EventLog;
use kith_domain::ports::{Clock, Silent};
use kith_domain::time::Timestamp;
use kith_persistence::{Settings, Store};
use kith_tests::TestServer;
use serde_json::json;

use crate::text;

crate::scenarios!(a_service_beside_the_server_gets_its_events);

async fn a_service_beside_the_server_gets_its_events(server: &mut TestServer) {
    let settings = Settings::new(&server.database.url);
    let clock: Arc<dyn Clock> = Arc::new(|| Timestamp(0));
    let store = Store::open(&settings, clock, Arc::new(Silent)).await;
    let store = Arc::new(store.unwrap());
    let log = EventLog::new(store.clone(), store.clone());
    let api = server.api.clone();
    let mut follower = log.follow(api.company, 0);
    let writing = async {
        for at in 0..20 {
            let body = json!({"name": at.to_string()});
            api.create("tasks", &body).await.unwrap().expect(201);
        }
    };
    let following = async {
        let mut position = 0;
        while position < 20 {
            for event in follower.next().await.unwrap() {
                position += 1;
                assert_eq!((event.position, event.company), (position, api.company));
                let body: serde_json::Value = serde_json::from_slice(&event.event.body).unwrap();
                let task = &body["data"]["payload"]["task"];
                assert_eq!(text(task, "name"), (position - 1).to_string());
            }
        }
    };
    let both = async { tokio::join!(writing, following) };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, both).await.unwrap();
    store.close().await;
}
