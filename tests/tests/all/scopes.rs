//! Who reads only their own sees what a database would show that never held the rest (contract, section 1).

use std::collections::HashMap;

use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::people::{join, role};
use crate::{id, sorted};

crate::scenarios!(
    what_is_outside_leaves_no_trace,
    who_writes_blindly_changes_nothing_outside,
    an_answer_is_kept_as_its_caller_saw_it,
);

const PLURALS: [&str; 5] = ["contacts", "organizations", "deals", "services", "tasks"];

/// Everything that a caller with limits may do.
const RIGHTS: [&str; 25] = [
    "contacts:create",
    "contacts:readOwn",
    "contacts:update",
    "contacts:delete",
    "organizations:create",
    "organizations:readOwn",
    "organizations:update",
    "organizations:delete",
    "deals:create",
    "deals:readOwn",
    "deals:update",
    "deals:delete",
    "services:create",
    "services:readOwn",
    "services:update",
    "services:delete",
    "tasks:create",
    "tasks:readOwn",
    "tasks:update",
    "tasks:delete",
    "users:readOwn",
    "company:readAll",
    "auditLog:readAll",
    "api:create",
    "api:readAll",
];

/// A company with someone who reads only their own, and names for all ids in it.
struct Side {
    admin: Api,
    limited: Api,
    names: HashMap<String, String>,
    columns: HashMap<String, String>,
    email: String,
    /// Whether it holds what the limited one may not see.
    is_full: bool,
}

impl Side {
    async fn new(server: &TestServer, admin: Api, email: &str, is_full: bool) -> Self {
        let own = role(&admin, "Own", &RIGHTS).await;
        let limited = join(server, &admin, email, &own).await;
        let names = [
            (admin.user.to_string(), "administrator".to_owned()),
            (limited.user.to_string(), "limited".to_owned()),
            (admin.company.to_string(), "company".to_owned()),
            (own, "role".to_owned()),
        ];
        let mut side = Side {
            names: names.into(),
            columns: HashMap::new(),
            email: email.to_owned(),
            admin,
            limited,
            is_full,
        };
        for plural in PLURALS {
            let entity = plural.trim_end_matches('s');
            let body = json!({"entityType": entity, "type": "singleSelect", "label": "Stage",
                "options": {"options": [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]}});
            let made = side.admin.call("POST", "/custom-columns", &body).await;
            let made = id(&made.unwrap().expect(201));
            side.names
                .insert(made.clone(), format!("column of {entity}"));
            side.columns.insert(plural.to_owned(), made);
        }
        side
    }

    /// The id of a thing by its name; where it was never made, an id that nothing has.
    fn id_of(&self, name: &str) -> String {
        let known = self.names.iter().find(|(_, known)| *known == name);
        known.map_or_else(
            || format!("01970b5e-6b9c-7cc0-8a3c-{:012x}", hash(name)),
            |(id, _)| id.clone(),
        )
    }

    /// Makes a record, if it is visible or this is the side that has everything, linked with what is there.
    async fn make(&mut self, plural: &str, name: &str, is_own: bool, links: &[(&str, &[&str])]) {
        if !is_own && !self.is_full {
            return;
        }
        let first = if plural == "contacts" {
            "firstName"
        } else {
            "name"
        };
        let mut body = json!({first: name, "customFieldValues": [
            {"columnId": self.columns[plural], "value": if is_own { "a" } else { "b" }}]});
        if plural == "services" {
            body["amount"] = 5.into();
        }
        let mut users = vec![self.admin.user];
        users.extend(is_own.then_some(self.limited.user));
        body["userIds"] = json!(users);
        for (member, names) in links {
            body[*member] = self.ids_of(names);
        }
        let made = self.admin.create(plural, &body).await.unwrap().expect(201);
        self.names.insert(id(&made), name.to_owned());
    }

    /// The ids of those things that are there.
    fn ids_of(&self, names: &[&str]) -> Value {
        let there = |name: &&&str| self.names.values().any(|known| known == **name);
        let ids: Vec<_> = names
            .iter()
            .filter(there)
            .map(|name| self.id_of(name))
            .collect();
        json!(ids)
    }

