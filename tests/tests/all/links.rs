//! Relationships: one link, seen and made from both ends, with quantities and derived totals (contract, section 2).

use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::{id, sorted};

crate::scenarios!(
    every_relation_is_linked_from_either_end,
    a_given_array_replaces_the_links,
    totals_follow_quantities_and_amounts,
    deleting_a_record_unlinks_it_everywhere,
);

/// Pairs of types that can be linked: path, relation there, member there; and the same of the other end.
const PAIRS: [[(&str, &str, &str); 2]; 3] = [
    [
        ("contacts", "organizations", "organizationIds"),
        ("organizations", "contacts", "contactIds"),
    ],
    [
        ("contacts", "deals", "dealIds"),
        ("deals", "contacts", "contactIds"),
    ],
    [
        ("organizations", "deals", "dealIds"),
        ("deals", "organizations", "organizationIds"),
    ],
];

async fn made(api: &Api, plural: &str, body: &Value) -> String {
    let mut body = body.clone();
    for (plurals, member, value) in [
        ("contacts", "firstName", json!("A")),
        ("organizations deals services tasks", "name", json!("A")),
        ("services", "amount", json!(1)),
    ] {
        if plurals.contains(plural) && body[member].is_null() {
            body[member] = value;
        }
    }
    id(&api.create(plural, &body).await.unwrap().expect(201))
}

async fn every_relation_is_linked_from_either_end(server: &mut TestServer) {
    let api = &server.api;
    for pair in PAIRS {
        for [near, far] in [pair, [pair[1], pair[0]]] {
            let one = made(api, near.0, &json!({})).await;
            let other = made(api, far.0, &json!({(far.2): [&one]})).await;
            let third = made(api, far.0, &json!({})).await;

            // Linked at creation, by the array of the other end.
            assert_eq!(
                api.record(near.0, &one).await.unwrap()[near.2],
                json!([&other])
            );
            // Linked by itself; once more changes nothing.
            for version in [3, 3] {
                let reply = api.link(near.0, &one, near.1, &[&third]).await.unwrap();
                let linked = reply.expect(200);
                let mut both = [other.clone(), third.clone()];
                both.sort();
                assert_eq!(sorted(&linked[near.2]), both);
                assert_eq!(linked["version"], version);
                assert_eq!(reply.header("etag").unwrap(), format!("\"{version}\""));
            }
            let record = api.record(far.0, &third).await.unwrap();
            assert_eq!(
                (&record[far.2], &record["version"]),
                (&json!([&one]), &json!(2))
            );

            // Unlinked from the other end; once more changes nothing.
            for _ in 0..2 {
                let reply = api.unlink(far.0, &third, far.1, &[&one]).await.unwrap();
                let unlinked = reply.expect(200);
                assert_eq!(
                    (&unlinked[far.2], &unlinked["version"]),
                    (&json!([]), &json!(3))
                );
            }
            let record = api.record(near.0, &one).await.unwrap();
            assert_eq!(
                (&record[near.2], &record["version"]),
                (&json!([&other]), &json!(4))
            );
        }
    }
    // People, who hold no links themselves.
    for plural in ["contacts", "organizations", "deals", "services", "tasks"] {
        let user = api.user.to_string();
        let one = made(api, plural, &json!({"userIds": [&user]})).await;
        assert_eq!(
            api.record(plural, &one).await.unwrap()["userIds"],
            json!([&user])
        );
        let reply = api.unlink(plural, &one, "users", &[&user]).await.unwrap();
        assert_eq!(reply.expect(200)["userIds"], json!([]));
        let reply = api.link(plural, &one, "users", &[&user]).await.unwrap();
        assert_eq!(reply.expect(200)["userIds"], json!([&user]));
    }
}

async fn a_given_array_replaces_the_links(server: &mut TestServer) {
    let api = &server.api;
    let [a, b, c] = [
        made(api, "organizations", &json!({})).await,
        made(api, "organizations", &json!({})).await,
        made(api, "organizations", &json!({})).await,
    ];
    let contact = made(api, "contacts", &json!({"organizationIds": [&b, &a]})).await;
    let reply = api
        .update("contacts", &contact, &json!({"organizationIds": [&c, &b]}))
        .await
        .unwrap();
    let replaced = reply.expect(200);
    assert_eq!(sorted(&replaced["organizationIds"]), {
        let mut ids = [b.clone(), c.clone()];
        ids.sort();
        ids
    });
    for (organization, linked, version) in [
        (&a, json!([]), 3),
        (&b, json!([&contact]), 2),
        (&c, json!([&contact]), 2),
    ] {
        let record = api.record("organizations", organization).await.unwrap();
        assert_eq!(
            (&record["contactIds"], &record["version"]),
            (&linked, &json!(version))
        );
    }
    // Another order is the same set.
    let reply = api
        .update("contacts", &contact, &json!({"organizationIds": [&b, &c]}))
        .await
        .unwrap();
    assert_eq!(reply.expect(200)["version"], 2);
    let reply = api
        .update("contacts", &contact, &json!({"organizationIds": []}))
        .await
        .unwrap();
    assert_eq!(reply.expect(200)["organizationIds"], json!([]));
}

