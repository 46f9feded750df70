//! How the cost of a create grows with the organization that it links, whose event carries all its contacts.

use std::sync::Arc;

use anyhow::Result;
use kith_tests::{Api, TestServer};
use serde_json::json;

use crate::load::{self, Bounds, Requests};
use crate::report::{self, Row};
use crate::{Options, work};
use kith_tests::usage::{self, Watched};

/// Contacts that an organization has; organizations of this size; requests of each form to each of them.
const SIZES: [(usize, usize, [usize; 2]); 3] = [
    (10, 200, [10, 1]),
    (1_000, 10, [100, 5]),
    (10_000, 1, [100, 10]),
];

/// Connections that send requests.
const CONNECTIONS: usize = 16;

/// Measures and prints.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut rows = Vec::new();
    for backend in options.databases() {
        let mut server = TestServer::start(backend).await?;
        for (size, count, requests) in SIZES {
            for (form, requests) in requests.into_iter().enumerate() {
                let organizations = grown(&server.api, size, count).await?;
                rows.push(measure(&mut server, organizations, size, form == 1, requests).await?);
            }
        }
    }
    report::print(&rows);
    println!("\n{CONNECTIONS} connections; CPU and memory as in the main table, per contact.");
    options.save(&json!({ "growth": rows }))
}

/// Organizations with this many contacts each.
async fn grown(api: &Api, size: usize, count: usize) -> Result<Vec<String>> {
    let organizations =
        work::many(api, "organizations", &vec![json!({"name": "A"}); count]).await?;
    let mut bodies = Vec::new();
    for number in 0..size * count {
        let organization = &organizations[number % count];
        bodies.push(json!({"firstName": "Ada", "organizationIds": [organization]}));
        if bodies.len() == 1_000 || number + 1 == size * count {
            work::many(api, "contacts", &bodies).await?;
            bodies.clear();
        }
    }
    Ok(organizations)
}

async fn measure(
    server: &mut TestServer,
    organizations: Vec<String>,
    size: usize,
    hundred: bool,
    requests: usize,
) -> Result<Row> {
    let watched = Watched {
        server: server.process().pid(),
        postgres: usage::postgres_pid(&server.database).await?,
    };
    let count = organizations.len();
    let make: Requests = Arc::new(move |number| {
        let organization = &organizations[number % count];
        if hundred {
            work::create_hundred(organization, number)
        } else {
            work::create_contact(organization, number)
        }
    });
    let bounds = Bounds {
        connections: CONNECTIONS,
        seconds: 60.0,
        requests: requests * count,
    };
    usage::forget_peak(watched.server)?;
    let before = watched.cpu()?;
    let api = &server.api;
    let measured = load::drive(api.address, &work::head(api), bounds, 0, &make).await?;
    let cpu = watched.cpu_since(before)?;
    let peak = usage::memory(watched.server)?.1;
    let (name, records) = if hundred {
        (format!("100 a call, {size} there"), 100)
    } else {
        (format!("one a call, {size} there"), 1)
    };
    let backend = server.database.backend.name();
    Ok(Row::new(
        backend,
        &name,
        CONNECTIONS,
        &measured,
        records,
        cpu,
        peak,
    ))
}
