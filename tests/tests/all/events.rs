//! The event log, read straight from the database: names, order, exact changes (contract, section 6).

use kith_tests::{Event, TestServer};
use serde_json::{Value, json};

use crate::{id, without};

crate::scenarios!(
    an_event_is_the_envelope_of_the_contract,
    both_ends_of_a_link_say_what_moved,
    totals_move_with_their_event,
    the_record_asked_for_comes_first_then_the_others_by_id,
    positions_have_no_gaps,
);

/// Reads on in the log from where the reading before ended.
struct Reader<'a> {
    server: &'a TestServer,
    position: i64,
}

impl Reader<'_> {
    async fn next(&mut self) -> Vec<Event> {
        let events = self.server.events(self.position).await.unwrap();
        for event in &events {
            self.position += 1;
            assert_eq!(event.position, self.position);
        }
        events
    }

    /// Names, records and changes of what happened since.
    async fn happened(&mut self) -> Vec<(String, String, Value)> {
        let events = self.next().await;
        events
            .iter()
            .map(|event| {
                (
                    event.name.clone(),
                    event.entity.to_string(),
                    event.changes(),
                )
            })
            .collect()
    }
}

fn moved(previous: Value, current: Value) -> Value {
    json!({"previous": previous, "current": current})
}

fn happened(name: &str, entity: &str, changes: Value) -> (String, String, Value) {
    (name.to_owned(), entity.to_owned(), changes)
}

