//! Searches, configurations, names of linked things.

use serde_json::{Value, json};

use crate::world::{USER, World};

async fn three(world: &World) -> Vec<String> {
    let mut ids = Vec::new();
    for (first, last) in [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Alan", "Turing")] {
        let body = json!({"firstName": first, "lastName": last, "userIds": [USER.to_string()]});
        ids.push(world.made("/contacts", &body).await);
    }
    ids
}

fn names(found: &Value) -> Vec<&str> {
    let items = found["items"].as_array().unwrap().iter();
    items
        .map(|item| item["firstName"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_newest_come_first_and_pages_follow_each_other() {
    let world = World::new();
    three(&world).await;
    let all = world.post("/contacts/search", &json!({})).await;
    assert_eq!(all.status, 200, "{}", all.body);
    assert_eq!(names(&all.json()), ["Alan", "Grace", "Ada"]);
    let pagination = json!({"page": 1, "pageSize": 25, "total": 3, "totalPages": 1});
    assert_eq!(all.json()["pagination"], pagination);
    assert_eq!(all.json()["customColumns"], json!([]));
    let sort = json!({"field": "name", "direction": "asc"});
    let body = json!({"sortDescriptor": sort, "pagination": {"page": 1, "pageSize": 2}});
    let first = world.post("/contacts/search", &body).await.json();
    assert_eq!(names(&first), ["Grace", "Ada"]);
    let body = json!({"sortDescriptor": sort, "cursor": first["nextCursor"], "pageSize": 2});
    let second = world.post("/contacts/search", &body).await.json();
    assert_eq!(
        (names(&second), &second["nextCursor"]),
        (vec!["Alan"], &Value::Null)
    );
}

#[tokio::test]
async fn filters_and_words_narrow() {
    let world = World::new();
    three(&world).await;
    let filters = json!([{"field": "lastName", "operator": "contains", "value": "o"}]);
    let found = world
        .post("/contacts/search", &json!({"filters": filters}))
        .await
        .json();
    assert_eq!(names(&found), ["Grace", "Ada"]);
    let found = world
        .post(
            "/contacts/search",
            &json!({"searchTerm": "TUR al", "withTotal": false}),
        )
        .await
        .json();
    assert_eq!(
        (names(&found), &found["pagination"]["total"]),
        (vec!["Alan"], &Value::Null)
    );
}

#[tokio::test]
async fn wrong_searches_are_refused_with_what_is_accepted() {
    let world = World::new();
    for (body, pointer, says) in [
        (
            json!({"filters": [{"field": "fistName", "operator": "equals", "value": "a"}]}),
            "/filters/0/field",
            "firstName",
        ),
        (
            json!({"sortDescriptor": {"field": "colour"}}),
            "/sortDescriptor/field",
            "createdAt",
        ),
        (
            json!({"pagination": {"pageSize": 5000}}),
            "/pagination/pageSize",
            "1 to 1000",
        ),
        (json!({"cursor": "abc"}), "/cursor", "nextCursor"),
        (json!({"term": "x"}), "/term", "searchTerm"),
    ] {
        let reply = world.post("/contacts/search", &body).await;
        let problems = reply.problems(400);
        assert_eq!(
            problems.first().map(|(pointer, _)| pointer.as_str()),
            Some(pointer),
            "{}",
            reply.body
        );
        assert!(reply.body.contains(says), "{}", reply.body);
    }
}

#[tokio::test]
async fn linked_things_are_named_where_that_is_asked_for() {
    let world = World::new();
    let organization = world
        .made("/organizations", &json!({"name": "Engines"}))
        .await;
    let body = json!({"firstName": "Ada", "organizationIds": [organization]});
    let contact = world.made("/contacts", &body).await;
    let expected = json!({"type": "organization", "name": "Engines"});
    let read = world
        .get(&format!("/contacts/{contact}?include=references"))
        .await
        .json();
    assert_eq!(read["references"][&organization], expected, "{read}");
    let found = world
        .post("/contacts/search?include=references", &json!({}))
        .await
        .json();
    assert_eq!(found["references"][&organization], expected, "{found}");
    assert!(
        world
            .get(&format!("/contacts/{contact}"))
            .await
            .json()
            .get("references")
            .is_none()
    );
    assert_eq!(
        world
            .get(&format!("/contacts/{contact}?include=all"))
            .await
            .problems(400),
        []
    );
}

#[tokio::test]
async fn configurations_say_what_can_be_asked() {
    let world = World::new();
    for plural in ["contacts", "organizations", "deals", "services", "tasks"] {
        let configuration = world.get(&format!("/{plural}/configuration")).await;
        assert_eq!(configuration.status, 200, "{}", configuration.body);
        let configuration = configuration.json();
        for member in ["customColumns", "filterableFields", "sortableFields"] {
            assert!(configuration[member].is_array(), "{plural} {member}");
        }
    }
}

#[tokio::test]
async fn all_types_are_searched_at_once() {
    let world = World::new();
    let contact = world
        .made(
            "/contacts",
            &json!({"firstName": "Acme", "lastName": "Person"}),
        )
        .await;
    let deal = world
        .made("/deals", &json!({"name": "A deal with ACME"}))
        .await;
    world.made("/deals", &json!({"name": "Another"})).await;
    let found = world
        .post("/search", &json!({"searchTerm": "acme"}))
        .await
        .json();
    let expected = json!([
        {"type": "contact", "id": contact, "name": "Acme Person"},
        {"type": "deal", "id": deal, "name": "A deal with ACME"}
    ]);
    assert_eq!(found["items"], expected);
    let nothing = world
        .post("/search", &json!({"searchTerm": " "}))
        .await
        .json();
    assert_eq!(nothing, json!({"items": []}));
    assert_eq!(
        world.post("/search", &json!({})).await.problems(400).len(),
        1
    );
}
