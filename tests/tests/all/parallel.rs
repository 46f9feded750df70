//! Many writers at once: nothing is lost, nothing is refused, the log is in order.

use std::collections::HashSet;

use kith_tests::http::Connection;
use kith_tests::{Api, Event, TestServer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{id, scenarios};

scenarios!(
    a_thousand_parallel_creates_link_one_organization,
    writers_of_all_kinds_never_see_a_lock
);

/// Contacts, and connections that make them at the same time.
const CONTACTS: usize = 1_000;
const CONNECTIONS: usize = 250;

/// Makes contacts that link an organization, all at once over many connections; their ids.
pub(crate) async fn create_contacts(
    api: &Api,
    organization: &str,
    count: usize,
    connections: usize,
) -> HashSet<Uuid> {
    let body = json!({"firstName": "Ada", "organizationIds": [organization]}).to_string();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (api, body) = (api.clone(), body.clone());
        tasks.spawn(async move {
            let head = format!("{}content-type: application/json\r\n", api.key_line);
            let mut connection = Connection::open(api.address).await.unwrap();
            let mut ids = Vec::new();
            for _ in 0..count / connections {
                let reply = connection
                    .request("POST", "/api/v1/contacts", &head, body.as_bytes())
                    .await
                    .unwrap();
                ids.push(id(&reply.expect(201)).parse::<Uuid>().unwrap());
            }
            ids
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// What an event says about the organization in it.
#[derive(serde::Deserialize)]
struct Envelope {
    data: Data,
}
#[derive(serde::Deserialize)]
struct Data {
    payload: Payload,
}
#[derive(serde::Deserialize)]
struct Payload {
    organization: Organization,
    changes: Option<Changes>,
}
#[derive(serde::Deserialize)]
struct Organization {
    version: i64,
}
#[derive(serde::Deserialize)]
struct Changes {
    #[serde(rename = "contactIds")]
    contact_ids: Moved,
}
#[derive(serde::Deserialize)]
struct Moved {
    previous: Vec<serde::de::IgnoredAny>,
    current: Vec<serde::de::IgnoredAny>,
}

/// The log has no gaps; the organization's `updated` events step its version and its contacts one by one.
#[track_caller]
pub(crate) fn check_order(events: &[Event], organization: &str, contacts: usize) {
    assert!(
        events
            .iter()
            .zip(1..)
            .all(|(event, position)| event.position == position)
    );
    let updates: Vec<Envelope> = events
        .iter()
        .filter(|event| {
            event.name == "organization.updated" && event.entity.to_string() == organization
        })
        .map(|event| serde_json::from_slice(&event.body).unwrap())
        .collect();
    assert_eq!(updates.len(), contacts);
    for (step, update) in updates.iter().enumerate() {
        let Payload {
            organization,
            changes,
        } = &update.data.payload;
        let Moved { previous, current } = &changes.as_ref().unwrap().contact_ids;
        let expected = (i64::try_from(step).unwrap() + 2, step, step + 1);
        assert_eq!(
            (organization.version, previous.len(), current.len()),
            expected
        );
    }
}

async fn a_thousand_parallel_creates_link_one_organization(server: &mut TestServer) {
    let api = &server.api;
    let organization = id(&api
        .create("organizations", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201));
    let created = create_contacts(api, &organization, CONTACTS, CONNECTIONS).await;
    assert_eq!(created.len(), CONTACTS);

    let record = api.record("organizations", &organization).await.unwrap();
    let linked: HashSet<Uuid> = record["contactIds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(record["contactIds"].as_array().unwrap().len(), CONTACTS);
    assert_eq!(linked, created);
    assert_eq!(record["version"], 1 + CONTACTS);

    let events = server.events(0).await.unwrap();
    assert_eq!(events.len(), 1 + 2 * CONTACTS);
    check_order(&events, &organization, CONTACTS);
    let announced: HashSet<Uuid> = events
        .iter()
        .filter(|event| event.name == "contact.created")
        .map(|event| event.entity)
        .collect();
    assert_eq!(announced, created);
}

/// Creates, updates, links, deletes and reads of the same few records at once: every answer is one of the contract.
async fn writers_of_all_kinds_never_see_a_lock(server: &mut TestServer) {
    let api = &server.api;
    let organizations = json!({"organizations": vec![json!({"name": "A"}); 3]});
    let organizations = api
        .call("POST", "/organizations/many", &organizations)
        .await
        .unwrap()
        .expect(201);
    let organizations: Vec<_> = organizations.as_array().unwrap().iter().map(id).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16_usize {
        let (api, organizations) = (api.clone(), organizations.clone());
        tasks.spawn(async move {
            for round in 0..8_usize {
                let organization = &organizations[(number + round) % 3];
                let body = json!({"firstName": "Ada", "organizationIds": [organization]});
                let contact = id(&api.create("contacts", &body).await.unwrap().expect(201));
                let other = &organizations[(number + round + 1) % 3];
                api.link("contacts", &contact, "organizations", &[other])
                    .await
                    .unwrap()
                    .expect(200);
                api.update(
                    "organizations",
                    other,
                    &json!({"name": format!("{number} {round}")}),
                )
                .await
                .unwrap()
                .expect(200);
                api.record("organizations", organization).await.unwrap();
                if round % 2 == 0 {
                    api.delete(&format!("/contacts/{contact}"))
                        .await
                        .unwrap()
                        .expect(200);
                }
            }
        });
    }
    tasks.join_all().await;
    let mut contacts = HashSet::new();
    for organization in &organizations {
        let record = api.record("organizations", organization).await.unwrap();
        contacts.extend(
            record["contactIds"]
                .as_array()
                .unwrap()
                .iter()
                .map(Value::to_string),
        );
    }
    assert_eq!(contacts.len(), 16 * 4);
    let events = server.events(0).await.unwrap();
    assert!(
        events
            .iter()
            .zip(1..)
            .all(|(event, position)| event.position == position)
    );
}

#[tokio::test]
async fn two_servers_on_one_postgresql_lose_nothing() {
    crate::run(
        kith_tests::Backend::Postgres,
        async |server: &mut TestServer| {
            let (_other, beside) = server.beside().unwrap();
            let api = &server.api;
            let organization = id(&api
                .create("organizations", &json!({"name": "A"}))
                .await
                .unwrap()
                .expect(201));
            let count = 200;
            let (one, other) = tokio::join!(
                create_contacts(api, &organization, count, 20),
                create_contacts(&beside, &organization, count, 20)
            );
            let created: HashSet<Uuid> = one.union(&other).copied().collect();
            assert_eq!(created.len(), 2 * count);
            for api in [api, &beside] {
                let record = api.record("organizations", &organization).await.unwrap();
                let linked: HashSet<Uuid> = record["contactIds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|id| id.as_str().unwrap().parse().unwrap())
                    .collect();
                assert_eq!(
                    (&linked, &record["version"]),
                    (&created, &json!(1 + 2 * count))
                );
            }
            let events = server.events(0).await.unwrap();
            assert_eq!(events.len(), 1 + 4 * count);
            check_order(&events, &organization, 2 * count);
        },
    )
    .await;
}

/// The same key at two servers at once: one runs it, the others get its answer or are told to wait.
#[tokio::test]
async fn two_servers_run_an_idempotent_request_once() {
    crate::run(
        kith_tests::Backend::Postgres,
        async |server: &mut TestServer| {
            let (_other, beside) = server.beside().unwrap();
            let mut calls = tokio::task::JoinSet::new();
            for number in 0..20 {
                let api = if number % 2 == 0 {
                    server.api.clone()
                } else {
                    beside.clone()
                };
                calls.spawn(async move {
                    let head = "idempotency-key: once\r\n";
                    api.call_with("POST", "/tasks", head, &json!({"name": "A"}))
                        .await
                        .unwrap()
                });
            }
            let mut tasks = HashSet::new();
            for reply in calls.join_all().await {
                match reply.status {
                    201 => {
                        tasks.insert(id(&reply.json()));
                    }
                    _ => assert_eq!(reply.expect(409)["code"], "idempotency_conflict"),
                }
            }
            assert_eq!(tasks.len(), 1);
            assert_eq!(server.events(0).await.unwrap().len(), 1);
        },
    )
    .await;
}
