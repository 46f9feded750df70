//! How each operation is called, and which rights it needs. The five types of records share their cases.

use std::collections::BTreeMap;

use kith_domain::entity::EntityType;
use serde_json::{Map, Value, json};

use super::operation::{Operation, Template};

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Anyone, without a credential: this is the status, whatever credential is shown.
    Nobody(u16),
    /// An active user with one of these rights, or with any if there are none.
    OneOf(Vec<String>),
    /// The same for something that is not there, which only those who have the right are told.
    OneOfInVain(Vec<String>),
    /// Any active user, who is told that the request is wrong: with this status and code.
    AnyoneInVain(u16, &'static str),
}

/// One way to call an operation.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) template: Template,
    pub(super) needs: Needs,
}

/// The table while it is made.
struct Table<'a> {
    document: &'a Value,
    operations: &'a BTreeMap<String, Operation>,
    cases: BTreeMap<String, Vec<Case>>,
}

/// Every case, by operation id: those of [`operations`](super::operation::operations) and no others.
pub(super) fn cases(
    document: &Value,
    operations: &BTreeMap<String, Operation>,
) -> BTreeMap<String, Vec<Case>> {
    let mut table = Table {
        document,
        operations,
        cases: BTreeMap::new(),
    };
    for entity in EntityType::ALL {
        table.records(entity.name(), entity.plural());
        table.columns(entity.name(), entity.plural());
    }
    table.webhooks();
    table.people();
    table.sessions();
    table.rest();
    table.cases
}

fn right(resource: &str, action: &str) -> Needs {
    Needs::OneOf(vec![format!("{resource}:{action}")])
}

/// To see anything of a resource.
fn sight(resource: &str) -> Needs {
    Needs::OneOf(
        ["readAll", "readOwn"]
            .map(|action| format!("{resource}:{action}"))
            .into(),
    )
}

/// One of some rights, for something that is not there.
fn in_vain(needs: Needs) -> Needs {
    match needs {
        Needs::OneOf(rights) => Needs::OneOfInVain(rights),
        other => other,
    }
}

fn nothing() -> Needs {
    Needs::OneOf(Vec::new())
}

