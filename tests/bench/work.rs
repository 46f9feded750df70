//! The workloads: what is prepared, what is asked, and what it must not exceed.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use kith_tests::{Api, Backend, TestServer};
use serde_json::{Value, json};

use crate::load::{self, Bounds, Request, Requests};
use crate::report::{self, Row};
use crate::{Options, limits};
use kith_tests::usage::{self, Watched};

/// Records that links are spread over.
const SPREAD: usize = 1_000;

/// Most requests of one run, so that what it writes stays small.
const MOST: usize = 20_000;

/// Requests before a run is measured.
const WARM: usize = 200;

/// Contacts of one request of W6.
const MANY: usize = 100;

/// A workload; the numbers are those of the plan, where W3 comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Create a contact with one link.
    W1,
    /// Get by id.
    W2,
    /// Update one field.
    W4,
    /// Create a deal with two services.
    W5,
    /// Create 100 contacts per call.
    W6,
    /// The same, all of a call linked to one organization.
    W6One,
    /// The same, each linked to an organization of its own, as in W1.
    W6Each,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::W1,
        Kind::W2,
        Kind::W4,
        Kind::W5,
        Kind::W6,
        Kind::W6One,
        Kind::W6Each,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::W1 => "W1 create, linked",
            Kind::W2 => "W2 get",
            Kind::W4 => "W4 update",
            Kind::W5 => "W5 create a deal",
            Kind::W6 => "W6 create 100",
            Kind::W6One => "W6, one link target",
            Kind::W6Each => "W6, a link each",
        }
    }

    fn records(self) -> usize {
        match self {
            Kind::W6 | Kind::W6One | Kind::W6Each => MANY,
            Kind::W1 | Kind::W2 | Kind::W4 | Kind::W5 => 1,
        }
    }

    /// Most CPU per record at 16 connections, server and database, in microseconds.
    fn target(self, backend: Backend) -> Option<f64> {
        let [sqlite, postgres] = match self {
            Kind::W1 => [200.0, 350.0],
            Kind::W2 => [60.0, 170.0],
            Kind::W4 => [250.0, 400.0],
            Kind::W5 => return None,
            Kind::W6 | Kind::W6One | Kind::W6Each => [40.0, 40.0],
        };
        Some(if backend == Backend::Sqlite {
            sqlite
        } else {
            postgres
        })
    }

    /// Makes what the requests need; the requests by number.
    async fn prepare(self, api: &Api) -> Result<Requests> {
        Ok(match self {
            Kind::W1 => {
                let organizations = organizations(api).await?;
                Arc::new(move |number| create_contact(&organizations[number % SPREAD], number))
            }
            Kind::W2 | Kind::W4 => {
                let contacts = contacts(api).await?;
                Arc::new(move |number| {
                    let path = format!("/api/v1/contacts/{}", contacts[number % contacts.len()]);
                    if self == Kind::W2 {
                        request("GET", path, String::new(), 200)
                    } else {
                        let body = format!(r#"{{"lastName":"Byron {number}"}}"#);
                        request("PUT", path, body, 200)
                    }
                })
            }
            Kind::W5 => {
                let body = vec![json!({"name": "Consulting", "amount": 120.5}); SPREAD];
                let services = many(api, "services", &body).await?;
                Arc::new(move |number| {
                    let one = &services[number % SPREAD];
                    let other = &services[(number * 7 + 1) % SPREAD];
                    let other = if one == other {
                        &services[(number + 1) % SPREAD]
                    } else {
                        other
                    };
                    let body = format!(
                        r#"{{"name":"Deal {number}","services":[{{"serviceId":"{one}","quantity":2.5}},{{"serviceId":"{other}","quantity":1}}]}}"#
                    );
                    request("POST", "/api/v1/deals".to_owned(), body, 201)
                })
            }
            Kind::W6 => Arc::new(|number| {
                let contacts = (0..MANY).map(|index| contact(None, number * MANY + index));
                create_contacts(&contacts.collect::<Vec<_>>())
            }),
            Kind::W6One => {
                let organizations = organizations(api).await?;
                Arc::new(move |number| create_hundred(&organizations[number % SPREAD], number))
            }
            Kind::W6Each => {
                let organizations = organizations(api).await?;
                Arc::new(move |number| {
                    let contacts = (0..MANY).map(|index| {
                        let index = number * MANY + index;
                        contact(Some(&organizations[index % SPREAD]), index)
                    });
                    create_contacts(&contacts.collect::<Vec<_>>())
                })
            }
        })
    }
}

fn request(method: &'static str, path: String, body: String, status: u16) -> Request {
    Request {
        method,
        path,
        body,
        status,
    }
}

