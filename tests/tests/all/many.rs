//! Many records in one request: all or nothing, problems with their index (contract, section 2).

use kith_tests::TestServer;
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    one_bad_record_stops_all,
    a_thousand_are_accepted_and_one_more_is_not,
    records_of_one_request_share_their_neighbours,
);

fn pointers(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

async fn one_bad_record_stops_all(server: &mut TestServer) {
    let api = &server.api;
    let missing = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
    let made = json!({"contacts": [{"firstName": "A"}, {"firstName": "B"}]});
    let made = api
        .call("POST", "/contacts/many", &made)
        .await
        .unwrap()
        .expect(201);
    let (a, b) = (id(&made[0]), id(&made[1]));
    let mut session = server.session().await.unwrap();
    let before = session.fingerprint(api.company).await.unwrap();
    let cases = [
        (
            "POST",
            400,
            json!({"contacts": [{"firstName": "C"}, {"firstName": ""}, {"lastName": "x", "emails": ["no"]}, 7]}),
            vec!["/contacts/3"],
        ),
        (
            "POST",
            400,
            json!({"contacts": [{"firstName": "C"}, {"firstName": ""}, {"lastName": "x", "emails": ["no"]}]}),
            vec![
                "/contacts/1/firstName",
                "/contacts/2/emails/0",
                "/contacts/2/firstName",
            ],
        ),
        (
            "POST",
            404,
            json!({"contacts": [{"firstName": "C"}, {"firstName": "D", "organizationIds": [missing]}]}),
            vec!["/contacts/1/organizationIds/0"],
        ),
        (
            "PUT",
            404,
            json!({"contacts": [{"id": a, "firstName": "C"}, {"id": missing, "firstName": "D"}]}),
            vec!["/contacts/1/id"],
        ),
        (
            "PUT",
            400,
            json!({"contacts": [{"id": a, "firstName": "C"}, {"firstName": "D"}, {"id": "x"}]}),
            vec!["/contacts/1/id", "/contacts/2/id"],
        ),
        (
            "PUT",
            400,
            json!({"contacts": [{"id": a, "firstName": "C"}, {"id": b}, {"id": a, "firstName": "D"}]}),
            vec!["/contacts/2/id"],
        ),
        ("DELETE", 404, json!({"ids": [a, missing]}), vec!["/ids/1"]),
        ("DELETE", 400, json!({"ids": [a, b, a]}), vec!["/ids/2"]),
        (
            "DELETE",
            400,
            json!({"ids": [a, 3, "x"]}),
            vec!["/ids/1", "/ids/2"],
        ),
    ];
    for (method, status, body, expected) in cases {
        let reply = api.call(method, "/contacts/many", &body).await.unwrap();
        let problem = reply.expect(status);
        let mut found = pointers(&problem);
        found.sort();
        assert_eq!(found, expected, "{method} {body}\n{problem}");
        assert_eq!(
            session.fingerprint(api.company).await.unwrap(),
            before,
            "{method} {body}"
        );
    }
    assert_eq!(api.record("contacts", &a).await.unwrap(), made[0]);
}

async fn a_thousand_are_accepted_and_one_more_is_not(server: &mut TestServer) {
    let api = &server.api;
    let tasks = |count: usize| json!({"tasks": vec![json!({"name": "A"}); count]});
    for refused in [0, 1_001] {
        let reply = api
            .call("POST", "/tasks/many", &tasks(refused))
            .await
            .unwrap();
        let problem = reply.expect(400);
        assert_eq!(pointers(&problem), ["/tasks"]);
        assert!(
            problem["detail"].as_str().unwrap().contains("1000")
                || problem["detail"].as_str().unwrap().contains("1,000"),
            "{problem}"
        );
    }
    let made = api
        .call("POST", "/tasks/many", &tasks(1_000))
        .await
        .unwrap()
        .expect(201);
    let ids: Vec<_> = made.as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids.len(), 1_000);
    let deleted = api
        .call("DELETE", "/tasks/many", &json!({"ids": ids}))
        .await
        .unwrap();
    assert_eq!(deleted.expect(200).as_array().unwrap().len(), 1_000);
    assert_eq!(server.events(0).await.unwrap().len(), 2_000);
}

async fn records_of_one_request_share_their_neighbours(server: &mut TestServer) {
    let api = &server.api;
    let organization = id(&api
        .create("organizations", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201));
    let contacts = vec![json!({"firstName": "A", "organizationIds": [&organization]}); 50];
    api.call("POST", "/contacts/many", &json!({"contacts": contacts}))
        .await
        .unwrap()
        .expect(201);
    let record = api.record("organizations", &organization).await.unwrap();
    // One transaction, one event, one step.
    assert_eq!(
        (
            record["contactIds"].as_array().unwrap().len(),
            &record["version"]
        ),
        (50, &json!(2))
    );
    let events = server.events(1).await.unwrap();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names.len(), 51);
    assert!(names[..50].iter().all(|name| *name == "contact.created"));
    assert_eq!(names[50], "organization.updated");
}
