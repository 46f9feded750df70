//! Every operation of the document against every kind of credential (contract, sections 1 and 11).

mod cases;
mod operation;
mod walk;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_tests::{Api, Reply, TestServer};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::webhooks::delivering;
use crate::without;
use cases::{Case, Needs, cases};
use operation::{Ids, operations};
use world::{Caller, Credential, World, callers, code, rights};

crate::scenarios!(every_operation_asks_for_what_it_needs);

/// What a caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Granted(u16),
    Refused {
        status: u16,
        code: &'static str,
    },
    /// Refused, and told that one of these rights is missing and no other.
    Lacking(Vec<String>),
}

impl Case {
    fn expected(&self, credential: &Credential) -> Expected {
        let granted = Expected::Granted(self.template.operation.success);
        match (&self.needs, credential) {
            (Needs::Nobody(status), _) => Expected::Granted(*status),
            (_, Credential::None | Credential::Worthless(_)) => Expected::Refused {
                status: 401,
                code: "unauthorized",
            },
            (_, Credential::Inactive) => Expected::Refused {
                status: 403,
                code: "inactive_user",
            },
            (_, Credential::NoOrigin) if self.template.operation.method != "GET" => {
                Expected::Refused {
                    status: 403,
                    code: "foreign_origin",
                }
            }
            (_, Credential::ReadOnly) if self.is_refused_to_limited_keys() => Expected::Refused {
                status: 403,
                code: "forbidden",
            },
            (_, Credential::ReadOnly) if self.changes_oneself() => {
                Expected::Lacking(vec!["users:update".to_owned()])
            }
            (Needs::AnyoneInVain(status, code), _) => Expected::Refused {
                status: *status,
                code,
            },
            (Needs::OneOf(rights), credential) => {
                let is_held = rights.iter().any(|right| credential.holds(right));
                if is_held && self.names_what_is_outside(credential) {
                    Expected::Refused {
                        status: 404,
                        code: "not_found",
                    }
                } else if is_held || rights.is_empty() {
                    granted
                } else {
                    Expected::Lacking(rights.clone())
                }
            }
            (Needs::OneOfInVain(rights), credential) => {
                if rights.is_empty() || rights.iter().any(|right| credential.holds(right)) {
                    Expected::Refused {
                        status: 404,
                        code: "not_found",
                    }
                } else {
                    Expected::Lacking(rights.clone())
                }
            }
        }
    }

    /// Whether it is about what one signs in with: a key with limits would get further by it.
    fn is_refused_to_limited_keys(&self) -> bool {
        let path = &self.template.operation.path;
        path.starts_with("/api/v1/sessions")
    }

    /// Whether it changes the caller, which needs no right, but more than a key that may only read.
    fn changes_oneself(&self) -> bool {
        let operation = &self.template.operation;
        operation.path == "/api/v1/users/me" && operation.method != "GET"
    }

    /// Whether an operation on records names a record or user that the caller may not read: nothing is assigned to any
    /// of the callers.
    fn names_what_is_outside(&self, credential: &Credential) -> bool {
        let template = &self.template;
        let is_on_records = EntityType::ALL.into_iter().any(|entity| {
            let rest = template.path.strip_prefix("/api/v1/");
            rest.is_some_and(|rest| rest.starts_with(entity.plural()))
        });
        let is_outside = |name: String| {
            let kind = name.strip_prefix("new ").unwrap_or(&name);
            let is_scoped = kind == "users" || EntityType::ALL.iter().any(|e| e.plural() == kind);
            is_scoped && !credential.holds(&format!("{kind}:readAll"))
        };
        // A search for what is outside finds nothing, and says so.
        is_on_records
            && !template.path.ends_with("/search")
            && template.names().into_iter().any(is_outside)
    }

    /// Whether granting this is worth a try. Where a right of its own suffices, rights on other resources are not
    /// needed, and who lacks them is not tried. Whoever came with a session still needs it.
    fn is_tried(&self, caller: &Caller) -> bool {
        if caller.is_session() && self.template.path.ends_with("/sign-out") {
            return false;
        }
        let (Needs::OneOf(rights), Credential::Without(missing)) =
            (&self.needs, &caller.credential)
        else {
            return true;
        };
        if missing.is_empty() {
            return true;
        }
        let resource = |right: &String| right.split(':').next().map(str::to_owned);
        rights
            .iter()
            .any(|right| resource(right) == resource(&missing[0]))
    }

    /// What is surprising in an answer.
    fn surprise(&self, caller: &Caller, expected: &Expected, reply: &Reply) -> Option<String> {
        let problem = reply.json();
        let detail = problem["detail"].as_str().unwrap_or_default();
        let is_expected = match expected {
            Expected::Granted(status) => reply.status == *status,
            Expected::Refused { status, code: name } => {
                reply.status == *status && code(&problem) == *name
            }
            Expected::Lacking(needed) => {
                let named: Vec<_> = rights().filter(|right| detail.contains(right)).collect();
                reply.status == 403
                    && code(&problem) == "forbidden"
                    && matches!(&*named, [right] if needed.contains(right))
            }
        };
        let (method, path) = (&self.template.operation.method, &self.template.path);
        (!is_expected).then(|| {
            format!(
                "{method} {path} {} as {:?}: expected {expected:?}, got {} {}",
                self.template.body,
                caller.credential,
                reply.status,
                reply.text()
            )
        })
    }
}