async fn an_event_is_the_envelope_of_the_contract(server: &mut TestServer) {
    let mut log = Reader {
        server,
        position: 0,
    };
    let api = &server.api;
    let bodies = [
        (
            "contacts",
            json!({"firstName": "Ada", "notes": "**x**", "userIds": [api.user], "emails": ["a@example.com"]}),
            json!({"firstName": "Augusta", "notes": null}),
        ),
        ("organizations", json!({"name": "A"}), json!({"name": "B"})),
        ("deals", json!({"name": "A"}), json!({"name": "B"})),
        (
            "services",
            json!({"name": "A", "amount": 1.25}),
            json!({"amount": 2}),
        ),
        ("tasks", json!({"name": "A"}), json!({"name": "B"})),
    ];
    for (plural, body, change) in bodies {
        let name = plural.trim_end_matches('s');
        let created = api.create(plural, &body).await.unwrap().expect(201);
        let path = format!("/{plural}/{}", id(&created));
        let with_document = async || {
            api.get(&format!("{path}?notesFormat=tiptap"))
                .await
                .unwrap()
                .expect(200)[name]
                .take()
        };
        let envelope = |what: &str, payload: Value, at: &Value| {
            json!({
                "event": format!("{name}.{what}"),
                "data": {"userId": api.user, "companyId": api.company, "entityId": created["id"], "payload": payload},
                "timestamp": at,
            })
        };
        let before = with_document().await;
        let [event] = &log.next().await[..] else {
            unreachable!("one event")
        };
        assert_eq!(
            event.json(),
            envelope("created", json!({name: before}), &created["updatedAt"])
        );
        assert_eq!(
            (event.entity.to_string(), event.user),
            (id(&created), api.user)
        );

        let updated = api
            .update(plural, &id(&created), &change)
            .await
            .unwrap()
            .expect(200);
        let after = with_document().await;
        let changes: Value = change
            .as_object()
            .unwrap()
            .keys()
            .map(|member| {
                (
                    member.clone(),
                    moved(before[member].clone(), after[member].clone()),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        let [event] = &log.next().await[..] else {
            unreachable!("one event")
        };
        assert_eq!(
            event.json(),
            envelope(
                "updated",
                json!({name: after, "changes": changes}),
                &updated["updatedAt"]
            )
        );

        api.delete(&path).await.unwrap().expect(200);
        let [event] = &log.next().await[..] else {
            unreachable!("one event")
        };
        let at = event.json()["timestamp"].take();
        assert_eq!(
            event.json(),
            envelope("deleted", json!({format!("{name}Id"): created["id"]}), &at)
        );
        let text = String::from_utf8(event.body.clone()).unwrap();
        assert!(
            text.starts_with(&format!(
                "{{\"event\":\"{name}.deleted\",\"data\":{{\"userId\":"
            )),
            "{text}"
        );
    }
}

async fn both_ends_of_a_link_say_what_moved(server: &mut TestServer) {
    let mut log = Reader {
        server,
        position: 0,
    };
    let api = &server.api;
    let organization = id(&api
        .create("organizations", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201));
    log.next().await;
    let contact = id(&api
        .create(
            "contacts",
            &json!({"firstName": "A", "organizationIds": [organization]}),
        )
        .await
        .unwrap()
        .expect(201));
    let events = log.next().await;
    assert_eq!(events.len(), 2);
    assert_eq!(without(events[0].payload(), &["contact"]), json!({}));
    assert_eq!(
        events[0].payload()["contact"]["organizationIds"],
        json!([organization])
    );
    assert_eq!(
        events[1].changes(),
        json!({"contactIds": moved(json!([]), json!([contact]))})
    );
    assert_eq!(events[1].payload()["organization"]["version"], 2);

    // By link and unlink, from the other end.
    api.unlink("organizations", &organization, "contacts", &[&contact])
        .await
        .unwrap()
        .expect(200);
    api.link("organizations", &organization, "contacts", &[&contact])
        .await
        .unwrap()
        .expect(200);
    let gone = json!({"contactIds": moved(json!([contact]), json!([]))});
    let back = json!({"contactIds": moved(json!([]), json!([contact]))});
    let mirrored_gone = json!({"organizationIds": moved(json!([organization]), json!([]))});
    let mirrored_back = json!({"organizationIds": moved(json!([]), json!([organization]))});
    assert_eq!(
        log.happened().await,
        [
            happened("organization.updated", &organization, gone.clone()),
            happened("contact.updated", &contact, mirrored_gone),
            happened("organization.updated", &organization, back),
            happened("contact.updated", &contact, mirrored_back),
        ]
    );
    // What is linked already, or changes nothing, is silent.
    api.link("contacts", &contact, "organizations", &[&organization])
        .await
        .unwrap()
        .expect(200);
    api.update(
        "contacts",
        &contact,
        &json!({"organizationIds": [organization], "firstName": "A"}),
    )
    .await
    .unwrap()
    .expect(200);
    assert_eq!(log.happened().await, []);
    // Several changes of one record are one event; users are no records.
    let body = json!({"firstName": "B", "organizationIds": [], "userIds": [api.user]});
    api.update("contacts", &contact, &body)
        .await
        .unwrap()
        .expect(200);
    let both = json!({
        "firstName": moved(json!("A"), json!("B")),
        "organizationIds": moved(json!([organization]), json!([])),
        "userIds": moved(json!([]), json!([api.user])),
    });
    assert_eq!(
        log.happened().await,
        [
            happened("contact.updated", &contact, both),
            happened("organization.updated", &organization, gone)
        ]
    );
    // A deletion is told by whoever loses a link.
    api.link("organizations", &organization, "contacts", &[&contact])
        .await
        .unwrap()
        .expect(200);
    log.next().await;
    api.delete(&format!("/contacts/{contact}"))
        .await
        .unwrap()
        .expect(200);
    assert_eq!(
        log.happened().await,
        [
            happened("contact.deleted", &contact, Value::Null),
            happened(
                "organization.updated",
                &organization,
                json!({"contactIds": moved(json!([contact]), json!([]))})
            ),
        ]
    );
}

async fn totals_move_with_their_event(server: &mut TestServer) {
    let mut log = Reader {
        server,
        position: 0,
    };
    let api = &server.api;
    let service = id(&api
        .create("services", &json!({"name": "S", "amount": 10}))
        .await
        .unwrap()
        .expect(201));
    let deal = id(&api
        .create("deals", &json!({"name": "D"}))
        .await
        .unwrap()
        .expect(201));
    log.next().await;
    let line = |quantity: Value| json!([{"serviceId": service, "quantity": quantity}]);
    api.update("deals", &deal, &json!({"services": line(json!(2.5))}))
        .await
        .unwrap()
        .expect(200);
    api.update("deals", &deal, &json!({"services": line(json!(4))}))
        .await
        .unwrap()
        .expect(200);
    api.update("services", &service, &json!({"amount": 0.5}))
        .await
        .unwrap()
        .expect(200);
    api.update("services", &service, &json!({"name": "T"}))
        .await
        .unwrap()
        .expect(200);
    api.delete(&format!("/services/{service}"))
        .await
        .unwrap()
        .expect(200);
    assert_eq!(
        log.happened().await,
        [
            happened(
                "deal.updated",
                &deal,
                json!({
                    "services": moved(json!([]), line(json!(2.5))),
                    "totalValue": moved(json!(0), json!(25)),
                    "totalQuantity": moved(json!(0), json!(2.5)),
                })
            ),
            happened(
                "service.updated",
                &service,
                json!({"dealIds": moved(json!([]), json!([deal]))})
            ),
            happened(
                "deal.updated",
                &deal,
                json!({
                    "services": moved(line(json!(2.5)), line(json!(4))),
                    "totalValue": moved(json!(25), json!(40)),
                    "totalQuantity": moved(json!(2.5), json!(4)),
                })
            ),
            happened(
                "service.updated",
                &service,
                json!({"amount": moved(json!(10), json!(0.5))})
            ),
            happened(
                "deal.updated",
                &deal,
                json!({"totalValue": moved(json!(40), json!(2))})
            ),
            happened(
                "service.updated",
                &service,
                json!({"name": moved(json!("S"), json!("T"))})
            ),
            happened("service.deleted", &service, Value::Null),
            happened(
                "deal.updated",
                &deal,
                json!({
                    "services": moved(line(json!(4)), json!([])),
                    "totalValue": moved(json!(2), json!(0)),
                    "totalQuantity": moved(json!(4), json!(0)),
                })
            ),
        ]
    );
}

async fn the_record_asked_for_comes_first_then_the_others_by_id(server: &mut TestServer) {
    let mut log = Reader {
        server,
        position: 0,
    };
    let api = &server.api;
    let contacts = json!({"contacts": vec![json!({"firstName": "A"}); 2]});
    let contacts = api
        .call("POST", "/contacts/many", &contacts)
        .await
        .unwrap()
        .expect(201);
    let deal = id(&api
        .create("deals", &json!({"name": "D"}))
        .await
        .unwrap()
        .expect(201));
    let organizations = json!({"organizations": vec![json!({"name": "A"}); 2]});
    let organizations = api
        .call("POST", "/organizations/many", &organizations)
        .await
        .unwrap()
        .expect(201);
    log.next().await;
    let [a, b] = [id(&contacts[0]), id(&contacts[1])];
    let [o, p] = [id(&organizations[0]), id(&organizations[1])];
    let body = json!({"contacts": [
        {"id": b, "organizationIds": [p, o], "dealIds": [deal]},
        {"id": a, "organizationIds": [p]},
    ]});
    api.call("PUT", "/contacts/many", &body)
        .await
        .unwrap()
        .expect(200);
    let events = log.next().await;
    let order: Vec<_> = events
        .iter()
        .map(|event| event.entity.to_string())
        .collect();
    assert_eq!(order, [&b, &a, &deal, &o, &p].map(Clone::clone));
    // One transaction has one time.
    let times: std::collections::BTreeSet<_> = events
        .iter()
        .map(|event| event.json()["timestamp"].to_string())
        .collect();
    assert_eq!(times.len(), 1);
    let both = &events[4].changes()["contactIds"]["current"];
    assert_eq!(crate::sorted(both), [a, b]);
}

async fn positions_have_no_gaps(server: &mut TestServer) {
    let api = &server.api;
    for refused in [false, true, false] {
        let body = if refused {
            json!({"name": ""})
        } else {
            json!({"name": "A"})
        };
        let status = if refused { 400 } else { 201 };
        api.create("tasks", &body).await.unwrap().expect(status);
    }
    server.restart().unwrap();
    server
        .api
        .create("tasks", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201);
    let positions: Vec<_> = server
        .events(0)
        .await
        .unwrap()
        .iter()
        .map(|event| event.position)
        .collect();
    assert_eq!(positions, [1, 2, 3]);
}
