//! What a tenant has, one of each kind, and callers with every kind of credential.

use std::sync::atomic::{AtomicU32, Ordering};

use kith_application::credentials::hash_password;
use kith_domain::entity::EntityType;
use kith_tests::{Api, TestServer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Ids, Template};
use crate::sessions::{ORIGIN, sign_in};
use crate::{id, text};

/// What rights are about, and what may be done (contract, section 1).
const RESOURCES: [&str; 9] = [
    "contacts",
    "organizations",
    "deals",
    "services",
    "tasks",
    "users",
    "company",
    "api",
    "auditLog",
];
const ACTIONS: [&str; 5] = ["create", "readOwn", "readAll", "update", "delete"];

const PASSWORD: &str = "correct horse battery";

/// Every right.
pub(super) fn rights() -> impl Iterator<Item = String> {
    RESOURCES
        .into_iter()
        .flat_map(|resource| ACTIONS.map(|action| format!("{resource}:{action}")))
}

/// A tenant with one thing of each kind.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) admin: Api,
    /// The things by name: `contacts`, `column of contact`.
    pub(super) ids: Ids,
}

impl World {
    /// Fills a tenant.
    pub(super) async fn fill(admin: &Api) -> Self {
        let mut world = World {
            admin: admin.clone(),
            ids: Ids::new(),
        };
        for entity in EntityType::ALL {
            for kind in [
                entity.plural().to_owned(),
                format!("column of {}", entity.name()),
            ] {
                let made = world.make(&kind).await;
                world.ids.insert(kind, made);
            }
        }
        world.ids.insert("users".to_owned(), admin.user.to_string());
        let webhook = world.make("webhooks").await;
        let test = format!("/webhooks/{webhook}/test");
        let delivery = world.post(&test, &Value::Null).await;
        world.ids.insert("deliveries".to_owned(), id(&delivery));
        let path = format!("/webhooks/{webhook}/resend-failed");
        let since = json!({"since": "2026-04-22T10:00:00Z"});
        let job = world.admin.call("POST", &path, &since).await.unwrap();
        let job = id(&job.expect(202));
        world.ids.insert("resends".to_owned(), job);
        world.ids.insert("webhooks".to_owned(), webhook);
        world
    }

    /// Makes a further thing.
    async fn make(&self, kind: &str) -> String {
        let made = match kind {
            "webhooks" => {
                let body = json!({"url": "http://127.0.0.1:9/", "events": ["task.deleted"], "secret": "x"});
                self.post("/webhooks", &body).await
            }
            "services" => {
                self.post("/services", &json!({"name": "X", "amount": 1}))
                    .await
            }
            "contacts" => self.post("/contacts", &json!({"firstName": "X"})).await,
            _ => match kind.strip_prefix("column of ") {
                Some(name) => {
                    let body = json!({"entityType": name, "type": "plain", "label": unique()});
                    self.post("/custom-columns", &body).await
                }
                None => self.post(&format!("/{kind}"), &json!({"name": "X"})).await,
            },
        };
        id(&made)
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let reply = self.admin.call("POST", path, body).await.unwrap();
        reply.expect(201)
    }

    /// The ids for a request. What it will delete is made for it if it is granted.
    pub(super) async fn ids_for(&self, template: &Template, is_granted: bool) -> Ids {
        let mut ids = Ids::new();
        for name in template.names() {
            let value = match name.strip_prefix("new ") {
                Some(kind) if is_granted => self.make(kind).await,
                _ if name == "unique" => unique(),
                _ => self.standing(&name),
            };
            ids.insert(name, value);
        }
        ids
    }

    /// The thing with a name; that which will be deleted has its name after `new`.
    pub(super) fn standing(&self, name: &str) -> String {
        let kind = name.strip_prefix("new ").unwrap_or(name);
        self.ids[kind].clone()
    }
}

fn unique() -> String {
    static USED: AtomicU32 = AtomicU32::new(0);
    format!("Label {}", USED.fetch_add(1, Ordering::Relaxed))
}

/// A kind of credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// None at all.
    None,
    /// A key or session that never existed, has expired, or was revoked.
    Worthless(&'static str),
    /// A good key or session of somebody who may not act.
    Inactive,
    /// A good session of somebody who has every right, in a request that does not say which page it comes from.
    NoOrigin,
    /// A key that may only read, of somebody who has every right.
    ReadOnly,
    /// All rights but these.
    Without(Vec<String>),
    /// This right and no other.
    Only(String),
}

impl Credential {
    /// Whether its owner may act and has a right.
    pub(super) fn holds(&self, right: &String) -> bool {
        match self {
            Credential::None | Credential::Worthless(_) | Credential::Inactive => false,
            Credential::NoOrigin => true,
            Credential::ReadOnly => right.contains(":read"),
            Credential::Without(missing) => !missing.contains(right),
            Credential::Only(held) => held == right,
        }
    }
}

/// A caller with what is known of their credential.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) api: Api,
    pub(super) credential: Credential,
}

impl Caller {
    /// Whether they have a session, not a key.
    pub(super) fn is_session(&self) -> bool {
        self.api.key_line.starts_with("cookie")
    }
}