    /// An answer with names for ids, without what differs by itself.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let named = |text: &str| {
            let mut text = text.to_owned();
            while let (Some(from), Some(to)) = (text.find('<'), text.find('>')) {
                let id = self.id_of(&text[from + 1..to]);
                text.replace_range(from..=to, &id);
            }
            text
        };
        let (path, body) = (named(path), named(&body.to_string()));
        let body: Value = serde_json::from_str(&body).unwrap();
        let reply = self.limited.call(method, &path, &body).await.unwrap();
        let mut text = reply.text().replace(&self.email, "<e-mail>");
        for (id, name) in &self.names {
            text = text.replace(id, &format!("<{name}>"));
        }
        for name in HIDDEN {
            text = text.replace(&self.id_of(name), &format!("<{name}>"));
        }
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (reply.status, neutral(answer))
    }
}

fn hash(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash.wrapping_mul(31) + u64::from(byte)) & 0xffff_ffff_ffff;
    text.bytes().fold(7, fold)
}

/// Without times, versions, positions and what is made of them; sets in order.
fn neutral(value: Value) -> Value {
    const OWN: [&str; 8] = [
        "createdAt",
        "updatedAt",
        "version",
        "timestamp",
        "position",
        "next",
        "nextCursor",
        "requestId",
    ];
    match value {
        Value::Object(members) => {
            let is_event = members.contains_key("position");
            let kept = members
                .into_iter()
                .filter(|(name, _)| !(OWN.contains(&name.as_str()) || is_event && name == "id"));
            let neutral = kept.map(|(name, value)| (name, neutral(value)));
            Value::Object(neutral.collect())
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(neutral).collect();
            if items.iter().all(Value::is_string) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        other => other,
    }
}

/// Names of what the limited one may not see.
const HIDDEN: [&str; 6] = [
    "org hidden",
    "contact hidden",
    "deal hidden",
    "service hidden",
    "task hidden",
    "contact lost",
];

async fn fill(side: &mut Side) {
    side.make("organizations", "org own", true, &[]).await;
    side.make("organizations", "org hidden", false, &[]).await;
    side.make("services", "service own", true, &[]).await;
    side.make("services", "service hidden", false, &[]).await;
    let orgs: &[&str] = &["org own", "org hidden"];
    for (name, is_own, orgs) in [
        ("contact own", true, orgs),
        ("contact hidden", false, orgs),
        ("contact lost", false, &["org own"]),
        ("contact alone", true, &["org hidden"]),
        ("contact free", true, &[]),
    ] {
        let links = [("organizationIds", orgs)];
        side.make("contacts", name, is_own, &links).await;
    }
    let contacts: &[&str] = &["contact own", "contact hidden", "contact alone"];
    for (name, is_own) in [("deal own", true), ("deal hidden", false)] {
        let links = [("contactIds", contacts), ("organizationIds", orgs)];
        side.make("deals", name, is_own, &links).await;
    }
    // The totals of a deal are of all its lines, also of those that are not shown: hidden ones stay with hidden deals.
    let line = json!([{"serviceId": side.id_of("service own"), "quantity": 2}]);
    let deal = side.id_of("deal own");
    side.admin
        .update("deals", &deal, &json!({"services": line}))
        .await
        .unwrap()
        .expect(200);
    side.make("tasks", "task own", true, &[]).await;
    side.make("tasks", "task hidden", false, &[]).await;
    if side.is_full {
        let hidden = side.id_of("deal hidden");
        let service = side.id_of("service hidden");
        for (plural, id, relation, ids) in [
            ("deals", &hidden, "services", [service.as_str()]),
            (
                "contacts",
                &side.id_of("contact free"),
                "deals",
                [hidden.as_str()],
            ),
        ] {
            side.admin
                .link(plural, id, relation, &ids)
                .await
                .unwrap()
                .expect(200);
        }
        let lost = side.id_of("contact lost");
        side.admin
            .delete(&format!("/contacts/{lost}"))
            .await
            .unwrap()
            .expect(200);
    }
    let rename = json!({"lastName": "Renamed"});
    let own = side.id_of("contact own");
    side.admin
        .update("contacts", &own, &rename)
        .await
        .unwrap()
        .expect(200);
}

/// What can be asked, with `<name>` where ids go.
fn questions() -> Vec<(&'static str, String, Value)> {
    let mut questions = Vec::new();
    let mut ask = |method, path: &str, body| questions.push((method, path.to_owned(), body));
    let names = [
        (
            "contacts",
            [
                "contact own",
                "contact hidden",
                "contact alone",
                "contact free",
                "contact lost",
            ],
        ),
        (
            "organizations",
            ["org own", "org hidden", "contact own", "never", "company"],
        ),
        (
            "deals",
            ["deal own", "deal hidden", "never", "org own", "role"],
        ),
        (
            "services",
            ["service own", "service hidden", "never", "org own", "role"],
        ),
        (
            "tasks",
            ["task own", "task hidden", "never", "org own", "role"],
        ),
    ];
    for (plural, names) in names {
        for name in names {
            ask(
                "GET",
                &format!("/{plural}/<{name}>?include=references"),
                Value::Null,
            );
            ask("GET", &format!("/{plural}/<{name}>/history"), Value::Null);
            let filter = json!([{"field": "id", "operator": "in", "value": [format!("<{name}>")]}]);
            ask(
                "POST",
                &format!("/{plural}/search"),
                json!({"filters": filter}),
            );
        }
        let search = format!("/{plural}/search");
        let search = search.as_str();
        ask("GET", &format!("/{plural}/configuration"), Value::Null);
        ask("POST", search, json!({}));
        for page in 1..4 {
            let body = json!({"pagination": {"page": page, "pageSize": 1}});
            ask("POST", search, body);
        }
        for term in ["own", "hidden", "alone", "e", ""] {
            ask(
                "POST",
                &format!("{search}?include=references"),
                json!({"searchTerm": term}),
            );
        }
        for value in ["a", "b"] {
            let rule = json!({"field": "Stage", "operator": "equals", "value": value});
            ask("POST", search, json!({"filters": [rule]}));
            ask("POST", search, json!({"filters": [{"not": rule}]}));
        }
        for member in [
            "contactIds",
            "organizationIds",
            "dealIds",
            "services",
            "userIds",
        ] {
            for operator in ["isNull", "isNotNull", "hasNone", "hasSome"] {
                let rule = json!({"field": member, "operator": operator});
                ask("POST", search, json!({"filters": [rule]}));
            }
            for operator in ["in", "notIn", "hasSome", "hasNone"] {
                for name in [
                    "org own",
                    "org hidden",
                    "contact own",
                    "contact hidden",
                    "contact lost",
                    "deal own",
                    "deal hidden",
                    "service hidden",
                    "administrator",
                    "limited",
                    "never",
                ] {
                    let rule = json!({"field": member, "operator": operator, "value": [format!("<{name}>")]});
                    ask("POST", search, json!({"filters": [rule]}));
                }
            }
        }
        for sort in ["name", "createdAt", "Stage"] {
            let body = json!({"sortDescriptor": {"field": sort, "direction": "asc"}});
            ask("POST", search, body);
        }
    }
    for term in ["own", "hidden", "contact", "a"] {
        ask("POST", "/search", json!({"searchTerm": term}));
    }
    let types = "contact.created,contact.updated,contact.deleted,organization.updated,deal.updated,deal.created,task.created,service.created";
    ask("GET", &format!("/events?types={types}"), Value::Null);
    ask("GET", "/users/<administrator>", Value::Null);
    ask("POST", "/users/search", json!({}));
    // What is refused: the texts tell nothing either, and nothing happens.
    for (relation, name) in [
        ("organizations", "org hidden"),
        ("deals", "deal hidden"),
        ("users", "administrator"),
        ("deals", "never"),
    ] {
        let path = format!("/contacts/<contact own>/links/{relation}");
        for method in ["POST", "DELETE"] {
            ask(method, &path, json!({"ids": [format!("<{name}>")]}));
        }
        let member = format!("{}Ids", relation.trim_end_matches('s'));
        let body = json!({member: [format!("<{name}>")]});
        ask("PUT", "/contacts/<contact own>", body.clone());
        let mut new = body;
        new["firstName"] = "New".into();
        ask("POST", "/contacts", new);
    }
    for name in ["contact hidden", "contact lost", "never"] {
        let path = format!("/contacts/<{name}>");
        ask("PUT", &path, json!({"firstName": "X"}));
        ask("DELETE", &path, Value::Null);
        ask("PUT", &format!("{path}/notes"), json!({"notes": "x"}));
        ask(
            "DELETE",
            "/contacts/many",
            json!({"ids": ["<contact own>", format!("<{name}>")]}),
        );
    }
    let stage = json!({"options": {"options": [{"value": "a", "label": "A"}]}});
    ask("PUT", "/custom-columns/<column of never>", stage);
    questions
}

async fn what_is_outside_leaves_no_trace(server: &mut TestServer) {
    let other = server.another_company("Difference Engines").unwrap();
    let mut full = Side::new(server, server.api.clone(), "eva@example.com", true).await;
    let mut bare = Side::new(server, other, "eva@example.org", false).await;
    fill(&mut full).await;
    fill(&mut bare).await;
    let everything = full
        .admin
        .call("POST", "/contacts/search", &json!({}))
        .await;
    assert_eq!(everything.unwrap().expect(200)["pagination"]["total"], 4);
    let mut found = 0;
    for (method, path, body) in questions() {
        let of_full = full.ask(method, &path, &body).await;
        let of_bare = bare.ask(method, &path, &body).await;
        let text = of_full.1.to_string();
        assert_eq!(of_full, of_bare, "{method} {path} {body}");
        found += usize::from(text.contains("<contact own>"));
        let asked_for = format!("{path} {body}");
        for name in HIDDEN.iter().filter(|name| !asked_for.contains(*name)) {
            assert!(!text.contains(name), "{method} {path} {body}: {text}");
        }
    }
    assert!(found > 30, "the questions find too little: {found}");
}

async fn who_writes_blindly_changes_nothing_outside(server: &mut TestServer) {
    let mut side = Side::new(server, server.api.clone(), "eva@example.com", true).await;
    fill(&mut side).await;
    let contact = side.id_of("contact own");
    let linked = async |side: &Side| {
        let record = side.admin.record("contacts", &contact).await.unwrap();
        ["organizationIds", "dealIds", "userIds"].map(|member| sorted(&record[member]))
    };
    let before = linked(&side).await;
    let read = side.limited.record("contacts", &contact).await.unwrap();
    assert_eq!(read["organizationIds"], json!([side.id_of("org own")]));
    assert_eq!(read["userIds"], json!([side.limited.user]));
    let back = side
        .limited
        .update("contacts", &contact, &read)
        .await
        .unwrap();
    assert_eq!(back.expect(200), read, "what was read is sent back");
    let emptied = json!({"organizationIds": [], "dealIds": []});
    let emptied = side
        .limited
        .update("contacts", &contact, &emptied)
        .await
        .unwrap();
    assert_eq!(emptied.expect(200)["organizationIds"], json!([]));
    let after = linked(&side).await;
    assert_eq!(before[0].len(), 2);
    assert_eq!(after[0], [side.id_of("org hidden")]);
    assert_eq!(after[1], [side.id_of("deal hidden")]);
    assert_eq!(after[2], before[2]);
    // What they make is theirs, and the event tells everything that there is.
    let made = json!({"firstName": "New", "organizationIds": [side.id_of("org own")]});
    let made = side
        .limited
        .create("contacts", &made)
        .await
        .unwrap()
        .expect(201);
    assert_eq!(made["userIds"], json!([side.limited.user]));
    side.limited.record("contacts", &id(&made)).await.unwrap();
    let events = server.events(0).await.unwrap();
    let organization = events
        .iter()
        .rev()
        .find(|event| event.name == "organization.updated");
    let changes = organization.unwrap().changes();
    assert!(sorted(&changes["contactIds"]["current"]).contains(&id(&made)));
}

async fn an_answer_is_kept_as_its_caller_saw_it(server: &mut TestServer) {
    let mut side = Side::new(server, server.api.clone(), "eva@example.com", true).await;
    fill(&mut side).await;
    let body = json!({"notes": "once"});
    let path = format!("/contacts/{}/notes/append", side.id_of("contact own"));
    let key = "idempotency-key: one\r\n";
    let first = side
        .limited
        .call_with("POST", &path, key, &body)
        .await
        .unwrap();
    let again = side
        .limited
        .call_with("POST", &path, key, &body)
        .await
        .unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.expect(200), again.expect(200));
    assert!(!again.text().contains(&side.id_of("org hidden")));
    // Another person's request with the same key is another request.
    let other = side
        .admin
        .call_with("POST", &path, key, &body)
        .await
        .unwrap();
    other.expect(422);
}