async fn totals_follow_quantities_and_amounts(server: &mut TestServer) {
    let api = &server.api;
    let hour = made(
        api,
        "services",
        &json!({"name": "Consulting", "amount": 0.1}),
    )
    .await;
    let setup = made(
        api,
        "services",
        &json!({"name": "Setup", "amount": 99999999999.9999_f64}),
    )
    .await;
    let deal = made(
        api,
        "deals",
        &json!({"services": [{"serviceId": &hour, "quantity": 3}, {"serviceId": &setup}]}),
    )
    .await;
    let path = format!("/deals/{deal}");
    let totals = async || {
        let text = api.get(&path).await.unwrap().text();
        let number = |name: &str| {
            let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
            rest.split([',', '}']).next().unwrap().to_owned()
        };
        (number("totalValue"), number("totalQuantity"))
    };
    let exactly = |value: &str, quantity: &str| (value.to_owned(), quantity.to_owned());
    assert_eq!(totals().await, exactly("100000000000.2999", "4"));

    // From the deal: a quantity changes, a service goes.
    let lines = json!({"services": [{"serviceId": &hour, "quantity": 2.5}]});
    api.call("PUT", &path, &lines).await.unwrap().expect(200);
    assert_eq!(totals().await, exactly("0.25", "2.5"));

    // From the service: the amount changes, and the deal with it.
    let changed = api
        .update("services", &hour, &json!({"amount": 0.0001}))
        .await
        .unwrap()
        .expect(200);
    assert_eq!(changed["dealIds"], json!([&deal]));
    assert_eq!(totals().await, exactly("0.00025", "2.5"));

    // By link, with and without quantities; ids alone keep a quantity that is there.
    let path_of_links = format!("{path}/links/services");
    let body = json!({"services": [{"serviceId": &setup, "quantity": 0.0001}]});
    let linked = api
        .call("POST", &path_of_links, &body)
        .await
        .unwrap()
        .expect(200);
    assert_eq!(linked["totalQuantity"], json!(2.5001));
    assert_eq!(totals().await, exactly("10000000.00024999", "2.5001"));
    api.link("deals", &deal, "services", &[&hour, &setup])
        .await
        .unwrap()
        .expect(200);
    assert_eq!(totals().await, exactly("10000000.00024999", "2.5001"));

    // From the service: new links get the quantity 1, existing ones keep theirs.
    let second = made(api, "deals", &json!({})).await;
    api.update("services", &hour, &json!({"dealIds": [&deal, &second]}))
        .await
        .unwrap()
        .expect(200);
    assert_eq!(totals().await.1, "2.5001");
    let record = api.record("deals", &second).await.unwrap();
    assert_eq!(
        record["services"],
        json!([{"serviceId": &hour, "quantity": 1}])
    );
    assert_eq!(
        (&record["totalValue"], &record["totalQuantity"]),
        (&json!(0.0001), &json!(1))
    );

    // The last lines go: the totals are zero again.
    api.unlink("deals", &deal, "services", &[&hour, &setup])
        .await
        .unwrap()
        .expect(200);
    assert_eq!(totals().await, exactly("0", "0"));
    api.delete(&format!("/services/{hour}"))
        .await
        .unwrap()
        .expect(200);
    let record = api.record("deals", &second).await.unwrap();
    assert_eq!(
        (&record["services"], &record["totalValue"]),
        (&json!([]), &json!(0))
    );
}

async fn deleting_a_record_unlinks_it_everywhere(server: &mut TestServer) {
    let api = &server.api;
    let organization = made(api, "organizations", &json!({})).await;
    let contact = made(
        api,
        "contacts",
        &json!({"organizationIds": [&organization]}),
    )
    .await;
    let deal = made(
        api,
        "deals",
        &json!({"contactIds": [&contact], "organizationIds": [&organization]}),
    )
    .await;
    api.delete(&format!("/contacts/{contact}"))
        .await
        .unwrap()
        .expect(200);
    assert_eq!(
        api.record("organizations", &organization).await.unwrap()["contactIds"],
        json!([])
    );
    assert_eq!(
        api.record("deals", &deal).await.unwrap()["contactIds"],
        json!([])
    );

    let mut session = server.session().await.unwrap();
    let sql = "SELECT count(*) FROM contact_organization WHERE company_id = ? UNION ALL \
               SELECT count(*) FROM contact_deal WHERE company_id = ? UNION ALL \
               SELECT count(*) FROM organization_deal WHERE company_id = ?";
    let counts = session
        .numbers(sql, &[server.api.company; 3])
        .await
        .unwrap();
    assert_eq!(counts, [0, 0, 1]);
}