/// A caller for each kind of credential, and for each right one who lacks it and one who has no other.
pub(super) async fn callers(server: &TestServer, admin: &Api) -> Vec<Caller> {
    let mut people = People {
        server,
        admin,
        made: 0,
    };
    let mut callers = Vec::new();
    let mut keyless = admin.with_key(admin.user, "");
    keyless.key_line.clear();
    let mut add = |api, credential| callers.push(Caller { api, credential });
    add(keyless, Credential::None);
    let wrong = admin.with_key(admin.user, &"0".repeat(64));
    add(wrong, Credential::Worthless("wrong"));
    for (kind, sql) in [
        (
            "expired",
            "UPDATE api_key SET expires_at = 1 WHERE company_id = ? AND user_id = ?",
        ),
        (
            "revoked",
            "DELETE FROM api_key WHERE company_id = ? AND user_id = ?",
        ),
    ] {
        let api = people.with("NOT IN", &[]).await;
        people.execute(sql, &[admin.company, api.user]).await;
        add(api, Credential::Worthless(kind));
    }
    let inactive = people.with("NOT IN", &[]).await;
    let sql = "UPDATE account SET status = 'inactive' WHERE company_id = ? AND id = ?";
    people.execute(sql, &[admin.company, inactive.user]).await;
    add(inactive, Credential::Inactive);
    for (kind, sql) in [
        ("wrong session", ""),
        (
            "expired session",
            "UPDATE session SET expires_at = 1 WHERE company_id = ? AND user_id = ?",
        ),
        (
            "revoked session",
            "DELETE FROM session WHERE company_id = ? AND user_id = ?",
        ),
    ] {
        let mut api = people.signed_in().await;
        if sql.is_empty() {
            api.key_line = format!("cookie: kith_session={}\r\n{ORIGIN}", "0".repeat(43));
        } else {
            people.execute(sql, &[admin.company, api.user]).await;
        }
        add(api, Credential::Worthless(kind));
    }
    let inactive = people.signed_in().await;
    let sql = "UPDATE account SET status = 'inactive' WHERE company_id = ? AND id = ?";
    people.execute(sql, &[admin.company, inactive.user]).await;
    add(inactive, Credential::Inactive);
    let signed_in = people.signed_in().await;
    add(signed_in, Credential::Without(Vec::new()));
    let owner = people.with("NOT IN", &[]).await;
    let body = json!({"name": "For reading", "scopes": "read"});
    let made = owner.call("POST", "/api-keys", &body).await.unwrap();
    let key = text(&made.expect(201), "key");
    add(owner.with_key(owner.user, &key), Credential::ReadOnly);
    let mut careless = people.signed_in().await;
    careless.key_line = careless.key_line.replace(ORIGIN, "");
    add(careless, Credential::NoOrigin);
    let single = rights().map(|right| vec![right]);
    let blind = RESOURCES.map(|name| vec![format!("{name}:readOwn"), format!("{name}:readAll")]);
    for missing in single.chain(blind) {
        let api = people.with("NOT IN", &missing).await;
        add(api, Credential::Without(missing));
    }
    for right in rights() {
        let api = people.with("IN", std::slice::from_ref(&right)).await;
        add(api, Credential::Only(right));
    }
    callers
}

/// Makes people past the program.
struct People<'a> {
    server: &'a TestServer,
    admin: &'a Api,
    made: u128,
}

impl People<'_> {
    async fn execute(&self, sql: &str, ids: &[Uuid]) {
        let mut session = self.server.session().await.unwrap();
        session.execute(sql, ids).await.unwrap();
    }

    /// Somebody with every right, in a session.
    async fn signed_in(&mut self) -> Api {
        let mut api = self.with("NOT IN", &[]).await;
        let hash = hash_password(PASSWORD).unwrap();
        let sql =
            format!("UPDATE account SET password_hash = '{hash}' WHERE company_id = ? AND id = ?");
        self.execute(&sql, &[api.company, api.user]).await;
        let email = format!("person{}@matrix.example", self.made);
        let cookie = sign_in(self.admin, &email, PASSWORD).await;
        api.key_line = format!("cookie: {cookie}\r\n{ORIGIN}");
        api
    }

    /// Somebody with a role of their own, which has the rights that are `IN` or `NOT IN` some.
    async fn with(&mut self, are: &str, rights: &[String]) -> Api {
        self.made += 1;
        let (role, user) = (Uuid::from_u128(self.made), Uuid::from_u128(self.made));
        let company = self.admin.company;
        let email = format!("person{}@matrix.example", self.made);
        let sql = format!(
            "INSERT INTO role (company_id, id, name, is_system, created_at, updated_at) \
             VALUES (?, ?, 'Role of {email}', 0, 0, 0)"
        );
        self.execute(&sql, &[company, role]).await;
        let sql = format!(
            "INSERT INTO role_permission (company_id, role_id, resource, action) \
             SELECT a.company_id, r.id, p.resource, p.action FROM role a \
             JOIN role_permission p ON p.company_id = a.company_id AND p.role_id = a.id \
             JOIN role r ON r.company_id = a.company_id \
             WHERE a.company_id = ? AND a.is_system = 1 AND r.id = ? \
             AND p.resource || ':' || p.action {are} ('{}')",
            rights.join("', '")
        );
        self.execute(&sql, &[company, role]).await;
        let sql = format!(
            "INSERT INTO account (company_id, id, email, email_key, first_name, last_name, status, role_id, created_at, updated_at) \
             VALUES (?, ?, '{email}', '{email}', 'F', 'L', 'active', ?, 0, 0)"
        );
        self.execute(&sql, &[company, user, role]).await;
        let key = self.server.key_of(&email).unwrap();
        self.admin.with_key(user, &key)
    }
}

/// The code of a problem.
pub(super) fn code(problem: &Value) -> String {
    problem["code"]
        .as_str()
        .map_or_else(String::new, |_| text(problem, "code"))
}