fn contact(organization: Option<&str>, number: usize) -> String {
    let link = organization.map_or_else(String::new, |organization| {
        format!(r#","organizationIds":["{organization}"]"#)
    });
    format!(
        r#"{{"firstName":"Ada","lastName":"Lovelace {number}","emails":["ada{number}@example.com"]{link}}}"#
    )
}

/// A contact that links an organization.
pub(crate) fn create_contact(organization: &str, number: usize) -> Request {
    let body = contact(Some(organization), number);
    request("POST", "/api/v1/contacts".to_owned(), body, 201)
}

/// Contacts in one request.
fn create_contacts(contacts: &[String]) -> Request {
    let body = format!(r#"{{"contacts":[{}]}}"#, contacts.join(","));
    request("POST", "/api/v1/contacts/many".to_owned(), body, 201)
}

/// A hundred contacts that all link one organization.
pub(crate) fn create_hundred(organization: &str, number: usize) -> Request {
    let contacts = (0..MANY).map(|index| contact(Some(organization), number * MANY + index));
    create_contacts(&contacts.collect::<Vec<_>>())
}

/// Makes records; their ids.
pub(crate) async fn many(api: &Api, plural: &str, bodies: &[Value]) -> Result<Vec<String>> {
    let reply = api
        .call(
            "POST",
            &format!("/{plural}/many"),
            &json!({ plural: bodies }),
        )
        .await?;
    ensure!(reply.status == 201, "{}", reply.text());
    let made = reply.json();
    let made = made.as_array().context("no array")?.iter();
    Ok(made
        .filter_map(|record| record["id"].as_str().map(str::to_owned))
        .collect())
}

/// Organizations to link, without links.
pub(crate) async fn organizations(api: &Api) -> Result<Vec<String>> {
    many(
        api,
        "organizations",
        &vec![json!({"name": "Analytical Engines"}); SPREAD],
    )
    .await
}

/// Contacts with a link each.
async fn contacts(api: &Api) -> Result<Vec<String>> {
    let organizations = organizations(api).await?;
    let mut contacts = Vec::new();
    for chunk in 0..10 {
        let bodies: Vec<_> = organizations
            .iter()
            .enumerate()
            .map(|(index, organization)| {
                json!({"firstName": "Ada", "lastName": format!("Lovelace {chunk} {index}"), "emails": ["ada@example.com"], "organizationIds": [organization]})
            })
            .collect();
        contacts.extend(many(api, "contacts", &bodies).await?);
    }
    Ok(contacts)
}

/// Header lines of every request.
pub(crate) fn head(api: &Api) -> String {
    format!("{}content-type: application/json\r\n", api.key_line)
}

/// Runs the workloads and the limits, prints and saves what came out.
pub(crate) async fn run(options: &Options) -> Result<()> {
    println!("a handler that does nothing");
    let empty = limits::empty(options).await?;
    report::print(&empty);
    let mut rows = empty.clone();
    let mut checks = Vec::new();
    for backend in options.databases() {
        println!("\n{}", backend.name());
        let of_backend = on(backend, &empty, options, &mut checks).await?;
        report::print(&of_backend);
        rows.extend(of_backend);
    }
    println!(
        "\nCPU is user and system, per request; of W6, per contact. The limit is the empty handler, of W1 and of W6 \
         with a link each also the same SQL by hand.\n"
    );
    report::table(&["database", "figure", "measured", "at most", ""], &checks);
    options.save(&json!({ "runs": rows, "checks": checks }))
}

/// Runs the workloads on a database, then what of them is written by hand too.
async fn on(
    backend: Backend,
    empty: &[Row],
    options: &Options,
    checks: &mut Vec<Vec<String>>,
) -> Result<Vec<Row>> {
    let mut server = TestServer::start(backend).await?;
    server.api.send_raw("GET", "/readyz", "", b"").await?;
    let (idle, _) = usage::memory(server.process().pid())?;
    checks.push(check(backend, "idle memory, MiB", idle, 30.0));
    let mut rows = Vec::new();
    let mut by_hand = Vec::new();
    for kind in Kind::ALL {
        if !options.only.is_empty() && !options.only.contains(&kind) {
            continue;
        }
        let sql = match kind {
            Kind::W1 | Kind::W6Each => limits::by_hand(backend, kind.records(), options).await?,
            _ => Vec::new(),
        };
        for &connections in &options.connections {
            let mut row = measure(&mut server, kind, connections, options).await?;
            let cpu_of = |rows: &[Row]| {
                let mut found = rows.iter().filter(|row| row.connections == connections);
                found.next().map(Row::cpu)
            };
            let http = cpu_of(empty).unwrap_or_default() / kind.records() as f64;
            row.limit = Some(http + cpu_of(&sql).unwrap_or_default());
            if connections == 16
                && let Some(target) = kind.target(backend)
            {
                let figure = format!("{} at 16, CPU µs", row.work);
                checks.push(check(backend, &figure, row.cpu(), target));
            }
            if connections == 64 && kind == Kind::W1 {
                checks.push(check(
                    backend,
                    "peak under W1 at 64, MiB",
                    row.peak_memory,
                    80.0,
                ));
            }
            rows.push(row);
        }
        by_hand.extend(sql);
    }
    rows.extend(by_hand);
    Ok(rows)
}

fn check(backend: Backend, figure: &str, measured: f64, most: f64) -> Vec<String> {
    let verdict = if measured <= most { "held" } else { "MISSED" };
    vec![
        backend.name().to_owned(),
        figure.to_owned(),
        format!("{measured:.1}"),
        format!("{most:.0}"),
        verdict.to_owned(),
    ]
}

async fn measure(
    server: &mut TestServer,
    kind: Kind,
    connections: usize,
    options: &Options,
) -> Result<Row> {
    let watched = Watched {
        server: server.process().pid(),
        postgres: usage::postgres_pid(&server.database).await?,
    };
    let api = &server.api;
    let requests = kind.prepare(api).await?;
    let head = head(api);
    let warm = WARM / kind.records().min(20);
    let bounds = Bounds {
        connections,
        seconds: options.seconds,
        requests: warm,
    };
    load::drive(api.address, &head, bounds, 0, &requests).await?;
    let bounds = Bounds {
        requests: if kind == Kind::W2 {
            MOST * 10
        } else {
            MOST / kind.records()
        },
        ..bounds
    };
    usage::forget_peak(watched.server)?;
    let before = watched.cpu()?;
    let measured = load::drive(api.address, &head, bounds, warm, &requests).await?;
    let cpu = watched.cpu_since(before)?;
    let peak = usage::memory(watched.server)?.1;
    let backend = server.database.backend.name();
    Ok(Row::new(
        backend,
        kind.name(),
        connections,
        &measured,
        kind.records(),
        cpu,
        peak,
    ))
}