impl Table<'_> {
    /// Adds a case: what stands for `{id}` in the path, then the body.
    fn case(&mut self, id: &str, of: &str, body: Value, needs: Needs) {
        self.case_at(id, |path| path.replace("{id}", of), body, needs);
    }

    fn case_at(&mut self, id: &str, path: impl Fn(&str) -> String, body: Value, needs: Needs) {
        let cases = self.cases.entry(id.to_owned()).or_default();
        // What is not in the document is found by comparing the ids.
        if let Some(operation) = self.operations.get(id) {
            let template = Template {
                path: path(&operation.path),
                operation: operation.clone(),
                body,
            };
            cases.push(Case { template, needs });
        }
    }

    fn records(&mut self, name: &str, plural: &str) {
        let (one, many) = (capital(name), capital(plural));
        let own = &format!("<{plural}>");
        let gone = &format!("<new {plural}>");
        let body = self.full(&format!("{one}Create"), name);
        let mut changed = body.clone();
        changed["id"] = json!(own);
        let create = || right(plural, "create");
        let update = || right(plural, "update");
        let delete = || right(plural, "delete");
        let none = Value::Null;

        self.case(&format!("create{one}"), "", body.clone(), create());
        self.case(
            &format!("create{many}"),
            "",
            json!({ plural: [body] }),
            create(),
        );
        for verb in ["update", "patch"] {
            self.case(&format!("{verb}{one}"), own, body.clone(), update());
        }
        self.case(
            &format!("update{many}"),
            "",
            json!({ plural: [changed] }),
            update(),
        );
        self.case(&format!("delete{one}"), gone, none.clone(), delete());
        self.case(
            &format!("delete{many}"),
            "",
            json!({"ids": [gone]}),
            delete(),
        );
        for verb in ["set", "append"] {
            self.case(
                &format!("{verb}{one}Notes"),
                own,
                json!({"notes": "x"}),
                update(),
            );
        }
        self.links(&one, own, update);
        self.case(
            &format!("get{one}"),
            &format!("{own}?include=references"),
            none.clone(),
            sight(plural),
        );
        self.case(
            &format!("get{one}History"),
            own,
            none.clone(),
            sight(plural),
        );
        self.case(
            &format!("get{one}Configuration"),
            "",
            none.clone(),
            sight(plural),
        );
        let search = &format!("search{many}");
        self.case(search, "", json!({}), sight(plural));
        for (field, value) in self.ids_in(&format!("{one}Create")) {
            let rule = json!({"field": field, "operator": "in", "value": [value]});
            self.case(search, "", json!({"filters": [rule]}), sight(plural));
        }
        let column = format!("<column of {name}>");
        let rule = json!({"field": column, "operator": "isNull"});
        self.case(search, "", json!({"filters": [rule]}), sight(plural));
    }

    fn links(&mut self, one: &str, own: &str, update: impl Fn() -> Needs) {
        for verb in ["link", "unlink"] {
            let id = &format!("{verb}{one}");
            let relations = self.operations.get(id).map(|known| known.relations.clone());
            for relation in relations.unwrap_or_default() {
                let path = |path: &str| path.replace("{id}", own).replace("{relation}", &relation);
                let other = format!("<{relation}>");
                self.case_at(id, path, json!({"ids": [other]}), update());
            }
        }
    }

    /// A body with everything that is required and every id that is possible.
    fn full(&self, schema: &str, name: &str) -> Value {
        let schema = &self.document["components"]["schemas"][schema];
        let mut body = Map::new();
        for member in schema["required"].as_array().into_iter().flatten() {
            let member = member.as_str().unwrap();
            let value = match schema["properties"][member]["type"].as_str() {
                Some("number") => json!(1.5),
                _ => json!("X"),
            };
            body.insert(member.to_owned(), value);
        }
        for (member, id) in self.ids_in_schema(schema) {
            let value = match member.as_str() {
                "services" => json!([{"serviceId": id}]),
                _ => json!([id]),
            };
            body.insert(member, value);
        }
        let column = format!("<column of {name}>");
        body.insert(
            "customFieldValues".to_owned(),
            json!([{"columnId": column, "value": "x"}]),
        );
        Value::Object(body)
    }

    fn ids_in(&self, schema: &str) -> Vec<(String, String)> {
        self.ids_in_schema(&self.document["components"]["schemas"][schema])
    }

    /// The members that link records: `organizationIds` with `<organizations>`.
    fn ids_in_schema(&self, schema: &Value) -> Vec<(String, String)> {
        let members = schema["properties"].as_object().into_iter().flatten();
        let links = members.filter_map(|(member, _)| {
            let target = match member.strip_suffix("Ids") {
                Some(target) => format!("<{target}s>"),
                None if member == "services" => "<services>".to_owned(),
                None => return None,
            };
            Some((member.clone(), target))
        });
        links.collect()
    }

    fn columns(&mut self, name: &str, plural: &str) {
        let own = &format!("<column of {name}>");
        let gone = &format!("<new column of {name}>");
        let none = Value::Null;
        let body = json!({"entityType": name, "type": "plain", "label": "<unique>"});
        self.case("createCustomColumn", "", body, right(plural, "create"));
        for id in ["updateCustomColumn", "patchCustomColumn"] {
            self.case(id, own, json!({"label": "Column"}), right(plural, "update"));
        }
        self.case(
            "deleteCustomColumn",
            gone,
            none.clone(),
            right(plural, "delete"),
        );
        self.case("getCustomColumn", own, none.clone(), sight(plural));
        let of_type = |path: &str| format!("{path}?entityType={name}");
        self.case_at("listCustomColumns", of_type, none, sight(plural));
    }

    fn webhooks(&mut self) {
        let none = || Value::Null;
        let api = |action| right("api", action);
        let own = "<webhooks>";
        let body = json!({"url": "http://127.0.0.1:9/", "events": ["task.deleted"]});
        self.case("listWebhooks", "", none(), api("readAll"));
        self.case("createWebhook", "", body, api("create"));
        self.case("getWebhook", own, none(), api("readAll"));
        for id in ["updateWebhook", "patchWebhook"] {
            self.case(id, own, json!({"description": "x"}), api("update"));
        }
        self.case("deleteWebhook", "<new webhooks>", none(), api("delete"));
        self.case("revealWebhookSecret", own, none(), api("update"));
        self.case("testWebhook", own, none(), api("update"));

        let body = json!({"since": "2026-04-22T10:00:00Z"});
        self.case("resendFailedWebhookDeliveries", own, body, api("update"));
        self.case("listWebhookResends", own, none(), api("readAll"));
        let job = "<resends>";
        self.case("getWebhookResend", job, none(), api("readAll"));

        let of_webhook = |path: &str| format!("{path}?webhookId={own}");
        let delivery = "<deliveries>";
        self.case("listWebhookDeliveries", "", none(), api("readAll"));
        self.case_at("listWebhookDeliveries", of_webhook, none(), api("readAll"));
        let body = json!({"webhookId": own});
        self.case("searchWebhookDeliveries", "", body, api("readAll"));
        self.case("getWebhookDelivery", delivery, none(), api("readAll"));
        self.case("resendWebhookDelivery", delivery, none(), api("update"));
    }

    /// What is changed here depends on who is compared with whom, so that the rights are tried on what is not there;
    /// what those may do who have them is tested by itself.
    fn people(&mut self) {
        let none = || Value::Null;
        let users = |action| right("users", action);
        let api = |action| right("api", action);
        let gone = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
        self.case("getCompany", "", none(), right("company", "readAll"));
        self.case("listRoles", "", none(), sight("users"));
        self.case("listInvitations", "", none(), users("readAll"));
        self.case("listApiKeys", "", none(), sight("api"));
        for verb in ["update", "patch"] {
            let body = json!({"city": "X"});
            self.case(
                &format!("{verb}Company"),
                "",
                body,
                right("company", "update"),
            );
            self.case(
                &format!("{verb}Me"),
                "",
                json!({"lastName": "X"}),
                nothing(),
            );
            for (kind, body, needs) in [
                ("User", json!({"lastName": "X"}), users("update")),
                ("Role", json!({"name": "X"}), users("update")),
                ("ApiKey", json!({"name": "X"}), api("update")),
            ] {
                self.case(&format!("{verb}{kind}"), gone, body, in_vain(needs));
            }
        }
        for (id, needs) in [
            ("getUser", sight("users")),
            ("getRole", sight("users")),
            ("getInvitation", users("readAll")),
            ("getApiKey", sight("api")),
            ("deleteRole", users("delete")),
            ("deleteInvitation", users("delete")),
            ("deleteApiKey", api("delete")),
            ("rotateApiKey", api("update")),
        ] {
            self.case(id, gone, none(), in_vain(needs));
        }
        let body = json!({"name": "<unique>", "permissions": []});
        self.case("createRole", "", body, users("create"));
        let body = json!({"email": "x@example.com", "roleId": gone});
        self.case("createInvitation", "", body, in_vain(users("create")));
        self.case("createApiKey", "", json!({"name": "X"}), api("create"));
        let body = json!({"token": "x", "firstName": "X", "password": "0123456789"});
        self.case("acceptInvitation", "", body, Needs::Nobody(404));
    }

    /// Passwords take long to check and are limited, so that none is shown here.
    fn sessions(&mut self) {
        let none = || Value::Null;
        let gone = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
        let open = Needs::Nobody;
        self.case("signIn", "", json!({}), open(400));
        self.case("signUp", "", json!({}), open(403));
        self.case("requestPasswordReset", "", json!({}), open(400));
        self.case("completePasswordReset", "", json!({}), open(400));
        let body = json!({"token": "x", "newPassword": "0123456789"});
        self.case("completePasswordReset", "", body, open(404));
        self.case("signOut", "", none(), nothing());
        self.case("listSessions", "", none(), nothing());
        self.case("deleteSession", gone, none(), in_vain(nothing()));
        let body = json!({"currentPassword": "0123456789", "newPassword": "short"});
        let wrong = Needs::AnyoneInVain(400, "validation_failed");
        self.case("changePassword", "", body, wrong);
        let needs = in_vain(right("users", "update"));
        self.case("createPasswordReset", gone, none(), needs);
    }

    fn rest(&mut self) {
        let none = || Value::Null;
        self.case("getMe", "", none(), nothing());
        self.case("searchUsers", "", json!({}), sight("users"));
        self.case("searchAll", "", json!({"searchTerm": "X"}), nothing());
        self.case("listCustomColumns", "", none(), nothing());
        self.case("listEvents", "", none(), right("auditLog", "readAll"));
        self.case("streamEvents", "", none(), right("auditLog", "readAll"));
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
