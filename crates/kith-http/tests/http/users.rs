//! The caller and the team.

use poem::http::Method;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn callers_see_themselves_and_the_team() {
    let world = World::new();
    let me = world.get("/users/me").await;
    assert_eq!((me.status, &me.json()["firstName"]), (200, &json!("Ada")));

    for (body, names, total) in [
        (json!({}), vec!["Ada", "Zoë"], 2),
        (json!({"searchTerm": "zoe lind"}), vec!["Zoë"], 1),
        (
            json!({"pagination": {"page": 2, "pageSize": 1}}),
            vec!["Zoë"],
            2,
        ),
        (json!({"pagination": {"page": 9}}), vec![], 2),
    ] {
        let found = world.post("/users/search", &body).await;
        assert_eq!(found.status, 200, "{}", found.body);
        let found = found.json();
        let items = found["items"].as_array().unwrap();
        let firsts: Vec<_> = items.iter().map(|user| user["firstName"].clone()).collect();
        assert_eq!(firsts, names, "{body}");
        assert_eq!(found["pagination"]["total"], total, "{body}");
    }
}

#[tokio::test]
async fn what_people_are_not_searched_by_is_refused() {
    let world = World::new();
    for (body, pointer) in [
        (json!({"filters": []}), "/filters"),
        (json!({"pagination": {"page": 0}}), "/pagination/page"),
        (
            json!({"pagination": {"pageSize": 1001}}),
            "/pagination/pageSize",
        ),
    ] {
        let reply = world.post("/users/search", &body).await;
        let problems = reply.problems(400);
        assert_eq!(problems[0].0, pointer, "{body}");
    }
    let headers = [
        ("x-api-key", "powerless-key"),
        ("content-type", "application/json"),
    ];
    let path = "/api/v1/users/search";
    let reply = world.send(Method::POST, path, &headers, "{}").await;
    assert_eq!(reply.problems(403), []);
}