async fn every_operation_asks_for_what_it_needs(server: &mut TestServer) {
    server.kill().unwrap();
    // This one may send to this machine, where nobody listens.
    let process = delivering(server);
    let admin = server.api.at(process.address);
    let other = server.another_company("Difference Engines").unwrap();
    let document = admin.get("/openapi.json").await.unwrap().expect(200);
    let cases = complete(&document);

    let world = World::fill(&admin).await;
    let callers = callers(server, &admin).await;
    let (callers, cases) = (Arc::new(callers), Arc::new(cases));
    let mut session = server.session().await.unwrap();
    let before = session.fingerprint(admin.company).await.unwrap();
    let (refusals, refused) = cross(&world, &callers, &cases, false).await;
    let theirs = World::fill(&other.at(process.address)).await;
    let of_another = of_another(&theirs, &world, &cases).await;
    // Whoever is refused changes nothing.
    assert_eq!(session.fingerprint(admin.company).await.unwrap(), before);
    let (grants, granted) = cross(&world, &callers, &cases, true).await;
    let surprises: Vec<_> = [refused, of_another, granted].concat();
    assert!(
        surprises.is_empty(),
        "{} surprises\n{}",
        surprises.len(),
        surprises.join("\n")
    );
    assert!(refusals > 1_000 && grants > 500, "{refusals} {grants}");
}

/// The cases of all operations: none is without one, and none is of an operation that there is not.
fn complete(document: &Value) -> Vec<Case> {
    let operations = operations(document);
    let cases = cases(document, &operations);
    let of = |ids: Vec<&String>| ids.into_iter().cloned().collect::<BTreeSet<_>>();
    let (in_document, in_table) = (of(operations.keys().collect()), of(cases.keys().collect()));
    let difference = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect();
    let without_case: Vec<String> = difference(&in_document, &in_table);
    let without_operation: Vec<String> = difference(&in_table, &in_document);
    assert!(without_case.is_empty(), "no case for {without_case:?}");
    assert!(
        without_operation.is_empty(),
        "no operation {without_operation:?}"
    );
    for (id, cases) in &cases {
        assert!(!cases.is_empty(), "{id} has no case");
        for case in cases {
            let is_open = matches!(case.needs, Needs::Nobody(_));
            assert_eq!(case.template.operation.is_open, is_open, "{id}");
        }
    }
    cases.into_values().flatten().collect()
}

/// All callers against all cases, of which either those that are refused or those that are granted; how
/// many calls those were, and the surprises.
async fn cross(
    world: &World,
    callers: &Arc<Vec<Caller>>,
    cases: &Arc<Vec<Case>>,
    is_granted: bool,
) -> (usize, Vec<String>) {
    let mut running = JoinSet::new();
    for at in 0..callers.len() {
        let (world, callers, cases) = (world.clone(), Arc::clone(callers), Arc::clone(cases));
        running.spawn(async move {
            let caller = &callers[at];
            let (mut calls, mut surprises) = (0, Vec::new());
            for case in cases.iter() {
                let expected = case.expected(&caller.credential);
                if matches!(expected, Expected::Granted(_)) != is_granted
                    || is_granted && !case.is_tried(caller)
                {
                    continue;
                }
                let ids = world.ids_for(&case.template, is_granted).await;
                let reply = case.template.send(&caller.api, &ids, is_granted).await;
                surprises.extend(case.surprise(caller, &expected, &reply.unwrap()));
                calls += 1;
            }
            (calls, surprises)
        });
    }
    let (calls, surprises): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().unzip();
    (calls.iter().sum(), surprises.concat())
}

/// The administrator of another tenant, who holds every right there, against the things of this one: each answer is
/// that which they get for an id that never existed, and none holds another id of this one. The surprises.
async fn of_another(theirs: &World, world: &World, cases: &[Case]) -> Vec<String> {
    let mut surprises = Vec::new();
    for case in cases {
        let own = theirs.ids_for(&case.template, true).await;
        let is_id = |name: &&String| *name != "unique";
        for name in own.keys().filter(is_id) {
            let asked = async |id: &str| {
                let mut ids = own.clone();
                ids.insert(name.clone(), id.to_owned());
                answer(case, &theirs.admin, &ids, id).await
            };
            let another = world.standing(name);
            let of_another = asked(&another).await;
            let of_nobody = asked(&nobody(&another)).await;
            // The history of what is not there is empty, because records that are deleted have one.
            let is_lost = of_another.0 == 404 || case.template.path.ends_with("/history");
            let shows = world.ids.values().any(|id| of_another.1.contains(id));
            if of_another != of_nobody || shows || case.template.leads_through(name) && !is_lost {
                let (method, path) = (&case.template.operation.method, &case.template.path);
                surprises.push(format!(
                    "{method} {path} {} with another's <{name}>: {of_another:?}, with nobody's: {of_nobody:?}",
                    case.template.body
                ));
            }
        }
        let reply = case.template.send(&theirs.admin, &own, true).await.unwrap();
        let text = reply.text();
        let seen = world.ids.iter().find(|(_, id)| text.contains(*id));
        surprises.extend(seen.map(|(name, id)| {
            format!(
                "{} shows another's {name}, {id}: {text}",
                case.template.path
            )
        }));
    }
    surprises
}

/// An id that never existed, and is written nearly as another.
fn nobody(another: &str) -> String {
    let (rest, last) = another.split_at(another.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

/// The answer with what differs by itself taken out: the request's id, the id that was asked for, and which of the
/// caller's own is written like it.
async fn answer(case: &Case, api: &Api, ids: &Ids, asked: &str) -> (u16, String) {
    let reply = case.template.send(api, ids, true).await.unwrap();
    let text = without(reply.json(), &["requestId"]).to_string();
    let mut parts = text.split("; did you mean ");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| {
        text + "." + part.split_once('?').map_or(part, |(_, rest)| rest)
    });
    (reply.status, text.replace(asked, "ID"))
}
